//! Registration, sessions, unregistration, producer ids; codes are those of a Kafka 4.3.1 controller.

use std::time::Duration;

use dohle_metadata::Image;
use dohle_model::{BrokerEpoch, BrokerId, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{AllocateProducerIdsRequest, BrokerRegistrationRequest, UnregisterBrokerRequest};
use dohle_protocol::records::metadata::{FeatureLevelRecord, MetadataRecord};

use super::cluster::{Cluster, SESSION, directory, feature, listener, registration};
use crate::Registrant;

#[test]
fn a_new_cluster_begins_with_its_feature_level() {
    let mut cluster = Cluster::of(&[]);
    assert_eq!(cluster.committed.feature_level("metadata.version"), Some(30));
    cluster.controller.activate();
    assert_eq!(cluster.commit(), [], "once");
    let level = FeatureLevelRecord { name: "metadata.version".to_owned(), feature_level: 30 };
    assert_eq!(cluster.committed.to_records(), [MetadataRecord::from(level)]);
}

#[test]
fn what_no_broker_can_be_registered_with() {
    let mut cluster = Cluster::of(&[1]);
    let good = || registration(7, 1);
    let reserved = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let mut unknown_protocol = listener("A", 1);
    unknown_protocol.security_protocol = 9;
    for (request, error) in [
        (BrokerRegistrationRequest { cluster_id: "x".to_owned(), ..good() }, ErrorCode::InconsistentClusterId),
        (BrokerRegistrationRequest { is_migrating_zk_broker: true, ..good() }, ErrorCode::BrokerIdNotRegistered),
        (BrokerRegistrationRequest { log_dirs: vec![], ..good() }, ErrorCode::InvalidRegistration),
        (BrokerRegistrationRequest { log_dirs: vec![reserved], ..good() }, ErrorCode::InvalidRegistration),
        (BrokerRegistrationRequest { log_dirs: vec![directory(7, 0); 2], ..good() }, ErrorCode::InvalidRegistration),
        (BrokerRegistrationRequest { log_dirs: vec![directory(1, 0)], ..good() }, ErrorCode::InvalidRegistration),
        (BrokerRegistrationRequest { features: vec![], ..good() }, ErrorCode::InvalidRegistration),
        (
            BrokerRegistrationRequest { features: vec![feature("metadata.version", 7, 20)], ..good() },
            ErrorCode::UnsupportedVersion,
        ),
        (
            BrokerRegistrationRequest {
                features: vec![feature("metadata.version", 7, 30), feature("group.version", 1, 1)],
                ..good()
            },
            ErrorCode::UnsupportedVersion,
        ),
        (BrokerRegistrationRequest { broker_id: -1, ..good() }, ErrorCode::InvalidRegistration),
        (BrokerRegistrationRequest { listeners: vec![unknown_protocol], ..good() }, ErrorCode::InvalidRegistration),
    ] {
        assert_eq!(cluster.register(&request), Err(error), "{request:?}");
        assert!(cluster.committed.broker(BrokerId(7)).is_none());
    }
}

#[test]
fn a_registration_says_what_the_broker_told() {
    let mut cluster = Cluster::of(&[]);
    let request = BrokerRegistrationRequest {
        listeners: vec![listener("A", 1), listener("B", 2), listener("A", 3)],
        features: vec![feature("metadata.version", 7, 30), feature("group.version", 0, 1)],
        rack: Some("r".to_owned()),
        log_dirs: vec![directory(7, 0), directory(7, 1)],
        ..registration(7, 1)
    };
    let epoch = cluster.register(&request).unwrap();
    let broker = cluster.committed.broker(BrokerId(7)).unwrap();
    assert!(broker.fenced && !broker.in_controlled_shutdown);
    assert_eq!((broker.epoch, broker.rack.as_deref()), (BrokerEpoch(epoch), Some("r")));
    let endpoints: Vec<_> = broker.endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint.port)).collect();
    assert_eq!(endpoints, [("B", 2), ("A", 3)], "of two endpoints for a listener the later counts");
    assert_eq!(broker.registered_at, cluster.committed.metadata_offset());
    assert_eq!(broker.log_directories.len(), 2);
}

#[test]
fn the_same_incarnation_amends_and_another_waits_for_the_session_to_end() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.register(&registration(7, 1)).unwrap();
    let again = cluster.register(&registration(7, 2)).unwrap();
    assert!(again > epoch, "nothing was heard of the first");
    cluster.heartbeat(7, again, |request| request.want_fence = true);
    assert_eq!(cluster.register(&registration(7, 3)), Err(ErrorCode::DuplicateBrokerRegistration));
    cluster.heartbeat(7, again, |_| {});
    let amended = BrokerRegistrationRequest { listeners: vec![listener("PLAINTEXT", 5)], ..registration(7, 2) };
    assert_eq!(cluster.register(&amended), Ok(again));
    let broker = cluster.committed.broker(BrokerId(7)).unwrap();
    assert_eq!((broker.fenced, broker.endpoints[0].port), (false, 5));
    cluster.now += SESSION - Duration::from_millis(1);
    assert_eq!(cluster.register(&registration(7, 3)), Err(ErrorCode::DuplicateBrokerRegistration));
    cluster.now += Duration::from_millis(1);
    let third = cluster.register(&registration(7, 3)).unwrap();
    assert!(third > again);
    assert!(cluster.is_fenced(7));
    assert_eq!(cluster.heartbeat(7, again, |_| {}).error_code, ErrorCode::StaleBrokerEpoch.code());
}

#[test]
fn a_new_incarnation_leads_nothing_until_it_is_unfenced() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("alone", &[&[1]]);
    cluster.create_assigned("both", &[&[1, 2], &[2, 1]]);
    let epoch = cluster.register_as(&registration(1, 2), Registrant::ThisProcess).unwrap();
    let leaderships = |cluster: &Cluster| {
        [("alone", 0), ("both", 0), ("both", 1)].map(|(topic, index)| cluster.leadership(topic, index))
    };
    assert_eq!(leaderships(&cluster), ["none (1) [1]", "2 (1) [2]", "2 (0) [2]"]);
    cluster.heartbeat(1, epoch, |_| {});
    assert_eq!(leaderships(&cluster), ["1 (2) [1]", "2 (1) [2]", "2 (0) [2]"]);
}

#[test]
fn a_broker_that_is_not_heard_of_is_fenced() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("x", &[&[1, 2]]);
    let epoch = cluster.committed.broker(BrokerId(2)).unwrap().epoch.0;
    assert!(!cluster.controller.fence_expired_broker(cluster.now));
    cluster.now += SESSION / 2;
    cluster.heartbeat(2, epoch, |_| {});
    assert_eq!(cluster.controller.next_expiry(), Some(cluster.now + SESSION / 2));
    cluster.now += SESSION / 2;
    assert!(cluster.controller.fence_expired_broker(cluster.now));
    assert!(!cluster.controller.fence_expired_broker(cluster.now), "2 was heard of");
    cluster.commit();
    assert_eq!((cluster.is_fenced(1), cluster.is_fenced(2)), (true, false));
    assert_eq!(cluster.leadership("x", 0), "2 (1) [2]");
}

#[test]
fn a_new_leader_gives_every_live_broker_a_session() {
    let mut cluster = Cluster::of(&[1]);
    cluster.register(&registration(7, 1)).unwrap();
    cluster.now += SESSION * 5;
    cluster.fail_over();
    assert_eq!(cluster.register(&registration(1, 2)), Err(ErrorCode::DuplicateBrokerRegistration));
    assert!(cluster.register(&registration(7, 2)).is_ok(), "fenced ones have none");
    cluster.now += SESSION;
    // A pause of its own is no broker's fault.
    cluster.controller.extend_sessions(Duration::from_secs(2));
    assert!(!cluster.controller.fence_expired_broker(cluster.now));
    cluster.now += Duration::from_secs(2);
    assert!(cluster.controller.fence_expired_broker(cluster.now));
}

#[test]
fn a_broker_known_to_be_gone_is_fenced_at_once() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("x", &[&[1, 2]]);
    cluster.controller.fence_lost_broker(BrokerId(1));
    cluster.commit();
    assert_eq!((cluster.is_fenced(1), cluster.leadership("x", 0)), (true, "2 (1) [2]".to_owned()));
    assert!(cluster.register(&registration(1, 2)).is_ok());
}

#[test]
fn this_process_does_not_wait_for_its_predecessor() {
    let mut cluster = Cluster::of(&[1]);
    cluster.fail_over();
    assert_eq!(cluster.register(&registration(1, 2)), Err(ErrorCode::DuplicateBrokerRegistration));
    assert!(cluster.register_as(&registration(1, 2), Registrant::ThisProcess).is_ok());
}

#[test]
fn unregistration() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("x", &[&[1, 2]]);
    let unregister = |cluster: &mut Cluster, broker_id| {
        let response = cluster.controller.unregister_broker(&UnregisterBrokerRequest { broker_id });
        cluster.commit();
        (response.error_code, response.error_message.unwrap())
    };
    assert_eq!(unregister(&mut cluster, 77), (102, "Broker ID 77 is not currently registered".to_owned()));
    let epoch = cluster.committed.broker(BrokerId(1)).unwrap().epoch.0;
    assert_eq!(unregister(&mut cluster, 1), (0, String::new()));
    assert_eq!(cluster.leadership("x", 0), "2 (1) [2]");
    assert_eq!(cluster.heartbeat(1, epoch, |_| {}).error_code, ErrorCode::StaleBrokerEpoch.code());
    let again = Image::from_records(0, &cluster.committed.to_records()).unwrap();
    assert_eq!(again, cluster.committed.at(0));
    assert!(cluster.register(&registration(1, 1)).unwrap() > epoch, "an epoch is not given twice");
}

#[test]
fn producer_ids_come_in_blocks() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.join(7);
    let mut allocate = |broker_id, broker_epoch| {
        let request = AllocateProducerIdsRequest { broker_id, broker_epoch };
        let response = cluster.controller.allocate_producer_ids(&request);
        (response.error_code, response.producer_id_start, response.producer_id_len)
    };
    assert_eq!(allocate(7, epoch), (0, 0, 1000));
    assert_eq!(allocate(7, epoch + 1), (77, 0, 0));
    assert_eq!(allocate(55, epoch), (77, 0, 0));
    assert_eq!(allocate(7, epoch), (0, 1000, 1000), "within one batch, too");
    assert_eq!(cluster.commit().len(), 2);
    assert_eq!(cluster.committed.next_producer_id(), 2000);
}
