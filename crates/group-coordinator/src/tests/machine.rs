//! A shard without a runtime: inputs and time go in by hand, records are applied at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::{
    Coordinator as _, CoordinatorError, Effects, Input, Now, ReplayPosition, Ticket, TimerChange,
};
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::{HeartbeatRequest, JoinGroupResponse, SyncGroupResponse};
use dohle_protocol::{ErrorCode, Writer};
use tokio::time::Instant;

use crate::commit::{Commit, CommitPartition, CommitTopic};
use crate::config::GroupCoordinatorConfig;
use crate::fetch::{Fetch, FetchTopic};
use crate::group::Group;
use crate::join::Join;
use crate::member::Protocol;
use crate::records::GroupRecord;
use crate::shard::{GroupReply, GroupRequest, GroupShard, GroupTimer};
use crate::sync::Sync;

/// A group id for tests of one group.
pub(crate) const GROUP: &str = "group";

pub(crate) struct Machine {
    pub(crate) shard: GroupShard,
    pub(crate) now: Now,
    pub(crate) timers: BTreeMap<GroupTimer, Instant>,
    replies: BTreeMap<Ticket, GroupReply>,
    pub(crate) log: Vec<(Bytes, Option<Bytes>)>,
    /// What appends end with.
    pub(crate) append_result: Result<(), CoordinatorError>,
    next_ticket: u64,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with(GroupCoordinatorConfig::default())
    }

    pub(crate) fn with(config: GroupCoordinatorConfig) -> Self {
        let mut machine = Self {
            shard: GroupShard::new(Arc::new(config)),
            now: Now { instant: Instant::now(), wall_ms: 1_000_000 },
            timers: BTreeMap::new(),
            replies: BTreeMap::new(),
            log: Vec::new(),
            append_result: Ok(()),
            next_ticket: 0,
        };
        machine.input(Input::Loaded);
        machine
    }

    /// A machine without the initial delay.
    pub(crate) fn prompt() -> Self {
        Self::with(GroupCoordinatorConfig {
            initial_rebalance_delay: Duration::ZERO,
            ..GroupCoordinatorConfig::default()
        })
    }

    /// The machine that loads this one's log.
    pub(crate) fn replayed(&self) -> Self {
        let mut shard = GroupShard::new(Arc::clone(&self.shard.config));
        for (offset, (key, value)) in (0..).zip(&self.log) {
            let position = ReplayPosition { offset, transactional_producer_id: None };
            shard.replay(position, key, value.as_ref()).unwrap();
        }
        let mut machine = Self {
            shard,
            now: self.now,
            timers: BTreeMap::new(),
            replies: BTreeMap::new(),
            log: self.log.clone(),
            append_result: Ok(()),
            next_ticket: self.next_ticket,
        };
        machine.input(Input::Loaded);
        machine
    }

    pub(crate) fn input(&mut self, input: Input<GroupShard>) {
        let mut effects = Effects::default();
        self.shard.decide(input, self.now, &mut effects);
        for change in effects.timers {
            match change {
                TimerChange::Set(timer, at) => self.timers.insert(timer, at),
                TimerChange::Cancel(timer) => self.timers.remove(&timer),
            };
        }
        if self.append_result.is_ok() || effects.records.is_empty() {
            self.replies.extend(effects.replies);
        }
        if self.append_result.is_ok() {
            for record in effects.records {
                let (mut key, mut value) = (Writer::new(), Writer::new());
                let has_value = GroupRecord::encode(&record, &mut key, &mut value);
                let offset = i64::try_from(self.log.len()).unwrap();
                self.log.push((key.into_bytes(), has_value.then(|| value.into_bytes())));
                self.shard.apply(record, offset);
            }
        }
        for completion in effects.completions {
            let result = self.append_result;
            self.append_result = Ok(());
            self.input(Input::Completed(completion, result));
            self.append_result = result;
        }
    }

    /// Lets time pass, and timers expire in their order.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now.instant + time;
        let wall_ms = self.now.wall_ms + i64::try_from(time.as_millis()).unwrap();
        loop {
            let next = self.timers.iter().min_by_key(|(timer, at)| (**at, (*timer).clone()));
            let Some((timer, at)) = next.map(|(timer, at)| (timer.clone(), *at)).filter(|(_, at)| *at <= end) else {
                break;
            };
            self.timers.remove(&timer);
            let passed = at.saturating_duration_since(self.now.instant);
            self.now.instant = self.now.instant.max(at);
            self.now.wall_ms += i64::try_from(passed.as_millis()).unwrap();
            self.input(Input::Timer(timer));
        }
        self.now = Now { instant: end, wall_ms };
    }

    pub(crate) fn request(&mut self, request: GroupRequest) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.input(Input::Request(ticket, request));
        ticket
    }

    pub(crate) fn reply(&mut self, ticket: Ticket) -> Option<GroupReply> {
        self.replies.remove(&ticket)
    }

    pub(crate) fn reply_now(&mut self, request: GroupRequest) -> GroupReply {
        let ticket = self.request(request);
        self.reply(ticket).expect("the request is answered at once")
    }

    pub(crate) fn join_reply(&mut self, ticket: Ticket) -> Option<JoinGroupResponse> {
        self.reply(ticket).map(|reply| match reply {
            GroupReply::Join(response) => response,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn sync_reply(&mut self, ticket: Ticket) -> Option<SyncGroupResponse> {
        self.reply(ticket).map(|reply| match reply {
            GroupReply::Sync(response) => response,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn join(&mut self, join: Join) -> Ticket {
        self.request(GroupRequest::Join(join))
    }

    /// Joins in both steps of KIP-394; the new member's id and its parked request.
    pub(crate) fn join_dynamic(&mut self, suffix: &str) -> (String, Ticket) {
        let ticket = self.join(join_of("", suffix));
        let refused = self.join_reply(ticket).expect("an id is given at once");
        assert_eq!(refused.error_code, ErrorCode::MemberIdRequired.code());
        let ticket = self.join(join_of(&refused.member_id, ""));
        (refused.member_id, ticket)
    }

    /// A stable group of dynamic members; ids in the order of suffixes, the leader's assignment is each member's id.
    pub(crate) fn stable_group(&mut self, suffixes: &[&str]) -> Vec<String> {
        let joins: Vec<(String, Ticket)> = suffixes.iter().map(|suffix| self.join_dynamic(suffix)).collect();
        while joins.iter().any(|(_, ticket)| !self.replies.contains_key(ticket)) {
            self.advance(Duration::from_secs(1));
        }
        let ids: Vec<String> = joins.iter().map(|(id, _)| id.clone()).collect();
        for (id, ticket) in &joins {
            let response = self.join_reply(*ticket).expect("the join phase is over");
            assert_eq!((response.error_code, &response.member_id), (0, id));
        }
        self.sync_all(&ids);
        ids
    }

    /// Every member asks for its assignment, the leader last; returns what they got.
    pub(crate) fn sync_all(&mut self, ids: &[String]) -> Vec<SyncGroupResponse> {
        let generation_id = self.group().generation_id;
        let leader = self.group().leader.as_deref().unwrap().to_owned();
        let mut order: Vec<&String> = ids.iter().filter(|id| **id != leader).collect();
        order.push(&leader);
        let tickets: BTreeMap<String, Ticket> = order
            .into_iter()
            .map(|id| {
                let assignments: &[String] = if *id == leader { ids } else { &[] };
                (id.clone(), self.sync(id, generation_id, assignments))
            })
            .collect();
        ids.iter().map(|id| self.sync_reply(tickets[id]).expect("the assignment is there")).collect()
    }

    pub(crate) fn sync(&mut self, member_id: &str, generation_id: i32, assigned: &[String]) -> Ticket {
        self.request(GroupRequest::Sync(Sync {
            group_id: GROUP.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            instance_id: None,
            protocol_type: None,
            protocol_name: None,
            assignments: assigned.iter().map(|id| (id.clone(), Bytes::from(id.clone()))).collect(),
        }))
    }

    pub(crate) fn heartbeat(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        let request = GroupRequest::Heartbeat(HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            group_instance_id: None,
        });
        match self.reply_now(request) {
            GroupReply::Heartbeat(code) => code,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn leave(&mut self, member_id: &str, instance_id: Option<&str>) -> Result<i16, ErrorCode> {
        let members = vec![MemberIdentity {
            member_id: member_id.to_owned(),
            group_instance_id: instance_id.map(str::to_owned),
            reason: None,
        }];
        match self.reply_now(GroupRequest::Leave { group_id: GROUP.to_owned(), members }) {
            GroupReply::Leave(result) => result.map(|members| members[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn commit(&mut self, commit: Commit) -> Result<Vec<(usize, usize, ErrorCode)>, ErrorCode> {
        match self.reply_now(GroupRequest::Commit(commit)) {
            GroupReply::Commit(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// The committed offset of partition 0 of a topic, -1 for none.
    pub(crate) fn fetch(&mut self, topic: &str) -> i64 {
        let topics = vec![FetchTopic {
            name: topic.to_owned(),
            topic_id: dohle_model::Uuid::ZERO,
            partitions: vec![0],
            refused: None,
        }];
        let fetch = Fetch { group_id: GROUP.to_owned(), topics: Some(topics), require_stable: false };
        match self.reply_now(GroupRequest::Fetch(fetch)) {
            GroupReply::Fetch(group) => group.topics[0].partitions[0].committed_offset,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn group(&self) -> &Group {
        &self.shard.groups[GROUP]
    }

    pub(crate) fn has_group(&self) -> bool {
        self.shard.groups.contains_key(GROUP)
    }
}

/// A subscription to `topics` as consumers write it, version 0.
pub(crate) fn subscription(topics: &[&str]) -> Bytes {
    let mut writer = Writer::new();
    writer.int16(0);
    writer.array_length(topics.len(), false);
    for topic in topics {
        writer.string(topic, false);
    }
    writer.null_bytes(false);
    writer.into_bytes()
}

/// A consumer's join of version 9: subscribed to "topic", session 10 s, rebalance time-out 60 s.
pub(crate) fn join_of(member_id: &str, suffix: &str) -> Join {
    Join {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "range".to_owned(), metadata: subscription(&["topic"]) }],
        requires_known_member_id: true,
        supports_skipping_assignment: true,
        unique_suffix: suffix.to_owned(),
    }
}

/// The join of a static member without an id.
pub(crate) fn static_join(instance_id: &str, suffix: &str) -> Join {
    Join { instance_id: Some(instance_id.to_owned()), ..join_of("", suffix) }
}

/// A commit of partition 0 of a topic.
pub(crate) fn commit_of(member_id: &str, generation_id: i32, topic: &str, offset: i64) -> Commit {
    Commit {
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        instance_id: None,
        retention_ms: None,
        topics: vec![CommitTopic {
            index: 0,
            name: topic.into(),
            topic_id: dohle_model::Uuid([7; 16]),
            partitions: vec![CommitPartition {
                index: 0,
                partition: 0,
                offset,
                leader_epoch: None,
                metadata: String::new(),
            }],
        }],
        reports_missing_groups: true,
    }
}
