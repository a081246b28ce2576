//! AlterConfigs and IncrementalAlterConfigs: results and messages are those of a Kafka 4.3.1 controller.

use dohle_model::{BrokerId, TopicName};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::alter_configs_request::{
    AlterConfigsResource as LegacyResource, AlterableConfig as LegacyConfig,
};
use dohle_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use dohle_protocol::messages::{AlterConfigsRequest, CreateTopicsRequest, IncrementalAlterConfigsRequest};

use super::cluster::{Cluster, new_topic, with_configs};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Operations<'a> = &'a [(&'a str, i8, &'a str)];

/// Broker 0 live, which is this node, and a topic `t`.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[0]);
    assert_eq!(cluster.settings.config.node_id, BrokerId(1), "the file's node is broker 1");
    cluster.join(1);
    cluster.create_assigned("t", &[&[1]]);
    cluster
}

fn resource(resource_type: i8, name: &str, operations: Operations<'_>) -> AlterConfigsResource {
    let config = |(name, config_operation, value): &(&str, i8, &str)| AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: (*config_operation != DELETE).then(|| (*value).to_owned()),
    };
    AlterConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configs: operations.iter().map(config).collect(),
    }
}

type Outcome = (i16, Option<String>);

fn alter(cluster: &mut Cluster, resources: Vec<AlterConfigsResource>, validate_only: bool) -> Vec<Outcome> {
    let names: Vec<_> = resources.iter().map(|it| (it.resource_type, it.resource_name.clone())).collect();
    let response =
        cluster.controller.incremental_alter_configs(&IncrementalAlterConfigsRequest { resources, validate_only });
    let answered = response.responses.iter().map(|it| (it.resource_type, it.resource_name.clone()));
    assert_eq!(answered.collect::<Vec<_>>(), names, "one result for each, in the request's order");
    response.responses.into_iter().map(|it| (it.error_code, it.error_message)).collect()
}

/// Alters one resource and commits.
fn alter_one(cluster: &mut Cluster, resource_type: i8, name: &str, operations: Operations<'_>) -> Outcome {
    let outcome = alter(cluster, vec![resource(resource_type, name, operations)], false).remove(0);
    cluster.commit();
    outcome
}

#[track_caller]
fn sets(cluster: &mut Cluster, resource_type: i8, name: &str, operations: Operations<'_>) {
    assert_eq!(alter_one(cluster, resource_type, name, operations), (0, None));
}

#[track_caller]
fn refuses(
    cluster: &mut Cluster,
    resource_type: i8,
    name: &str,
    operations: Operations<'_>,
    code: ErrorCode,
    message: &str,
) {
    let before = cluster.committed.at(0);
    let outcome = alter_one(cluster, resource_type, name, operations);
    assert_eq!(outcome, (code.code(), Some(message.to_owned())), "{name} {operations:?}");
    assert_eq!(cluster.committed.at(0), before);
}

/// `name=value` of each override of a topic.
fn overrides(cluster: &Cluster, topic: &str) -> Vec<String> {
    let overrides = cluster.committed.topic_overrides(&TopicName::from(topic));
    overrides.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn settings_of_topics_come_and_go() {
    let mut cluster = cluster();
    sets(&mut cluster, TOPIC, "t", &[("retention.ms", SET, "5"), ("cleanup.policy", APPEND, "compact")]);
    assert_eq!(overrides(&cluster, "t"), ["cleanup.policy=delete,compact", "retention.ms=5"]);
    sets(&mut cluster, TOPIC, "t", &[("cleanup.policy", SUBTRACT, "delete"), ("retention.ms", DELETE, "")]);
    assert_eq!(overrides(&cluster, "t"), ["cleanup.policy=compact"]);
    sets(&mut cluster, TOPIC, "t", &[("segment.ms", DELETE, "")]);
    let response = alter(&mut cluster, vec![resource(TOPIC, "t", &[("cleanup.policy", SET, "compact")])], false);
    assert_eq!(response, [(0, None)]);
    assert!(cluster.commit().is_empty(), "it is as it was");
}

#[test]
fn topics_are_checked_as_a_whole_and_then_looked_for() {
    let mut cluster = cluster();
    let invalid = ErrorCode::InvalidConfig;
    sets(&mut cluster, TOPIC, "t", &[("min.compaction.lag.ms", SET, "100")]);
    for (name, operations, code, message) in [
        ("", &[("x", SET, "1")][..], ErrorCode::InvalidRequest, "Default topic resources are not allowed."),
        (
            "a b",
            &[("x", SET, "1")],
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        ("nowhere", &[("x", SET, "1")], invalid, "Unknown topic config name: x"),
        (
            "nowhere",
            &[("retention.ms", SET, "1")],
            ErrorCode::UnknownTopicOrPartition,
            "The topic 'nowhere' does not exist.",
        ),
        (
            "t",
            &[("retention.ms", SET, "abc")],
            invalid,
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (
            "t",
            &[("max.compaction.lag.ms", SET, "50")],
            invalid,
            "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (50)",
        ),
        (
            "t",
            &[("cleanup.policy", SUBTRACT, "delete"), ("retention.ms", APPEND, "5")],
            invalid,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        ("t", &[("zzz", SUBTRACT, "5")], invalid, "Can't SUBTRACT to key zzz because its type is not LIST."),
    ] {
        refuses(&mut cluster, TOPIC, name, operations, code, message);
    }
    let long = "x".repeat(40_000);
    refuses(
        &mut cluster,
        TOPIC,
        "t",
        &[("follower.replication.throttled.replicas", SET, &long)],
        invalid,
        "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
    );
}

#[test]
fn brokers() {
    let mut cluster = cluster();
    sets(&mut cluster, BROKER, "1", &[("log.retention.ms", SET, "5"), ("zzz", SET, "x")]);
    sets(&mut cluster, BROKER, "", &[("log.cleanup.policy", APPEND, "compact")]);
    assert_eq!(cluster.committed.broker_overrides(Some(BrokerId(1))).len(), 2);
    assert_eq!(cluster.committed.broker_overrides(None)["log.cleanup.policy"], "delete,compact");
    // Taken in again though it is as it was.
    let again = vec![resource(BROKER, "1", &[("log.retention.ms", SET, "5")])];
    assert_eq!(alter(&mut cluster, again, false), [(0, None)]);
    assert_eq!(cluster.commit().len(), 1);
    for (name, code, message) in [
        ("9", ErrorCode::BrokerIdNotRegistered, "No node with id 9 found."),
        ("x", ErrorCode::InvalidRequest, "Unable to parse broker name as a base 10 number."),
        ("-1", ErrorCode::InvalidRequest, "Invalid negative broker ID."),
    ] {
        refuses(&mut cluster, BROKER, name, &[("log.retention.ms", SET, "5")], code, message);
    }
}

#[test]
fn groups_and_client_metrics() {
    let mut cluster = cluster();
    sets(&mut cluster, GROUP, "g", &[("consumer.session.timeout.ms", SET, "50000")]);
    sets(&mut cluster, CLIENT_METRICS, "m", &[("metrics", SET, "a,b"), ("interval.ms", SET, "1000")]);
    assert_eq!(cluster.committed.configured().count(), 2);
    let not_a_list =
        |operation: &str, name: &str| format!("Can't {operation} to key {name} because its type is not LIST.");
    for (resource_type, name, operations, code, message) in [
        (
            GROUP,
            "",
            &[("consumer.session.timeout.ms", SET, "50000")][..],
            ErrorCode::InvalidRequest,
            "Default group resources are not allowed.".to_owned(),
        ),
        (GROUP, "g", &[("zzz", SET, "5")], ErrorCode::InvalidConfig, "Unknown group config name: zzz".to_owned()),
        (
            GROUP,
            "g",
            &[("consumer.session.timeout.ms", APPEND, "5")],
            ErrorCode::InvalidConfig,
            not_a_list("APPEND", "consumer.session.timeout.ms"),
        ),
        (CLIENT_METRICS, "m", &[("metrics", APPEND, "c")], ErrorCode::InvalidConfig, not_a_list("APPEND", "metrics")),
        (
            CLIENT_METRICS,
            "",
            &[("metrics", SET, "c")],
            ErrorCode::InvalidRequest,
            "Subscription name can't be empty".to_owned(),
        ),
        (
            CLIENT_METRICS,
            "m",
            &[("match", SET, "c")],
            ErrorCode::InvalidConfig,
            "Illegal client matching pattern: c".to_owned(),
        ),
    ] {
        refuses(&mut cluster, resource_type, name, operations, code, &message);
    }
    sets(&mut cluster, GROUP, "g", &[("consumer.session.timeout.ms", DELETE, "")]);
    assert_eq!(cluster.committed.configured().count(), 1, "a group without settings is none");
}

#[test]
fn each_resource_has_its_own_result() {
    let mut cluster = cluster();
    let good = || resource(TOPIC, "t", &[("retention.ms", SET, "5")]);
    let bad = || resource(TOPIC, "nowhere", &[("retention.ms", SET, "5")]);
    let outcomes = alter(&mut cluster, vec![bad(), good()], true);
    assert_eq!(outcomes.iter().map(|it| it.0).collect::<Vec<_>>(), [ErrorCode::UnknownTopicOrPartition.code(), 0]);
    assert!(cluster.commit().is_empty(), "it was only checked");
    alter(&mut cluster, vec![bad(), good()], false);
    assert_eq!(cluster.commit().len(), 1);
    let duplicate = (ErrorCode::InvalidRequest.code(), Some("Duplicate resource.".to_owned()));
    let other = resource(GROUP, "t", &[("consumer.session.timeout.ms", SET, "50000")]);
    let outcomes = alter(&mut cluster, vec![good(), other, good(), good()], false);
    assert_eq!(outcomes, [duplicate.clone(), (0, None), duplicate.clone(), duplicate]);
    assert_eq!(cluster.commit().len(), 1);
    let unknown = (ErrorCode::UnsupportedVersion.code(), Some("Unknown resource type 8.".to_owned()));
    assert_eq!(alter(&mut cluster, vec![resource(8, "1", &[])], false), [unknown]);
    let nothing = (ErrorCode::UnknownServerError.code(), None);
    let outcomes = alter(&mut cluster, vec![good(), resource(TOPIC, "t2", &[("x", 7, "")])], false);
    assert_eq!(outcomes, [nothing.clone(), nothing]);
}

#[test]
fn too_much_at_once_is_refused_as_a_whole() {
    let mut cluster = cluster();
    let names: Vec<String> = (0..10_000).map(|number| format!("x{number}")).collect();
    let operations: Vec<_> = names.iter().map(|name| (name.as_str(), SET, "1")).collect();
    let good = || resource(TOPIC, "t", &[("retention.ms", SET, "5")]);
    let outcomes = alter(&mut cluster, vec![good(), resource(BROKER, "1", &operations)], false);
    let message = "Unable to perform excessively large batch operation.";
    let refusal = (ErrorCode::PolicyViolation.code(), Some(message.to_owned()));
    assert_eq!(outcomes, [refusal.clone(), refusal]);
    assert!(cluster.commit().is_empty());
    assert_eq!(alter(&mut cluster, vec![resource(BROKER, "1", &operations)], false), [(0, None)]);
}

fn replace(cluster: &mut Cluster, resource_type: i8, name: &str, configs: &[(&str, &str)]) -> Outcome {
    let config =
        |(name, value): &(&str, &str)| LegacyConfig { name: (*name).to_owned(), value: Some((*value).to_owned()) };
    let resource =
        LegacyResource { resource_type, resource_name: name.to_owned(), configs: configs.iter().map(config).collect() };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    let mut response = cluster.controller.alter_configs(&request).responses;
    cluster.commit();
    let result = response.remove(0);
    assert_eq!((result.resource_type, result.resource_name.as_str()), (resource_type, name));
    (result.error_code, result.error_message)
}

#[test]
fn legacy_requests_replace_all_settings() {
    let mut cluster = cluster();
    sets(&mut cluster, TOPIC, "t", &[("retention.ms", SET, "5"), ("segment.ms", SET, "6")]);
    assert_eq!(replace(&mut cluster, TOPIC, "t", &[("segment.ms", "7"), ("flush.ms", "8")]), (0, None));
    assert_eq!(overrides(&cluster, "t"), ["flush.ms=8", "segment.ms=7"]);
    let invalid = (ErrorCode::InvalidConfig.code(), Some("Unknown topic config name: x".to_owned()));
    assert_eq!(replace(&mut cluster, TOPIC, "t", &[("x", "7")]), invalid);
    assert_eq!(replace(&mut cluster, TOPIC, "t", &[]), (0, None));
    assert!(overrides(&cluster, "t").is_empty());
    assert_eq!(replace(&mut cluster, GROUP, "g", &[("share.auto.offset.reset", "earliest")]), (0, None));
    assert_eq!(cluster.committed.group_overrides("g").len(), 1);
}

#[test]
fn new_topics_follow_the_dynamic_defaults_at_once() {
    let mut cluster = cluster();
    let shown = |cluster: &mut Cluster, name: &str, property: &str| {
        let topics = vec![with_configs(new_topic(name, 1, 1), &[("segment.bytes", Some("2097152"))])];
        let response = cluster.controller.create_topics(&CreateTopicsRequest { topics, ..Default::default() });
        let configs = response.topics[0].configs.clone().unwrap();
        let config = configs.into_iter().find(|config| config.name == property).unwrap();
        (config.value.unwrap(), config.config_source)
    };
    assert_eq!(shown(&mut cluster, "a", "retention.ms"), ("604800000".to_owned(), 5));
    assert_eq!(shown(&mut cluster, "b", "segment.bytes"), ("2097152".to_owned(), 1));
    alter(&mut cluster, vec![resource(BROKER, "", &[("log.retention.ms", SET, "5000")])], false);
    assert_eq!(shown(&mut cluster, "c", "retention.ms"), ("5000".to_owned(), 3), "in the same batch");
    cluster.commit();
    sets(&mut cluster, BROKER, "1", &[("log.retention.ms", SET, "6000")]);
    sets(&mut cluster, BROKER, "0", &[("log.retention.ms", SET, "7000")]);
    assert_eq!(shown(&mut cluster, "d", "retention.ms"), ("6000".to_owned(), 2));
    cluster.commit();
    cluster.fail_over();
    assert_eq!(shown(&mut cluster, "e", "retention.ms"), ("6000".to_owned(), 2), "the next leader knows them");
    cluster.commit();
    sets(&mut cluster, BROKER, "1", &[("log.retention.ms", DELETE, "")]);
    assert_eq!(shown(&mut cluster, "f", "retention.ms"), ("5000".to_owned(), 3));
}
