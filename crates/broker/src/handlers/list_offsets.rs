//! ListOffsets (API key 2): offsets by time, and the ends of the log (KIP-79, KIP-734, KIP-405, KIP-1005).

use std::collections::{BTreeMap, BTreeSet};

use dohle_model::{LeaderEpoch, Offset, PartitionIndex};
use dohle_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use dohle_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use dohle_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};
use dohle_replication::{Partition, PartitionError};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ListOffsets;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 11);

/// Timestamps with a meaning of their own, and the version from which each may be asked for.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
const SINCE: [(i64, i16); 6] = [
    (LATEST, 1),
    (EARLIEST, 1),
    (MAX_TIMESTAMP, 7),
    (EARLIEST_LOCAL, 8),
    (LATEST_TIERED, 9),
    (EARLIEST_PENDING_UPLOAD, 11),
];

/// The replica id of consumers.
const CONSUMER: i32 = -1;
/// The leader epoch of clients that know none. Any other number is an epoch, if one that has long gone.
const NO_LEADER_EPOCH: i32 = -1;
/// Reading what is committed by the log alone, or by transactions as well.
const ISOLATION_LEVELS: std::ops::RangeInclusive<i8> = 0..=1;
/// Earlier versions know LEADER_NOT_AVAILABLE instead.
const OFFSET_NOT_AVAILABLE_FROM: i16 = 5;

/// Answers each partition by itself, and each topic and partition once: a partition that is named more than once is refused.
pub(crate) async fn handle(context: &RequestContext<'_>, request: ListOffsetsRequest) -> Answer<ListOffsetsResponse> {
    let version = context.header.api_version;
    if !ISOLATION_LEVELS.contains(&request.isolation_level) {
        return Answer::Now(refuse_all(request, ErrorCode::UnknownServerError));
    }
    let duplicates = duplicates(&request);
    let mut refused = BTreeSet::new();
    let mut topics: Vec<ListOffsetsTopicResponse> = Vec::with_capacity(request.topics.len());
    let mut places = BTreeMap::new();
    for topic in &request.topics {
        let place = *places.entry(topic.name.as_str()).or_insert_with(|| {
            topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), ..Default::default() });
            topics.len() - 1
        });
        for asked in &topic.partitions {
            let key = (topic.name.as_str(), asked.partition_index);
            let answer = if duplicates.contains(&key) {
                if !refused.insert(key) {
                    continue;
                }
                Err(ErrorCode::InvalidRequest)
            } else if !is_supported(asked.timestamp, version) {
                Err(ErrorCode::UnsupportedVersion)
            } else {
                context
                    .partition(&topic.name, PartitionIndex(asked.partition_index))
                    .and_then(|partition| lookup(&partition, asked, version, request.replica_id))
            };
            topics[place].partitions.push(respond(asked.partition_index, answer));
        }
    }
    topics.retain(|topic| !topic.partitions.is_empty());
    Answer::Now(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
}

/// The same error for every partition, in the form of the request.
fn refuse_all(request: ListOffsetsRequest, error: ErrorCode) -> ListOffsetsResponse {
    let refuse = |topic: ListOffsetsTopic| ListOffsetsTopicResponse {
        name: topic.name,
        partitions: topic.partitions.iter().map(|asked| respond(asked.partition_index, Err(error))).collect(),
    };
    ListOffsetsResponse { topics: request.topics.into_iter().map(refuse).collect(), ..ListOffsetsResponse::default() }
}

/// Partitions that a request names more than once.
fn duplicates(request: &ListOffsetsRequest) -> BTreeSet<(&str, i32)> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let key = (topic.name.as_str(), partition.partition_index);
            if !seen.insert(key) {
                twice.insert(key);
            }
        }
    }
    twice
}

/// An offset with its record's timestamp and leader epoch, where there are any.
struct Found {
    offset: Option<Offset>,
    timestamp: i64,
    leader_epoch: Option<LeaderEpoch>,
}

impl Found {
    const NOTHING: Self = Self { offset: None, timestamp: -1, leader_epoch: None };
}

/// Whether a version has a meaning for a timestamp.
fn is_supported(timestamp: i64, version: i16) -> bool {
    timestamp >= 0 || SINCE.iter().any(|(special, since)| *special == timestamp && version >= *since)
}

fn lookup(
    partition: &Partition,
    asked: &ListOffsetsPartition,
    version: i16,
    replica_id: i32,
) -> Result<Found, ErrorCode> {
    let requested = Some(asked.current_leader_epoch).filter(|epoch| *epoch != NO_LEADER_EPOCH).map(LeaderEpoch);
    let leader_epoch = partition.check_leadership(requested).map_err(|error| error.error_code())?;
    let reader = partition.reader();
    // Whether a consumer reads committed records alone makes no difference while no transaction can be open.
    let end = if replica_id == CONSUMER { partition.last_stable_offset() } else { reader.log_end_offset() };
    let storage = |error| PartitionError::from(error).error_code();
    let found = match asked.timestamp {
        EARLIEST | EARLIEST_LOCAL => {
            let start = reader.log_start_offset();
            return Ok(Found { offset: Some(start), timestamp: -1, leader_epoch: reader.leader_epoch_at(start) });
        }
        // Nothing is ever tiered here, and Kafka without tiered storage knows no such offset either.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(Found::NOTHING),
        LATEST => {
            check_progress(partition, leader_epoch, version, replica_id)?;
            return Ok(Found { offset: Some(end), timestamp: -1, leader_epoch: Some(leader_epoch) });
        }
        MAX_TIMESTAMP => reader.max_timestamp(end).map_err(storage)?,
        timestamp => reader.offset_for_timestamp(timestamp, end).map_err(storage)?,
    };
    match found {
        Some((offset, timestamp, leader_epoch)) => {
            Ok(Found { offset: Some(offset), timestamp, leader_epoch: Some(leader_epoch) })
        }
        None => {
            check_progress(partition, leader_epoch, version, replica_id)?;
            Ok(Found::NOTHING)
        }
    }
}

/// A new leader knows what is committed only once the high watermark has reached the start of its epoch: until then a
/// consumer could be told an end that lies before what it was told earlier (KIP-207).
fn check_progress(
    partition: &Partition,
    leader_epoch: LeaderEpoch,
    version: i16,
    replica_id: i32,
) -> Result<(), ErrorCode> {
    let before = LeaderEpoch(leader_epoch.0 - 1);
    let epoch_start = partition.reader().end_offset_for_epoch(before).map(|(_, end)| end);
    let is_behind = epoch_start.is_some_and(|start| partition.high_watermark() < start);
    if !is_behind || replica_id != CONSUMER {
        return Ok(());
    }
    Err(if version >= OFFSET_NOT_AVAILABLE_FROM {
        ErrorCode::OffsetNotAvailable
    } else {
        ErrorCode::LeaderNotAvailable
    })
}

fn respond(partition_index: i32, answer: Result<Found, ErrorCode>) -> ListOffsetsPartitionResponse {
    match answer {
        Ok(found) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: ErrorCode::None.code(),
            timestamp: found.timestamp,
            offset: found.offset.map_or(-1, |offset| offset.0),
            leader_epoch: found.leader_epoch.map_or(-1, |epoch| epoch.0),
        },
        Err(error) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: error.code(),
            ..ListOffsetsPartitionResponse::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn special_timestamps_have_their_versions() {
        assert!(is_supported(0, 1) && is_supported(-1, 1) && is_supported(-2, 1));
        assert!(!is_supported(-3, 6) && is_supported(-3, 7));
        assert!(!is_supported(-6, 10) && is_supported(-6, 11));
        assert!(!is_supported(-7, 11));
    }
}
