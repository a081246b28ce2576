//! Sessions: members that are not heard of for their session time-out leave the group.

use std::sync::Arc;
use std::time::Duration;

use dohle_protocol::ErrorCode;

use crate::group::{Group, GroupState};
use crate::join::join_error;
use crate::member::{Member, SessionDeadline};
use crate::shard::{GroupReply, GroupTimer, Turn};
use crate::sync::sync_error;

impl Group {
    fn session_timer(&self, member_id: &Arc<str>) -> GroupTimer {
        GroupTimer::Session { group_id: Arc::clone(&self.id), member_id: Arc::clone(member_id) }
    }

    /// Begins a member's session time-out anew.
    pub(crate) fn restart_session(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            self.restart_session_with(turn, member_id, member.session_timeout());
        }
    }

    /// As [`Self::restart_session`], with a time-out of its own for once.
    pub(crate) fn restart_session_with(&mut self, turn: &mut Turn<'_>, member_id: &str, timeout: Duration) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        let at = turn.now.instant + timeout;
        let armed = member.session.and_then(|session| session.timer_at).filter(|timer_at| *timer_at <= at);
        let id = Arc::clone(&member.id);
        member.session = Some(SessionDeadline { at, timer_at: Some(armed.unwrap_or(at)) });
        if armed.is_none() {
            turn.effects.set_timer(self.session_timer(&id), at);
        }
    }

    /// Keeps an id that was given out for as long as a session.
    pub(crate) fn await_pending_member(&mut self, turn: &mut Turn<'_>, member_id: Arc<str>, timeout: Duration) {
        turn.effects.set_timer(self.session_timer(&member_id), turn.now.instant + timeout);
        self.pending_joins.insert(member_id);
    }

    /// Removes a member or a pending one: answers what it waits for, and stops its session.
    pub(crate) fn remove_member(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        let id: Arc<str> = match self.members.get_key_value(member_id) {
            Some((id, _)) => Arc::clone(id),
            None => member_id.into(),
        };
        if let Some(member) = self.remove(member_id) {
            answer_waiting(turn, &member, ErrorCode::UnknownMemberId);
        }
        turn.effects.cancel_timer(self.session_timer(&id));
    }

    /// The timer of a member's session expired.
    pub(crate) fn session_timer_expired(&mut self, turn: &mut Turn<'_>, member_id: &Arc<str>) {
        if self.pending_joins.contains(member_id) {
            tracing::info!(group_id = %self.id, %member_id, "a pending member never joined");
            self.remove(member_id);
            self.after_removal_of_pending(turn);
            return;
        }
        let timer = self.session_timer(member_id);
        let Some(member) = self.members.get_mut(member_id) else { return };
        if let Some(session) = &mut member.session {
            session.timer_at = None;
            if session.at > turn.now.instant {
                session.timer_at = Some(session.at);
                turn.effects.set_timer(timer, session.at);
                return;
            }
        }
        if member.is_waiting() {
            return;
        }
        tracing::info!(group_id = %self.id, %member_id, "a member's session expired");
        self.remove_member(turn, member_id);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(turn, "a member's session expired");
            }
            GroupState::PreparingRebalance => self.after_removal_of_pending(turn),
            GroupState::Empty => {}
        }
    }

    /// The join phase may have waited for the one that is gone, also the first one of a group.
    fn after_removal_of_pending(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::PreparingRebalance && self.all_members_joined() {
            self.complete_join(turn);
        }
    }
}

/// Answers the requests that a former member waits with.
fn answer_waiting(turn: &mut Turn<'_>, member: &Member, code: ErrorCode) {
    if let Some(ticket) = member.awaiting_join {
        turn.reply(ticket, GroupReply::Join(join_error("", code)));
    }
    if let Some(ticket) = member.awaiting_sync {
        turn.reply(ticket, GroupReply::Sync(sync_error(code)));
    }
}
