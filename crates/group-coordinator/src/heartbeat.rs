//! Heartbeat: keeps a member alive and tells it about a rebalance.

use dohle_coordinator_runtime::Now;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::HeartbeatRequest;

use crate::group::GroupState;
use crate::shard::{GroupEffects, GroupShard};

impl GroupShard {
    /// Decides a Heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        heartbeat: &HeartbeatRequest,
        now: Now,
        effects: &mut GroupEffects,
    ) -> ErrorCode {
        let (groups, mut turn) = self.split(now, effects);
        let Some(group) = groups.get_mut(heartbeat.group_id.as_str()) else { return ErrorCode::UnknownMemberId };
        if let Err(code) = group.validate_member(&heartbeat.member_id, heartbeat.group_instance_id.as_deref()) {
            return code;
        }
        if heartbeat.generation_id != group.generation_id {
            return ErrorCode::IllegalGeneration;
        }
        group.restart_session(&mut turn, &heartbeat.member_id);
        match group.state {
            GroupState::Empty => ErrorCode::UnknownMemberId,
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            // A member may heartbeat while it waits for its assignment: telling it to rejoin would never end.
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
        }
    }
}
