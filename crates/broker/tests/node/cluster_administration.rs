//! What administrators do to the cluster as a whole, in every version.

use std::time::Duration;

use dohle_model::Uuid;
use dohle_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use dohle_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use dohle_protocol::messages::metadata_request::MetadataRequestTopic;
use dohle_protocol::messages::update_features_request::FeatureUpdateKey;
use dohle_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiVersionsRequest, ApiVersionsResponse,
    CreatePartitionsRequest, CreatePartitionsResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeQuorumRequest, DescribeQuorumResponse, ElectLeadersRequest, ElectLeadersResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, MetadataRequest, MetadataResponse,
    UnregisterBrokerRequest, UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
    describe_quorum_request,
};
use dohle_protocol::{ApiKey, ErrorCode};

use crate::requests::TOPIC;
use crate::simulation::{Client, World, simulate};

async fn create_partitions(
    client: &mut Client,
    version: i16,
    count: i32,
    assignments: Option<Vec<CreatePartitionsAssignment>>,
    timeout_ms: i32,
) -> (i16, Option<String>) {
    let topics = vec![CreatePartitionsTopic { name: TOPIC.to_owned(), count, assignments }];
    let request = CreatePartitionsRequest { topics, timeout_ms, validate_only: false };
    let response: CreatePartitionsResponse = client.call(ApiKey::CreatePartitions, version, &request).await.unwrap();
    assert_eq!(response.results[0].name, TOPIC);
    (response.results[0].error_code, response.results[0].error_message.clone())
}

async fn partition_count(client: &mut Client) -> usize {
    client.metadata().await.unwrap().topics[0].partitions.len()
}

#[test]
fn new_partitions_are_served_when_the_answer_comes() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        for version in 0..=3 {
            let index = i32::from(version) + 1;
            let assignments = (version % 2 == 1).then(|| vec![CreatePartitionsAssignment { broker_ids: vec![1] }]);
            assert_eq!(create_partitions(&mut client, version, index + 1, assignments, 10_000).await, (0, None));
            let values = vec![format!("version {version}")];
            assert_eq!(client.produce(TOPIC, index, &values).await.unwrap(), Ok(0));
            assert_eq!(partition_count(&mut client).await, usize::try_from(index).unwrap() + 1);
        }
        node.shutdown().await;
        let node = world.start().await;
        let mut client = world.connect();
        for index in 1..=4 {
            assert_eq!(client.read_all(TOPIC, index).await.unwrap().len(), 1, "partition {index} after a restart");
        }
        node.shutdown().await;
    });
}

#[test]
fn no_time_is_a_time_out_without_words() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        for timeout_ms in [0, -1] {
            let timed_out = (ErrorCode::RequestTimedOut.code(), None);
            assert_eq!(create_partitions(&mut client, 3, 2, None, timeout_ms).await, timed_out);
        }
        let elect = ElectLeadersRequest { timeout_ms: 0, ..ElectLeadersRequest::default() };
        let response: ElectLeadersResponse = client.call(ApiKey::ElectLeaders, 2, &elect).await.unwrap();
        assert_eq!((response.error_code, response.replica_election_results.len()), (7, 0));
        assert_eq!(partition_count(&mut client).await, 1);
        node.shutdown().await;
    });
}

#[test]
fn one_replica_has_nowhere_to_go() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        for version in 0..=1 {
            for (replicas, expected) in [
                (Some(vec![1]), ErrorCode::None),
                (None, ErrorCode::NoReassignmentInProgress),
                (Some(vec![2]), ErrorCode::InvalidReplicaAssignment),
            ] {
                let partitions = vec![ReassignablePartition { partition_index: 0, replicas }];
                let topics = vec![ReassignableTopic { name: TOPIC.to_owned(), partitions }];
                let request = AlterPartitionReassignmentsRequest { topics, timeout_ms: 10_000, ..Default::default() };
                let response: AlterPartitionReassignmentsResponse =
                    client.call(ApiKey::AlterPartitionReassignments, version, &request).await.unwrap();
                assert_eq!((response.error_code, response.error_message.as_deref()), (0, None));
                assert_eq!(response.responses[0].partitions[0].error_code, expected.code());
            }
        }
        let request = ListPartitionReassignmentsRequest { topics: None, timeout_ms: 10_000 };
        let response: ListPartitionReassignmentsResponse =
            client.call(ApiKey::ListPartitionReassignments, 0, &request).await.unwrap();
        assert_eq!((response.error_code, response.error_message, response.topics), (0, None, vec![]));
        let elect = ElectLeadersRequest { topic_partitions: None, timeout_ms: 10_000, election_type: 0 };
        for version in 0..=2 {
            let response: ElectLeadersResponse = client.call(ApiKey::ElectLeaders, version, &elect).await.unwrap();
            let results = &response.replica_election_results;
            assert_eq!((results.len(), results[0].topic.as_str(), results[0].partition_result.len()), (1, TOPIC, 0));
        }
        node.shutdown().await;
    });
}

async fn describe_quorum(client: &mut Client, version: i16, topic: &str, partitions: &[i32]) -> DescribeQuorumResponse {
    let partitions = partitions.iter();
    let partitions =
        partitions.map(|index| describe_quorum_request::PartitionData { partition_index: *index }).collect();
    let topics = vec![describe_quorum_request::TopicData { topic_name: topic.to_owned(), partitions }];
    client.call(ApiKey::DescribeQuorum, version, &DescribeQuorumRequest { topics }).await.unwrap()
}

#[test]
fn the_quorum_is_this_node_alone() {
    const METADATA: &str = "__cluster_metadata";
    simulate(4, |mut world: World| async move {
        let mut last = (0, 0);
        for _ in 0..2 {
            let node = world.start().await;
            let mut client = world.connect();
            for version in 0..=2 {
                let response = describe_quorum(&mut client, version, METADATA, &[0]).await;
                assert_eq!(response.error_code, 0);
                let partition = &response.topics[0].partitions[0];
                assert_eq!((partition.error_code, partition.leader_id, partition.observers.len()), (0, 1, 0));
                let [voter] = partition.current_voters.as_slice() else { panic!("{partition:?}") };
                assert_eq!((voter.replica_id, voter.log_end_offset), (1, partition.high_watermark));
                assert_eq!(voter.last_fetch_timestamp, voter.last_caught_up_timestamp);
                assert_eq!(voter.last_fetch_timestamp > 0, version >= 1);
                assert_eq!(voter.replica_directory_id != Uuid::ZERO, version >= 2);
                let nodes: Vec<i32> = response.nodes.iter().map(|node| node.node_id).collect();
                assert_eq!(nodes, if version >= 2 { vec![1] } else { vec![] });
                // What ApiVersions calls the epoch of the features is an offset of the same log.
                let finalized = client.api_versions().await.unwrap().finalized_features_epoch;
                assert!(finalized < partition.high_watermark, "{finalized} {partition:?}");
                client.create_topic(&format!("t-{}-{version}", partition.leader_epoch), 1, &[]).await.unwrap();
                let now = (partition.leader_epoch, partition.high_watermark);
                assert!(last < now, "{last:?}, then {now:?}");
                last = now;
            }
            node.shutdown().await;
        }
    });
}

#[test]
fn other_partitions_have_no_quorum() {
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    simulate(5, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        for version in 0..=2 {
            for (topic, partitions) in
                [("x", &[0, 1][..]), ("__cluster_metadata", &[1]), ("__cluster_metadata", &[0, 1])]
            {
                let response = describe_quorum(&mut client, version, topic, partitions).await;
                assert_eq!((response.error_code, response.nodes.len()), (0, 0));
                let found = response.topics[0].partitions.iter();
                let found: Vec<_> = found.map(|partition| (partition.partition_index, partition.error_code)).collect();
                assert_eq!(found, partitions.iter().map(|index| (*index, unknown)).collect::<Vec<_>>());
            }
            let none: DescribeQuorumResponse =
                client.call(ApiKey::DescribeQuorum, version, &DescribeQuorumRequest::default()).await.unwrap();
            assert_eq!((none.error_code, none.topics.len()), (0, 0));
        }
        node.shutdown().await;
    });
}

#[test]
fn feature_levels_in_every_version() {
    simulate(6, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        for version in 0..=4 {
            let request =
                ApiVersionsRequest { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() };
            let response: ApiVersionsResponse = client.call(ApiKey::ApiVersions, version, &request).await.unwrap();
            let supported: Vec<_> = response
                .supported_features
                .iter()
                .map(|it| (it.name.as_str(), it.min_version, it.max_version))
                .collect();
            let finalized = response.finalized_features.iter();
            let finalized: Vec<_> =
                finalized.map(|it| (it.name.as_str(), it.min_version_level, it.max_version_level)).collect();
            let expected = if version >= 3 { vec![("metadata.version", 30, 30)] } else { vec![] };
            assert_eq!((supported, finalized), (expected.clone(), expected));
            assert_eq!(response.finalized_features_epoch > 0, version >= 3);
        }
        for version in 0..=2 {
            for (feature, level, expected) in [
                ("metadata.version", 30, ErrorCode::None),
                ("metadata.version", 31, ErrorCode::InvalidUpdateVersion),
                ("group.version", 1, ErrorCode::InvalidUpdateVersion),
                ("nope", 0, ErrorCode::InvalidUpdateVersion),
            ] {
                let update =
                    FeatureUpdateKey { feature: feature.to_owned(), max_version_level: level, ..Default::default() };
                let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
                let response: UpdateFeaturesResponse =
                    client.call(ApiKey::UpdateFeatures, version, &request).await.unwrap();
                assert_eq!(response.error_code, expected.code(), "{feature} {level}");
                let is_per_feature = expected == ErrorCode::None && version < 2;
                assert_eq!(response.results.len(), usize::from(is_per_feature));
            }
        }
        node.shutdown().await;
    });
}

/// As in Kafka: it is done, and the next start of the broker registers it again.
#[test]
fn a_broker_can_be_forgotten_while_it_lives() {
    simulate(7, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[("flush.messages", "1")]).await.unwrap();
        client.produce(TOPIC, 0, &["kept".to_owned()]).await.unwrap().unwrap();
        let request = UnregisterBrokerRequest { broker_id: 1 };
        let forget: UnregisterBrokerResponse = client.call(ApiKey::UnregisterBroker, 0, &request).await.unwrap();
        assert_eq!(forget.error_code, 0);
        let request = DescribeClusterRequest { include_fenced_brokers: true, ..Default::default() };
        let cluster: DescribeClusterResponse = client.call(ApiKey::DescribeCluster, 2, &request).await.unwrap();
        assert_eq!((cluster.controller_id, cluster.brokers.len()), (-1, 0));
        let again: UnregisterBrokerResponse =
            client.call(ApiKey::UnregisterBroker, 0, &UnregisterBrokerRequest { broker_id: 1 }).await.unwrap();
        assert_eq!(again.error_code, ErrorCode::BrokerIdNotRegistered.code());
        assert_eq!(again.error_message.as_deref(), Some("Broker ID 1 is not currently registered"));
        drop(client);
        world.cut_the_power(node).await;
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(client.read_all(TOPIC, 0).await.unwrap(), [(0, "kept".to_owned())]);
        node.shutdown().await;
    });
}

#[test]
fn all_topics_of_one_request_are_created_together() {
    simulate(8, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        let before = client.api_versions().await.unwrap().finalized_features_epoch;
        let topics = (0..500).map(|n| MetadataRequestTopic { name: Some(format!("t{n}")), ..Default::default() });
        let request = MetadataRequest { topics: Some(topics.collect()), ..MetadataRequest::default() };
        let asked: MetadataResponse = client.call(ApiKey::Metadata, 12, &request).await.unwrap();
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        assert!(asked.topics.iter().all(|topic| topic.error_code == unknown));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found: MetadataResponse = client.call(ApiKey::Metadata, 12, &request).await.unwrap();
        assert!(found.topics.iter().all(|topic| topic.error_code == 0 && topic.partitions.len() == 1));
        let after = client.api_versions().await.unwrap().finalized_features_epoch;
        assert_eq!(after, before + 1, "one entry of the metadata log has them all");
        node.shutdown().await;
    });
}
