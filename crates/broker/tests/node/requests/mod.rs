#![allow(dead_code, unreachable_pub, reason = "each program of tests uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it is part of tests")]
//! A request of every API and version that makes sense to a broker, and the errors that its response has.

mod administration;

use bytes::Bytes;
use dohle_model::Uuid;
use dohle_protocol::compression::Compression;
use dohle_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use dohle_protocol::messages::create_topics_request::CreatableTopic;
use dohle_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::describe_configs_request::DescribeConfigsResource;
use dohle_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use dohle_protocol::messages::describe_producers_request::TopicRequest as ProducersTopic;
use dohle_protocol::messages::describe_topic_partitions_request::TopicRequest;
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use dohle_protocol::messages::metadata_request::MetadataRequestTopic;
use dohle_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dohle_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use dohle_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use dohle_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use dohle_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dohle_protocol::messages::*;
use dohle_protocol::record_batch::BatchBuilder;
use dohle_protocol::{ApiKey, Message, Reader, Writer};

/// The topic that requests are about.
pub const TOPIC: &str = "orders";
/// The group that requests are about.
pub const GROUP: &str = "group";
/// What every batch holds.
pub const VALUE: &[u8] = b"value";
const NOW_MS: i64 = 1_767_225_600_000;

/// One batch of one record.
pub fn batch() -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.record(NOW_MS, Some(b"key"), Some(VALUE), &[]);
    builder.build()
}

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.into_bytes()
}

/// The body of a request about [`TOPIC`], whose id is `topic_id`, and [`GROUP`].
pub fn request(api: ApiKey, version: i16, topic_id: Uuid) -> Bytes {
    let topic = || TOPIC.to_owned();
    let group_id = || GROUP.to_owned();
    let member_id = || "nobody".to_owned();
    match api {
        ApiKey::Produce => {
            let partition_data = vec![PartitionProduceData { index: 0, records: Some(batch()) }];
            let topic_data = vec![TopicProduceData { name: topic(), topic_id, partition_data }];
            encode(&ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() }, version)
        }
        ApiKey::Fetch => {
            let partitions = vec![FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() }];
            let topics = vec![FetchTopic { topic: topic(), topic_id, partitions }];
            encode(&FetchRequest { min_bytes: 1, max_wait_ms: 100, topics, ..Default::default() }, version)
        }
        ApiKey::ListOffsets => {
            let partitions = vec![ListOffsetsPartition { timestamp: -1, ..Default::default() }];
            let topics = vec![ListOffsetsTopic { name: topic(), partitions }];
            encode(&ListOffsetsRequest { replica_id: -1, topics, ..Default::default() }, version)
        }
        ApiKey::Metadata => {
            let topics = vec![MetadataRequestTopic { name: Some(topic()), ..Default::default() }];
            encode(&MetadataRequest { topics: Some(topics), ..Default::default() }, version)
        }
        ApiKey::OffsetCommit => {
            let partitions = vec![OffsetCommitRequestPartition { committed_offset: 1, ..Default::default() }];
            let topics = vec![OffsetCommitRequestTopic { name: topic(), topic_id, partitions }];
            encode(&OffsetCommitRequest { group_id: group_id(), topics, ..Default::default() }, version)
        }
        ApiKey::OffsetFetch => {
            let old = OffsetFetchRequestTopic { name: topic(), partition_indexes: vec![0] };
            let new = OffsetFetchRequestTopics { name: topic(), topic_id, partition_indexes: vec![0] };
            let group = OffsetFetchRequestGroup { group_id: group_id(), topics: Some(vec![new]), ..Default::default() };
            let request = OffsetFetchRequest {
                group_id: group_id(),
                topics: Some(vec![old]),
                groups: vec![group],
                ..Default::default()
            };
            encode(&request, version)
        }
        ApiKey::FindCoordinator => {
            let request =
                FindCoordinatorRequest { key: group_id(), coordinator_keys: vec![group_id()], ..Default::default() };
            encode(&request, version)
        }
        ApiKey::JoinGroup => {
            let request = JoinGroupRequest {
                group_id: format!("join-{version}"),
                session_timeout_ms: 10_000,
                rebalance_timeout_ms: 10_000,
                protocol_type: "consumer".to_owned(),
                protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata: Bytes::new() }],
                ..Default::default()
            };
            encode(&request, version)
        }
        ApiKey::Heartbeat => {
            let request = HeartbeatRequest { group_id: group_id(), member_id: member_id(), ..Default::default() };
            encode(&request, version)
        }
        ApiKey::LeaveGroup => {
            let members = vec![MemberIdentity { member_id: member_id(), ..Default::default() }];
            encode(&LeaveGroupRequest { group_id: group_id(), member_id: member_id(), members }, version)
        }
        ApiKey::SyncGroup => {
            let request = SyncGroupRequest {
                group_id: group_id(),
                member_id: member_id(),
                protocol_type: Some("consumer".to_owned()),
                protocol_name: Some("range".to_owned()),
                ..Default::default()
            };
            encode(&request, version)
        }
        ApiKey::DescribeGroups => {
            encode(&DescribeGroupsRequest { groups: vec![GROUP.to_owned()], ..Default::default() }, version)
        }
        ApiKey::ListGroups => encode(&ListGroupsRequest::default(), version),
        ApiKey::ApiVersions => {
            let request =
                ApiVersionsRequest { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() };
            encode(&request, version)
        }
        ApiKey::CreateTopics => {
            let topic = CreatableTopic {
                name: format!("created-{version}"),
                num_partitions: 1,
                replication_factor: 1,
                ..Default::default()
            };
            encode(&CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() }, version)
        }
        ApiKey::DeleteTopics => {
            let name = format!("deleted-{version}");
            let topics = vec![DeleteTopicState { name: Some(name.clone()), topic_id: Uuid::ZERO }];
            encode(&DeleteTopicsRequest { topics, topic_names: vec![name], timeout_ms: 1000 }, version)
        }
        ApiKey::DeleteRecords => {
            let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 0 }];
            let topics = vec![DeleteRecordsTopic { name: topic(), partitions }];
            encode(&DeleteRecordsRequest { topics, timeout_ms: 1000 }, version)
        }
        ApiKey::AlterReplicaLogDirs => {
            let topics = vec![AlterReplicaLogDirTopic { name: topic(), partitions: vec![0] }];
            let dirs = vec![AlterReplicaLogDir { path: "/nowhere".to_owned(), topics }];
            encode(&AlterReplicaLogDirsRequest { dirs }, version)
        }
        ApiKey::DescribeLogDirs => {
            let topics = Some(vec![DescribableLogDirTopic { topic: topic(), partitions: vec![0] }]);
            encode(&DescribeLogDirsRequest { topics }, version)
        }
        ApiKey::DeleteGroups => encode(&DeleteGroupsRequest { groups_names: vec![group_id()] }, version),
        ApiKey::OffsetDelete => {
            let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
            let topics = vec![OffsetDeleteRequestTopic { name: topic(), partitions }];
            encode(&OffsetDeleteRequest { group_id: group_id(), topics }, version)
        }
        ApiKey::DescribeProducers => {
            let topics = vec![ProducersTopic { name: topic(), partition_indexes: vec![0] }];
            encode(&DescribeProducersRequest { topics }, version)
        }
        ApiKey::InitProducerId => {
            encode(&InitProducerIdRequest { transactional_id: None, ..Default::default() }, version)
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partitions = vec![OffsetForLeaderPartition { leader_epoch: 0, ..Default::default() }];
            let topics = vec![OffsetForLeaderTopic { topic: topic(), partitions }];
            encode(&OffsetForLeaderEpochRequest { topics, ..Default::default() }, version)
        }
        ApiKey::DescribeConfigs => {
            let resource = |resource_type, name: &str| DescribeConfigsResource {
                resource_type,
                resource_name: name.to_owned(),
                configuration_keys: None,
            };
            let request = DescribeConfigsRequest {
                resources: vec![resource(2, TOPIC), resource(4, "1"), resource(4, "")],
                include_synonyms: true,
                include_documentation: true,
            };
            encode(&request, version)
        }
        ApiKey::DescribeCluster => encode(&DescribeClusterRequest::default(), version),
        ApiKey::DescribeTopicPartitions => {
            let request = DescribeTopicPartitionsRequest {
                topics: vec![TopicRequest { name: topic() }],
                response_partition_limit: 100,
                ..Default::default()
            };
            encode(&request, version)
        }
        other => administration::request(other, version),
    }
}

fn decode<M: Message>(body: &Bytes, version: i16) -> M {
    let mut reader = Reader::new(body);
    let decoded = M::decode(&mut reader, version).unwrap();
    reader.finish().unwrap();
    decoded
}

/// Reads a response to its last byte: its error codes, those of its parts among them.
pub fn errors(api: ApiKey, version: i16, body: &Bytes) -> Vec<i16> {
    macro_rules! decode {
        ($response:ty) => {
            decode::<$response>(body, version)
        };
    }
    match api {
        ApiKey::Produce => {
            let topics = decode!(ProduceResponse).responses.into_iter();
            topics.flat_map(|topic| topic.partition_responses).map(|partition| partition.error_code).collect()
        }
        ApiKey::Fetch => {
            let response = decode!(FetchResponse);
            let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
            partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
        }
        ApiKey::ListOffsets => {
            let topics = decode!(ListOffsetsResponse).topics.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::Metadata => {
            let topics = decode!(MetadataResponse).topics.into_iter();
            topics
                .flat_map(|topic| topic.partitions.into_iter().map(|p| p.error_code).chain([topic.error_code]))
                .collect()
        }
        ApiKey::OffsetCommit => {
            let topics = decode!(OffsetCommitResponse).topics.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::OffsetFetch => {
            let response = decode!(OffsetFetchResponse);
            let old = response.topics.into_iter().flat_map(|topic| topic.partitions).map(|p| p.error_code);
            let new = response.groups.into_iter().flat_map(|group| {
                let partitions = group.topics.into_iter().flat_map(|topic| topic.partitions);
                partitions.map(|partition| partition.error_code).chain([group.error_code])
            });
            old.chain(new).chain([response.error_code]).collect()
        }
        ApiKey::FindCoordinator => {
            let response = decode!(FindCoordinatorResponse);
            response.coordinators.iter().map(|found| found.error_code).chain([response.error_code]).collect()
        }
        ApiKey::JoinGroup => vec![decode!(JoinGroupResponse).error_code],
        ApiKey::Heartbeat => vec![decode!(HeartbeatResponse).error_code],
        ApiKey::LeaveGroup => {
            let response = decode!(LeaveGroupResponse);
            response.members.iter().map(|member| member.error_code).chain([response.error_code]).collect()
        }
        ApiKey::SyncGroup => vec![decode!(SyncGroupResponse).error_code],
        ApiKey::DescribeGroups => decode!(DescribeGroupsResponse).groups.iter().map(|group| group.error_code).collect(),
        ApiKey::ListGroups => vec![decode!(ListGroupsResponse).error_code],
        ApiKey::ApiVersions => vec![decode!(ApiVersionsResponse).error_code],
        ApiKey::CreateTopics => decode!(CreateTopicsResponse).topics.iter().map(|topic| topic.error_code).collect(),
        ApiKey::DeleteTopics => decode!(DeleteTopicsResponse).responses.iter().map(|topic| topic.error_code).collect(),
        ApiKey::DeleteRecords => {
            let topics = decode!(DeleteRecordsResponse).topics.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::AlterReplicaLogDirs => {
            let topics = decode!(AlterReplicaLogDirsResponse).results.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::DescribeLogDirs => {
            let response = decode!(DescribeLogDirsResponse);
            response.results.iter().map(|directory| directory.error_code).chain([response.error_code]).collect()
        }
        ApiKey::DeleteGroups => decode!(DeleteGroupsResponse).results.iter().map(|group| group.error_code).collect(),
        ApiKey::OffsetDelete => {
            let response = decode!(OffsetDeleteResponse);
            let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
            partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
        }
        ApiKey::DescribeProducers => {
            let topics = decode!(DescribeProducersResponse).topics.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::InitProducerId => vec![decode!(InitProducerIdResponse).error_code],
        ApiKey::OffsetForLeaderEpoch => {
            let topics = decode!(OffsetForLeaderEpochResponse).topics.into_iter();
            topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
        }
        ApiKey::DescribeConfigs => decode!(DescribeConfigsResponse).results.iter().map(|r| r.error_code).collect(),
        ApiKey::DescribeCluster => vec![decode!(DescribeClusterResponse).error_code],
        ApiKey::DescribeTopicPartitions => {
            let topics = decode!(DescribeTopicPartitionsResponse).topics.into_iter();
            topics
                .flat_map(|topic| topic.partitions.into_iter().map(|p| p.error_code).chain([topic.error_code]))
                .collect()
        }
        other => administration::errors(other, version, body),
    }
}
