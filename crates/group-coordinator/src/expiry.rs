//! Offsets that nobody uses any more, and what they leave: expiry, deleted topics, deletion by request.

use std::sync::Arc;

use dohle_coordinator_runtime::Now;
use dohle_model::{TopicName, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use dohle_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use crate::group::{Group, GroupState};
use crate::offsets::CommittedOffset;
use crate::records::GroupRecord;
use crate::shard::{GroupEffects, GroupShard, GroupTimer};

fn offset_tombstone(group: &Group, topic: &TopicName, partition: i32) -> GroupRecord {
    GroupRecord::Offset { group_id: Arc::clone(&group.id), topic: topic.clone(), partition, committed: None }
}

fn group_tombstone(group: &Group) -> GroupRecord {
    GroupRecord::Group { group_id: Arc::clone(&group.id), value: None }
}

impl Group {
    /// Since when an offset counts as unused; `None` while it is in use.
    fn unused_since_ms(&self, topic: &str, committed: &CommittedOffset) -> Option<i64> {
        let committed_at = Some(committed.commit_timestamp_ms);
        if self.protocol_type.is_none() {
            return committed_at;
        }
        match self.state {
            // Records older than version 2 do not tell when the group became empty.
            GroupState::Empty => self.state_timestamp_ms.or(committed_at),
            GroupState::Stable if self.uses_consumer_protocol() && !self.is_subscribed_to(topic) => committed_at,
            _ => None,
        }
    }
}

impl GroupShard {
    /// Looks for expired offsets again after a while.
    pub(crate) fn schedule_expiry(&self, now: Now, effects: &mut GroupEffects) {
        effects.set_timer(GroupTimer::Expiry, now.instant + self.config.offsets_retention_check_interval);
    }

    /// Removes offsets that expired, and empty groups without offsets.
    pub(crate) fn expire_offsets(&mut self, now: Now, effects: &mut GroupEffects) {
        effects.allow_split();
        let retention_ms = i64::try_from(self.config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        for group in self.groups.values() {
            let mut keeps_offsets = false;
            for (topic, partitions) in group.offsets.topics() {
                for (partition, committed) in partitions {
                    let expired = group.unused_since_ms(topic, committed).is_some_and(|since| {
                        match committed.expire_timestamp_ms {
                            Some(expires_at) => now.wall_ms >= expires_at,
                            None => now.wall_ms.saturating_sub(since) >= retention_ms,
                        }
                    });
                    if expired && !self.transactions.contains(&group.id, topic, *partition) {
                        effects.append(offset_tombstone(group, topic, *partition));
                    } else {
                        keeps_offsets = true;
                    }
                }
            }
            let in_use = keeps_offsets
                || group.state != GroupState::Empty
                || !group.pending_joins.is_empty()
                || self.transactions.of_group(&group.id).next().is_some();
            if !in_use {
                tracing::info!(group_id = %group.id, "removing a group that nobody uses");
                effects.append(group_tombstone(group));
            }
        }
    }

    /// Removes the offsets of topics that no longer exist.
    pub(crate) fn delete_offsets_of_topics(&mut self, deleted: &[(TopicName, Uuid)], effects: &mut GroupEffects) {
        effects.allow_split();
        // An offset without a topic id belongs to whatever bore the name.
        let is_gone = |committed: &CommittedOffset, id: Uuid| committed.topic_id.is_zero() || committed.topic_id == id;
        for (name, id) in deleted {
            for group in self.groups.values() {
                let Some((topic, partitions)) = group.offsets.topic(name) else { continue };
                for (partition, committed) in partitions {
                    if is_gone(committed, *id) {
                        effects.append(offset_tombstone(group, topic, *partition));
                    }
                }
            }
            for pending in self.transactions.iter() {
                if pending.topic == *name && is_gone(&pending.committed, *id) {
                    effects.append(GroupRecord::Offset {
                        group_id: Arc::clone(&pending.group_id),
                        topic: pending.topic.clone(),
                        partition: pending.partition,
                        committed: None,
                    });
                }
            }
        }
    }

    /// Deletes empty groups with their offsets (DeleteGroups).
    pub(crate) fn delete_groups(
        &mut self,
        group_ids: Vec<String>,
        effects: &mut GroupEffects,
    ) -> Vec<(String, ErrorCode)> {
        effects.allow_split();
        let mut results = Vec::with_capacity(group_ids.len());
        for group_id in group_ids {
            let code = match self.groups.get(group_id.as_str()) {
                None => ErrorCode::GroupIdNotFound,
                Some(group) if group.state != GroupState::Empty => ErrorCode::NonEmptyGroup,
                Some(group) => {
                    for (topic, partitions) in group.offsets.topics() {
                        for partition in partitions.keys() {
                            effects.append(offset_tombstone(group, topic, *partition));
                        }
                    }
                    for pending in self.transactions.of_group(&group_id) {
                        if group.offsets.get(&pending.topic, pending.partition).is_none() {
                            effects.append(offset_tombstone(group, &pending.topic, pending.partition));
                        }
                    }
                    effects.append(group_tombstone(group));
                    ErrorCode::None
                }
            };
            results.push((group_id, code));
        }
        results
    }

    /// Deletes offsets of topics that no member reads (OffsetDelete).
    pub(crate) fn delete_offsets(
        &mut self,
        request: OffsetDeleteRequest,
        effects: &mut GroupEffects,
    ) -> OffsetDeleteResponse {
        let refuse =
            |code: ErrorCode| OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() };
        let Some(group) = self.groups.get(request.group_id.as_str()) else {
            return refuse(ErrorCode::GroupIdNotFound);
        };
        if group.state != GroupState::Empty && !group.uses_consumer_protocol() {
            return refuse(ErrorCode::NonEmptyGroup);
        }
        effects.allow_split();
        let mut response = OffsetDeleteResponse::default();
        for topic in request.topics {
            let name = TopicName::from(topic.name.as_str());
            let code = if group.is_subscribed_to(&topic.name) && group.state != GroupState::Empty {
                ErrorCode::GroupSubscribedToTopic
            } else {
                ErrorCode::None
            };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in topic.partitions {
                let partition_index = partition.partition_index;
                let exists = group.offsets.get(&topic.name, partition_index).is_some()
                    || self.transactions.contains(&group.id, &topic.name, partition_index);
                if code == ErrorCode::None && exists {
                    effects.append(offset_tombstone(group, &name, partition_index));
                }
                partitions.push(OffsetDeleteResponsePartition { partition_index, error_code: code.code() });
            }
            response.topics.push(OffsetDeleteResponseTopic { name: topic.name, partitions });
        }
        response
    }
}
