//! A consumer as clients write them: joins, assigns where it leads, heartbeats, commits, and treats a missing answer as
//! unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dohle_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use dohle_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest,
};
use dohle_protocol::{ErrorCode, Writer};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{GROUP, Holding, PARTITIONS, TOPIC, World, info};
use crate::GroupCoordinator;

const SESSION_TIMEOUT_MS: i32 = 10_000;
const REBALANCE_TIMEOUT_MS: i32 = 20_000;
/// As clients wait for a join.
const JOIN_PATIENCE: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(30);
const BACKOFF: Duration = Duration::from_millis(100);

pub(super) struct Consumer {
    world: Arc<World>,
    number: usize,
    instance: Option<String>,
    leaving: watch::Receiver<bool>,
    member_id: String,
    generation_id: i32,
    leads: bool,
    /// With the next offset to consume.
    owned: BTreeMap<i32, i64>,
}

/// What an answer means for what the consumer does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    GoOn,
    AskAgain,
    Rejoin,
    Ended,
}

impl Consumer {
    pub(super) fn new(
        world: Arc<World>,
        number: usize,
        instance: Option<String>,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        Self {
            world,
            number,
            instance,
            leaving,
            member_id: String::new(),
            generation_id: -1,
            leads: false,
            owned: BTreeMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        while !self.is_leaving() {
            let next = match self.join().await {
                Some(joined) => self.sync(joined).await,
                None => Next::Rejoin,
            };
            let next = if next == Next::GoOn { self.consume().await } else { next };
            if next == Next::Ended {
                break;
            }
        }
        self.leave().await;
    }

    fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Who owns partitions: an instance goes on under another member id.
    fn owner(&self) -> String {
        self.instance.clone().unwrap_or_else(|| self.member_id.clone())
    }

    fn lose_all(&mut self) {
        self.owned.clear();
        self.world.oracle().holdings.remove(&self.number);
    }

    async fn understand(&mut self, code: i16) -> Next {
        match ErrorCode::from_code(code) {
            Some(ErrorCode::None) => Next::GoOn,
            Some(ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress) => Next::Rejoin,
            // The other one: an assignment of a generation that was lost, and whose number was used again.
            Some(ErrorCode::IllegalGeneration | ErrorCode::InconsistentGroupProtocol) => {
                self.lose_all();
                self.generation_id = -1;
                Next::Rejoin
            }
            // A static member whose new id was lost with the coordinator, before a generation with it was stored, is
            // fenced by its former self. Clients end then, and are started again.
            Some(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => {
                self.lose_all();
                self.generation_id = -1;
                self.member_id.clear();
                Next::Rejoin
            }
            Some(
                ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress,
            ) => {
                sleep(BACKOFF).await;
                Next::AskAgain
            }
            other => panic!("seed {}: consumer {} got {code} ({other:?})", self.world.seed, self.number),
        }
    }

    fn protocols(&self) -> Vec<JoinGroupRequestProtocol> {
        let mut metadata = Writer::new();
        metadata.int16(0);
        metadata.array_length(1, false);
        metadata.string(TOPIC, false);
        // What the assignor needs to know of the consumer: its partitions, where it keeps them through a rebalance.
        let owned: Vec<u8> = self.owned.keys().map(|partition| u8::try_from(*partition).unwrap()).collect();
        metadata.bytes(&owned, false);
        let metadata = metadata.into_bytes();
        let names: &[&str] = match (self.world.cooperative, self.number) {
            (true, _) => &["cooperative"],
            (false, 0 | 3) => &["range", "roundrobin"],
            (false, _) => &["roundrobin", "range"],
        };
        let protocol = |name: &&str| JoinGroupRequestProtocol { name: (*name).to_owned(), metadata: metadata.clone() };
        names.iter().map(protocol).collect()
    }

    async fn join(&mut self) -> Option<JoinGroupResponse> {
        if !self.world.cooperative {
            self.lose_all();
        }
        let request = JoinGroupRequest {
            group_id: GROUP.to_owned(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: self.protocols(),
            ..JoinGroupRequest::default()
        };
        // Some clients join in one step.
        let version = if self.instance.is_none() && self.number.is_multiple_of(2) { 3 } else { 9 };
        let ask = move |groups: GroupCoordinator| async move { groups.join_group(&info(version), request).await };
        let Some(response) = self.world.call(JOIN_PATIENCE, ask).await else {
            // It may be in the next generation without knowing; what it says as of the last one must not count then.
            if !self.owned.is_empty() {
                self.commit().await;
            }
            return None;
        };
        let code = response.error_code;
        self.world.note(&format!("consumer {} joins: {code} in {}", self.number, response.generation_id));
        if code == ErrorCode::MemberIdRequired.code() {
            self.member_id.clone_from(&response.member_id);
        }
        if self.understand(code).await != Next::GoOn {
            return None;
        }
        self.member_id.clone_from(&response.member_id);
        self.generation_id = response.generation_id;
        self.leads = response.leader == response.member_id;
        Some(response)
    }

    /// The leader's part: partitions by turns, but none that another member still has.
    fn assign(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let mut holders = BTreeMap::new();
        for member in &joined.members {
            // Behind the subscription stand the member's partitions.
            let owned = &member.metadata[2 + 4 + 2 + TOPIC.len() + 4..];
            for partition in owned {
                holders.insert(i32::from(*partition), member.member_id.as_str());
            }
        }
        let mut parts: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        let members: Vec<&str> = joined.members.iter().map(|member| member.member_id.as_str()).collect();
        for partition in 0..PARTITIONS {
            let index = usize::try_from(partition).unwrap();
            let target = members[index % members.len()];
            if !self.world.cooperative || holders.get(&partition).is_none_or(|holder| *holder == target) {
                parts.entry(target).or_default().push(u8::try_from(partition).unwrap());
            }
        }
        let assignment = |member: &&str| SyncGroupRequestAssignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::from(parts.get(*member).cloned().unwrap_or_default()),
        };
        members.iter().map(assignment).collect()
    }

    async fn sync(&mut self, joined: JoinGroupResponse) -> Next {
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: joined.protocol_name.clone(),
            assignments: if self.leads && !joined.skip_assignment { self.assign(&joined) } else { Vec::new() },
        };
        loop {
            if self.world.chance(3) {
                sleep(Duration::from_secs(self.world.pick(30))).await;
            }
            let request = request.clone();
            let ask = move |groups: GroupCoordinator| async move { groups.sync_group(&info(5), request).await };
            let Some(response) = self.world.call(PATIENCE, ask).await else { return Next::Rejoin };
            self.world.note(&format!("consumer {} syncs: {}", self.number, response.error_code));
            match self.understand(response.error_code).await {
                Next::GoOn => {
                    let partitions: BTreeSet<i32> = response.assignment.iter().copied().map(i32::from).collect();
                    return self.take_over(partitions).await;
                }
                Next::AskAgain => {}
                next => return next,
            }
        }
    }

    /// Gives up what was taken away and begins with what is new.
    async fn take_over(&mut self, partitions: BTreeSet<i32>) -> Next {
        let revoked: Vec<i32> = self.owned.keys().copied().filter(|owned| !partitions.contains(owned)).collect();
        if !revoked.is_empty() {
            self.commit().await;
            for partition in &revoked {
                self.owned.remove(partition);
            }
        }
        let holding = Holding { generation_id: self.generation_id, partitions: partitions.clone() };
        self.world.oracle().assigned(self.number, &self.owner(), &holding);
        let new: BTreeSet<i32> = partitions.into_iter().filter(|new| !self.owned.contains_key(new)).collect();
        if !new.is_empty() {
            for (partition, offset) in self.world.fetch(&new).await {
                self.owned.insert(partition, offset.max(0));
            }
        }
        // A cooperative consumer that gave something up asks for another round, so that it goes to its next owner.
        if revoked.is_empty() { Next::GoOn } else { Next::Rejoin }
    }

    async fn consume(&mut self) -> Next {
        while !self.is_leaving() {
            let pause = if self.world.chance(2) { self.world.pick(30_000) } else { 200 + self.world.pick(2_000) };
            sleep(Duration::from_millis(pause)).await;
            let next = self.heartbeat().await;
            if next == Next::Rejoin {
                if !self.owned.is_empty() {
                    self.commit().await;
                }
                return next;
            }
            for position in self.owned.values_mut() {
                *position += i64::try_from(self.world.pick(10)).unwrap();
            }
            if !self.owned.is_empty() && self.commit().await == Next::Rejoin {
                return Next::Rejoin;
            }
            // Leaders look after the group: a member may have died after it gave a partition up and before it asked for
            // the round in which others get it.
            if self.world.chance(2) || (self.leads && self.world.pick(100) < 3) {
                return Next::Rejoin;
            }
        }
        Next::Ended
    }

    async fn heartbeat(&mut self) -> Next {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: self.generation_id,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance.clone(),
        };
        let handed_out = self.world.oracle().generation_id;
        let ask = move |groups: GroupCoordinator| async move { groups.heartbeat(&info(4), request).await };
        let Some(response) = self.world.call(PATIENCE, ask).await else { return Next::AskAgain };
        // A coordinator that is loading lets everyone live on, so this alone says nothing.
        if response.error_code == ErrorCode::RebalanceInProgress.code() {
            assert!(self.generation_id >= handed_out, "a heartbeat of an earlier generation was taken");
        }
        self.understand(response.error_code).await
    }

    async fn commit(&mut self) -> Next {
        let positions = self.owned.clone();
        let partitions = positions.iter().map(|(partition, offset)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: -1,
            committed_metadata: None,
        });
        let request = OffsetCommitRequest {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: self.generation_id,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance.clone(),
            retention_time_ms: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: partitions.collect(),
                ..OffsetCommitRequestTopic::default()
            }],
        };
        let handed_out = self.world.oracle().generation_id;
        let ask = move |groups: GroupCoordinator| async move { groups.offset_commit(&info(9), request).await };
        let Some(response) = self.world.call(PATIENCE, ask).await else { return Next::AskAgain };
        let code = response.topics[0].partitions[0].error_code;
        if code == 0 {
            assert!(
                self.generation_id >= handed_out,
                "seed {}: a commit of generation {} was taken after {handed_out}",
                self.world.seed,
                self.generation_id
            );
            let mut oracle = self.world.oracle();
            oracle.commits += 1;
            for (partition, offset) in positions {
                let at_least = oracle.committed(partition);
                oracle.found(partition, offset, at_least);
            }
        }
        self.understand(code).await
    }

    async fn leave(&mut self) {
        self.world.note(&format!("consumer {} ends", self.number));
        self.lose_all();
        // Static members only go away.
        if self.instance.is_some() || self.member_id.is_empty() {
            return;
        }
        let member = MemberIdentity { member_id: self.member_id.clone(), ..MemberIdentity::default() };
        let request =
            LeaveGroupRequest { group_id: GROUP.to_owned(), members: vec![member], ..LeaveGroupRequest::default() };
        let ask = move |groups: GroupCoordinator| async move { groups.leave_group(&info(5), request).await };
        // Whether it was heard or not: who is not heard of is removed.
        let _ = self.world.call(PATIENCE, ask).await;
    }
}
