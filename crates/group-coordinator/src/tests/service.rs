//! The coordinator as handlers see it: what differs between versions, and errors that are not a group's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::LogAccessError;
use dohle_coordinator_runtime::memory_logs::MemoryLogs;
use dohle_model::{TopicId, TopicName, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dohle_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use dohle_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use dohle_protocol::messages::offset_fetch_response::OffsetFetchResponseTopics;
use dohle_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use dohle_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    OffsetFetchResponse, SyncGroupRequest,
};
use dohle_seams::simulated::{SimulatedDisk, world};

use super::machine::subscription;
use crate::{GroupCoordinator, GroupCoordinatorConfig, RequestInfo, TopicIndex};

const GROUP: &str = "group";
const OFFSETS_PARTITIONS: i32 = 4;

/// `topic` and `other` with 3 partitions each, and the offsets topic.
#[derive(Debug)]
struct Topics;

fn id_of(number: u8) -> TopicId {
    TopicId(Uuid([number; 16]))
}

impl TopicIndex for Topics {
    fn topic_id(&self, name: &str) -> Option<TopicId> {
        match name {
            "topic" => Some(id_of(1)),
            "other" => Some(id_of(2)),
            _ => None,
        }
    }

    fn topic_name(&self, id: TopicId) -> Option<TopicName> {
        ["topic", "other"].into_iter().find(|name| self.topic_id(name) == Some(id)).map(TopicName::from)
    }

    fn partition_count(&self, name: &str) -> Option<i32> {
        match name {
            "topic" | "other" => Some(3),
            "__consumer_offsets" => Some(OFFSETS_PARTITIONS),
            _ => None,
        }
    }
}

struct Service {
    logs: Arc<MemoryLogs>,
    groups: GroupCoordinator,
}

fn version(api_version: i16) -> RequestInfo {
    RequestInfo { client_id: "client".to_owned(), client_host: "/127.0.0.1".to_owned(), api_version }
}

impl Service {
    fn unelected() -> Self {
        let logs = Arc::new(MemoryLogs::default());
        let config = GroupCoordinatorConfig {
            initial_rebalance_delay: Duration::ZERO,
            batch_bytes_max: 20_000,
            ..GroupCoordinatorConfig::default()
        };
        let environment = world(1, SimulatedDisk::new(1));
        let groups = GroupCoordinator::new(config, Arc::clone(&logs) as _, Arc::new(Topics), environment);
        Self { logs, groups }
    }

    async fn started() -> Self {
        let service = Self::unelected();
        service.elect(1).await;
        service
    }

    async fn elect(&self, leader_epoch: i32) {
        for partition in 0..OFFSETS_PARTITIONS {
            self.groups.elected(partition, leader_epoch);
        }
        while (0..OFFSETS_PARTITIONS).any(|partition| !self.groups.is_active(partition)) {
            tokio::task::yield_now().await;
        }
    }

    async fn join(&self, api_version: i16, request: JoinGroupRequest) -> JoinGroupResponse {
        self.groups.join_group(&version(api_version), request).await
    }

    /// A member that has joined and got its assignment, the only one of its group.
    async fn member(&self) -> JoinGroupResponse {
        let joined = self.join(3, join_request("")).await;
        assert_eq!(joined.error_code, 0);
        let sync = sync_request(&joined);
        assert_eq!(self.groups.sync_group(&version(3), sync).await.error_code, 0);
        joined
    }

    async fn commit(&self, api_version: i16, request: OffsetCommitRequest) -> Vec<(i32, i16)> {
        let response = self.groups.offset_commit(&version(api_version), request).await;
        let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
        partitions.map(|partition| (partition.partition_index, partition.error_code)).collect()
    }

    async fn fetch_groups(&self, api_version: i16, groups: Vec<OffsetFetchRequestGroup>) -> OffsetFetchResponse {
        let request = OffsetFetchRequest { groups, ..OffsetFetchRequest::default() };
        self.groups.offset_fetch(&version(api_version), request).await
    }
}

fn join_request(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata: subscription(&["topic"]) }],
        ..JoinGroupRequest::default()
    }
}

fn sync_request(joined: &JoinGroupResponse) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: GROUP.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: Bytes::from_static(b"all"),
        }],
        ..SyncGroupRequest::default()
    }
}

fn heartbeat_request(joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..HeartbeatRequest::default()
    }
}

/// A commit of offset 5 by nobody, for partitions of `topic` by its name and its id.
fn commit_request(partitions: &[i32]) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        generation_id_or_member_epoch: -1,
        retention_time_ms: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: "topic".to_owned(),
            topic_id: id_of(1).0,
            partitions: partitions
                .iter()
                .map(|partition| OffsetCommitRequestPartition {
                    partition_index: *partition,
                    committed_offset: 5,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                })
                .collect(),
        }],
        ..OffsetCommitRequest::default()
    }
}

fn fetch_topic(name: &str, topic_id: Uuid) -> OffsetFetchRequestTopics {
    OffsetFetchRequestTopics { name: name.to_owned(), topic_id, partition_indexes: vec![0] }
}

fn fetch_group(topics: Option<Vec<OffsetFetchRequestTopics>>) -> OffsetFetchRequestGroup {
    OffsetFetchRequestGroup { group_id: GROUP.to_owned(), topics, ..OffsetFetchRequestGroup::default() }
}

fn is(code: ErrorCode) -> i16 {
    code.code()
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_of_a_groups_partition_coordinates_it() {
    let service = Service::unelected();
    assert_eq!(service.join(9, join_request("")).await.error_code, is(ErrorCode::NotCoordinator));
    let heartbeat = heartbeat_request(&JoinGroupResponse::default());
    let response = service.groups.heartbeat(&version(4), heartbeat.clone()).await;
    assert_eq!(response.error_code, is(ErrorCode::NotCoordinator));
    let listed = service.groups.list_groups(&version(5), ListGroupsRequest::default()).await;
    assert_eq!((listed.error_code, listed.groups.len()), (0, 0), "nothing is led here, which is no error");

    service.groups.elected(service.groups.partition_for(GROUP), 1);
    assert_eq!(service.join(9, join_request("")).await.error_code, is(ErrorCode::CoordinatorLoadInProgress));
    let response = service.groups.heartbeat(&version(4), heartbeat).await;
    assert_eq!(response.error_code, 0, "members outlive a change of coordinator");
    let listed = service.groups.list_groups(&version(5), ListGroupsRequest::default()).await;
    assert_eq!(listed.error_code, is(ErrorCode::CoordinatorLoadInProgress));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_coordinator_is_not_available() {
    let service = Service::started().await;
    service.groups.shutdown().await;
    assert_eq!(service.join(9, join_request("")).await.error_code, is(ErrorCode::CoordinatorNotAvailable));
}

#[tokio::test(start_paused = true)]
async fn joins_differ_by_version() {
    let service = Service::started().await;
    let refused = service.join(4, join_request("")).await;
    assert_eq!(refused.error_code, is(ErrorCode::MemberIdRequired));
    assert!(refused.member_id.starts_with("client-") && refused.member_id.len() == "client-".len() + 36);
    assert_eq!(refused.protocol_name.as_deref(), Some(""), "there is no null before version 7");
    let refused = service.join(7, join_request("nobody")).await;
    assert_eq!((refused.error_code, refused.protocol_name), (is(ErrorCode::UnknownMemberId), None));

    let joined = service.join(3, join_request("")).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
}

#[tokio::test(start_paused = true)]
async fn joins_are_checked_before_a_group_is_asked() {
    let service = Service::unelected();
    let nameless = JoinGroupRequest { group_id: String::new(), ..join_request("") };
    assert_eq!(service.join(9, nameless).await.error_code, is(ErrorCode::InvalidGroupId));
    for session_timeout_ms in [-1, 0, 5_999, 1_800_001] {
        let request = JoinGroupRequest { session_timeout_ms, ..join_request("") };
        assert_eq!(service.join(9, request).await.error_code, is(ErrorCode::InvalidSessionTimeout));
    }
}

#[tokio::test(start_paused = true)]
async fn the_rebalance_timeout_of_the_oldest_joins_is_the_session_timeout() {
    let service = Service::started().await;
    let member = service.member().await;
    let rejoin = JoinGroupRequest { rebalance_timeout_ms: -1, ..join_request(&member.member_id) };
    assert_eq!(service.join(0, rejoin).await.generation_id, 2);
    let started = tokio::time::Instant::now();
    // Nobody rejoins beside the new one, whose join ends with the other's rebalance time-out.
    let joined = service.join(3, JoinGroupRequest { rebalance_timeout_ms: 1, ..join_request("") }).await;
    assert_eq!((joined.generation_id, started.elapsed().as_secs()), (3, 10));
}

#[tokio::test(start_paused = true)]
async fn syncs_name_the_protocol_from_version_5_on() {
    let service = Service::started().await;
    let joined = service.join(3, join_request("")).await;
    let named = SyncGroupRequest {
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        ..sync_request(&joined)
    };
    let refused = [
        SyncGroupRequest { protocol_type: None, ..named.clone() },
        SyncGroupRequest { protocol_name: None, ..named.clone() },
        SyncGroupRequest { protocol_name: Some("other".to_owned()), ..named.clone() },
    ];
    for request in refused {
        let response = service.groups.sync_group(&version(5), request).await;
        assert_eq!(response.error_code, is(ErrorCode::InconsistentGroupProtocol));
    }
    let nameless = SyncGroupRequest { group_id: String::new(), ..named.clone() };
    let response = service.groups.sync_group(&version(5), nameless).await;
    assert_eq!(response.error_code, is(ErrorCode::InvalidGroupId));
    let response = service.groups.sync_group(&version(5), named).await;
    assert_eq!((response.error_code, &response.assignment[..]), (0, &b"all"[..]));
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
}

#[tokio::test(start_paused = true)]
async fn leaving_is_answered_at_the_top_or_for_each_member() {
    let service = Service::started().await;
    let leave = |member_id: &str| LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        members: vec![MemberIdentity { member_id: member_id.to_owned(), ..MemberIdentity::default() }],
    };
    let unknown = service.groups.leave_group(&version(2), leave("nobody")).await;
    assert_eq!((unknown.error_code, unknown.members.len()), (is(ErrorCode::UnknownMemberId), 0));
    let unknown = service.groups.leave_group(&version(5), leave("nobody")).await;
    assert_eq!((unknown.error_code, unknown.members[0].error_code), (0, is(ErrorCode::UnknownMemberId)));
    let member = service.member().await;
    let left = service.groups.leave_group(&version(2), leave(&member.member_id)).await;
    assert_eq!(left.error_code, 0);
    let member = service.member().await;
    let left = service.groups.leave_group(&version(3), leave(&member.member_id)).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn commits_of_what_does_not_exist_are_refused_one_by_one() {
    let service = Service::started().await;
    let unknown = is(ErrorCode::UnknownTopicOrPartition);
    let committed = service.commit(9, commit_request(&[0, 3, -1, 2])).await;
    assert_eq!(committed, [(0, 0), (3, unknown), (-1, unknown), (2, 0)]);
    let mut request = commit_request(&[0]);
    request.topics[0].name = "gone".to_owned();
    assert_eq!(service.commit(9, request).await, [(0, unknown)]);
    let mut request = commit_request(&[1]);
    request.topics[0].name = String::new();
    assert_eq!(service.commit(10, request.clone()).await, [(1, 0)], "named by its id alone");
    request.topics[0].topic_id = id_of(9).0;
    assert_eq!(service.commit(10, request).await, [(1, is(ErrorCode::UnknownTopicId))]);
    assert_eq!(service.logs.records(service.groups.partition_for(GROUP)).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_topic_of_which_nothing_is_committed_is_told_of_only_if_it_does_not_exist() {
    let service = Service::started().await;
    let topic = |name: &str, partitions: &[i32]| {
        let topic = commit_request(partitions).topics.remove(0);
        OffsetCommitRequestTopic { name: name.to_owned(), ..topic }
    };
    let mut request = commit_request(&[]);
    request.topics = vec![topic("topic", &[]), topic("gone", &[]), topic("topic", &[1, 7])];
    let response = service.groups.offset_commit(&version(9), request).await;
    let told = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| (partition.partition_index, partition.error_code));
        (topic.name.as_str(), partitions.collect())
    });
    let unknown = is(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(told.collect::<Vec<(&str, Vec<_>)>>(), [("gone", vec![]), ("topic", vec![(1, 0), (7, unknown)])]);
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_twice_in_one_request_is_what_stands_last() {
    let service = Service::started().await;
    let mut request = commit_request(&[0, 0]);
    request.topics[0].partitions[0].committed_offset = 8;
    request.topics.push(request.topics[0].clone());
    request.topics[1].partitions[1].committed_offset = 9;
    assert_eq!(service.commit(9, request).await, [(0, 0); 4]);
    let response = service.fetch_groups(9, vec![fetch_group(None)]).await;
    assert_eq!(response.groups[0].topics[0].partitions[0].committed_offset, 9);
}

#[tokio::test(start_paused = true)]
async fn a_leader_epoch_is_given_back_as_it_came() {
    let service = Service::started().await;
    for epoch in [-5, -1, 0, 7] {
        let mut request = commit_request(&[0]);
        request.topics[0].partitions[0].committed_leader_epoch = epoch;
        service.commit(9, request).await;
        let response = service.fetch_groups(9, vec![fetch_group(None)]).await;
        assert_eq!(response.groups[0].topics[0].partitions[0].committed_leader_epoch, epoch);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_into_a_missing_group_says_so_from_version_9_on() {
    let service = Service::started().await;
    let request = OffsetCommitRequest { generation_id_or_member_epoch: 1, ..commit_request(&[0]) };
    assert_eq!(service.commit(8, request.clone()).await, [(0, is(ErrorCode::IllegalGeneration))]);
    assert_eq!(service.commit(9, request).await, [(0, is(ErrorCode::GroupIdNotFound))]);
}

#[tokio::test(start_paused = true)]
async fn commits_fail_with_the_log() {
    let service = Service::started().await;
    for (error, code) in [
        (LogAccessError::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (LogAccessError::TimedOut, ErrorCode::CoordinatorNotAvailable),
        (LogAccessError::NotLeader, ErrorCode::NotCoordinator),
        (LogAccessError::Storage("EIO".to_owned()), ErrorCode::NotCoordinator),
        (LogAccessError::TooLarge, ErrorCode::UnknownServerError),
    ] {
        service.logs.fail_next_append(error);
        assert_eq!(service.commit(9, commit_request(&[0])).await, [(0, is(code))]);
    }
    let mut large = commit_request(&[0, 1, 2]);
    for (topic, partition) in (0..20).flat_map(|topic| (0..3).map(move |partition| (topic, partition))) {
        if partition == 0 && topic > 0 {
            large.topics.push(large.topics[0].clone());
        }
        large.topics[topic].partitions[partition].committed_metadata = Some("x".repeat(1000));
    }
    let codes = service.commit(9, large).await;
    assert!(codes.iter().all(|(_, code)| *code == is(ErrorCode::UnknownServerError)), "no batch holds it");
    service.logs.set_commits_at_once(false);
    assert_eq!(service.commit(9, commit_request(&[0])).await, [(0, is(ErrorCode::CoordinatorNotAvailable))]);
}

#[tokio::test(start_paused = true)]
async fn offsets_are_fetched_in_the_form_of_each_version() {
    let service = Service::started().await;
    service.commit(9, commit_request(&[0])).await;
    let topics = |names: &[&str]| {
        let topic = |name: &&str| OffsetFetchRequestTopic { name: (*name).to_owned(), partition_indexes: vec![0] };
        Some(names.iter().map(topic).collect::<Vec<_>>())
    };
    for api_version in 1..=7 {
        let request = OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics: topics(&["topic", "other", "gone"]),
            ..OffsetFetchRequest::default()
        };
        let response = service.groups.offset_fetch(&version(api_version), request).await;
        let offsets: Vec<_> = response.topics.iter().map(|topic| topic.partitions[0].committed_offset).collect();
        assert_eq!((response.error_code, offsets), (0, vec![5, -1, -1]), "version {api_version}");
    }
    let all = OffsetFetchRequest { group_id: GROUP.to_owned(), topics: None, ..OffsetFetchRequest::default() };
    let response = service.groups.offset_fetch(&version(7), all).await;
    assert_eq!(response.topics.len(), 1);

    for api_version in [8, 9] {
        let named = fetch_group(Some(vec![fetch_topic("topic", Uuid::ZERO)]));
        let unknown = OffsetFetchRequestGroup { group_id: "unknown".to_owned(), ..named.clone() };
        let response = service.fetch_groups(api_version, vec![named, unknown, fetch_group(None)]).await;
        let offsets: Vec<_> =
            response.groups.iter().map(|group| group.topics[0].partitions[0].committed_offset).collect();
        assert_eq!(offsets, [5, -1, 5]);
        assert!(response.groups.iter().all(|group| group.error_code == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_fetched_by_topic_id_from_version_10_on() {
    let service = Service::started().await;
    service.commit(9, commit_request(&[0])).await;
    let ids = [id_of(9).0, Uuid::ZERO, id_of(1).0];
    let by_id = fetch_group(Some(ids.map(|id| fetch_topic("", id)).to_vec()));
    let response = service.fetch_groups(10, vec![by_id, fetch_group(None)]).await;
    let [named, all] = &response.groups[..] else { panic!("{response:?}") };
    let told = |topic: &OffsetFetchResponseTopics| {
        (topic.topic_id, topic.partitions[0].committed_offset, topic.partitions[0].error_code)
    };
    let unknown = is(ErrorCode::UnknownTopicId);
    let expected = [(id_of(1).0, 5, 0), (id_of(9).0, -1, unknown), (Uuid::ZERO, -1, unknown)];
    assert_eq!(named.topics.iter().map(told).collect::<Vec<_>>(), expected, "what is unknown comes last");
    assert_eq!((all.topics.len(), all.topics[0].topic_id), (1, id_of(1).0));
}

#[tokio::test(start_paused = true)]
async fn errors_of_fetches_have_their_place_in_each_version() {
    let service = Service::unelected();
    let request = |topics| OffsetFetchRequest { group_id: GROUP.to_owned(), topics, ..OffsetFetchRequest::default() };
    let topics = Some(vec![OffsetFetchRequestTopic { name: "topic".to_owned(), partition_indexes: vec![0, 1] }]);
    let code = is(ErrorCode::NotCoordinator);
    let response = service.groups.offset_fetch(&version(1), request(topics.clone())).await;
    let codes: Vec<_> = response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [code, code]);
    let response = service.groups.offset_fetch(&version(2), request(topics)).await;
    assert_eq!((response.error_code, response.topics.len()), (code, 0));
    let response = service.fetch_groups(8, vec![fetch_group(None)]).await;
    assert_eq!((response.error_code, response.groups[0].error_code), (0, code));

    let service = Service::started().await;
    service.commit(9, commit_request(&[0])).await;
    service.logs.set_commits_at_once(false);
    let groups = service.groups.clone();
    tokio::spawn(async move { groups.offset_commit(&version(9), commit_request(&[1])).await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let response = service.fetch_groups(8, vec![fetch_group(None)]).await;
    assert_eq!(response.groups[0].error_code, code, "consumers do not expect COORDINATOR_NOT_AVAILABLE here");
}

#[tokio::test(start_paused = true)]
async fn missing_groups_are_dead_and_from_version_6_on_an_error() {
    let service = Service::started().await;
    service.member().await;
    let request = DescribeGroupsRequest {
        groups: vec![GROUP.to_owned(), "missing".to_owned()],
        ..DescribeGroupsRequest::default()
    };
    for (api_version, code) in [(5, 0), (6, is(ErrorCode::GroupIdNotFound))] {
        let response = service.groups.describe_groups(&version(api_version), request.clone()).await;
        let [group, missing] = &response.groups[..] else { panic!("{response:?}") };
        assert_eq!((group.group_state.as_str(), group.members.len(), group.error_code), ("Stable", 1, 0));
        assert_eq!(&group.members[0].member_assignment[..], b"all");
        assert_eq!((missing.group_state.as_str(), missing.error_code), ("Dead", code));
        assert_eq!(missing.error_message.is_some(), api_version >= 6);
    }
}

#[tokio::test(start_paused = true)]
async fn groups_of_all_partitions_are_listed() {
    let service = Service::started().await;
    service.member().await;
    for number in 0..10 {
        let request = OffsetCommitRequest { group_id: format!("simple{number}"), ..commit_request(&[0]) };
        service.commit(9, request).await;
    }
    let list = |states: &[&str], types: &[&str]| ListGroupsRequest {
        states_filter: states.iter().map(|state| (*state).to_owned()).collect(),
        types_filter: types.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    for (request, count) in [
        (list(&[], &[]), 11),
        (list(&["stable"], &[]), 1),
        (list(&["Empty", "Dead"], &["Classic"]), 10),
        (list(&[], &["consumer"]), 0),
    ] {
        let response = service.groups.list_groups(&version(5), request).await;
        assert_eq!((response.error_code, response.groups.len()), (0, count));
    }
}

#[tokio::test(start_paused = true)]
async fn groups_and_offsets_are_deleted() {
    let service = Service::started().await;
    service.commit(9, commit_request(&[0, 1])).await;
    let delete = OffsetDeleteRequest {
        group_id: GROUP.to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "topic".to_owned(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    let nameless = OffsetDeleteRequest { group_id: String::new(), ..delete.clone() };
    let response = service.groups.offset_delete(&version(0), nameless).await;
    assert_eq!(response.error_code, is(ErrorCode::InvalidGroupId));
    let response = service.groups.offset_delete(&version(0), delete).await;
    assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 0));
    let response = service.fetch_groups(8, vec![fetch_group(None)]).await;
    assert_eq!(response.groups[0].topics[0].partitions.len(), 1);

    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.to_owned(), "missing".to_owned()] };
    let response = service.groups.delete_groups(&version(2), delete).await;
    let codes: Vec<_> = response.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [0, is(ErrorCode::GroupIdNotFound)]);
    service.elect(2).await;
    let response = service.fetch_groups(8, vec![fetch_group(None)]).await;
    assert!(response.groups[0].topics.is_empty(), "the log says so, too");
}

#[tokio::test(start_paused = true)]
async fn deleted_topics_take_their_offsets_along() {
    let service = Service::started().await;
    for number in 0..10 {
        let request = OffsetCommitRequest { group_id: format!("group{number}"), ..commit_request(&[0]) };
        service.commit(9, request).await;
    }
    service.groups.on_topics_deleted(&[("topic".into(), id_of(1))]).await;
    for number in 0..10 {
        let group = OffsetFetchRequestGroup { group_id: format!("group{number}"), ..fetch_group(None) };
        assert!(service.fetch_groups(8, vec![group]).await.groups[0].topics.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_goes_on_with_the_next_coordinator() {
    let service = Service::started().await;
    let member = service.member().await;
    service.elect(2).await;
    let response = service.groups.heartbeat(&version(4), heartbeat_request(&member)).await;
    assert_eq!(response.error_code, 0);
    let request = OffsetCommitRequest {
        generation_id_or_member_epoch: member.generation_id,
        member_id: member.member_id.clone(),
        ..commit_request(&[0])
    };
    assert_eq!(service.commit(9, request).await, [(0, 0)]);
    assert_eq!(service.commit(9, commit_request(&[0])).await, [(0, is(ErrorCode::UnknownMemberId))]);
}
