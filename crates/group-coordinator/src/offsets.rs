//! The committed offsets of one group.

use std::collections::BTreeMap;

use dohle_model::{TopicName, Uuid};
use dohle_protocol::records::group::OffsetCommitValue;

/// One committed offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CommittedOffset {
    /// The position to go on from.
    pub(crate) offset: i64,
    /// The leader epoch of the last record consumed (KIP-320).
    pub(crate) leader_epoch: Option<i32>,
    /// The client's own text.
    pub(crate) metadata: String,
    /// When it was committed.
    pub(crate) commit_timestamp_ms: i64,
    /// When it expires, where the request said so (OffsetCommit 2 to 4).
    pub(crate) expire_timestamp_ms: Option<i64>,
    /// The topic's id; zero where it was not known.
    pub(crate) topic_id: Uuid,
    /// Where its record stands in `__consumer_offsets`, -1 before it does.
    pub(crate) record_offset: i64,
}

impl CommittedOffset {
    pub(crate) fn to_value(&self) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch.unwrap_or(-1),
            metadata: self.metadata.clone(),
            commit_timestamp: self.commit_timestamp_ms,
            expire_timestamp: self.expire_timestamp_ms.unwrap_or(-1),
            topic_id: self.topic_id,
        }
    }

    pub(crate) fn from_value(value: OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: leader_epoch(value.leader_epoch),
            metadata: value.metadata,
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
            topic_id: value.topic_id,
            record_offset: 0,
        }
    }
}

/// A leader epoch of requests and records: -1 stands for none; other numbers are kept as they are, as in Kafka.
pub(crate) fn leader_epoch(number: i32) -> Option<i32> {
    Some(number).filter(|epoch| *epoch != -1)
}

/// Offsets by topic name and partition; a topic without offsets has no entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offsets(BTreeMap<TopicName, BTreeMap<i32, CommittedOffset>>);

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.0.get(topic)?.get(&partition)
    }

    pub(crate) fn put(&mut self, topic: TopicName, partition: i32, committed: CommittedOffset) {
        // Commits mostly replace: then no key is stored again.
        match self.0.get_mut(&topic) {
            Some(partitions) => {
                partitions.insert(partition, committed);
            }
            None => {
                self.0.insert(topic, BTreeMap::from([(partition, committed)]));
            }
        }
    }

    pub(crate) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    /// The stored form of a topic's name, where it has offsets.
    pub(crate) fn stored_name(&self, topic: &str) -> Option<&TopicName> {
        self.0.get_key_value(topic).map(|(name, _)| name)
    }

    pub(crate) fn topic(&self, topic: &str) -> Option<(&TopicName, &BTreeMap<i32, CommittedOffset>)> {
        self.0.get_key_value(topic)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = (&TopicName, &BTreeMap<i32, CommittedOffset>)> {
        self.0.iter()
    }
}
