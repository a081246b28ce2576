//! AlterPartitionReassignments: results and messages are those of a Kafka 4.3.1 controller.

use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use dohle_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

use super::cluster::{Cluster, directory, registration, with_configs};

/// Brokers 1, 2 and 3; topic `t` on 1 and 2, both in sync, and topic `s` on 1.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_assigned("t", &[&[1, 2]]);
    cluster.create_assigned("s", &[&[1]]);
    cluster
}

/// Code and message for one partition; `None` cancels.
fn reassign(cluster: &mut Cluster, partition: i32, replicas: Option<&[i32]>) -> (i16, String) {
    let response = ask(cluster, "t", partition, replicas, true);
    let result = &response.responses[0].partitions[0];
    assert_eq!((response.error_code, response.error_message.as_deref(), result.partition_index), (0, None, partition));
    (result.error_code, result.error_message.clone().unwrap_or_default())
}

fn ask(
    cluster: &mut Cluster,
    topic: &str,
    partition_index: i32,
    replicas: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> AlterPartitionReassignmentsResponse {
    let partitions = vec![ReassignablePartition { partition_index, replicas: replicas.map(<[i32]>::to_vec) }];
    let topics = vec![ReassignableTopic { name: topic.to_owned(), partitions }];
    let request = AlterPartitionReassignmentsRequest { allow_replication_factor_change, topics, ..Default::default() };
    let response = cluster.controller.alter_partition_reassignments(&request);
    cluster.commit();
    response
}

/// Replicas, and those of them that come and go.
fn assignment(cluster: &Cluster) -> String {
    let partition = cluster.partition("t", 0);
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
    let (replicas, adding) = (ids(&partition.replicas), ids(&partition.adding_replicas));
    format!("{replicas:?} +{adding:?} -{:?}", ids(&partition.removing_replicas))
}

fn done() -> (i16, String) {
    (0, String::new())
}

#[test]
fn refusals() {
    let mut cluster = cluster();
    let before = cluster.committed.at(0);
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    let invalid = ErrorCode::InvalidReplicaAssignment.code();
    let nowhere = ask(&mut cluster, "nowhere", 0, Some(&[1]), true);
    let result = &nowhere.responses[0].partitions[0];
    assert_eq!(
        (result.error_code, result.error_message.as_deref()),
        (unknown, Some("Unable to find a topic named nowhere."))
    );
    for (partition, replicas, code, message) in [
        (9, Some(&[1][..]), unknown, "Unable to find partition t:9."),
        (0, None, ErrorCode::NoReassignmentInProgress.code(), ""),
        (0, Some(&[]), invalid, "The manual partition assignment includes an empty replica list."),
        (
            0,
            Some(&[1, -1]),
            invalid,
            "The manual partition assignment includes broker -1, but no such broker is registered.",
        ),
        (0, Some(&[1, 1]), invalid, "The manual partition assignment includes the broker 1 more than once."),
    ] {
        assert_eq!(reassign(&mut cluster, partition, replicas), (code, message.to_owned()));
    }
    let response = ask(&mut cluster, "t", 0, Some(&[1, 2, 3]), false);
    let result = &response.responses[0].partitions[0];
    assert!(!response.allow_replication_factor_change);
    assert_eq!(
        (result.error_code, result.error_message.as_deref()),
        (ErrorCode::InvalidReplicationFactor.code(), Some("The replication factor is changed from 2 to 3"))
    );
    let nothing = AlterPartitionReassignmentsRequest { allow_replication_factor_change: false, ..Default::default() };
    let response = cluster.controller.alter_partition_reassignments(&nothing);
    assert_eq!(response, AlterPartitionReassignmentsResponse::default());
    assert_eq!(cluster.committed.at(0), before);
}

#[test]
fn to_where_it_is_already_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.committed.at(0);
    assert_eq!(reassign(&mut cluster, 0, Some(&[1, 2])), done());
    assert_eq!(cluster.committed.at(0), before);
}

#[test]
fn another_order_is_done_at_once_and_elects_nobody() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[2, 1])), done());
    assert_eq!(assignment(&cluster), "[2, 1] +[] -[]");
    assert_eq!(cluster.leadership("t", 0), "1 (0) [1, 2]");
    let directories: Vec<_> = cluster.partition("t", 0).directories.iter().map(|directory| directory.0).collect();
    assert_eq!(directories, [directory(2, 0), directory(1, 0)]);
}

#[test]
fn fewer_replicas_are_done_at_once_with_another_leader_epoch() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[1])), done());
    assert_eq!((assignment(&cluster), cluster.leadership("t", 0)), ("[1] +[] -[]".to_owned(), "1 (1) [1]".to_owned()));
}

#[test]
fn the_leader_that_is_taken_away_hands_over() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[2])), done());
    assert_eq!((assignment(&cluster), cluster.leadership("t", 0)), ("[2] +[] -[]".to_owned(), "2 (1) [2]".to_owned()));
}

#[test]
fn a_new_replica_must_be_in_sync_before_the_old_one_goes() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[2, 3])), done());
    assert_eq!(assignment(&cluster), "[2, 3, 1] +[3] -[1]");
    assert_eq!(cluster.leadership("t", 0), "1 (0) [1, 2]");
    // Other changes of the partition leave it under way.
    cluster.controller.fence_lost_broker(BrokerId(1));
    cluster.commit();
    assert_eq!(assignment(&cluster), "[2, 3, 1] +[3] -[1]");
    assert_eq!(cluster.leadership("t", 0), "2 (1) [2]");
    let mut partition = cluster.partition("t", 0).clone();
    partition.isr.push(BrokerId(3));
    cluster.replace_partition("t", 0, &partition);
    cluster.controller.fence_lost_broker(BrokerId(2));
    cluster.commit();
    assert_eq!(assignment(&cluster), "[2, 3] +[] -[]");
    assert_eq!(cluster.leadership("t", 0), "3 (2) [3]");
}

#[test]
fn the_factor_of_a_reassignment_under_way_is_the_one_that_it_leads_to() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[2, 3])), done());
    for (replicas, code) in [(&[1, 2, 3][..], ErrorCode::InvalidReplicationFactor), (&[3, 2], ErrorCode::None)] {
        let response = ask(&mut cluster, "t", 0, Some(replicas), false);
        assert_eq!(response.responses[0].partitions[0].error_code, code.code());
    }
    assert_eq!(assignment(&cluster), "[3, 2, 1] +[3] -[1]");
}

#[test]
fn a_reassignment_can_be_taken_back() {
    let mut cluster = cluster();
    assert_eq!(reassign(&mut cluster, 0, Some(&[3])), done());
    assert_eq!(assignment(&cluster), "[3, 1, 2] +[3] -[1, 2]");
    assert_eq!(reassign(&mut cluster, 0, None), done());
    assert_eq!(assignment(&cluster), "[1, 2] +[] -[]");
    assert_eq!(cluster.leadership("t", 0), "1 (1) [1, 2]");
}

#[test]
fn what_would_lose_records_is_taken_back_only_where_that_is_allowed() {
    let mut cluster = cluster();
    ask(&mut cluster, "s", 0, Some(&[3]), true);
    let mut partition = cluster.partition("s", 0).clone();
    assert_eq!(partition.adding_replicas, [BrokerId(3)]);
    // Broker 1 was not in sync for a while, and the new replica alone has what was written meanwhile.
    (partition.isr, partition.leader) = (vec![BrokerId(3)], Some(BrokerId(3)));
    cluster.replace_partition("s", 0, &partition);
    let response = ask(&mut cluster, "s", 0, None, true);
    let result = &response.responses[0].partitions[0];
    let message = "Unable to revert partition assignment for s:0 because it would require an unclean leader election.";
    assert_eq!(
        (result.error_code, result.error_message.as_deref()),
        (ErrorCode::InvalidReplicaAssignment.code(), Some(message))
    );
}

#[test]
fn a_replica_in_a_directory_that_has_failed_is_not_elected() {
    let mut cluster = Cluster::of(&[1]);
    let mut two_directories = registration(2, 1);
    two_directories.log_dirs = vec![directory(2, 0), directory(2, 1)];
    let epoch = cluster.register(&two_directories).unwrap();
    cluster.heartbeat(2, epoch, |_| {});
    let topic =
        with_configs(super::cluster::new_topic("t", -1, -1), &[("unclean.leader.election.enable", Some("true"))]);
    let assignments = vec![dohle_protocol::messages::create_topics_request::CreatableReplicaAssignment {
        partition_index: 0,
        broker_ids: vec![1, 2],
    }];
    cluster.create(vec![dohle_protocol::messages::create_topics_request::CreatableTopic { assignments, ..topic }]);
    let mut partition = cluster.partition("t", 0).clone();
    partition.directories[1] = dohle_model::DirectoryId(directory(2, 1));
    cluster.replace_partition("t", 0, &partition);
    cluster.heartbeat(2, epoch, |request| request.offline_log_dirs = vec![directory(2, 1)]);
    cluster.controller.fence_lost_broker(BrokerId(1));
    cluster.commit();
    assert_eq!(cluster.leadership("t", 0), "none (1) [1]");
}
