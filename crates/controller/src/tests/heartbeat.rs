//! How heartbeats change a broker's standing.

use dohle_model::{BrokerId, DirectoryId};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{BrokerHeartbeatRequest, BrokerRegistrationRequest};

use super::cluster::{Cluster, SESSION, directory, new_topic, registration, with_configs};

#[test]
fn strangers_are_stale() {
    let mut cluster = Cluster::of(&[1]);
    for (id, epoch) in [(99, 0), (1, 5), (1, -1)] {
        let response = cluster.heartbeat(id, epoch, |_| {});
        assert_eq!(response.error_code, ErrorCode::StaleBrokerEpoch.code());
        assert!(response.is_fenced && !response.is_caught_up && !response.should_shut_down);
    }
}

#[test]
fn a_broker_is_unfenced_when_it_knows_of_its_registration_and_wants_it() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.register(&registration(7, 1)).unwrap();
    let registered_at = cluster.committed.broker(BrokerId(7)).unwrap().registered_at;
    let behind = cluster.heartbeat(7, epoch, |request| request.current_metadata_offset = registered_at - 1);
    assert_eq!((behind.is_caught_up, behind.is_fenced), (false, true));
    let unwilling = cluster.heartbeat(7, epoch, |request| request.want_fence = true);
    assert_eq!((unwilling.is_caught_up, unwilling.is_fenced), (true, true));
    let live = cluster.heartbeat(7, epoch, |request| request.current_metadata_offset = registered_at);
    assert_eq!((live.is_caught_up, live.is_fenced), (true, false));
    assert!(!cluster.is_fenced(7));
    assert!(cluster.heartbeat(7, epoch, |request| request.want_fence = true).is_fenced);
    assert!(cluster.is_fenced(7));
}

#[test]
fn heartbeats_that_change_nothing_record_nothing() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.join(7);
    cluster.heartbeat(7, epoch, |request| request.cordoned_log_dirs = Some(Vec::new()));
    let request = BrokerHeartbeatRequest {
        broker_id: 7,
        broker_epoch: epoch,
        cordoned_log_dirs: Some(Vec::new()),
        ..Default::default()
    };
    assert!(!cluster.controller.broker_heartbeat(&request, cluster.now).is_fenced);
    assert_eq!(cluster.commit(), []);
}

#[test]
fn a_broker_without_leaderships_may_stop_at_once() {
    let mut cluster = Cluster::of(&[1]);
    let epoch = cluster.join(7);
    for _ in 0..3 {
        let response = cluster.heartbeat(7, epoch, |request| request.want_shut_down = true);
        assert!(response.should_shut_down && response.is_fenced);
        assert!(cluster.is_fenced(7));
    }
    assert!(cluster.register(&registration(7, 2)).is_ok(), "its next process need not wait");
}

#[test]
fn a_broker_stops_when_all_know_that_it_leads_nothing_more() {
    let mut cluster = Cluster::of(&[]);
    let (first, second, third) = (cluster.join(1), cluster.join(2), cluster.join(3));
    cluster.create_assigned("x", &[&[1, 2], &[2, 1], &[1, 3]]);
    let response = cluster.heartbeat(1, first, |request| request.want_shut_down = true);
    assert!(!response.should_shut_down && !response.is_fenced);
    let broker = cluster.committed.broker(BrokerId(1)).unwrap();
    assert!(broker.in_controlled_shutdown && !broker.fenced);
    let leaderships = [0, 1, 2].map(|index| cluster.leadership("x", index));
    assert_eq!(leaderships, ["2 (1) [2]", "2 (0) [2]", "3 (1) [3]"]);
    let handed_over_at = cluster.committed.metadata_offset();
    let ask =
        |cluster: &mut Cluster| cluster.heartbeat(1, first, |request| request.want_shut_down = true).should_shut_down;
    assert!(!ask(&mut cluster));
    cluster.heartbeat(2, second, |_| {});
    assert!(!ask(&mut cluster), "3 does not know yet");
    cluster.heartbeat(3, third, |request| request.current_metadata_offset = handed_over_at - 1);
    assert!(!ask(&mut cluster));
    cluster.heartbeat(3, third, |request| request.current_metadata_offset = handed_over_at);
    assert!(ask(&mut cluster));
    assert!(cluster.is_fenced(1));
}

#[test]
fn a_new_leader_waits_until_it_has_heard_of_everybody() {
    let mut cluster = Cluster::of(&[]);
    let (first, second) = (cluster.join(1), cluster.join(2));
    cluster.create_assigned("x", &[&[1, 2]]);
    cluster.heartbeat(1, first, |request| request.want_shut_down = true);
    cluster.heartbeat(2, second, |_| {});
    cluster.fail_over();
    assert!(!cluster.heartbeat(1, first, |request| request.want_shut_down = true).should_shut_down);
    cluster.heartbeat(2, second, |_| {});
    assert!(cluster.heartbeat(1, first, |request| request.want_shut_down = true).should_shut_down);
}

#[test]
fn the_only_broker_stops_with_its_second_heartbeat_and_leads_again_after_the_next_start() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.join(1);
    cluster.create_assigned("x", &[&[1]]);
    let ask = |cluster: &mut Cluster| cluster.heartbeat(1, epoch, |request| request.want_shut_down = true);
    assert!(!ask(&mut cluster).should_shut_down);
    assert_eq!(cluster.leadership("x", 0), "none (1) [1]");
    assert!(ask(&mut cluster).should_shut_down);
    assert!(cluster.heartbeat(1, epoch, |_| {}).is_fenced, "it said that it stops");
    cluster.now += SESSION;
    let epoch = cluster.register(&registration(1, 2)).unwrap();
    assert_eq!(cluster.leadership("x", 0), "none (1) [1]");
    cluster.heartbeat(1, epoch, |_| {});
    assert_eq!(cluster.leadership("x", 0), "1 (2) [1]");
}

#[test]
fn two_heartbeats_of_one_batch_do_not_let_a_broker_stop() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.join(1);
    cluster.create_assigned("x", &[&[1]]);
    let request = BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: epoch,
        want_shut_down: true,
        current_metadata_offset: 1000,
        ..Default::default()
    };
    for _ in 0..2 {
        assert!(!cluster.controller.broker_heartbeat(&request, cluster.now).should_shut_down);
    }
    cluster.commit();
    assert!(cluster.controller.broker_heartbeat(&request, cluster.now).should_shut_down);
}

#[test]
fn an_unclean_election_is_only_held_where_it_is_allowed() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("clean", &[&[1, 2]]);
    cluster.create_assigned("unclean", &[&[1, 2]]);
    cluster.create(vec![with_configs(new_topic("placed", 1, 2), &[("unclean.leader.election.enable", Some("TRUE"))])]);
    cluster.controller.fence_lost_broker(BrokerId(2));
    cluster.commit();
    cluster.controller.fence_lost_broker(BrokerId(1));
    cluster.commit();
    assert_eq!(cluster.leadership("clean", 0), "none (1) [1]");
    let epoch = cluster.register(&registration(2, 2)).unwrap();
    cluster.heartbeat(2, epoch, |_| {});
    assert_eq!(cluster.leadership("clean", 0), "none (1) [1]");
    assert!(cluster.leadership("placed", 0).ends_with("[2]"), "{}", cluster.leadership("placed", 0));
    let recovery = cluster.partition("placed", 0).leader_recovery_state;
    assert_eq!(recovery, dohle_metadata::LeaderRecoveryState::Recovering);
}

#[test]
fn a_failed_directory_hands_over_what_lies_in_it() {
    let mut cluster = Cluster::of(&[1]);
    let request = BrokerRegistrationRequest { log_dirs: vec![directory(7, 0)], ..registration(7, 1) };
    let epoch = cluster.register(&request).unwrap();
    cluster.heartbeat(7, epoch, |_| {});
    cluster.create_assigned("x", &[&[7, 1]]);
    let two = BrokerRegistrationRequest { log_dirs: vec![directory(7, 0), directory(7, 1)], ..registration(7, 1) };
    cluster.register(&two).unwrap();
    cluster.create_assigned("y", &[&[7, 1]]);
    assert_eq!(cluster.partition("y", 0).directory_of(BrokerId(7)), Some(DirectoryId::UNASSIGNED));
    cluster.heartbeat(7, epoch, |request| request.offline_log_dirs = vec![directory(7, 0), directory(9, 9)]);
    assert_eq!(cluster.committed.broker(BrokerId(7)).unwrap().log_directories, [DirectoryId(directory(7, 1))]);
    assert_eq!(cluster.leadership("x", 0), "1 (1) [1]");
    assert_eq!(cluster.leadership("y", 0), "7 (0) [7, 1]");
    let request = BrokerHeartbeatRequest {
        broker_id: 7,
        broker_epoch: epoch,
        offline_log_dirs: vec![directory(7, 0), directory(7, 1)],
        ..Default::default()
    };
    cluster.controller.broker_heartbeat(&request, cluster.now);
    assert_eq!(cluster.commit(), [], "a broker without directories stops by itself");
}

#[test]
fn cordoned_directories_are_recorded_when_they_change() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.join(7);
    let cordoned = |cluster: &Cluster| cluster.committed.broker(BrokerId(7)).unwrap().cordoned_log_directories.clone();
    assert_eq!(cordoned(&cluster), None);
    cluster.heartbeat(7, epoch, |request| request.cordoned_log_dirs = Some(vec![directory(7, 0)]));
    assert_eq!(cordoned(&cluster), Some(vec![DirectoryId(directory(7, 0))]));
    cluster.heartbeat(7, epoch, |request| request.cordoned_log_dirs = None);
    assert!(cordoned(&cluster).is_some(), "nothing said is nothing changed");
    let response = cluster.controller.broker_heartbeat(
        &BrokerHeartbeatRequest {
            broker_id: 7,
            broker_epoch: epoch + 1,
            cordoned_log_dirs: Some(Vec::new()),
            ..Default::default()
        },
        cluster.now,
    );
    assert_eq!((response.error_code, cluster.commit()), (ErrorCode::StaleBrokerEpoch.code(), vec![]));
}
