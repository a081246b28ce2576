//! What a member says of itself when it joins a group: the coordinator keeps it, hands it on, writes it down and reads it
//! back unchanged, and finds the topics in it where it can be read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::memory_logs::MemoryLogs;
use dohle_group_coordinator::{GroupCoordinator, GroupCoordinatorConfig, RequestInfo, TopicIndex};
use dohle_model::{TopicId, TopicName, Uuid};
use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use dohle_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use dohle_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use dohle_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, JoinGroupRequest, JoinGroupResponse, OffsetDeleteRequest,
    SyncGroupRequest,
};
use dohle_protocol::records::embedded::ConsumerProtocolSubscription;
use dohle_protocol::{ErrorCode, Message, Reader, Writer};
use dohle_seams::simulated::{SimulatedDisk, world};

const GROUP: &str = "group";
const TOPIC: &str = "topic";
const PROTOCOL: &str = "range";
/// The largest batch of the offsets topic: metadata that does not fit is refused.
const BATCH_BYTES_MAX: usize = 32 * 1024;

/// One topic, and an offsets topic of one partition.
#[derive(Debug)]
struct Topics;

impl TopicIndex for Topics {
    fn topic_id(&self, name: &str) -> Option<TopicId> {
        (name == TOPIC).then_some(TopicId(Uuid([1; 16])))
    }

    fn topic_name(&self, id: TopicId) -> Option<TopicName> {
        (self.topic_id(TOPIC) == Some(id)).then(|| TopicName::from(TOPIC))
    }

    fn partition_count(&self, _: &str) -> Option<i32> {
        Some(1)
    }
}

fn coordinator(logs: &Arc<MemoryLogs>) -> GroupCoordinator {
    let config = GroupCoordinatorConfig {
        initial_rebalance_delay: Duration::ZERO,
        batch_bytes_max: BATCH_BYTES_MAX,
        ..GroupCoordinatorConfig::default()
    };
    GroupCoordinator::new(config, Arc::clone(logs) as _, Arc::new(Topics), world(1, SimulatedDisk::new(1)))
}

async fn elect(groups: &GroupCoordinator, leader_epoch: i32) {
    groups.elected(0, leader_epoch);
    while !groups.is_active(0) {
        tokio::task::yield_now().await;
    }
}

fn info(api_version: i16) -> RequestInfo {
    RequestInfo { client_id: "client".to_owned(), client_host: "/127.0.0.1".to_owned(), api_version }
}

async fn join(groups: &GroupCoordinator, member_id: &str, metadata: &Bytes) -> JoinGroupResponse {
    let protocols = vec![JoinGroupRequestProtocol { name: PROTOCOL.to_owned(), metadata: metadata.clone() }];
    let request = JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols,
        ..JoinGroupRequest::default()
    };
    groups.join_group(&info(9), request).await
}

async fn describe(groups: &GroupCoordinator) -> DescribeGroupsResponse {
    let request = DescribeGroupsRequest { groups: vec![GROUP.to_owned()], ..DescribeGroupsRequest::default() };
    groups.describe_groups(&info(6), request).await
}

/// Whether the members of a group that said this read the topic.
fn reads_topic(metadata: &Bytes) -> bool {
    let mut reader = Reader::new(metadata);
    let subscription = reader.int16().and_then(|_| ConsumerProtocolSubscription::decode(&mut reader, 0));
    // Where nobody knows, all topics count.
    subscription.is_ok_and(|subscription| subscription.topics.iter().any(|topic| topic == TOPIC))
        || !reads_as_subscription(metadata)
}

fn reads_as_subscription(metadata: &Bytes) -> bool {
    let mut reader = Reader::new(metadata);
    reader.int16().and_then(|_| ConsumerProtocolSubscription::decode(&mut reader, 0)).is_ok()
}

async fn play(metadata: Bytes) {
    let logs = Arc::new(MemoryLogs::default());
    let groups = coordinator(&logs);
    elect(&groups, 1).await;
    let asked = join(&groups, "", &metadata).await;
    assert_eq!(asked.error_code, ErrorCode::MemberIdRequired.code());
    let joined = join(&groups, &asked.member_id, &metadata).await;
    assert_eq!(joined.error_code, 0, "nobody else is there");
    let [member] = &joined.members[..] else { panic!("the leader gets all members: {joined:?}") };
    assert_eq!(member.metadata, metadata, "the leader gets what the member said");
    let assignments =
        vec![SyncGroupRequestAssignment { member_id: joined.member_id.clone(), assignment: metadata.clone() }];
    let sync = SyncGroupRequest {
        group_id: GROUP.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments,
        ..SyncGroupRequest::default()
    };
    let synced = groups.sync_group(&info(4), sync).await;
    let described = describe(&groups).await;
    if synced.error_code == 0 {
        assert_eq!(synced.assignment, metadata);
        let member = &described.groups[0].members[0];
        assert_eq!((&member.member_metadata, &member.member_assignment), (&metadata, &metadata));
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
        let topics = vec![OffsetDeleteRequestTopic { name: TOPIC.to_owned(), partitions }];
        let delete = OffsetDeleteRequest { group_id: GROUP.to_owned(), topics };
        let deleted = groups.offset_delete(&info(0), delete).await;
        let refused = deleted.topics[0].partitions[0].error_code == ErrorCode::GroupSubscribedToTopic.code();
        assert_eq!(refused, reads_topic(&metadata));
        // Who leads the partition next knows the same.
        let next = coordinator(&logs);
        elect(&next, 2).await;
        assert_eq!(describe(&next).await, described);
        next.shutdown().await;
    } else {
        assert!(metadata.len() * 2 > BATCH_BYTES_MAX / 2, "refused with {}", synced.error_code);
    }
    groups.shutdown().await;
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
    runtime.block_on(play(Bytes::copy_from_slice(data)));
}

/// Subscriptions in all versions.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["other".to_owned(), TOPIC.to_owned()],
        user_data: Some(Bytes::from_static(b"data")),
        rack_id: Some("rack".to_owned()),
        ..ConsumerProtocolSubscription::default()
    };
    let seed = |version: i16| {
        let mut writer = Writer::new();
        writer.int16(version);
        subscription.encode(&mut writer, version);
        writer.as_slice().to_vec()
    };
    (0..=3).map(seed).collect()
}
