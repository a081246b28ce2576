//! Records that must stop a node.

use std::sync::Arc;

use dohle_model::Uuid;
use dohle_protocol::records::metadata::{
    AccessControlEntryRecord, BeginTransactionRecord, BrokerRegistrationChangeRecord, ClearElrRecord,
    ClientQuotaRecord, ConfigRecord, DelegationTokenRecord, EndTransactionRecord, FeatureLevelRecord,
    FenceBrokerRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord, UserScramCredentialRecord,
};

use crate::{Image, Replay};

const TOPIC: Uuid = Uuid([7; 16]);

fn partition() -> PartitionRecord {
    PartitionRecord {
        partition_id: 0,
        topic_id: TOPIC,
        replicas: vec![1, 2],
        isr: vec![1],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![Uuid([1; 16]), Uuid([2; 16])],
        ..Default::default()
    }
}

/// A topic `orders` with partition 0, broker 1 with epoch 4, producer ids given away up to 1000.
fn image() -> Arc<Image> {
    let records: Vec<MetadataRecord> = vec![
        RegisterBrokerRecord { broker_id: 1, broker_epoch: 4, ..Default::default() }.into(),
        TopicRecord { name: "orders".to_owned(), topic_id: TOPIC }.into(),
        partition().into(),
        ProducerIdsRecord { next_producer_id: 1000, ..Default::default() }.into(),
    ];
    Arc::new(Image::from_records(0, &records).unwrap())
}

#[track_caller]
fn check(record: impl Into<MetadataRecord>, expected: &str) {
    let image = image();
    let mut replay = Replay::new(Arc::clone(&image), 1);
    assert_eq!(replay.apply(&record.into()).unwrap_err().to_string(), expected);
    assert_eq!(replay.image(), &image.at(1), "a record that is refused changes nothing");
}

#[test]
fn records_of_what_is_not_served() {
    let not_served =
        |record, feature| format!("metadata record {record} belongs to {feature}, which this release does not serve");
    check(AccessControlEntryRecord::default(), &not_served("AccessControlEntryRecord", "access control lists"));
    check(UserScramCredentialRecord::default(), &not_served("UserScramCredentialRecord", "SCRAM credentials"));
    check(DelegationTokenRecord::default(), &not_served("DelegationTokenRecord", "delegation tokens"));
    check(ClientQuotaRecord::default(), &not_served("ClientQuotaRecord", "client quotas"));
    check(ClearElrRecord::default(), &not_served("ClearElrRecord", "eligible leader replicas"));
    check(BeginTransactionRecord::default(), &not_served("BeginTransactionRecord", "metadata transactions"));
    check(EndTransactionRecord {}, &not_served("EndTransactionRecord", "metadata transactions"));
}

#[test]
fn feature_levels() {
    let feature = |name: &str, feature_level| FeatureLevelRecord { name: name.to_owned(), feature_level };
    for level in [0, 29, 31] {
        check(
            feature("metadata.version", level),
            &format!("feature metadata.version is finalized at level {level}, which this release does not support"),
        );
    }
    check(
        feature("group.version", 1),
        "feature group.version is finalized at level 1, which this release does not support",
    );
}

#[test]
fn brokers() {
    let registered = |id, epoch| format!("broker {id} is not registered with epoch {epoch}");
    check(UnregisterBrokerRecord { broker_id: 2, broker_epoch: 4 }, &registered(2, 4));
    check(UnregisterBrokerRecord { broker_id: 1, broker_epoch: 3 }, &registered(1, 3));
    check(FenceBrokerRecord { id: 1, epoch: 5 }, &registered(1, 5));
    let change = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: 4, ..Default::default() };
    check(BrokerRegistrationChangeRecord { broker_epoch: 9, ..change.clone() }, &registered(1, 9));
    check(
        BrokerRegistrationChangeRecord { fenced: 2, ..change.clone() },
        "metadata record BrokerRegistrationChangeRecord has an impossible Fenced",
    );
    check(
        BrokerRegistrationChangeRecord { in_controlled_shutdown: -1, ..change },
        "metadata record BrokerRegistrationChangeRecord has an impossible InControlledShutdown",
    );
    check(
        RegisterBrokerRecord { broker_id: 2, broker_epoch: 4, ..Default::default() },
        "broker 2 is registered with epoch 4, but the next one is 5",
    );
    check(
        RegisterBrokerRecord { broker_id: 1, broker_epoch: 4, incarnation_id: TOPIC, ..Default::default() },
        "broker 1 is registered with epoch 4, but the next one is 5",
    );
    check(
        RegisterBrokerRecord { broker_id: -1, broker_epoch: 5, ..Default::default() },
        "metadata record RegisterBrokerRecord has an impossible BrokerId",
    );
}

#[test]
fn topics_and_settings() {
    let exists = |name: &str, id| format!("topic {name} with id {id} exists already");
    check(TopicRecord { name: "orders".to_owned(), topic_id: Uuid([8; 16]) }, &exists("orders", Uuid([8; 16])));
    check(TopicRecord { name: "x".to_owned(), topic_id: TOPIC }, &exists("x", TOPIC));
    check(
        TopicRecord { name: "x".to_owned(), topic_id: Uuid::ZERO },
        "metadata record TopicRecord has an impossible TopicId",
    );
    check(RemoveTopicRecord { topic_id: Uuid([9; 16]) }, &format!("no topic has the id {}", Uuid([9; 16])));
    let config = |resource_type, resource_name: &str| ConfigRecord {
        resource_type,
        resource_name: resource_name.to_owned(),
        name: "x".to_owned(),
        value: None,
    };
    check(config(2, "nope"), "no topic is named nope");
    check(config(4, "x"), "settings of a resource of type 4 named 'x' are not served");
    check(config(4, "-1"), "settings of a resource of type 4 named '-1' are not served");
    check(config(8, "1"), "settings of a resource of type 8 named '1' are not served");
    for next_producer_id in [1000, 999] {
        check(
            ProducerIdsRecord { next_producer_id, ..Default::default() },
            &format!("the next producer id is said to be {next_producer_id}, but it is 1000 already"),
        );
    }
}

#[test]
fn partitions() {
    let impossible = |index, reason| format!("partition {index} of topic {TOPIC}: {reason}");
    let new = || PartitionRecord { partition_id: 1, ..partition() };
    check(partition(), &impossible(0, "it exists already"));
    check(PartitionRecord { partition_id: -1, ..new() }, &impossible(-1, "its index is negative"));
    check(
        PartitionRecord { replicas: vec![], isr: vec![], leader: -1, directories: vec![], ..new() },
        &impossible(1, "it has no replicas"),
    );
    check(
        PartitionRecord { directories: vec![TOPIC], ..new() },
        &impossible(1, "it has not one directory for each replica"),
    );
    check(PartitionRecord { isr: vec![3], ..new() }, &impossible(1, "its ISR is not among its replicas"));
    check(PartitionRecord { leader: 3, ..new() }, &impossible(1, "its leader is none of its replicas"));
    check(
        PartitionRecord { leader_recovery_state: 2, ..new() },
        &impossible(1, "its leader's recovery state is unknown"),
    );
    check(PartitionRecord { topic_id: Uuid([9; 16]), ..new() }, &format!("no topic has the id {}", Uuid([9; 16])));
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, ..Default::default() };
    check(PartitionChangeRecord { partition_id: 5, ..change.clone() }, &format!("topic {TOPIC} has no partition 5"));
    check(
        PartitionChangeRecord { replicas: Some(vec![1]), ..change.clone() },
        &impossible(0, "it has not one directory for each replica"),
    );
    check(PartitionChangeRecord { leader: 9, ..change }, &impossible(0, "its leader is none of its replicas"));
}
