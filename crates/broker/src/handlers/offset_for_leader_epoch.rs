//! OffsetForLeaderEpoch (API key 23): where a leader epoch ended, so that readers notice a truncation (KIP-101, KIP-320).

use dohle_model::{LeaderEpoch, PartitionIndex};
use dohle_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use dohle_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use dohle_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 4);

/// The epoch of those who know none.
const UNDEFINED_EPOCH: i32 = -1;

/// Answers each partition by itself; an epoch nobody knows is -1 without an error.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: OffsetForLeaderEpochRequest,
) -> Answer<OffsetForLeaderEpochResponse> {
    let topics = request
        .topics
        .into_iter()
        .map(|topic| OffsetForLeaderTopicResult {
            partitions: topic.partitions.iter().map(|asked| lookup(context, &topic.topic, asked)).collect(),
            topic: topic.topic,
        })
        .collect();
    Answer::Now(OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() })
}

fn lookup(context: &RequestContext<'_>, topic: &str, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    // As in Kafka, any other number is an epoch, if one that has never been.
    let requested = Some(asked.current_leader_epoch).filter(|epoch| *epoch != UNDEFINED_EPOCH).map(LeaderEpoch);
    let found = context.partition(topic, PartitionIndex(asked.partition)).and_then(|partition| {
        partition.check_leadership(requested).map_err(|error| error.error_code())?;
        let epoch = Some(asked.leader_epoch).filter(|epoch| *epoch != UNDEFINED_EPOCH);
        Ok(epoch.and_then(|epoch| partition.reader().end_offset_for_epoch(LeaderEpoch(epoch))))
    });
    match found {
        Ok(Some((epoch, end))) => EpochEndOffset {
            error_code: ErrorCode::None.code(),
            partition: asked.partition,
            leader_epoch: epoch.0,
            end_offset: end.0,
        },
        Ok(None) => EpochEndOffset { partition: asked.partition, ..EpochEndOffset::default() },
        Err(error) => {
            EpochEndOffset { error_code: error.code(), partition: asked.partition, ..EpochEndOffset::default() }
        }
    }
}
