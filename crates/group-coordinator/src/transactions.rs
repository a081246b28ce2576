//! Offsets committed in transactions that have not ended, as found in a log.

use std::collections::BTreeMap;
use std::sync::Arc;

use dohle_model::TopicName;

use crate::offsets::CommittedOffset;

/// An offset that counts once its transaction commits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PendingOffset {
    pub(crate) group_id: Arc<str>,
    pub(crate) topic: TopicName,
    pub(crate) partition: i32,
    pub(crate) committed: CommittedOffset,
}

/// Pending offsets by producer id, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PendingTransactions(BTreeMap<i64, Vec<PendingOffset>>);

impl PendingTransactions {
    pub(crate) fn add(
        &mut self,
        producer_id: i64,
        group_id: Arc<str>,
        topic: TopicName,
        partition: i32,
        committed: CommittedOffset,
    ) {
        self.0.entry(producer_id).or_default().push(PendingOffset { group_id, topic, partition, committed });
    }

    /// Takes out what the producer's transaction left.
    pub(crate) fn end(&mut self, producer_id: i64) -> Vec<PendingOffset> {
        self.0.remove(&producer_id).unwrap_or_default()
    }

    /// Forgets the pending offsets of a partition: its offset was removed after them.
    pub(crate) fn remove(&mut self, group_id: &str, topic: &str, partition: i32) {
        self.0.retain(|_, pending| {
            pending.retain(|offset| !offset.is_for(group_id, topic, partition));
            !pending.is_empty()
        });
    }

    /// Whether an open transaction may still change the partition's offset.
    pub(crate) fn contains(&self, group_id: &str, topic: &str, partition: i32) -> bool {
        self.0.values().flatten().any(|offset| offset.is_for(group_id, topic, partition))
    }

    /// The partitions of a group with pending offsets.
    pub(crate) fn of_group<'a>(&'a self, group_id: &'a str) -> impl Iterator<Item = &'a PendingOffset> {
        self.0.values().flatten().filter(move |offset| offset.group_id.as_ref() == group_id)
    }

    /// All pending offsets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PendingOffset> {
        self.0.values().flatten()
    }
}

impl PendingOffset {
    fn is_for(&self, group_id: &str, topic: &str, partition: i32) -> bool {
        self.partition == partition && self.topic.as_str() == topic && self.group_id.as_ref() == group_id
    }
}
