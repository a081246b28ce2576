//! OffsetCommit: stores a group's positions.

use std::sync::Arc;

use dohle_coordinator_runtime::Now;
use dohle_model::{TopicName, Uuid};
use dohle_protocol::ErrorCode;

use crate::group::{Group, GroupState};
use crate::offsets::CommittedOffset;
use crate::records::GroupRecord;
use crate::shard::{GroupEffects, GroupShard};

/// An OffsetCommit request whose topics are known.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) group_id: String,
    /// Negative for a caller that is no member.
    pub(crate) generation_id: i32,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    /// How long the offsets are kept, where the request says so (versions 2 to 4).
    pub(crate) retention_ms: Option<i64>,
    pub(crate) topics: Vec<CommitTopic>,
    /// Whether a missing group is `GROUP_ID_NOT_FOUND` (version 9) and not `ILLEGAL_GENERATION`.
    pub(crate) reports_missing_groups: bool,
}

/// The partitions of one topic.
#[derive(Clone, Debug)]
pub(crate) struct CommitTopic {
    /// Where the topic stands in the response.
    pub(crate) index: usize,
    pub(crate) name: TopicName,
    pub(crate) topic_id: Uuid,
    pub(crate) partitions: Vec<CommitPartition>,
}

/// One position.
#[derive(Clone, Debug)]
pub(crate) struct CommitPartition {
    /// Where the partition stands in its topic.
    pub(crate) index: usize,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: Option<i32>,
    pub(crate) metadata: String,
}

impl GroupShard {
    /// Decides an OffsetCommit; returns the partitions that were refused, by their indexes.
    ///
    /// # Errors
    /// Where the caller may not commit for the group.
    pub(crate) fn commit(
        &mut self,
        commit: &Commit,
        now: Now,
        effects: &mut GroupEffects,
    ) -> Result<Vec<(usize, usize, ErrorCode)>, ErrorCode> {
        let (groups, mut turn) = self.split(now, effects);
        let group_id = match groups.get_mut(commit.group_id.as_str()) {
            Some(group) => {
                group.validate_commit(commit)?;
                if matches!(group.state, GroupState::Stable | GroupState::PreparingRebalance) {
                    group.restart_session(&mut turn, &commit.member_id);
                }
                Arc::clone(&group.id)
            }
            // A consumer that assigns itself, or an operator: a simple group comes into being.
            None if commit.generation_id < 0 => commit.group_id.as_str().into(),
            None if commit.reports_missing_groups => return Err(ErrorCode::GroupIdNotFound),
            None => return Err(ErrorCode::IllegalGeneration),
        };
        let metadata_length_max = turn.config.offset_metadata_length_max;
        let offsets = groups.get(&group_id).map(|group| &group.offsets);
        let mut refused = Vec::new();
        for topic in &commit.topics {
            let stored = offsets.and_then(|offsets| offsets.stored_name(&topic.name));
            let name = stored.unwrap_or(&topic.name);
            for partition in &topic.partitions {
                if is_longer_than(&partition.metadata, metadata_length_max) {
                    refused.push((topic.index, partition.index, ErrorCode::OffsetMetadataTooLarge));
                    continue;
                }
                turn.effects.append(GroupRecord::Offset {
                    group_id: Arc::clone(&group_id),
                    topic: name.clone(),
                    partition: partition.partition,
                    committed: Some(CommittedOffset {
                        offset: partition.offset,
                        leader_epoch: partition.leader_epoch,
                        metadata: partition.metadata.clone(),
                        commit_timestamp_ms: now.wall_ms,
                        expire_timestamp_ms: commit.retention_ms.map(|retention| now.wall_ms.saturating_add(retention)),
                        topic_id: topic.topic_id,
                        record_offset: -1,
                    }),
                });
            }
        }
        Ok(refused)
    }
}

impl Group {
    fn validate_commit(&self, commit: &Commit) -> Result<(), ErrorCode> {
        if commit.generation_id < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        let names_member = commit.generation_id >= 0 || !commit.member_id.is_empty() || commit.instance_id.is_some();
        if !names_member {
            // Nobody may move the positions of members behind their backs.
            return Err(ErrorCode::UnknownMemberId);
        }
        self.validate_member(&commit.member_id, commit.instance_id.as_deref())?;
        if commit.generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        // It knows the new generation but has no assignment in it yet.
        if self.state == GroupState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }
}

/// Whether a text has more characters than allowed, counted as Java does: in UTF-16 units.
fn is_longer_than(text: &str, length_max: usize) -> bool {
    text.len() > length_max && text.encode_utf16().count() > length_max
}
