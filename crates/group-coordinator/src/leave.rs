//! LeaveGroup: members go, or an operator removes them.

use std::sync::Arc;

use dohle_coordinator_runtime::Now;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::leave_group_response::MemberResponse;

use crate::group::{Group, GroupState};
use crate::shard::{GroupEffects, GroupShard, Turn};

impl GroupShard {
    /// Decides a LeaveGroup: one result for each member.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID` where there is no such group.
    pub(crate) fn leave(
        &mut self,
        group_id: &str,
        members: Vec<MemberIdentity>,
        now: Now,
        effects: &mut GroupEffects,
    ) -> Result<Vec<MemberResponse>, ErrorCode> {
        let (groups, mut turn) = self.split(now, effects);
        let group = groups.get_mut(group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let mut responses = Vec::with_capacity(members.len());
        let mut someone_left = false;
        for identity in members {
            let code = match group.leaving_member(&identity) {
                Ok(member_id) => {
                    tracing::info!(group_id, %member_id, reason = identity.reason.as_deref().unwrap_or(""), "a member leaves a group");
                    group.remove_member(&mut turn, &member_id);
                    someone_left = true;
                    ErrorCode::None
                }
                Err(code) => code,
            };
            responses.push(MemberResponse {
                member_id: identity.member_id,
                group_instance_id: identity.group_instance_id,
                error_code: code.code(),
            });
        }
        if someone_left {
            group.after_leave(&mut turn);
        }
        Ok(responses)
    }
}

impl Group {
    /// Whom a request means: an operator names a static member by its instance id alone.
    fn leaving_member(&self, identity: &MemberIdentity) -> Result<Arc<str>, ErrorCode> {
        let member_id = identity.member_id.as_str();
        let instance_id = identity.group_instance_id.as_deref();
        if member_id.is_empty() {
            let current = instance_id.and_then(|instance_id| self.static_members.get(instance_id));
            return current.cloned().ok_or(ErrorCode::UnknownMemberId);
        }
        if let Some(pending) = self.pending_joins.get(member_id) {
            return Ok(Arc::clone(pending));
        }
        self.validate_member(member_id, instance_id)?;
        Ok(member_id.into())
    }

    fn after_leave(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(turn, "members left");
            }
            GroupState::PreparingRebalance => self.maybe_complete_join(turn),
            GroupState::Empty => {}
        }
    }
}
