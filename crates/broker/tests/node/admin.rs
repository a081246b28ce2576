//! Metadata and the requests of administrators.

use std::time::Duration;

use dohle_model::Uuid;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::describe_configs_request::DescribeConfigsResource;
use dohle_protocol::messages::describe_configs_response::DescribeConfigsResult;
use dohle_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use dohle_protocol::messages::metadata_request::MetadataRequestTopic;
use dohle_protocol::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse,
};
use dohle_protocol::{ApiKey, ErrorCode};

use crate::requests::TOPIC;
use crate::simulation::{Client, World, simulate};

async fn metadata(client: &mut Client, version: i16, names: &[Option<&str>], create: bool) -> MetadataResponse {
    let topics = names.iter().map(|name| MetadataRequestTopic { name: name.map(str::to_owned), topic_id: Uuid::ZERO });
    let request = MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: create,
        ..MetadataRequest::default()
    };
    client.call(ApiKey::Metadata, version, &request).await.unwrap()
}

fn code(error: ErrorCode) -> i16 {
    error.code()
}

#[test]
fn topics_are_created_by_being_asked_for() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        let unknown = code(ErrorCode::UnknownTopicOrPartition);
        for (name, create, is_created) in
            [("wanted", true, true), ("unwanted", false, false), ("__transaction_state", true, false)]
        {
            let first = metadata(&mut client, 9, &[Some(name)], create).await;
            assert_eq!(first.topics[0].error_code, unknown, "{name}");
            tokio::time::sleep(Duration::from_secs(1)).await;
            let then = metadata(&mut client, 9, &[Some(name)], false).await;
            assert_eq!(then.topics[0].error_code, if is_created { 0 } else { unknown }, "{name}");
        }
        // Old versions cannot say that they do not want to.
        metadata(&mut client, 1, &[Some("old")], false).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let old = metadata(&mut client, 9, &[Some("old"), Some("a b"), Some("old")], true).await;
        let found: Vec<_> = old.topics.iter().map(|topic| (topic.name.as_deref().unwrap(), topic.error_code)).collect();
        assert_eq!(found, [("a b", code(ErrorCode::InvalidTopicException)), ("old", 0)], "each once");
        node.shutdown().await;
    });
}

#[test]
fn metadata_by_id_and_by_neither() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let id = client.metadata().await.unwrap().topics[0].topic_id;
        let asked = |name: Option<&str>, topic_id| MetadataRequestTopic { name: name.map(str::to_owned), topic_id };
        let request = MetadataRequest {
            topics: Some(vec![asked(None, id), asked(None, Uuid([9; 16])), asked(Some("ignored"), Uuid::ZERO)]),
            ..MetadataRequest::default()
        };
        let response: MetadataResponse = client.call(ApiKey::Metadata, 12, &request).await.unwrap();
        let mut found: Vec<_> = response.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code)).collect();
        found.sort_unstable();
        assert_eq!(found, [(None, code(ErrorCode::UnknownTopicId)), (Some(TOPIC), 0)]);
        // Version 10 has the field, and no use for it.
        let response: MetadataResponse = client.call(ApiKey::Metadata, 10, &request).await.unwrap();
        assert!(response.topics.iter().all(|topic| topic.error_code == code(ErrorCode::InvalidRequest)));
        assert!(response.brokers.is_empty());
        node.shutdown().await;
    });
}

async fn describe(
    client: &mut Client,
    version: i16,
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
    };
    let request =
        DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, include_documentation: true };
    let response: DescribeConfigsResponse = client.call(ApiKey::DescribeConfigs, version, &request).await.unwrap();
    response.results[0].clone()
}

#[test]
fn settings_say_where_they_come_from() {
    const TOPICS: i8 = 2;
    const BROKERS: i8 = 4;
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[("retention.ms", "5000")]).await.unwrap();
        let described = describe(&mut client, 4, TOPICS, TOPIC, Some(&["retention.ms", "nonsense"])).await;
        assert_eq!(described.configs.len(), 1);
        let retention = &described.configs[0];
        assert_eq!((retention.value.as_deref(), retention.config_source, retention.config_type), (Some("5000"), 1, 5));
        assert_eq!(retention.synonyms[0].name, "retention.ms");
        assert!(retention.documentation.is_some());
        let all = describe(&mut client, 4, TOPICS, TOPIC, None).await.configs.len();
        assert_eq!(describe(&mut client, 1, TOPICS, TOPIC, Some(&[])).await.configs.len(), all);
        assert_eq!(describe(&mut client, 4, TOPICS, TOPIC, Some(&[])).await.configs.len(), all);
        assert!(describe(&mut client, 4, BROKERS, "1", None).await.configs.len() > 200);
        for (kind, name, expected) in [
            (TOPICS, "nowhere", ErrorCode::UnknownTopicOrPartition),
            (TOPICS, "a b", ErrorCode::InvalidTopicException),
            (BROKERS, "2", ErrorCode::InvalidRequest),
            (BROKERS, "x", ErrorCode::InvalidRequest),
            (8, "2", ErrorCode::InvalidRequest),
            (16, "", ErrorCode::InvalidRequest),
            (32, "", ErrorCode::InvalidRequest),
            (99, "x", ErrorCode::InvalidRequest),
            (BROKERS, "", ErrorCode::None),
        ] {
            let described = describe(&mut client, 4, kind, name, None).await;
            assert_eq!((described.error_code, described.configs.len()), (code(expected), 0), "{kind} {name}");
        }
        node.shutdown().await;
    });
}

#[test]
fn deletion_by_id_and_what_is_not_there() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let id = client.metadata().await.unwrap().topics[0].topic_id;
        let state = |name: Option<&str>, topic_id| DeleteTopicState { name: name.map(str::to_owned), topic_id };
        let request = DeleteTopicsRequest {
            topics: vec![state(None, id), state(None, Uuid([9; 16])), state(Some("nowhere"), Uuid::ZERO)],
            timeout_ms: 10_000,
            ..DeleteTopicsRequest::default()
        };
        let response: DeleteTopicsResponse = client.call(ApiKey::DeleteTopics, 6, &request).await.unwrap();
        let mut found: Vec<_> =
            response.responses.iter().map(|topic| (topic.name.as_deref(), topic.error_code)).collect();
        found.sort_unstable();
        let unknown = code(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(found, [(None, code(ErrorCode::UnknownTopicId)), (Some("nowhere"), unknown), (Some(TOPIC), 0)]);
        assert!(client.metadata().await.unwrap().topics.is_empty());
        node.shutdown().await;
    });
}

#[test]
fn partitions_come_in_pages() {
    simulate(5, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        for (name, partitions) in [("a", 3), ("b", 2)] {
            client.create_topic(name, partitions, &[]).await.unwrap();
        }
        let mut cursor: Option<Cursor> = None;
        let mut seen = Vec::new();
        for page in 0.. {
            assert!(page < 10, "the pages have an end");
            let request = DescribeTopicPartitionsRequest {
                topics: ["b", "a"].map(|name| TopicRequest { name: name.to_owned() }).to_vec(),
                response_partition_limit: 2,
                cursor: cursor.take(),
            };
            let response: DescribeTopicPartitionsResponse =
                client.call(ApiKey::DescribeTopicPartitions, 0, &request).await.unwrap();
            for topic in response.topics {
                let name = topic.name.unwrap();
                seen.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
            }
            let Some(next) = response.next_cursor else { break };
            cursor = Some(Cursor { topic_name: next.topic_name, partition_index: next.partition_index });
        }
        let expected = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)];
        assert_eq!(seen, expected.map(|(name, index)| (name.to_owned(), index)));
        node.shutdown().await;
    });
}

/// COORDINATOR_NOT_AVAILABLE would have clients try for ever.
#[test]
fn transactions_are_refused_for_good() {
    simulate(6, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        let unsupported = code(ErrorCode::UnsupportedVersion);
        for version in 1..=6 {
            let request =
                FindCoordinatorRequest { key: "t".to_owned(), key_type: 1, coordinator_keys: vec!["t".to_owned()] };
            let response: FindCoordinatorResponse =
                client.call(ApiKey::FindCoordinator, version, &request).await.unwrap();
            let (error, message) = match response.coordinators.first() {
                Some(found) => (found.error_code, &found.error_message),
                None => (response.error_code, &response.error_message),
            };
            assert_eq!(error, unsupported);
            assert!(message.as_ref().unwrap().contains("Transactions are not supported"));
        }
        for version in 0..=5 {
            let request =
                InitProducerIdRequest { transactional_id: Some("t".to_owned()), ..InitProducerIdRequest::default() };
            let response: InitProducerIdResponse =
                client.call(ApiKey::InitProducerId, version, &request).await.unwrap();
            assert_eq!(response.error_code, unsupported);
        }
        node.shutdown().await;
    });
}

#[test]
fn producer_ids_are_never_given_twice() {
    simulate(7, |mut world: World| async move {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2 {
            let node = world.start().await;
            let mut client = world.connect();
            for _ in 0..1500 {
                let request = InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() };
                let response: InitProducerIdResponse = client.call(ApiKey::InitProducerId, 4, &request).await.unwrap();
                assert_eq!((response.error_code, response.producer_epoch), (0, 0));
                assert!(seen.insert(response.producer_id));
            }
            node.shutdown().await;
        }
    });
}

#[test]
fn operations_on_groups_are_told_where_they_are_asked_for() {
    // READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
    const ALL: i32 = 3400;
    simulate(8, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        while client.find_coordinator("group").await.unwrap().is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // No member has joined: version 6 has an error for that, older ones call the group dead.
        for (version, asked, error, operations) in [
            (3, true, ErrorCode::None, ALL),
            (5, true, ErrorCode::None, ALL),
            (5, false, ErrorCode::None, i32::MIN),
            (6, true, ErrorCode::GroupIdNotFound, i32::MIN),
        ] {
            let request =
                DescribeGroupsRequest { groups: vec!["group".to_owned()], include_authorized_operations: asked };
            let response: DescribeGroupsResponse =
                client.call(ApiKey::DescribeGroups, version, &request).await.unwrap();
            let group = &response.groups[0];
            assert_eq!((group.error_code, group.authorized_operations), (code(error), operations), "{version} {asked}");
        }
        node.shutdown().await;
    });
}
