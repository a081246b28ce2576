//! CreatePartitions: results, messages and their order are those of a Kafka 4.3.1 controller.

use dohle_model::PartitionIndex;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::CreatePartitionsRequest;
use dohle_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use dohle_protocol::records::metadata::MetadataRecord;

use super::cluster::{Cluster, new_topic, registration};

/// Brokers 1 and 2 live, broker 7 fenced; topic `t` with two partitions of one replica, `r` with one of two.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.register(&registration(7, 1)).unwrap();
    cluster.create_assigned("t", &[&[1], &[2]]);
    cluster.create_assigned("r", &[&[1, 2]]);
    cluster
}

fn more(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic { name: name.to_owned(), count, assignments: None }
}

fn assigned(name: &str, count: i32, assignments: &[&[i32]]) -> CreatePartitionsTopic {
    let assignments = assignments.iter().map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec() }).collect();
    CreatePartitionsTopic { assignments: Some(assignments), ..more(name, count) }
}

fn ask(cluster: &mut Cluster, topics: Vec<CreatePartitionsTopic>, validate_only: bool) -> Vec<(String, i16, String)> {
    let request = CreatePartitionsRequest { topics, validate_only, ..Default::default() };
    let response = cluster.controller.create_partitions(&request);
    cluster.commit();
    let results = response.results.into_iter();
    results.map(|result| (result.name, result.error_code, result.error_message.unwrap_or_default())).collect()
}

#[track_caller]
fn refuses(cluster: &mut Cluster, topic: CreatePartitionsTopic, code: ErrorCode, message: &str) {
    let (before, name) = (cluster.committed.at(0), topic.name.clone());
    assert_eq!(ask(cluster, vec![topic], false), [(name, code.code(), message.to_owned())]);
    assert_eq!(cluster.committed.at(0), before);
}

#[test]
fn the_number_must_grow() {
    let mut cluster = cluster();
    let invalid = ErrorCode::InvalidPartitions;
    refuses(&mut cluster, more("t", 2), invalid, "Topic already has 2 partition(s).");
    for count in [1, 0, -1, i32::MIN] {
        let message = format!("The topic t currently has 2 partition(s); {count} would not be an increase.");
        refuses(&mut cluster, more("t", count), invalid, &message);
    }
    for name in ["", "a b", "nowhere", "__cluster_metadata"] {
        refuses(&mut cluster, more(name, 3), ErrorCode::UnknownTopicOrPartition, "");
    }
}

#[test]
fn assignments() {
    let mut cluster = cluster();
    let cases: [(CreatePartitionsTopic, &str); 7] = [
        (
            assigned("t", 4, &[&[1]]),
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (assigned("t", 3, &[]), "Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified."),
        (assigned("t", 3, &[&[]]), "The manual partition assignment includes an empty replica list."),
        (
            assigned("t", 4, &[&[1], &[9]]),
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (assigned("t", 3, &[&[1, 1]]), "The manual partition assignment includes the broker 1 more than once."),
        (
            assigned("r", 2, &[&[1]]),
            "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with \
             previous partitions, which have 2 replica(s).",
        ),
        (
            assigned("t", 4, &[&[1], &[7]]),
            "All brokers specified in the manual partition assignment for partition 3 are fenced or in controlled \
             shutdown.",
        ),
    ];
    for (topic, message) in cases {
        refuses(&mut cluster, topic, ErrorCode::InvalidReplicaAssignment, message);
    }
    assert_eq!(ask(&mut cluster, vec![assigned("r", 3, &[&[2, 1], &[7, 2]])], false)[0].1, 0);
    assert_eq!([1, 2].map(|index| cluster.leadership("r", index)), ["2 (0) [2, 1]", "2 (0) [2]"]);
}

#[test]
fn replicas_are_placed_as_those_of_new_topics() {
    let mut cluster = cluster();
    assert_eq!(
        ask(&mut cluster, vec![more("t", 6), more("r", 2)], false),
        [("t".to_owned(), 0, String::new()), ("r".to_owned(), 0, String::new())]
    );
    let topic = cluster.committed.topic("t").unwrap();
    assert_eq!(topic.partition_count(), 6);
    let leads = |id: i32| {
        let leader = |index| topic.partition(PartitionIndex(index)).unwrap().leader;
        (2..6).filter(|index| leader(*index).is_some_and(|leader| leader.0 == id)).count()
    };
    assert_eq!((leads(1), leads(2)), (2, 2));
    assert_eq!(cluster.partition("r", 1).replicas.len(), 2);
}

#[test]
fn where_no_broker_can_lead_nothing_is_placed() {
    let mut cluster = cluster();
    for id in [1, 2] {
        cluster.controller.fence_lost_broker(dohle_model::BrokerId(id));
    }
    cluster.commit();
    refuses(&mut cluster, more("t", 3), ErrorCode::InvalidReplicationFactor, "All brokers are currently fenced.");
}

#[test]
fn topics_named_twice_and_topics_that_are_only_looked_at() {
    let mut cluster = cluster();
    let before = cluster.committed.at(0);
    let named_twice = vec![more("t", 3), more("r", 0), more("t", 4)];
    let (invalid, increase) = (ErrorCode::InvalidRequest.code(), ErrorCode::InvalidPartitions.code());
    let refused = ask(&mut cluster, named_twice, false);
    assert_eq!((refused[0].0.as_str(), refused[0].1, refused[0].2.as_str()), ("t", invalid, "Duplicate topic name."));
    assert_eq!((refused[1].0.as_str(), refused[1].1, refused.len()), ("r", increase, 2));
    assert_eq!(ask(&mut cluster, vec![more("t", 3)], true), [("t".to_owned(), 0, String::new())]);
    assert_eq!(cluster.committed.at(0), before);
    assert_eq!(ask(&mut cluster, Vec::new(), false), []);
}

/// Kafka would create the first 10 000 of them, and answer UNKNOWN_SERVER_ERROR without a word.
#[test]
fn ten_thousand_at_once_are_the_most() {
    let mut cluster = cluster();
    let too_many = ErrorCode::PolicyViolation.code();
    let results = ask(&mut cluster, vec![more("t", 10_003), more("r", i32::MAX)], false);
    let words = "Unable to perform excessively large batch operation.";
    assert!(results.iter().all(|(_, code, message)| (*code, message.as_str()) == (too_many, words)), "{results:?}");
    // What is refused leaves room for the others.
    let results = ask(&mut cluster, vec![more("t", 10_003), more("r", 9_001), more("t2", 2)], true);
    assert_eq!(results.iter().map(|result| result.1).collect::<Vec<_>>(), [too_many, 0, 3]);
    assert_eq!(ask(&mut cluster, vec![more("t", 10_002)], true)[0].1, 0);
}

#[test]
fn the_records_continue_the_topic() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create(vec![new_topic("t", 2, 1)]);
    let id = cluster.committed.topic("t").unwrap().id;
    let request = CreatePartitionsRequest { topics: vec![more("t", 4)], ..Default::default() };
    cluster.controller.create_partitions(&request);
    let records = cluster.commit();
    let created: Vec<_> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::Partition(record) => (record.topic_id, record.partition_id, record.leader_epoch),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(created, [(id.0, 2, 0), (id.0, 3, 0)]);
}
