//! Requests that are well-formed and make no sense, and what Kafka makes of them.

use std::time::Duration;

use dohle_protocol::messages::create_acls_request::AclCreation;
use dohle_protocol::messages::delete_acls_request::DeleteAclsFilter;
use dohle_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use dohle_protocol::messages::metadata_request::MetadataRequestTopic;
use dohle_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, MetadataRequest, MetadataResponse,
};
use dohle_protocol::{ApiKey, ErrorCode};

use crate::requests::{GROUP, TOPIC};
use crate::simulation::{Client, World, simulate};

const INVALID: i16 = ErrorCode::InvalidRequest.code();
const UNKNOWN_SERVER_ERROR: i16 = ErrorCode::UnknownServerError.code();

/// The four elements of a filter, all of them known.
const ELEMENTS: [i8; 4] = [2, 3, 3, 3];

async fn describe_acls(client: &mut Client, elements: [i8; 4]) -> Option<i16> {
    let [resource_type_filter, pattern_type_filter, operation, permission_type] = elements;
    let request = DescribeAclsRequest {
        resource_type_filter,
        pattern_type_filter,
        operation,
        permission_type,
        ..DescribeAclsRequest::default()
    };
    let response: DescribeAclsResponse = client.call(ApiKey::DescribeAcls, 3, &request).await.ok()?;
    Some(response.error_code)
}

async fn create_acls(client: &mut Client, elements: [i8; 4]) -> Option<i16> {
    let creation = |[resource_type, resource_pattern_type, operation, permission_type]: [i8; 4]| AclCreation {
        resource_type,
        resource_pattern_type,
        operation,
        permission_type,
        ..AclCreation::default()
    };
    let request = CreateAclsRequest { creations: vec![creation(ELEMENTS), creation(elements)] };
    let response: CreateAclsResponse = client.call(ApiKey::CreateAcls, 3, &request).await.ok()?;
    Some(response.results[1].error_code)
}

async fn delete_acls(client: &mut Client, elements: [i8; 4]) -> Option<i16> {
    let filter = |[resource_type_filter, pattern_type_filter, operation, permission_type]: [i8; 4]| DeleteAclsFilter {
        resource_type_filter,
        pattern_type_filter,
        operation,
        permission_type,
        ..DeleteAclsFilter::default()
    };
    let request = DeleteAclsRequest { filters: vec![filter(ELEMENTS), filter(elements)] };
    let response: DeleteAclsResponse = client.call(ApiKey::DeleteAcls, 3, &request).await.ok()?;
    Some(response.filter_results[1].error_code)
}

#[test]
fn an_unknown_element_of_an_access_control_list_ends_the_connection() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        for (place, element) in [(0, 2), (0, 0), (1, 0), (2, 0), (3, 0), (2, 99), (3, -1)] {
            let mut elements = ELEMENTS;
            elements[place] = element;
            // A code that nobody knows is not the one that says so.
            let expected = (element != 0).then_some(ErrorCode::SecurityDisabled.code());
            assert_eq!(describe_acls(&mut world.connect(), elements).await, expected, "{elements:?}");
            assert_eq!(create_acls(&mut world.connect(), elements).await, expected, "{elements:?}");
            assert_eq!(delete_acls(&mut world.connect(), elements).await, expected, "{elements:?}");
        }
        node.shutdown().await;
    });
}

#[test]
fn a_topic_with_neither_name_nor_id_fails_its_request() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        let named = |name: &str| MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
        let nameless = MetadataRequestTopic { name: None, ..Default::default() };
        for (version, error) in [(10, INVALID), (11, INVALID), (12, UNKNOWN_SERVER_ERROR), (13, UNKNOWN_SERVER_ERROR)] {
            let topics = Some(vec![named(TOPIC), nameless.clone()]);
            let request = MetadataRequest { topics, allow_auto_topic_creation: true, ..MetadataRequest::default() };
            let response: MetadataResponse = client.call(ApiKey::Metadata, version, &request).await.unwrap();
            let found: Vec<_> = response.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code)).collect();
            assert_eq!(found, [(Some(TOPIC), error), (Some(""), error)], "version {version}");
            assert_eq!((response.brokers.len(), response.controller_id), (0, -1));
            assert_eq!(response.error_code, if version < 13 { 0 } else { error }, "there is one for all from 13 on");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(client.metadata().await.unwrap().topics, [], "nothing is created");
        node.shutdown().await;
    });
}

#[test]
fn pages_of_topics_are_refused_as_a_whole() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        let at = |topic: &str, partition_index| Some(Cursor { topic_name: topic.to_owned(), partition_index });
        let cases: [(&[&str], Option<Cursor>, &[i16]); 8] = [
            (&[TOPIC, TOPIC], None, &[0]),
            (&[TOPIC, ""], None, &[UNKNOWN_SERVER_ERROR, UNKNOWN_SERVER_ERROR]),
            (&["a b"], None, &[ErrorCode::InvalidTopicException.code()]),
            (&[TOPIC], at(TOPIC, 1), &[0]),
            (&[TOPIC, TOPIC], at(TOPIC, -1), &[INVALID, INVALID]),
            (&[TOPIC], at("other", 0), &[INVALID]),
            (&[TOPIC], at("", 0), &[INVALID]),
            (&[], at("", 0), &[0]),
        ];
        for (names, cursor, expected) in cases {
            let topics = names.iter().map(|name| TopicRequest { name: (*name).to_owned() }).collect();
            let request =
                DescribeTopicPartitionsRequest { topics, response_partition_limit: 10, cursor: cursor.clone() };
            let response: DescribeTopicPartitionsResponse =
                client.call(ApiKey::DescribeTopicPartitions, 0, &request).await.unwrap();
            let found: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
            assert_eq!(found, expected, "{names:?} {cursor:?}");
        }
        node.shutdown().await;
    });
}

#[test]
fn what_is_said_of_coordinators_is_what_kafka_says() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        while client.find_coordinator(GROUP).await.unwrap().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let malformed = "This most likely occurs because of a request being malformed by the client library or the \
                         message was sent to an incompatible broker. See the broker logs for more details.";
        let unsupported = ErrorCode::UnsupportedVersion.code();
        let no_shares = "Share groups are not supported by this broker yet.";
        for (version, key_type, error, words) in [
            (1, 0, 0, "NONE"),
            (3, 0, 0, "NONE"),
            (3, 7, INVALID, malformed),
            (3, 2, INVALID, malformed),
            (4, 0, 0, ""),
            (4, 7, INVALID, malformed),
            (5, 2, INVALID, ""),
            (6, 0, 0, ""),
            (6, 2, unsupported, no_shares),
            (6, 1, unsupported, "Transactions are not supported by this broker yet."),
        ] {
            let request = FindCoordinatorRequest {
                key: GROUP.to_owned(),
                key_type,
                coordinator_keys: vec![GROUP.to_owned(), GROUP.to_owned()],
            };
            let response: FindCoordinatorResponse =
                client.call(ApiKey::FindCoordinator, version, &request).await.unwrap();
            let found: Vec<_> = if version < 4 {
                vec![(response.error_code, response.error_message)]
            } else {
                let coordinators = response.coordinators.into_iter();
                coordinators.map(|coordinator| (coordinator.error_code, coordinator.error_message)).collect()
            };
            let count = if version < 4 { 1 } else { 2 };
            assert_eq!(found, vec![(error, Some(words.to_owned())); count], "version {version}, type {key_type}");
        }
        node.shutdown().await;
    });
}
