//! The groups of one partition of `__consumer_offsets`: takes in records, and hands each input to its rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dohle_coordinator_runtime::{
    Coordinator, CoordinatorError, Effects, Input, Now, ReplayError, ReplayPosition, Ticket,
};
use dohle_model::{TopicName, Uuid};
use dohle_protocol::messages::describe_groups_response::DescribedGroup;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::leave_group_response::MemberResponse;
use dohle_protocol::messages::list_groups_response::ListedGroup;
use dohle_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use dohle_protocol::messages::{
    HeartbeatRequest, JoinGroupResponse, OffsetDeleteRequest, OffsetDeleteResponse, SyncGroupResponse,
};
use dohle_protocol::{ErrorCode, Writer};

use crate::commit::Commit;
use crate::config::GroupCoordinatorConfig;
use crate::fetch::Fetch;
use crate::group::Group;
use crate::join::Join;
use crate::member::Member;
use crate::records::GroupRecord;
use crate::sync::Sync;
use crate::transactions::PendingTransactions;

/// What a shard is asked.
#[derive(Debug)]
pub(crate) enum GroupRequest {
    Join(Join),
    Sync(Sync),
    Heartbeat(HeartbeatRequest),
    Leave { group_id: String, members: Vec<MemberIdentity> },
    Commit(Commit),
    Fetch(Fetch),
    Describe { group_ids: Vec<String>, reports_missing_groups: bool },
    List { states: Vec<String>, types: Vec<String> },
    DeleteGroups(Vec<String>),
    DeleteOffsets(OffsetDeleteRequest),
    TopicsDeleted(Arc<[(TopicName, Uuid)]>),
}

/// What it answers.
#[derive(Debug, PartialEq)]
pub(crate) enum GroupReply {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(ErrorCode),
    Leave(Result<Vec<MemberResponse>, ErrorCode>),
    /// The partitions that were refused, as indexes of topic and partition; or the whole request.
    Commit(Result<Vec<(usize, usize, ErrorCode)>, ErrorCode>),
    Fetch(OffsetFetchResponseGroup),
    Describe(Vec<DescribedGroup>),
    List(Vec<ListedGroup>),
    DeleteGroups(Vec<(String, ErrorCode)>),
    DeleteOffsets(OffsetDeleteResponse),
    TopicsDeleted,
}

/// The timers of a shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GroupTimer {
    /// A member, or a member id that was given out, has not been heard of.
    Session { group_id: Arc<str>, member_id: Arc<str> },
    /// The join phase has lasted as long as it may.
    JoinPhase { group_id: Arc<str> },
    /// Members have had the time to ask for their assignments.
    SyncPhase { group_id: Arc<str> },
    /// Time to look for expired offsets.
    Expiry,
}

/// What rests on records that were not committed yet.
#[derive(Debug)]
pub(crate) enum GroupCompletion {
    /// The first record of a group.
    Created { group_id: Arc<str> },
    /// The assignment of a generation.
    Assigned { group_id: Arc<str>, generation_id: i32, assignments: BTreeMap<Arc<str>, Bytes> },
    /// The new id of a static member that replaced its former self.
    StaticMemberReplaced { group_id: Arc<str>, former: Box<Member>, new_id: Arc<str> },
}

pub(crate) type GroupEffects = Effects<GroupShard>;

/// What the rules of a group see and cause.
pub(crate) struct Turn<'a> {
    pub(crate) config: &'a GroupCoordinatorConfig,
    pub(crate) now: Now,
    pub(crate) effects: &'a mut GroupEffects,
}

impl Turn<'_> {
    pub(crate) fn reply(&mut self, ticket: Ticket, reply: GroupReply) {
        self.effects.reply(ticket, reply);
    }
}

/// All groups of one partition.
#[derive(Debug)]
pub(crate) struct GroupShard {
    pub(crate) config: Arc<GroupCoordinatorConfig>,
    pub(crate) groups: BTreeMap<Arc<str>, Group>,
    pub(crate) transactions: PendingTransactions,
}

impl GroupShard {
    pub(crate) fn new(config: Arc<GroupCoordinatorConfig>) -> Self {
        Self { config, groups: BTreeMap::new(), transactions: PendingTransactions::default() }
    }

    /// The groups, and a turn for their rules.
    pub(crate) fn split<'a>(
        &'a mut self,
        now: Now,
        effects: &'a mut GroupEffects,
    ) -> (&'a mut BTreeMap<Arc<str>, Group>, Turn<'a>) {
        (&mut self.groups, Turn { config: &self.config, now, effects })
    }

    fn loaded(&mut self, now: Now, effects: &mut GroupEffects) {
        let (groups, mut turn) = self.split(now, effects);
        for group in groups.values_mut() {
            group.resume(&mut turn);
        }
        self.schedule_expiry(now, effects);
    }

    fn timer_expired(&mut self, timer: GroupTimer, now: Now, effects: &mut GroupEffects) {
        let (groups, mut turn) = self.split(now, effects);
        match timer {
            GroupTimer::Session { group_id, member_id } => {
                if let Some(group) = groups.get_mut(&group_id) {
                    group.session_timer_expired(&mut turn, &member_id);
                }
            }
            GroupTimer::JoinPhase { group_id } => {
                if let Some(group) = groups.get_mut(&group_id) {
                    group.join_phase_expired(&mut turn);
                }
            }
            GroupTimer::SyncPhase { group_id } => {
                if let Some(group) = groups.get_mut(&group_id) {
                    group.sync_phase_expired(&mut turn);
                }
            }
            GroupTimer::Expiry => {
                self.expire_offsets(now, effects);
                self.schedule_expiry(now, effects);
            }
        }
    }

    fn completed(
        &mut self,
        completion: GroupCompletion,
        result: Result<(), CoordinatorError>,
        now: Now,
        effects: &mut GroupEffects,
    ) {
        let (groups, mut turn) = self.split(now, effects);
        match completion {
            GroupCompletion::Created { group_id } => {
                if result.is_err() && groups.get(&group_id).is_some_and(|group| group.is_unused()) {
                    groups.remove(&group_id);
                }
            }
            GroupCompletion::Assigned { group_id, generation_id, assignments } => {
                if let Some(group) = groups.get_mut(&group_id) {
                    group.assignment_stored(&mut turn, generation_id, &assignments, result);
                }
            }
            GroupCompletion::StaticMemberReplaced { group_id, former, new_id } => {
                if let (Err(_), Some(group)) = (result, groups.get_mut(&group_id)) {
                    group.undo_static_replacement(&mut turn, *former, &new_id);
                }
            }
        }
    }

    fn request(&mut self, ticket: Ticket, request: GroupRequest, now: Now, effects: &mut GroupEffects) {
        match request {
            GroupRequest::Join(join) => self.join(ticket, join, now, effects),
            GroupRequest::Sync(sync) => self.sync(ticket, sync, now, effects),
            GroupRequest::Heartbeat(heartbeat) => {
                let code = self.heartbeat(&heartbeat, now, effects);
                effects.reply(ticket, GroupReply::Heartbeat(code));
            }
            GroupRequest::Leave { group_id, members } => {
                let reply = self.leave(&group_id, members, now, effects);
                effects.reply(ticket, GroupReply::Leave(reply));
            }
            GroupRequest::Commit(commit) => {
                let reply = self.commit(&commit, now, effects);
                effects.reply(ticket, GroupReply::Commit(reply));
            }
            GroupRequest::Fetch(fetch) => effects.reply(ticket, GroupReply::Fetch(self.fetch(fetch))),
            GroupRequest::Describe { group_ids, reports_missing_groups } => {
                effects.reply(ticket, GroupReply::Describe(self.describe(group_ids, reports_missing_groups)));
            }
            GroupRequest::List { states, types } => {
                effects.reply(ticket, GroupReply::List(self.list(&states, &types)));
            }
            GroupRequest::DeleteGroups(group_ids) => {
                let results = self.delete_groups(group_ids, effects);
                effects.reply(ticket, GroupReply::DeleteGroups(results));
            }
            GroupRequest::DeleteOffsets(request) => {
                let response = self.delete_offsets(request, effects);
                effects.reply(ticket, GroupReply::DeleteOffsets(response));
            }
            GroupRequest::TopicsDeleted(topics) => {
                self.delete_offsets_of_topics(&topics, effects);
                effects.reply(ticket, GroupReply::TopicsDeleted);
            }
        }
    }
}

impl Coordinator for GroupShard {
    type Request = GroupRequest;
    type Reply = GroupReply;
    type Record = GroupRecord;
    type Timer = GroupTimer;
    type Completion = GroupCompletion;

    fn encode(record: &GroupRecord, key: &mut Writer, value: &mut Writer) -> bool {
        record.encode(key, value)
    }

    fn replay(&mut self, position: ReplayPosition, key: &Bytes, value: Option<&Bytes>) -> Result<(), ReplayError> {
        let record = GroupRecord::decode(key, value)?;
        match (record, position.transactional_producer_id) {
            (GroupRecord::Offset { group_id, topic, partition, committed: Some(mut committed) }, Some(producer_id)) => {
                committed.record_offset = position.offset;
                self.group_for_offsets(&group_id);
                self.transactions.add(producer_id, group_id, topic, partition, committed);
            }
            (GroupRecord::Group { group_id, value: Some(value) }, _) => {
                self.groups.entry(group_id).or_insert_with_key(|id| Group::new(Arc::clone(id), None)).load(value);
            }
            (record, _) => self.apply(record, position.offset),
        }
        Ok(())
    }

    fn replay_end_transaction(&mut self, producer_id: i64, committed: bool) {
        for pending in self.transactions.end(producer_id) {
            // A plain commit may have overtaken the transaction; the later record counts.
            let group = self.group_for_offsets(&pending.group_id);
            let current = group.offsets.get(&pending.topic, pending.partition);
            if committed && current.is_none_or(|current| current.record_offset < pending.committed.record_offset) {
                group.offsets.put(pending.topic, pending.partition, pending.committed);
            }
        }
    }

    fn needs_settled_state(&self, input: &Input<Self>) -> bool {
        matches!(
            input,
            Input::Timer(GroupTimer::Expiry)
                | Input::Request(
                    _,
                    GroupRequest::DeleteGroups(_) | GroupRequest::DeleteOffsets(_) | GroupRequest::TopicsDeleted(_)
                )
        )
    }

    fn decide(&mut self, input: Input<Self>, now: Now, effects: &mut GroupEffects) {
        match input {
            Input::Loaded => self.loaded(now, effects),
            Input::Request(ticket, request) => self.request(ticket, request, now, effects),
            Input::Timer(timer) => self.timer_expired(timer, now, effects),
            Input::Completed(completion, result) => self.completed(completion, result, now, effects),
        }
    }

    fn apply(&mut self, record: GroupRecord, offset: i64) {
        match record {
            GroupRecord::Offset { group_id, topic, partition, committed: Some(mut committed) } => {
                committed.record_offset = offset;
                self.group_for_offsets(&group_id).offsets.put(topic, partition, committed);
            }
            GroupRecord::Offset { group_id, topic, partition, committed: None } => {
                if let Some(group) = self.groups.get_mut(&group_id) {
                    group.offsets.remove(&topic, partition);
                }
                self.transactions.remove(&group_id, &topic, partition);
            }
            // What a live group has beyond its offsets changed when the record was decided; the record tells the log.
            GroupRecord::Group { value: Some(_), .. } => {}
            GroupRecord::Group { group_id, value: None } => {
                if let Some(group) = self.groups.remove(&group_id)
                    && !group.offsets.is_empty()
                {
                    let mut simple = Group::new(Arc::clone(&group_id), None);
                    simple.offsets = group.offsets;
                    self.groups.insert(group_id, simple);
                }
            }
        }
    }
}

impl GroupShard {
    /// The group that an offset belongs to; a simple one comes into being with its first offset.
    fn group_for_offsets(&mut self, group_id: &Arc<str>) -> &mut Group {
        if !self.groups.contains_key(group_id) {
            self.groups.insert(Arc::clone(group_id), Group::new(Arc::clone(group_id), None));
        }
        self.groups.get_mut(group_id).expect("inserted where it was missing")
    }
}
