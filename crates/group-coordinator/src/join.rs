//! JoinGroup, and the join phase: who is in the next generation.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::{Now, Ticket};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::JoinGroupResponse;

use crate::group::{Group, GroupState, InitialDelay};
use crate::member::{Member, Protocol, milliseconds};
use crate::records::GroupRecord;
use crate::shard::{GroupCompletion, GroupEffects, GroupReply, GroupShard, GroupTimer, Turn};
use crate::sync::sync_error;

/// How long a group in which nobody has rejoined is left alone at least, whatever rebalance time-out its members ask for.
const REJOIN_PAUSE_MIN: Duration = Duration::from_secs(1);

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) group_id: String,
    /// Empty for a member that has no id yet.
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<Protocol>,
    /// Whether a dynamic member must come back with the id it is given (version 4, KIP-394).
    pub(crate) requires_known_member_id: bool,
    /// Whether a leader understands that it need not assign (version 9, KIP-814).
    pub(crate) supports_skipping_assignment: bool,
    /// What makes a new member's id unique.
    pub(crate) unique_suffix: String,
}

/// The response that refuses a join.
pub(crate) fn join_error(member_id: &str, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code.code(),
        generation_id: -1,
        protocol_name: None,
        member_id: member_id.to_owned(),
        ..JoinGroupResponse::default()
    }
}

fn refuse(turn: &mut Turn<'_>, ticket: Ticket, member_id: &str, code: ErrorCode) {
    turn.reply(ticket, GroupReply::Join(join_error(member_id, code)));
}

impl GroupShard {
    /// Decides a JoinGroup. It is answered at once only where it need not wait for a join phase.
    pub(crate) fn join(&mut self, ticket: Ticket, join: Join, now: Now, effects: &mut GroupEffects) {
        let (groups, mut turn) = self.split(now, effects);
        let is_new_group = !groups.contains_key(join.group_id.as_str());
        if is_new_group {
            if !join.member_id.is_empty() {
                refuse(&mut turn, ticket, &join.member_id, ErrorCode::UnknownMemberId);
                return;
            }
            let id: Arc<str> = join.group_id.as_str().into();
            groups.insert(Arc::clone(&id), Group::new(id, Some(now.wall_ms)));
        }
        let group = groups.get_mut(join.group_id.as_str()).expect("inserted where it was missing");
        if !group.accepts(&turn, &join.member_id) {
            group.remove_member(&mut turn, &join.member_id);
            refuse(&mut turn, ticket, "", ErrorCode::GroupMaxSizeReached);
        } else if !group.supports_protocols(&join.protocol_type, &join.protocols) {
            refuse(&mut turn, ticket, &join.member_id, ErrorCode::InconsistentGroupProtocol);
        } else if join.member_id.is_empty() {
            group.join_new(&mut turn, ticket, &join);
        } else {
            group.join_existing(&mut turn, ticket, &join);
        }
        if is_new_group {
            if group.is_unused() {
                groups.remove(join.group_id.as_str());
            } else {
                // The log names a group from its beginning: it is listed by the next coordinator too.
                let group_id = Arc::clone(&group.id);
                let value = Some(Group::created_value(now.wall_ms));
                effects.append(GroupRecord::Group { group_id: Arc::clone(&group_id), value });
                effects.when_committed(GroupCompletion::Created { group_id });
            }
        }
    }
}

impl Group {
    /// Whether nothing speaks for keeping the group.
    pub(crate) fn is_unused(&self) -> bool {
        self.state == GroupState::Empty
            && self.generation_id == 0
            && self.pending_joins.is_empty()
            && self.offsets.is_empty()
    }

    /// Whether the group's size allows the join (`group.max.size`).
    fn accepts(&self, turn: &Turn<'_>, member_id: &str) -> bool {
        let size_max = turn.config.group_size_max;
        match self.state {
            GroupState::Empty => true,
            // Whoever rejoins first stays, where there are too many after the limit was lowered.
            GroupState::PreparingRebalance => {
                self.members.get(member_id).is_some_and(|member| member.awaiting_join.is_some())
                    || self.awaiting_join_count() < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.contains_key(member_id) || self.members.len() < size_max
            }
        }
    }

    fn join_new(&mut self, turn: &mut Turn<'_>, ticket: Ticket, join: &Join) {
        let prefix = join.instance_id.as_deref().unwrap_or(&join.client_id);
        let new_id: Arc<str> = format!("{prefix}-{}", join.unique_suffix).into();
        match &join.instance_id {
            Some(instance_id) => match self.static_members.get(instance_id) {
                Some(current) => {
                    let current = Arc::clone(current);
                    tracing::info!(group_id = %self.id, instance_id, former = %current, member_id = %new_id, "a static member replaces its former self");
                    self.join_in_place_of(turn, ticket, join, &current, &new_id);
                }
                None => self.join_as(turn, ticket, join, new_id),
            },
            None if join.requires_known_member_id => {
                self.await_pending_member(turn, Arc::clone(&new_id), milliseconds(join.session_timeout_ms));
                refuse(turn, ticket, &new_id, ErrorCode::MemberIdRequired);
            }
            None => self.join_as(turn, ticket, join, new_id),
        }
    }

    fn join_existing(&mut self, turn: &mut Turn<'_>, ticket: Ticket, join: &Join) {
        let member_id = join.member_id.as_str();
        // Ids are given out to dynamic members only.
        if join.instance_id.is_none()
            && let Some(pending) = self.pending_joins.get(member_id)
        {
            let pending = Arc::clone(pending);
            self.join_as(turn, ticket, join, pending);
            return;
        }
        if let Err(code) = self.validate_member(member_id, join.instance_id.as_deref()) {
            refuse(turn, ticket, member_id, code);
            return;
        }
        let unchanged = self.members.get(member_id).is_some_and(|member| member.protocols == join.protocols);
        match self.state {
            GroupState::PreparingRebalance => self.rejoin(turn, ticket, join, "a member rejoins"),
            // It may have missed the response.
            GroupState::CompletingRebalance if unchanged => self.reply_generation(turn, ticket, member_id),
            GroupState::CompletingRebalance => self.rejoin(turn, ticket, join, "a member's metadata changed"),
            // A leader rejoins because it noticed a change, of topics for instance.
            GroupState::Stable if self.is_leader(member_id) => self.rejoin(turn, ticket, join, "the leader rejoins"),
            GroupState::Stable if !unchanged => self.rejoin(turn, ticket, join, "a member's metadata changed"),
            GroupState::Stable => self.reply_generation(turn, ticket, member_id),
            GroupState::Empty => refuse(turn, ticket, member_id, ErrorCode::UnknownMemberId),
        }
    }

    /// Adds a member, which waits for the join phase to end.
    fn join_as(&mut self, turn: &mut Turn<'_>, ticket: Ticket, join: &Join, member_id: Arc<str>) {
        if let Some(delay) = &mut self.initial_delay {
            delay.new_member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        if self.pending_joins.contains(&member_id) {
            turn.effects.cancel_timer(GroupTimer::Session {
                group_id: Arc::clone(&self.id),
                member_id: Arc::clone(&member_id),
            });
        }
        self.add(Member {
            id: Arc::clone(&member_id),
            instance_id: join.instance_id.clone(),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            awaiting_join: Some(ticket),
            awaiting_sync: None,
            is_new: true,
            session: None,
        });
        // It cannot heartbeat while its join waits, and its connection is not watched; one that is gone must not stay.
        self.restart_session_with(turn, &member_id, turn.config.new_member_join_timeout);
        self.rebalance_or_complete_join(turn, "a member joins");
    }

    fn rejoin(&mut self, turn: &mut Turn<'_>, ticket: Ticket, join: &Join, reason: &'static str) {
        self.update_from(turn, &join.member_id, ticket, join);
        self.rebalance_or_complete_join(turn, reason);
    }

    /// Takes over what a rejoining member says of itself, and parks its request.
    fn update_from(&mut self, turn: &mut Turn<'_>, member_id: &str, ticket: Ticket, join: &Join) {
        let mut superseded = None;
        self.update(member_id, |member| {
            member.protocols.clone_from(&join.protocols);
            member.rebalance_timeout_ms = join.rebalance_timeout_ms;
            member.session_timeout_ms = join.session_timeout_ms;
            superseded = member.awaiting_join.replace(ticket);
        });
        // The client gave up on it, or it would not have sent another.
        if let Some(ticket) = superseded {
            refuse(turn, ticket, member_id, ErrorCode::RebalanceInProgress);
        }
    }

    /// A static member came back without its id (KIP-345).
    fn join_in_place_of(
        &mut self,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        join: &Join,
        former_id: &Arc<str>,
        new_id: &Arc<str>,
    ) {
        let leader_before = self.leader.clone();
        let Some(mut former) = self.replace_static_member(former_id, new_id) else { return };
        self.fence(turn, &mut former);
        self.restart_session(turn, new_id);
        match self.state {
            GroupState::Stable => {
                let offered = |member: &mut Member| {
                    member.protocols.clone_from(&join.protocols);
                    member.rebalance_timeout_ms = join.rebalance_timeout_ms;
                    member.session_timeout_ms = join.session_timeout_ms;
                };
                self.update(new_id, offered);
                if self.select_protocol() != self.protocol_name {
                    self.update_from(turn, new_id, ticket, join);
                    self.rebalance_or_complete_join(turn, "a static member's protocols changed");
                    return;
                }
                let value = Some(self.to_value(|member| member.assignment.clone()));
                turn.effects.append(GroupRecord::Group { group_id: Arc::clone(&self.id), value });
                turn.effects.when_committed(GroupCompletion::StaticMemberReplaced {
                    group_id: Arc::clone(&self.id),
                    former: Box::new(former),
                    new_id: Arc::clone(new_id),
                });
                let is_leader = self.is_leader(new_id);
                let mut response = self.generation_response(new_id);
                if join.supports_skipping_assignment {
                    response.skip_assignment = is_leader;
                } else {
                    // A client that cannot skip must not take itself for the leader: it gets the former id.
                    response.leader = leader_before.as_deref().unwrap_or_default().to_owned();
                    response.members = Vec::new();
                }
                turn.reply(ticket, GroupReply::Join(response));
            }
            GroupState::CompletingRebalance => {
                // The leader may be assigning to the former id already.
                self.update_from(turn, new_id, ticket, join);
                self.prepare_rebalance(turn, "a static member was replaced");
            }
            GroupState::PreparingRebalance | GroupState::Empty => {
                self.update_from(turn, new_id, ticket, join);
                self.maybe_complete_join(turn);
            }
        }
    }

    /// Ends what a replaced static member is about.
    fn fence(&self, turn: &mut Turn<'_>, former: &mut Member) {
        if let Some(ticket) = former.awaiting_join.take() {
            refuse(turn, ticket, &former.id, ErrorCode::FencedInstanceId);
        }
        if let Some(ticket) = former.awaiting_sync.take() {
            turn.reply(ticket, GroupReply::Sync(sync_error(ErrorCode::FencedInstanceId)));
        }
        turn.effects
            .cancel_timer(GroupTimer::Session { group_id: Arc::clone(&self.id), member_id: Arc::clone(&former.id) });
    }

    /// The record of a replacement failed: the former member stands again.
    pub(crate) fn undo_static_replacement(&mut self, turn: &mut Turn<'_>, former: Member, new_id: &Arc<str>) {
        let former_id = Arc::clone(&former.id);
        let Some(mut replaced) = self.replace_static_member(new_id, &former_id) else { return };
        self.fence(turn, &mut replaced);
        self.update(&former_id, |member| {
            *member = Member { assignment: member.assignment.clone(), session: None, ..former };
        });
        self.restart_session(turn, &former_id);
    }

    fn generation_response(&self, member_id: &str) -> JoinGroupResponse {
        JoinGroupResponse {
            error_code: ErrorCode::None.code(),
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.as_deref().unwrap_or_default().to_owned(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: if self.is_leader(member_id) { self.join_response_members() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }

    fn reply_generation(&self, turn: &mut Turn<'_>, ticket: Ticket, member_id: &str) {
        let mut response = self.generation_response(member_id);
        if self.state == GroupState::Stable {
            response.members = Vec::new();
        }
        turn.reply(ticket, GroupReply::Join(response));
    }

    fn rebalance_or_complete_join(&mut self, turn: &mut Turn<'_>, reason: &'static str) {
        if self.state == GroupState::PreparingRebalance {
            self.maybe_complete_join(turn);
        } else {
            self.prepare_rebalance(turn, reason);
        }
    }

    fn join_timer(&self) -> GroupTimer {
        GroupTimer::JoinPhase { group_id: Arc::clone(&self.id) }
    }

    fn sync_timer(&self) -> GroupTimer {
        GroupTimer::SyncPhase { group_id: Arc::clone(&self.id) }
    }

    /// Begins a join phase. Not for groups that are in one.
    pub(crate) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>, reason: &'static str) {
        if self.state == GroupState::CompletingRebalance {
            self.drop_assignments(turn, ErrorCode::RebalanceInProgress);
        }
        self.pending_syncs.clear();
        turn.effects.cancel_timer(self.sync_timer());
        tracing::info!(group_id = %self.id, state = %self.state, generation_id = self.generation_id, reason, "preparing to rebalance a group");
        let was_empty = self.state == GroupState::Empty;
        self.transition_to(GroupState::PreparingRebalance, turn.now.wall_ms);
        if was_empty {
            let delay = turn.config.initial_rebalance_delay;
            let remaining = self.rebalance_timeout().saturating_sub(delay);
            self.initial_delay = Some(InitialDelay { delay, remaining, new_member_added: false });
            turn.effects.set_timer(self.join_timer(), turn.now.instant + delay);
        } else if self.all_members_joined() {
            self.complete_join(turn);
        } else {
            turn.effects.set_timer(self.join_timer(), turn.now.instant + self.rebalance_timeout());
        }
    }

    /// Ends the join phase where it waits for nobody. The first one of a group always waits for its delay.
    pub(crate) fn maybe_complete_join(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::PreparingRebalance && self.initial_delay.is_none() && self.all_members_joined() {
            self.complete_join(turn);
        }
    }

    /// The join phase lasted as long as it may, or the initial delay is over.
    pub(crate) fn join_phase_expired(&mut self, turn: &mut Turn<'_>) {
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        if let Some(delay) = &mut self.initial_delay
            && delay.new_member_added
            && !delay.remaining.is_zero()
        {
            let next = turn.config.initial_rebalance_delay.min(delay.remaining);
            *delay = InitialDelay {
                delay: next,
                remaining: delay.remaining.saturating_sub(delay.delay),
                new_member_added: false,
            };
            turn.effects.set_timer(self.join_timer(), turn.now.instant + next);
            return;
        }
        self.complete_join(turn);
    }

    /// Ends the join phase with the members that joined; static ones stay without.
    pub(crate) fn complete_join(&mut self, turn: &mut Turn<'_>) {
        turn.effects.cancel_timer(self.join_timer());
        let gone: Vec<Arc<str>> = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && member.instance_id.is_none())
            .map(|member| Arc::clone(&member.id))
            .collect();
        for member_id in gone {
            tracing::info!(group_id = %self.id, %member_id, "a member did not rejoin");
            self.remove_member(turn, &member_id);
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Only static members, and none of them here: their sessions end, or one comes back.
            tracing::warn!(group_id = %self.id, "no member rejoined a group");
            let pause = self.rebalance_timeout().max(REJOIN_PAUSE_MIN);
            turn.effects.set_timer(self.join_timer(), turn.now.instant + pause);
            return;
        }
        self.initial_delay = None;
        self.begin_generation(turn.now.wall_ms);
        if self.state == GroupState::Empty {
            tracing::info!(group_id = %self.id, generation_id = self.generation_id, "a group is empty");
            let value = Some(self.to_value(|_| Bytes::new()));
            turn.effects.append(GroupRecord::Group { group_id: Arc::clone(&self.id), value });
            return;
        }
        tracing::info!(group_id = %self.id, generation_id = self.generation_id, members = self.members.len(), "a group's join phase is over");
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(ticket) = self.take_awaiting_join(&id) {
                turn.reply(ticket, GroupReply::Join(self.generation_response(&id)));
            }
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            self.restart_session(turn, &id);
            self.pending_syncs.insert(id);
        }
        turn.effects.set_timer(self.sync_timer(), turn.now.instant + self.rebalance_timeout());
    }

    /// Members had as long as a join phase may take to ask for their assignments.
    pub(crate) fn sync_phase_expired(&mut self, turn: &mut Turn<'_>) {
        let in_phase = matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable);
        if !in_phase || self.pending_syncs.is_empty() {
            return;
        }
        for member_id in std::mem::take(&mut self.pending_syncs) {
            tracing::info!(group_id = %self.id, %member_id, "a member did not ask for its assignment");
            self.remove_member(turn, &member_id);
        }
        self.prepare_rebalance(turn, "members did not ask for their assignments");
    }

    /// Notes that a member asked for its assignment.
    pub(crate) fn synced(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        self.pending_syncs.remove(member_id);
        if self.pending_syncs.is_empty() {
            turn.effects.cancel_timer(self.sync_timer());
        }
    }

    /// Begins to serve after loading: sessions start anew.
    pub(crate) fn resume(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in &ids {
            self.restart_session(turn, id);
        }
        if self.members.len() > turn.config.group_size_max {
            self.prepare_rebalance(turn, "the group is larger than allowed");
        }
    }
}
