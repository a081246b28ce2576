//! DeleteRecords (API key 21): takes back the right to read what lies before an offset (KIP-107).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dohle_model::{Offset, PartitionIndex, TopicName};
use dohle_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use dohle_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};
use dohle_replication::Partition;
use tokio::time::Instant;

use super::{Answer, RequestContext};
use crate::deleting_records::{Deleted, delete_records};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DeleteRecords;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

/// A partition by topic and index.
type Key = (String, i32);

/// Answers each partition once; of one that is named more than once the last offset counts. The answer comes when all live
/// replicas have deleted the records, or the request's time is up.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DeleteRecordsRequest,
) -> Answer<DeleteRecordsResponse> {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut offsets = BTreeMap::new();
    for topic in request.topics {
        for partition in topic.partitions {
            offsets.insert((topic.name.clone(), partition.partition_index), partition.offset);
        }
    }
    let mut answers: BTreeMap<Key, Deleted> = BTreeMap::new();
    let mut deletable = Vec::new();
    for (key, offset) in offsets {
        match find(context, &key) {
            Ok(partition) => deletable.push((key, partition, (offset != HIGH_WATERMARK).then_some(Offset(offset)))),
            Err(error) => {
                answers.insert(key, Deleted::refused(error));
            }
        }
    }
    if deletable.is_empty() {
        return Answer::Now(respond(answers));
    }
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let (keys, asked): (Vec<Key>, Vec<_>) =
            deletable.into_iter().map(|(key, partition, before)| (key, (partition, before))).unzip();
        let deleted = delete_records(&broker, asked, deadline).await;
        answers.extend(keys.into_iter().zip(deleted));
        respond(answers)
    }))
}

fn find(context: &RequestContext<'_>, (topic, index): &Key) -> Result<Arc<Partition>, ErrorCode> {
    let index = PartitionIndex(*index);
    if context.image.topic(topic).and_then(|topic| topic.partition(index)).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if TopicName::from(topic.as_str()).is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    context.partition(topic, index)
}

fn respond(answers: BTreeMap<Key, Deleted>) -> DeleteRecordsResponse {
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
    for ((topic, partition_index), Deleted { error, low_watermark }) in answers {
        let partition = DeleteRecordsPartitionResult { partition_index, low_watermark, error_code: error.code() };
        match topics.last_mut().filter(|last| last.name == topic) {
            Some(last) => last.partitions.push(partition),
            None => topics.push(DeleteRecordsTopicResult { name: topic, partitions: vec![partition] }),
        }
    }
    DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
}
