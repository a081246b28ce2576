//! DescribeLogDirs (API key 35): what lies in each log directory of this broker, and how much room is left (KIP-113,
//! KIP-827, KIP-1066).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dohle_model::PartitionIndex;
use dohle_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use dohle_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};
use dohle_replication::{DirectoryContent, DirectoryDescription, ReplicaDescription};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeLogDirs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 5);

/// The partitions to be told of, `None` for all.
type Wanted = Option<BTreeSet<(String, PartitionIndex)>>;

/// Describes every directory; replicas that were not asked for are left out.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeLogDirsRequest,
) -> Answer<DescribeLogDirsResponse> {
    let wanted: Wanted = request.topics.map(|topics| {
        let partitions = topics.into_iter().flat_map(|topic| {
            topic.partitions.into_iter().map(move |index| (topic.topic.clone(), PartitionIndex(index)))
        });
        partitions.collect()
    });
    let replicas = Arc::clone(&context.broker.replicas);
    Answer::Later(Box::pin(async move {
        let directories = replicas.describe_directories().await;
        DescribeLogDirsResponse {
            results: directories.into_iter().map(|directory| result(directory, &wanted)).collect(),
            ..DescribeLogDirsResponse::default()
        }
    }))
}

fn result(directory: DirectoryDescription, wanted: &Wanted) -> DescribeLogDirsResult {
    let log_dir = text(&directory.path);
    match directory.content {
        Ok(DirectoryContent { space, replicas }) => DescribeLogDirsResult {
            error_code: ErrorCode::None.code(),
            log_dir,
            topics: topics(replicas, wanted),
            total_bytes: bytes(space.total_bytes),
            usable_bytes: bytes(space.usable_bytes),
            is_cordoned: directory.is_cordoned,
        },
        Err(reason) => {
            tracing::warn!(directory = log_dir, %reason, "cannot describe a log directory that is offline");
            DescribeLogDirsResult {
                error_code: ErrorCode::KafkaStorageError.code(),
                log_dir,
                ..DescribeLogDirsResult::default()
            }
        }
    }
}

fn topics(replicas: Vec<ReplicaDescription>, wanted: &Wanted) -> Vec<DescribeLogDirsTopic> {
    let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
    for ReplicaDescription { topic_partition, size_bytes, offset_lag } in replicas {
        let name = topic_partition.topic.as_str();
        let key = (name.to_owned(), topic_partition.partition);
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&key)) {
            continue;
        }
        let partition = DescribeLogDirsPartition {
            partition_index: topic_partition.partition.0,
            partition_size: bytes(size_bytes),
            offset_lag,
            is_future_key: false,
        };
        match topics.last_mut().filter(|last| last.name == name) {
            Some(last) => last.partitions.push(partition),
            None => topics.push(DescribeLogDirsTopic { name: key.0, partitions: vec![partition] }),
        }
    }
    topics
}

/// A file system may be larger than the protocol can tell.
fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
