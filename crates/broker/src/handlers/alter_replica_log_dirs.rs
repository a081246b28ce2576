//! AlterReplicaLogDirs (API key 34): moves replicas between the log directories of this broker (KIP-113). A replica that
//! lies where it is wanted is fine; moving one is not served.

use std::collections::BTreeMap;
use std::sync::Arc;

use dohle_model::PartitionIndex;
use dohle_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use dohle_protocol::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::AlterReplicaLogDirs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 2);

/// What Kafka adds to the name of a partition's folder while the replica moves: 32 digits between `.` and `-future`.
const FUTURE_SUFFIX_BYTES: usize = 1 + 32 + 7;
/// The longest name of a folder.
const NAME_BYTES_MAX: usize = 255;

/// Answers each partition once; of one that is wanted in several directories the last counts.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: AlterReplicaLogDirsRequest,
) -> Answer<AlterReplicaLogDirsResponse> {
    let mut wanted: BTreeMap<(String, i32), Arc<str>> = BTreeMap::new();
    for directory in request.dirs {
        let path: Arc<str> = directory.path.into();
        for topic in directory.topics {
            for index in topic.partitions {
                wanted.insert((topic.name.clone(), index), Arc::clone(&path));
            }
        }
    }
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for ((topic, partition_index), path) in wanted {
        let error = alter(context, &topic, partition_index, &path).err().unwrap_or(ErrorCode::None);
        let partition = AlterReplicaLogDirPartitionResult { partition_index, error_code: error.code() };
        match results.last_mut().filter(|last| last.topic_name == topic) {
            Some(last) => last.partitions.push(partition),
            None => results.push(AlterReplicaLogDirTopicResult { topic_name: topic, partitions: vec![partition] }),
        }
    }
    Answer::Now(AlterReplicaLogDirsResponse { results, ..AlterReplicaLogDirsResponse::default() })
}

fn alter(context: &RequestContext<'_>, topic: &str, index: i32, path: &str) -> Result<(), ErrorCode> {
    if format!("{topic}-{index}").len() + FUTURE_SUFFIX_BYTES > NAME_BYTES_MAX {
        return Err(ErrorCode::InvalidTopicException);
    }
    let directory = context.broker.replicas.directory_at(path).map_err(|error| error.error_code())?;
    let partition = context.partition(topic, PartitionIndex(index)).map_err(|error| match error {
        // As Kafka has it in this API.
        ErrorCode::NotLeaderOrFollower => ErrorCode::ReplicaNotAvailable,
        other => other,
    })?;
    if partition.directory().failure().is_some() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if Arc::ptr_eq(partition.directory(), directory) {
        return Ok(());
    }
    tracing::warn!(
        topic_partition = %partition.topic_partition(),
        from = %partition.directory().path().display(),
        to = path,
        "refused to move a replica to another log directory: that is not served yet"
    );
    // What Kafka answers where a directory may not take a replica; clients do not try again.
    Err(ErrorCode::InvalidReplicaAssignment)
}
