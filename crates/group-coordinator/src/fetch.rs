//! OffsetFetch: the positions of a group.

use dohle_model::Uuid;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};

use crate::offsets::CommittedOffset;
use crate::shard::GroupShard;

/// An OffsetFetch request for one group.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    pub(crate) group_id: String,
    /// `None` for all that the group has.
    pub(crate) topics: Option<Vec<FetchTopic>>,
    /// Whether offsets that an open transaction may change are withheld (KIP-447).
    pub(crate) require_stable: bool,
}

/// The partitions asked for of one topic.
#[derive(Clone, Debug)]
pub(crate) struct FetchTopic {
    pub(crate) name: String,
    /// Zero where the request names the topic.
    pub(crate) topic_id: Uuid,
    pub(crate) partitions: Vec<i32>,
    /// Why the topic is not looked up.
    pub(crate) refused: Option<ErrorCode>,
}

impl GroupShard {
    /// The offsets asked for; a group, topic or partition without any has -1 and no error.
    pub(crate) fn fetch(&self, fetch: Fetch) -> OffsetFetchResponseGroup {
        let group = self.groups.get(fetch.group_id.as_str());
        let offset_of = |topic: &str, partition: i32, committed: Option<&CommittedOffset>| {
            if fetch.require_stable && self.transactions.contains(&fetch.group_id, topic, partition) {
                partition_without_offset(partition, ErrorCode::UnstableOffsetCommit)
            } else {
                match committed {
                    Some(committed) => partition_with_offset(partition, committed),
                    None => partition_without_offset(partition, ErrorCode::None),
                }
            }
        };
        let topics = match fetch.topics {
            Some(topics) => refused_last(topics)
                .map(|topic| {
                    let stored = group.and_then(|group| group.offsets.topic(&topic.name));
                    let partitions = topic.partitions.iter().map(|partition| match topic.refused {
                        Some(code) => partition_without_offset(*partition, code),
                        None => {
                            let committed = stored
                                .and_then(|(_, partitions)| partitions.get(partition))
                                .filter(|committed| is_of_topic(committed, topic.topic_id));
                            offset_of(&topic.name, *partition, committed)
                        }
                    });
                    let partitions = partitions.collect();
                    OffsetFetchResponseTopics { name: topic.name, topic_id: topic.topic_id, partitions }
                })
                .collect(),
            None => group
                .iter()
                .flat_map(|group| group.offsets.topics())
                .map(|(name, partitions)| OffsetFetchResponseTopics {
                    name: name.as_str().to_owned(),
                    topic_id: Uuid::ZERO,
                    partitions: partitions
                        .iter()
                        .map(|(partition, committed)| offset_of(name, *partition, Some(committed)))
                        .collect(),
                })
                .collect(),
        };
        OffsetFetchResponseGroup { group_id: fetch.group_id, topics, error_code: ErrorCode::None.code() }
    }
}

/// In the order of the request, those that were looked up before those that were not, as Kafka has them.
fn refused_last(mut topics: Vec<FetchTopic>) -> impl Iterator<Item = FetchTopic> {
    topics.sort_by_key(|topic| topic.refused.is_some());
    topics.into_iter()
}

/// An offset of an earlier topic of the same name is none of this one.
fn is_of_topic(committed: &CommittedOffset, topic_id: Uuid) -> bool {
    committed.topic_id.is_zero() || topic_id.is_zero() || committed.topic_id == topic_id
}

fn partition_with_offset(partition: i32, committed: &CommittedOffset) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch.unwrap_or(-1),
        metadata: Some(committed.metadata.clone()),
        error_code: ErrorCode::None.code(),
    }
}

/// A partition without an offset, or with an error.
pub(crate) fn partition_without_offset(partition: i32, code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: code.code(),
    }
}
