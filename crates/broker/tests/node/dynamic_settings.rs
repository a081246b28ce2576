//! Settings that are changed while the broker runs: answers, what is described, and what they do.

use std::pin::pin;
use std::time::Duration;

use dohle_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use dohle_protocol::messages::create_topics_request::CreatableTopic;
use dohle_protocol::messages::describe_configs_request::DescribeConfigsResource;
use dohle_protocol::messages::describe_configs_response::DescribeConfigsResult;
use dohle_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use dohle_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeLogDirsRequest,
    DescribeLogDirsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    ListConfigResourcesRequest, ListConfigResourcesResponse, alter_configs_request,
};
use dohle_protocol::{ApiKey, ErrorCode};

use crate::requests::TOPIC;
use crate::simulation::{Client, World, simulate};
use tokio::time::timeout;

const TOPICS: i8 = 2;
const BROKERS: i8 = 4;
const LOGGERS: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUPS: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

type Operations<'a> = &'a [(&'a str, i8, Option<&'a str>)];

fn resource(resource_type: i8, name: &str, operations: Operations<'_>) -> AlterConfigsResource {
    let config = |(name, config_operation, value): &(&str, i8, Option<&str>)| AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
    };
    AlterConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configs: operations.iter().map(config).collect(),
    }
}

async fn alter_all(client: &mut Client, resources: Vec<AlterConfigsResource>) -> Vec<(i16, Option<String>)> {
    let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
    let response: IncrementalAlterConfigsResponse =
        client.call(ApiKey::IncrementalAlterConfigs, 1, &request).await.unwrap();
    response.responses.into_iter().map(|it| (it.error_code, it.error_message)).collect()
}

async fn alter(client: &mut Client, kind: i8, name: &str, operations: Operations<'_>) -> (i16, Option<String>) {
    alter_all(client, vec![resource(kind, name, operations)]).await.remove(0)
}

async fn sets(client: &mut Client, kind: i8, name: &str, setting: &str, value: &str) {
    assert_eq!(alter(client, kind, name, &[(setting, SET, Some(value))]).await, (0, None), "{setting}={value}");
}

async fn describe_all(client: &mut Client, resources: &[(i8, &str)]) -> Vec<DescribeConfigsResult> {
    let resource = |(kind, name): &(i8, &str)| DescribeConfigsResource {
        resource_type: *kind,
        resource_name: (*name).to_owned(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: resources.iter().map(resource).collect(),
        include_synonyms: true,
        include_documentation: true,
    };
    let response: DescribeConfigsResponse = client.call(ApiKey::DescribeConfigs, 4, &request).await.unwrap();
    response.results
}

/// `value source` of a setting, and after it `source:value` of each layer.
async fn shown(client: &mut Client, kind: i8, name: &str, setting: &str) -> String {
    let described = describe_all(client, &[(kind, name)]).await.remove(0);
    let Some(config) = described.configs.into_iter().find(|config| config.name == setting) else {
        return "nothing".to_owned();
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let layers: String = config.synonyms.into_iter().map(|it| format!(" {}:{}", it.source, text(it.value))).collect();
    format!("{} {}{layers}", text(config.value), config.config_source)
}

#[test]
fn dynamic_layers_are_described_and_outlive_the_process() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        sets(&mut client, BROKERS, "", "log.retention.ms", "1000000").await;
        sets(&mut client, BROKERS, "1", "log.retention.ms", "2000000").await;
        assert_eq!(shown(&mut client, BROKERS, "", "log.retention.ms").await, "1000000 3 3:1000000");
        let of_broker = "2000000 2 2:2000000 3:1000000 5:168";
        let of_topic = "3000000 1 1:3000000 2:2000000 3:1000000 5:168";
        sets(&mut client, TOPICS, TOPIC, "retention.ms", "3000000").await;
        assert_eq!(shown(&mut client, BROKERS, "1", "log.retention.ms").await, of_broker);
        assert_eq!(shown(&mut client, TOPICS, TOPIC, "retention.ms").await, of_topic);
        node.shutdown().await;

        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(shown(&mut client, BROKERS, "1", "log.retention.ms").await, of_broker);
        assert_eq!(shown(&mut client, TOPICS, TOPIC, "retention.ms").await, of_topic);
        for (kind, name, setting) in
            [(TOPICS, TOPIC, "retention.ms"), (BROKERS, "1", "log.retention.ms"), (BROKERS, "", "log.retention.ms")]
        {
            assert_eq!(alter(&mut client, kind, name, &[(setting, DELETE, None)]).await, (0, None));
        }
        assert_eq!(shown(&mut client, TOPICS, TOPIC, "retention.ms").await, "604800000 5");
        assert_eq!(shown(&mut client, BROKERS, "", "log.retention.ms").await, "nothing");
        node.shutdown().await;
    });
}

#[test]
fn groups_and_client_metrics_are_kept_and_listed() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        sets(&mut client, GROUPS, "g", "consumer.session.timeout.ms", "50000").await;
        sets(&mut client, CLIENT_METRICS, "m", "interval.ms", "1000").await;
        let session = "50000 8 8:50000 5:45000";
        assert_eq!(shown(&mut client, GROUPS, "g", "consumer.session.timeout.ms").await, session);
        assert_eq!(shown(&mut client, CLIENT_METRICS, "m", "interval.ms").await, "1000 7 7:1000");
        let mut listed = Vec::new();
        for (version, kinds) in [(0, vec![]), (1, vec![]), (1, vec![TOPICS, GROUPS]), (1, vec![TOPICS, 3])] {
            let request = ListConfigResourcesRequest { resource_types: kinds };
            let response: ListConfigResourcesResponse =
                client.call(ApiKey::ListConfigResources, version, &request).await.unwrap();
            let names = response.config_resources.iter().map(|it| format!("{}:{}", it.resource_type, it.resource_name));
            listed.push((response.error_code, names.collect::<Vec<_>>().join(" ")));
        }
        let unsupported = ErrorCode::UnsupportedVersion.code();
        let expected = [(0, "16:m"), (0, "32:g 16:m 8:1 4:1 2:orders"), (0, "32:g 2:orders"), (unsupported, "")];
        assert_eq!(listed, expected.map(|(code, names)| (code, names.to_owned())));
        node.shutdown().await;
    });
}

#[test]
fn one_request_has_a_result_for_each_resource() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let set = |name| (name, SET, Some("1000"));
        let outcomes = alter_all(
            &mut client,
            vec![
                resource(TOPICS, "nowhere", &[set("retention.ms")]),
                resource(LOGGERS, "1", &[("root", SET, Some("loud"))]),
                resource(BROKERS, "2", &[set("log.retention.ms")]),
                resource(3, "x", &[]),
                resource(TOPICS, TOPIC, &[set("flush.ms"), set("flush.ms")]),
                resource(GROUPS, "g", &[("consumer.session.timeout.ms", SET, None)]),
                resource(BROKERS, "1", &[("log.retention.ms", 7, Some("5"))]),
                resource(BROKERS, "", &[set("node.id")]),
                resource(GROUPS, "h", &[]),
                resource(GROUPS, "h", &[]),
                resource(CLIENT_METRICS, "m", &[set("interval.ms")]),
            ],
        )
        .await;
        let invalid = ErrorCode::InvalidRequest;
        let once = "Each resource must appear at most once.";
        let level = "Cannot set the log level of root to loud as it is not a supported log level. Valid log levels are \
                     DEBUG, ERROR, FATAL, INFO, TRACE, WARN";
        let expected = [
            (ErrorCode::UnknownTopicOrPartition, Some("The topic 'nowhere' does not exist.")),
            (ErrorCode::InvalidConfig, Some(level)),
            (invalid, Some("Unexpected broker id, expected 1, but received 2")),
            (invalid, Some("Unknown resource type 3")),
            (invalid, Some("Error due to duplicate config keys")),
            (invalid, Some("Null value not supported for : consumer.session.timeout.ms")),
            (invalid, Some("Unknown operations type 7")),
            (invalid, Some("Cannot update these configs dynamically: [node.id]")),
            (invalid, Some(once)),
            (invalid, Some(once)),
            (ErrorCode::None, None),
        ];
        assert_eq!(outcomes, expected.map(|(code, message)| (code.code(), message.map(str::to_owned))));
        // Only what the controller was asked for comes to nothing.
        let outcomes = alter_all(
            &mut client,
            vec![
                resource(TOPICS, TOPIC, &[("flush.ms", 7, Some("5"))]),
                resource(GROUPS, "g", &[]),
                resource(LOGGERS, "1", &[]),
            ],
        )
        .await;
        let nothing = (ErrorCode::UnknownServerError.code(), None);
        assert_eq!(outcomes, [nothing.clone(), nothing, (0, None)]);
        // One type that nobody knows spoils a description.
        let described = describe_all(&mut client, &[(TOPICS, TOPIC), (3, "x")]).await;
        assert!(described.iter().all(|it| it.error_code == invalid.code() && it.configs.is_empty()));
        node.shutdown().await;
    });
}

#[test]
fn legacy_requests_replace_what_is_set() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[("retention.ms", "1000000")]).await.unwrap();
        for version in 0..=2 {
            let value = (version + 1).to_string();
            let config =
                alter_configs_request::AlterableConfig { name: "flush.ms".to_owned(), value: Some(value.clone()) };
            let topic = |name: &str| alter_configs_request::AlterConfigsResource {
                resource_type: TOPICS,
                resource_name: name.to_owned(),
                configs: vec![config.clone()],
            };
            let loggers = alter_configs_request::AlterConfigsResource {
                resource_type: LOGGERS,
                resource_name: "1".to_owned(),
                configs: vec![],
            };
            let resources = vec![topic(TOPIC), loggers, topic("twice"), topic("twice")];
            let request = AlterConfigsRequest { resources, validate_only: false };
            let response: AlterConfigsResponse = client.call(ApiKey::AlterConfigs, version, &request).await.unwrap();
            let outcomes = response.responses.iter().map(|it| (it.error_code, it.error_message.as_deref()));
            let invalid = ErrorCode::InvalidRequest.code();
            let twice = (invalid, Some("Each resource must appear at most once."));
            let loggers = (invalid, Some("Unknown resource type 8"));
            assert_eq!(outcomes.collect::<Vec<_>>(), [(0, None), loggers, twice, twice]);
            assert_eq!(shown(&mut client, TOPICS, TOPIC, "flush.ms").await, format!("{value} 1 1:{value}"));
            assert_eq!(shown(&mut client, TOPICS, TOPIC, "retention.ms").await, "604800000 5");
        }
        node.shutdown().await;
    });
}

#[test]
fn levels_of_loggers_change_at_once_and_are_forgotten() {
    simulate(5, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(shown(&mut client, LOGGERS, "1", "root").await, "INFO 6");
        sets(&mut client, LOGGERS, "1", "root", "WARN").await;
        sets(&mut client, LOGGERS, "1", "dohle_broker", "TRACE").await;
        assert_eq!(shown(&mut client, LOGGERS, "1", "root").await, "WARN 6");
        assert_eq!(shown(&mut client, LOGGERS, "1", "dohle_broker").await, "TRACE 6");
        assert_eq!(alter(&mut client, LOGGERS, "1", &[("dohle_broker", DELETE, None)]).await, (0, None));
        assert_eq!(shown(&mut client, LOGGERS, "1", "dohle_broker").await, "WARN 6");
        let described = describe_all(&mut client, &[(LOGGERS, "1")]).await.remove(0);
        let root = described.configs.iter().find(|config| config.name == "root").unwrap();
        assert_eq!((root.config_type, root.documentation.as_deref(), root.read_only), (0, Some(""), false));
        node.shutdown().await;
        let node = world.start().await;
        assert_eq!(shown(&mut world.connect(), LOGGERS, "1", "root").await, "INFO 6");
        node.shutdown().await;
    });
}

#[test]
fn partitions_follow_their_topic_and_the_defaults() {
    simulate(6, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        client.create_topic("other", 1, &[("max.message.bytes", "1000000")]).await.unwrap();
        let too_large = Ok(Err(ErrorCode::MessageTooLarge.code()));
        let produce = async |client: &mut Client, topic: &str| {
            let produced = client.produce(topic, 0, &["a value that takes its place".to_owned()]).await;
            produced.map(|produced| produced.map(drop)).map_err(|error| error.kind())
        };
        assert_eq!(produce(&mut client, TOPIC).await, Ok(Ok(())));
        sets(&mut client, TOPICS, TOPIC, "max.message.bytes", "50").await;
        assert_eq!(produce(&mut client, TOPIC).await, too_large);
        assert_eq!(alter(&mut client, TOPICS, TOPIC, &[("max.message.bytes", DELETE, None)]).await, (0, None));
        assert_eq!(produce(&mut client, TOPIC).await, Ok(Ok(())));
        sets(&mut client, BROKERS, "", "message.max.bytes", "50").await;
        assert_eq!(produce(&mut client, TOPIC).await, too_large);
        assert_eq!(produce(&mut client, "other").await, Ok(Ok(())), "it has a limit of its own");
        sets(&mut client, BROKERS, "1", "message.max.bytes", "1000000").await;
        assert_eq!(produce(&mut client, TOPIC).await, Ok(Ok(())), "what is set for one broker counts more");
        assert_eq!(alter(&mut client, BROKERS, "1", &[("message.max.bytes", DELETE, None)]).await, (0, None));
        node.shutdown().await;
        // A start takes in what is stored.
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(produce(&mut client, TOPIC).await, too_large);
        client.create_topic("new", 1, &[]).await.unwrap();
        assert_eq!(produce(&mut client, "new").await, too_large);
        assert_eq!(alter(&mut client, BROKERS, "", &[("message.max.bytes", DELETE, None)]).await, (0, None));
        assert_eq!(produce(&mut client, "new").await, Ok(Ok(())));
        assert_eq!(alter(&mut client, TOPICS, "new", &[("cleanup.policy", APPEND, Some("compact"))]).await, (0, None));
        assert_eq!(
            shown(&mut client, TOPICS, "new", "cleanup.policy").await,
            "delete,compact 1 1:delete,compact 5:delete"
        );
        node.shutdown().await;
    });
}

#[test]
fn limits_of_connections_change_while_the_broker_runs() {
    simulate(7, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        for (setting, limit) in [
            ("max.connections.per.ip", "1"),
            ("max.connections.per.ip.overrides", "127.0.0.1:1"),
            // The name is resolved.
            ("max.connections.per.ip.overrides", "localhost:1"),
        ] {
            sets(&mut client, BROKERS, "1", setting, limit).await;
            assert!(world.connect().metadata().await.is_err(), "{setting}={limit}");
            assert_eq!(alter(&mut client, BROKERS, "1", &[(setting, DELETE, None)]).await, (0, None));
            assert!(world.connect().metadata().await.is_ok());
        }
        for setting in ["max.connections", "listener.name.plaintext.max.connections"] {
            sets(&mut client, BROKERS, "", setting, "1").await;
            let mut waiting = world.connect();
            let mut asked = pin!(waiting.metadata());
            assert!(timeout(Duration::from_secs(10), &mut asked).await.is_err(), "{setting}: a second one is served");
            assert_eq!(alter(&mut client, BROKERS, "", &[(setting, DELETE, None)]).await, (0, None));
            assert!(asked.await.is_ok());
        }
        node.shutdown().await;
    });
}

async fn creates(client: &mut Client, topic: &str) -> i16 {
    let topic = CreatableTopic {
        name: topic.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..CreateTopicsRequest::default() };
    let response: CreateTopicsResponse = client.call(ApiKey::CreateTopics, 7, &request).await.unwrap();
    response.topics[0].error_code
}

async fn grows(client: &mut Client, topic: &str, count: i32) -> i16 {
    let topic = CreatePartitionsTopic { name: topic.to_owned(), count, assignments: None };
    let request =
        CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, ..CreatePartitionsRequest::default() };
    let response: CreatePartitionsResponse = client.call(ApiKey::CreatePartitions, 3, &request).await.unwrap();
    response.results[0].error_code
}

async fn is_cordoned(client: &mut Client) -> bool {
    let request = DescribeLogDirsRequest { topics: Some(Vec::new()) };
    let response: DescribeLogDirsResponse = client.call(ApiKey::DescribeLogDirs, 5, &request).await.unwrap();
    response.results[0].is_cordoned
}

#[test]
fn a_cordoned_log_directory_takes_no_new_partitions() {
    let refused = ErrorCode::InvalidReplicationFactor.code();
    simulate(9, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!((creates(&mut client, TOPIC).await, is_cordoned(&mut client).await), (0, false));
        sets(&mut client, BROKERS, "1", "cordoned.log.dirs", "*").await;
        assert!(is_cordoned(&mut client).await);
        assert_eq!((creates(&mut client, "other").await, grows(&mut client, TOPIC, 2).await), (refused, refused));
        client.produce(TOPIC, 0, &["value".to_owned()]).await.unwrap().unwrap();
        node.shutdown().await;

        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!((creates(&mut client, "other").await, is_cordoned(&mut client).await), (refused, true));
        sets(&mut client, BROKERS, "1", "cordoned.log.dirs", "").await;
        assert!(!is_cordoned(&mut client).await);
        assert_eq!((creates(&mut client, "other").await, grows(&mut client, TOPIC, 2).await), (0, 0));
        node.shutdown().await;
    });
}
