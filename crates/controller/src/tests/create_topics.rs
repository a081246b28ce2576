//! CreateTopics: results, messages and their order are those of a Kafka 4.3.1 controller.

use dohle_model::Uuid;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::CreateTopicsRequest;
use dohle_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use dohle_protocol::messages::create_topics_response::CreatableTopicResult;
use dohle_protocol::records::metadata::MetadataRecord;

use super::cluster::{Cluster, directory, new_topic, registration, with_configs};

/// Broker 1 live, brokers 7 and 8 fenced.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[1]);
    cluster.register(&registration(7, 1)).unwrap();
    cluster.register(&registration(8, 1)).unwrap();
    cluster
}

/// Index and replicas of each partition.
type Assignments<'a> = &'a [(i32, &'a [i32])];

fn assigned(name: &str, assignments: Assignments<'_>) -> CreatableTopic {
    let assignments = assignments.iter();
    let assignments = assignments
        .map(|(partition_index, ids)| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: ids.to_vec(),
        })
        .collect();
    CreatableTopic { assignments, ..new_topic(name, -1, -1) }
}

#[track_caller]
fn refuses(cluster: &mut Cluster, topic: CreatableTopic, code: ErrorCode, message: &str) {
    let before = cluster.committed.at(0);
    let results = cluster.create(vec![topic]);
    let [result] = results.as_slice() else { panic!("{results:?}") };
    assert_eq!((result.error_code, result.error_message.as_deref()), (code.code(), Some(message)));
    let CreatableTopicResult { topic_id, num_partitions, replication_factor, configs, .. } = result;
    assert_eq!((*topic_id, *num_partitions, *replication_factor), (Uuid::ZERO, -1, -1));
    assert_eq!(configs.as_deref(), Some([].as_slice()));
    assert_eq!(cluster.committed.at(0), before);
}

/// Name, code and message of each result.
fn summary(results: &[CreatableTopicResult]) -> Vec<(&str, i16, &str)> {
    let results = results.iter();
    results.map(|it| (it.name.as_str(), it.error_code, it.error_message.as_deref().unwrap_or(""))).collect()
}

#[test]
fn names() {
    let mut cluster = cluster();
    let invalid = ErrorCode::InvalidTopicException;
    for (name, message) in [
        ("", "Topic name is invalid: the empty string is not allowed"),
        ("..", "Topic name is invalid: '..' is not allowed"),
        (
            "a b",
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
    ] {
        // The name counts before everything else.
        let topic = with_configs(new_topic(name, 0, 0), &[("zzz", Some("1"))]);
        refuses(&mut cluster, topic, invalid, message);
    }
    refuses(
        &mut cluster,
        new_topic("__cluster_metadata", 1, 1),
        ErrorCode::InvalidRequest,
        "Creation of internal topic __cluster_metadata is prohibited.",
    );
    cluster.create(vec![new_topic("a.b", 1, 1)]);
    refuses(&mut cluster, new_topic("a_b", 1, 1), invalid, "Topic 'a_b' collides with existing topic: a.b");
    let exists = with_configs(new_topic("a.b", 0, 0), &[("zzz", Some("1"))]);
    refuses(&mut cluster, exists, ErrorCode::TopicAlreadyExists, "Topic 'a.b' already exists.");
    // As in Kafka, topics of one request are not compared with each other.
    let both = cluster.create(vec![new_topic("q.r", 1, 1), new_topic("q_r", 1, 1)]);
    assert!(both.iter().all(|result| result.error_code == 0));
    let exists = "Topic 'q_r' already exists.";
    refuses(&mut cluster, new_topic("q_r", 1, 1), ErrorCode::TopicAlreadyExists, exists);
}

#[test]
fn a_name_given_twice_is_refused_once() {
    let names = ["d", "__cluster_metadata", "zeta", "d", "e", "e", "a b", "__cluster_metadata", "first"];
    let topics = names.iter().map(|name| new_topic(name, 1, 1)).collect();
    let results = cluster().create(topics);
    let summary = summary(&results);
    assert_eq!(summary.iter().map(|(name, ..)| *name).collect::<Vec<_>>()[..3], ["zeta", "a b", "first"]);
    let duplicates: Vec<_> = summary.iter().filter(|(.., message)| *message == "Duplicate topic name.").collect();
    assert_eq!(duplicates.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["__cluster_metadata", "d", "e"]);
    assert!(duplicates.iter().all(|(_, code, _)| *code == ErrorCode::InvalidRequest.code()));
}

#[test]
fn numbers() {
    let mut cluster = cluster();
    for (partitions, factor, code, message) in [
        (
            1,
            0,
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            0,
            -2,
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (0, 1, ErrorCode::InvalidPartitions, "Number of partitions was set to an invalid non-positive value."),
        (-5, 1, ErrorCode::InvalidPartitions, "Number of partitions was set to an invalid non-positive value."),
        (
            1,
            4,
            ErrorCode::InvalidReplicationFactor,
            "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because \
             only 3 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (10_001, 1, ErrorCode::PolicyViolation, "Excessively large number of partitions per request."),
        (10_000, 1, ErrorCode::PolicyViolation, "Unable to perform excessively large batch operation."),
    ] {
        refuses(&mut cluster, new_topic("x", partitions, factor), code, message);
    }
    let many = cluster.create(vec![new_topic("y", 1, 1), new_topic("x", 10_000, 1)]);
    assert!(many.iter().all(|result| result.error_code == ErrorCode::PolicyViolation.code()), "{many:?}");
    assert_eq!(cluster.committed.topic_count(), 0, "a request that is too big does nothing");
    let largest = cluster.create(vec![new_topic("x", 9_999, 1)]);
    assert_eq!((largest[0].error_code, largest[0].num_partitions), (0, 9_999));
}

#[test]
fn assignments() {
    let mut cluster = cluster();
    let invalid = ErrorCode::InvalidReplicaAssignment;
    let given = |what| format!("A manual partition assignment was specified, but {what} was not set to -1.");
    let both = CreatableTopic { num_partitions: 1, replication_factor: 1, ..assigned("x", &[(0, &[1])]) };
    refuses(&mut cluster, both, ErrorCode::InvalidRequest, &given("replication factor"));
    let partitions = CreatableTopic { num_partitions: 1, ..assigned("x", &[(0, &[1])]) };
    refuses(&mut cluster, partitions, ErrorCode::InvalidRequest, &given("numPartitions"));
    let assignments: [(Assignments<'_>, &str); 9] = [
        (&[(0, &[1, 1])], "The manual partition assignment includes the broker 1 more than once."),
        (&[(0, &[1, 9])], "The manual partition assignment includes broker 9, but no such broker is registered."),
        (&[(0, &[-1])], "The manual partition assignment includes broker -1, but no such broker is registered."),
        (&[(0, &[])], "The manual partition assignment includes an empty replica list."),
        (&[(0, &[1]), (0, &[1])], "Found multiple manual partition assignments for partition 0"),
        (&[(1, &[1])], "partitions should be a consecutive 0-based integer sequence"),
        (&[(0, &[1]), (2, &[1])], "partitions should be a consecutive 0-based integer sequence"),
        (
            &[(0, &[1]), (1, &[1, 7])],
            "The manual partition assignment includes a partition with 2 replica(s), but this is not consistent with \
             previous partitions, which have 1 replica(s).",
        ),
        (
            &[(0, &[7])],
            "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled \
             shutdown.",
        ),
    ];
    for (assignments, message) in assignments {
        refuses(&mut cluster, assigned("x", assignments), invalid, message);
    }
    // Settings are looked at before partitions.
    let both_wrong = with_configs(assigned("x", &[(0, &[9])]), &[("zzz", Some("1"))]);
    refuses(&mut cluster, both_wrong, ErrorCode::InvalidConfig, "Unknown topic config name: zzz");
    let good = cluster.create(vec![assigned("x", &[(1, &[7, 1]), (0, &[1, 8])])]);
    assert_eq!((good[0].error_code, good[0].num_partitions, good[0].replication_factor), (0, 2, 2));
    assert_eq!((cluster.leadership("x", 0), cluster.leadership("x", 1)), ("1 (0) [1]".into(), "1 (0) [1]".into()));
    assert_eq!(cluster.partition("x", 1).replicas.iter().map(|id| id.0).collect::<Vec<_>>(), [7, 1]);
}

#[test]
fn settings() {
    let mut cluster = cluster();
    for (configs, message) in [
        ([("retention.ms", None)], "Null value not supported for topic configs: retention.ms"),
        (
            [("retention.ms", Some("abc"))],
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
    ] {
        refuses(&mut cluster, with_configs(new_topic("x", 0, 9), &configs), ErrorCode::InvalidConfig, message);
    }
    let configs = [("retention.ms", Some("5")), ("cleanup.policy", Some("compact")), ("retention.ms", Some("6"))];
    let results = cluster.create(vec![with_configs(new_topic("x", 1, 1), &configs)]);
    let shown = results[0].configs.as_deref().unwrap();
    assert_eq!(shown.len(), 33);
    let show = |name: &str| {
        let config = shown.iter().find(|config| config.name == name).unwrap();
        (config.value.as_deref().unwrap(), config.config_source, config.read_only, config.is_sensitive)
    };
    assert_eq!(show("retention.ms"), ("6", 1, false, false), "of two values the later counts");
    assert_eq!(show("cleanup.policy"), ("compact", 1, false, false));
    assert_eq!(show("compression.zstd.level"), ("3", 5, false, false));
    let stored = cluster.committed.topic_overrides(&"x".into());
    assert_eq!(
        stored.into_iter().collect::<Vec<_>>(),
        [("cleanup.policy".to_owned(), "compact".to_owned()), ("retention.ms".to_owned(), "6".to_owned())]
    );
}

#[test]
fn defaults_and_records() {
    let mut cluster = Cluster::new(3, |config| {
        config.num_partitions = 3;
        config.default_replication_factor = 2;
    });
    for id in [1, 2] {
        cluster.join(id);
    }
    let topic = with_configs(new_topic("x", -1, -1), &[("retention.ms", Some("5"))]);
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let response = cluster.controller.create_topics(&request);
    let result = &response.topics[0];
    assert_eq!((result.num_partitions, result.replication_factor, result.error_message.as_deref()), (3, 2, None));
    let records = cluster.commit();
    assert!(matches!(&records[0], MetadataRecord::Topic(topic) if topic.topic_id == result.topic_id));
    assert!(matches!(&records[1], MetadataRecord::Config(config) if config.resource_type == 2));
    assert_eq!(records.len(), 5);
    let partition = cluster.partition("x", 2);
    assert_eq!((partition.leader_epoch.0, partition.partition_epoch.0), (0, 0));
    assert_eq!(partition.directory_of(partition.replicas[1]).unwrap().0, directory(partition.replicas[1].0, 0));
}

#[test]
fn validation_alone_creates_nothing() {
    let mut cluster = cluster();
    let topics = vec![new_topic("x", 3, 1), new_topic("bad name", 1, 1)];
    let response =
        cluster.controller.create_topics(&CreateTopicsRequest { topics, validate_only: true, ..Default::default() });
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (0, 3));
    assert_ne!(response.topics[0].topic_id, Uuid::ZERO);
    assert_ne!(response.topics[1].error_code, 0);
    assert_eq!(cluster.commit(), []);
}

#[test]
fn a_batch_sees_what_it_has_decided() {
    let mut cluster = cluster();
    let request = CreateTopicsRequest { topics: vec![new_topic("x", 1, 1)], ..Default::default() };
    assert_eq!(cluster.controller.create_topics(&request).topics[0].error_code, 0);
    let again = cluster.controller.create_topics(&request);
    assert_eq!(again.topics[0].error_code, ErrorCode::TopicAlreadyExists.code());
    assert_eq!(cluster.controller.batch_size(), 2);
    assert!(cluster.committed.topic("x").is_none());
    cluster.commit();
    assert!(cluster.committed.topic("x").is_some());
}

#[test]
fn nothing_can_be_placed_on_fenced_brokers_alone() {
    let mut cluster = Cluster::of(&[]);
    refuses(
        &mut cluster,
        new_topic("x", 1, 1),
        ErrorCode::InvalidReplicationFactor,
        "Unable to replicate the partition 1 time(s): The target replication factor of 1 cannot be reached because only \
         0 broker(s) are registered or some brokers have all their log directories cordoned.",
    );
    cluster.register(&registration(1, 1)).unwrap();
    refuses(
        &mut cluster,
        new_topic("x", 1, 1),
        ErrorCode::InvalidReplicationFactor,
        "Unable to replicate the partition 1 time(s): All brokers are currently fenced.",
    );
}
