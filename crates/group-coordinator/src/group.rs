//! A classic group: its state, members and offsets. Queries and single steps; the rules of each request are in the
//! file of that request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::Ticket;
use dohle_protocol::messages::join_group_response::JoinGroupResponseMember;
use dohle_protocol::records::embedded::ConsumerProtocolSubscription;
use dohle_protocol::records::group::GroupMetadataValue;
use dohle_protocol::records::group::group_metadata_value::MemberMetadata;
use dohle_protocol::{ErrorCode, Message, Reader};

use crate::member::{Member, Protocol, milliseconds};
use crate::offsets::Offsets;

/// The protocol type of consumers; the coordinator reads the metadata of no other.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// The phases of a classic group, shown under these names. A group that does not exist is `Dead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// No members.
    Empty,
    /// Waits for its members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Every member can have its assignment.
    Stable,
}

/// The state that is shown for a group that does not exist.
pub(crate) const DEAD: &str = "Dead";

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        })
    }
}

/// The wait of a group that was empty (`group.initial.rebalance.delay.ms`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialDelay {
    /// The part that is being waited for.
    pub(crate) delay: Duration,
    /// How much longer it may be extended to.
    pub(crate) remaining: Duration,
    /// Whether someone joined since it was set: a reason to extend it.
    pub(crate) new_member_added: bool,
}

/// A group. A *simple* group has offsets only, and no protocol type.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) state: GroupState,
    /// The state before this one; tells the first join phase of an empty group from later ones.
    pub(crate) previous_state: Option<GroupState>,
    /// When the state was entered; unknown after loading old records.
    pub(crate) state_timestamp_ms: Option<i64>,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol_name: Option<String>,
    pub(crate) generation_id: i32,
    pub(crate) leader: Option<Arc<str>>,
    pub(crate) members: BTreeMap<Arc<str>, Member>,
    /// Member ids of static members by group instance id.
    pub(crate) static_members: BTreeMap<String, Arc<str>>,
    /// Ids that were given out and not joined with yet (KIP-394).
    pub(crate) pending_joins: BTreeSet<Arc<str>>,
    /// Members of this generation that have not asked for their assignment.
    pub(crate) pending_syncs: BTreeSet<Arc<str>>,
    /// Set while an empty group waits for more members before its first join phase ends.
    pub(crate) initial_delay: Option<InitialDelay>,
    /// The topics that consumers subscribe to; `None` where their metadata does not tell.
    pub(crate) subscribed_topics: Option<BTreeSet<String>>,
    pub(crate) offsets: Offsets,
    /// How many members speak each protocol.
    protocol_counts: BTreeMap<String, usize>,
    awaiting_join_count: usize,
}

impl Group {
    /// An empty simple group.
    pub(crate) fn new(id: Arc<str>, now_ms: Option<i64>) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            previous_state: None,
            state_timestamp_ms: now_ms,
            protocol_type: None,
            protocol_name: None,
            generation_id: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeSet::new(),
            pending_syncs: BTreeSet::new(),
            initial_delay: None,
            subscribed_topics: None,
            offsets: Offsets::default(),
            protocol_counts: BTreeMap::new(),
            awaiting_join_count: 0,
        }
    }

    /// Takes over what a record of the log says, in place of everything but the offsets.
    pub(crate) fn load(&mut self, value: GroupMetadataValue) {
        let offsets = std::mem::take(&mut self.offsets);
        let timestamp = (value.current_state_timestamp >= 0).then_some(value.current_state_timestamp);
        let mut group = Self::new(Arc::clone(&self.id), timestamp);
        group.offsets = offsets;
        group.state = if value.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        group.protocol_type = (!value.protocol_type.is_empty()).then_some(value.protocol_type);
        group.protocol_name = value.protocol;
        group.generation_id = value.generation;
        group.leader = value.leader.map(Arc::from);
        for member in value.members {
            let rebalance_timeout_ms =
                if member.rebalance_timeout == -1 { member.session_timeout } else { member.rebalance_timeout };
            group.add(Member {
                id: member.member_id.into(),
                instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout,
                protocols: vec![Protocol {
                    name: group.protocol_name.clone().unwrap_or_default(),
                    metadata: Bytes::copy_from_slice(&member.subscription),
                }],
                assignment: Bytes::copy_from_slice(&member.assignment),
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
                session: None,
            });
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        *self = group;
    }

    /// What the log is told of the group; `assignment` gives each member's part.
    pub(crate) fn to_value(&self, assignment: impl Fn(&Member) -> Bytes) -> GroupMetadataValue {
        let protocol = self.protocol_name.as_deref();
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation_id,
            protocol: self.protocol_name.clone(),
            leader: self.leader.as_ref().map(|leader| leader.as_ref().to_owned()),
            current_state_timestamp: self.state_timestamp_ms.unwrap_or(-1),
            members: self
                .members
                .values()
                .map(|member| MemberMetadata {
                    member_id: member.id.as_ref().to_owned(),
                    group_instance_id: member.instance_id.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    rebalance_timeout: member.rebalance_timeout_ms,
                    session_timeout: member.session_timeout_ms,
                    subscription: protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol)),
                    assignment: assignment(member),
                })
                .collect(),
        }
    }

    /// What the log is told of a group that was just created.
    pub(crate) fn created_value(now_ms: i64) -> GroupMetadataValue {
        GroupMetadataValue {
            protocol: None,
            leader: None,
            current_state_timestamp: now_ms,
            ..GroupMetadataValue::default()
        }
    }

    pub(crate) fn transition_to(&mut self, state: GroupState, now_ms: i64) {
        self.previous_state = Some(std::mem::replace(&mut self.state, state));
        self.state_timestamp_ms = Some(now_ms);
    }

    pub(crate) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether a consumer of the group may be reading the topic; yes where it cannot be known.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// How long members may take to rejoin: the longest that any of them asks for.
    pub(crate) fn rebalance_timeout(&self) -> Duration {
        milliseconds(self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0))
    }

    pub(crate) fn awaiting_join_count(&self) -> usize {
        self.awaiting_join_count
    }

    pub(crate) fn all_members_joined(&self) -> bool {
        self.awaiting_join_count == self.members.len() && self.pending_joins.is_empty()
    }

    /// Whether a member with these protocols can be in the group beside the members there are.
    pub(crate) fn supports_protocols(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.speakers_of(&protocol.name) == self.members.len())
    }

    fn speakers_of(&self, protocol: &str) -> usize {
        self.protocol_counts.get(protocol).copied().unwrap_or(0)
    }

    /// The protocol that most members prefer among those that all speak; by name where votes are equal.
    pub(crate) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let common = |protocol: &&Protocol| self.speakers_of(&protocol.name) == self.members.len();
            if let Some(preferred) = member.protocols.iter().find(common) {
                *votes.entry(&preferred.name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Adds a member that was not there.
    pub(crate) fn add(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), Arc::clone(&member.id));
        }
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.count_in(&member);
        self.pending_joins.remove(&member.id);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Removes a member or a pending one. Its waiting requests are the caller's to answer.
    pub(crate) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let removed = self.members.remove(member_id);
        if let Some(member) = &removed {
            self.count_out(member);
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        removed
    }

    /// Changes a member in place, keeping the group's counts right.
    pub(crate) fn update(&mut self, member_id: &str, change: impl FnOnce(&mut Member)) {
        if let Some(mut member) = self.members.remove(member_id) {
            self.count_out(&member);
            change(&mut member);
            self.count_in(&member);
            self.members.insert(Arc::clone(&member.id), member);
        }
    }

    fn count_in(&mut self, member: &Member) {
        for protocol in &member.protocols {
            *self.protocol_counts.entry(protocol.name.clone()).or_default() += 1;
        }
        self.awaiting_join_count += usize::from(member.awaiting_join.is_some());
    }

    fn count_out(&mut self, member: &Member) {
        for protocol in &member.protocols {
            if let Some(count) = self.protocol_counts.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.protocol_counts.remove(&protocol.name);
                }
            }
        }
        self.awaiting_join_count -= usize::from(member.awaiting_join.is_some());
    }

    /// Takes a member's parked JoinGroup, to be answered.
    pub(crate) fn take_awaiting_join(&mut self, member_id: &str) -> Option<Ticket> {
        let ticket = self.members.get_mut(member_id)?.awaiting_join.take()?;
        self.awaiting_join_count -= 1;
        Some(ticket)
    }

    /// Gives a static member another member id; returns the member as it was before.
    pub(crate) fn replace_static_member(&mut self, old_id: &str, new_id: &Arc<str>) -> Option<Member> {
        let old = self.members.remove(old_id)?;
        self.count_out(&old);
        let new = Member {
            id: Arc::clone(new_id),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
            session: None,
            ..old.clone()
        };
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(Arc::clone(new_id));
        }
        self.count_in(&new);
        if let Some(instance_id) = &new.instance_id {
            self.static_members.insert(instance_id.clone(), Arc::clone(new_id));
        }
        if self.is_leader(old_id) {
            self.leader = Some(Arc::clone(new_id));
        }
        self.members.insert(Arc::clone(new_id), new);
        Some(old)
    }

    /// Whether a request of this member may be served: a static member must be the one its instance id stands for.
    pub(crate) fn validate_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current.as_ref() != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Makes a member that has rejoined the leader, the present one first; `false` where nobody has.
    pub(crate) fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &Arc<str>| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        let elected = self.members.values().find(|member| member.awaiting_join.is_some());
        match elected.map(|member| Arc::clone(&member.id)) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    /// Ends the join phase: the next generation, with a protocol where there are members.
    pub(crate) fn begin_generation(&mut self, now_ms: i64) {
        // A negative generation would read as "none".
        self.generation_id = self.generation_id.checked_add(1).unwrap_or(1);
        self.pending_syncs.clear();
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        let next = if self.members.is_empty() { GroupState::Empty } else { GroupState::CompletingRebalance };
        self.transition_to(next, now_ms);
    }

    fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(protocol);
            let mut reader = Reader::new(&metadata);
            // All versions begin with the fields of version 0.
            let subscription = reader.int16().and_then(|_version| ConsumerProtocolSubscription::decode(&mut reader, 0));
            match subscription {
                Ok(subscription) => topics.extend(subscription.topics),
                Err(error) => {
                    tracing::warn!(group_id = %self.id, member_id = %member.id, %error, "a consumer's subscription is malformed");
                    return None;
                }
            }
        }
        Some(topics)
    }

    /// All members with their metadata, as the leader gets them.
    pub(crate) fn join_response_members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or("");
        self.members
            .values()
            .map(|member| JoinGroupResponseMember {
                member_id: member.id.as_ref().to_owned(),
                group_instance_id: member.instance_id.clone(),
                metadata: member.metadata(protocol),
            })
            .collect()
    }
}
