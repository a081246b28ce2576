//! ListOffsets (API key 2): offsets by time, and the ends of the log (KIP-79, KIP-734, KIP-405, KIP-1005).

use std::collections::BTreeSet;

use dohle_model::{LeaderEpoch, Offset, PartitionIndex};
use dohle_protocol::messages::list_offsets_request::ListOffsetsPartition;
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
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LATEST_TIERED: (i64, i16) = (-5, 9);
const EARLIEST_PENDING_UPLOAD: (i64, i16) = (-6, 11);

/// Answers each partition by itself.
pub(crate) async fn handle(context: &RequestContext<'_>, request: ListOffsetsRequest) -> Answer<ListOffsetsResponse> {
    let duplicates = duplicates(&request);
    let topics = request
        .topics
        .iter()
        .map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    let answer = if duplicates.contains(&(topic.name.as_str(), asked.partition_index)) {
                        Err(ErrorCode::InvalidRequest)
                    } else {
                        context
                            .partition(&topic.name, PartitionIndex(asked.partition_index))
                            .and_then(|partition| lookup(context, &partition, asked))
                    };
                    respond(asked.partition_index, answer)
                })
                .collect(),
        })
        .collect();
    Answer::Now(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
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

fn lookup(context: &RequestContext<'_>, partition: &Partition, asked: &ListOffsetsPartition) -> Result<Found, ErrorCode> {
    let version = context.header.api_version;
    let requested = (asked.current_leader_epoch >= 0).then_some(LeaderEpoch(asked.current_leader_epoch));
    partition.check_leadership(requested).map_err(|error| error.error_code())?;
    let reader = partition.reader();
    // Whether a consumer reads committed records alone makes no difference while no transaction can be open.
    let end = partition.last_stable_offset();
    let special = |(timestamp, since): (i64, i16)| asked.timestamp == timestamp && version >= since;
    let storage = |error| PartitionError::from(error).error_code();
    if asked.timestamp == LATEST {
        return Ok(Found { offset: Some(end), timestamp: -1, leader_epoch: reader.latest_epoch() });
    }
    if asked.timestamp == EARLIEST || special(EARLIEST_LOCAL) {
        let start = reader.log_start_offset();
        return Ok(Found { offset: Some(start), timestamp: -1, leader_epoch: reader.leader_epoch_at(start) });
    }
    if special(MAX_TIMESTAMP) {
        return Ok(match reader.max_timestamp(end).map_err(storage)? {
            Some((offset, timestamp, leader_epoch)) => {
                Found { offset: Some(offset), timestamp, leader_epoch: Some(leader_epoch) }
            }
            None => Found::NOTHING,
        });
    }
    // Nothing is ever tiered here, and Kafka without tiered storage knows no such offset either.
    if special(LATEST_TIERED) || special(EARLIEST_PENDING_UPLOAD) {
        return Ok(Found::NOTHING);
    }
    if asked.timestamp < 0 {
        return Err(ErrorCode::UnsupportedVersion);
    }
    Ok(match reader.offset_for_timestamp(asked.timestamp, end).map_err(storage)? {
        Some((offset, timestamp, leader_epoch)) => {
            Found { offset: Some(offset), timestamp, leader_epoch: Some(leader_epoch) }
        }
        None => Found::NOTHING,
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
