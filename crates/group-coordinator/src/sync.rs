//! SyncGroup: the leader hands in the assignment, everyone gets their part once it is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dohle_coordinator_runtime::{CoordinatorError, Now, Ticket};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::SyncGroupResponse;

use crate::group::{Group, GroupState};
use crate::records::GroupRecord;
use crate::shard::{GroupCompletion, GroupEffects, GroupReply, GroupShard, Turn};

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) group_id: String,
    pub(crate) generation_id: i32,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol_name: Option<String>,
    /// By member id; from the leader only.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

/// The response that refuses a sync.
pub(crate) fn sync_error(code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() }
}

impl GroupShard {
    /// Decides a SyncGroup. Followers wait for the leader, the leader for the log.
    pub(crate) fn sync(&mut self, ticket: Ticket, sync: Sync, now: Now, effects: &mut GroupEffects) {
        let (groups, mut turn) = self.split(now, effects);
        let code = match groups.get_mut(sync.group_id.as_str()) {
            Some(group) => match group.validate_sync(&sync) {
                Ok(()) => {
                    group.sync(&mut turn, ticket, sync);
                    return;
                }
                Err(code) => code,
            },
            None => ErrorCode::UnknownMemberId,
        };
        turn.reply(ticket, GroupReply::Sync(sync_error(code)));
    }
}

impl Group {
    fn validate_sync(&self, sync: &Sync) -> Result<(), ErrorCode> {
        self.validate_member(&sync.member_id, sync.instance_id.as_deref())?;
        if sync.generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |asked: &Option<String>, ours: &Option<String>| asked.is_some() && asked != ours;
        if differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol_name, &self.protocol_name) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            GroupState::Empty => Err(ErrorCode::UnknownMemberId),
            GroupState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }

    fn sync(&mut self, turn: &mut Turn<'_>, ticket: Ticket, sync: Sync) {
        self.synced(turn, &sync.member_id);
        if self.state == GroupState::Stable {
            let response = self.assignment_response(&sync.member_id);
            turn.reply(ticket, GroupReply::Sync(response));
            return;
        }
        let Some(member) = self.members.get_mut(sync.member_id.as_str()) else { return };
        // The client gave up on an earlier one, or it would not have sent another.
        if let Some(superseded) = member.awaiting_sync.replace(ticket) {
            turn.reply(superseded, GroupReply::Sync(sync_error(ErrorCode::RebalanceInProgress)));
        }
        if !self.is_leader(&sync.member_id) {
            return;
        }
        let mut assignments: BTreeMap<Arc<str>, Bytes> = BTreeMap::new();
        for (member_id, assignment) in sync.assignments {
            if let Some((id, _)) = self.members.get_key_value(member_id.as_str()) {
                assignments.insert(Arc::clone(id), assignment);
            }
        }
        if assignments.len() < self.members.len() {
            tracing::warn!(group_id = %self.id, generation_id = self.generation_id, "a leader assigned nothing to some members");
        }
        let value = Some(self.to_value(|member| assignments.get(&member.id).cloned().unwrap_or_default()));
        turn.effects.append(GroupRecord::Group { group_id: Arc::clone(&self.id), value });
        turn.effects.when_committed(GroupCompletion::Assigned {
            group_id: Arc::clone(&self.id),
            generation_id: self.generation_id,
            assignments,
        });
    }

    /// The leader's assignment is committed, or could not be. Meanwhile another join phase may have begun.
    pub(crate) fn assignment_stored(
        &mut self,
        turn: &mut Turn<'_>,
        generation_id: i32,
        assignments: &BTreeMap<Arc<str>, Bytes>,
        result: Result<(), CoordinatorError>,
    ) {
        if self.state != GroupState::CompletingRebalance || self.generation_id != generation_id {
            return;
        }
        match result {
            Ok(()) => {
                for (id, member) in &mut self.members {
                    member.assignment = assignments.get(id).cloned().unwrap_or_default();
                }
                self.transition_to(GroupState::Stable, turn.now.wall_ms);
                self.release_syncs(turn, ErrorCode::None);
            }
            Err(error) => {
                self.drop_assignments(turn, error.error_code());
                self.prepare_rebalance(turn, "the assignment could not be stored");
            }
        }
    }

    /// Ends the generation's assignment: everyone who waits for it gets `code`.
    pub(crate) fn drop_assignments(&mut self, turn: &mut Turn<'_>, code: ErrorCode) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.release_syncs(turn, code);
    }

    fn release_syncs(&mut self, turn: &mut Turn<'_>, code: ErrorCode) {
        let waiting: Vec<Arc<str>> = self
            .members
            .values()
            .filter(|member| member.awaiting_sync.is_some())
            .map(|member| Arc::clone(&member.id))
            .collect();
        for id in waiting {
            let Some(ticket) = self.members.get_mut(&id).and_then(|member| member.awaiting_sync.take()) else {
                continue;
            };
            let response = match code {
                ErrorCode::None => self.assignment_response(&id),
                code => sync_error(code),
            };
            turn.reply(ticket, GroupReply::Sync(response));
            // While it waited its session was not watched.
            self.restart_session(turn, &id);
        }
    }

    fn assignment_response(&self, member_id: &str) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
            ..SyncGroupResponse::default()
        }
    }
}
