//! What single records do.

use std::sync::Arc;

use dohle_model::{BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId, Uuid};
use dohle_protocol::records::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord,
    RegisterBrokerRecord, RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord,
};

use crate::{Delta, Image, LeaderRecoveryState, PartitionImage, Replay};

const TOPIC: Uuid = Uuid([7; 16]);

fn replay(from: &Arc<Image>, offset: i64, records: Vec<MetadataRecord>) -> Delta {
    let mut replay = Replay::new(Arc::clone(from), offset);
    for record in &records {
        replay.apply(record).unwrap();
    }
    replay.finish()
}

fn with_partition() -> Arc<Image> {
    let record = PartitionRecord {
        partition_id: 0,
        topic_id: TOPIC,
        replicas: vec![1, 2],
        isr: vec![1, 2],
        leader: 1,
        leader_epoch: 5,
        partition_epoch: 6,
        ..Default::default()
    };
    let topic = TopicRecord { name: "orders".to_owned(), topic_id: TOPIC };
    replay(&Arc::default(), 0, vec![topic.into(), record.into()]).to
}

fn partition(image: &Image) -> &PartitionImage {
    image.topic("orders").unwrap().partition(PartitionIndex(0)).unwrap()
}

fn change() -> PartitionChangeRecord {
    PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, ..Default::default() }
}

#[test]
fn an_empty_image_has_no_offset() {
    let image = Image::default();
    assert_eq!(image.metadata_offset(), -1);
    assert!(image.is_empty() && image.at(3).is_empty());
    assert_eq!(image.to_records(), []);
}

#[test]
fn a_partition_without_directories_lies_somewhere() {
    assert_eq!(partition(&with_partition()).directories, [DirectoryId::MIGRATING; 2]);
}

#[test]
fn a_new_leader_counts_both_epochs_and_a_new_isr_one() {
    let image = with_partition();
    let elected = replay(&image, 1, vec![PartitionChangeRecord { leader: 2, ..change() }.into()]).to;
    let (leader, epochs) =
        (partition(&elected).leader, (partition(&elected).leader_epoch, partition(&elected).partition_epoch));
    assert_eq!((leader, epochs), (Some(BrokerId(2)), (LeaderEpoch(6), PartitionEpoch(7))));
    let shrunk = replay(&image, 1, vec![PartitionChangeRecord { isr: Some(vec![1]), ..change() }.into()]).to;
    assert_eq!(partition(&shrunk).isr, [BrokerId(1)]);
    assert_eq!(
        (partition(&shrunk).leader_epoch, partition(&shrunk).partition_epoch),
        (LeaderEpoch(5), PartitionEpoch(7))
    );
    let leaderless = PartitionChangeRecord { leader: -1, leader_recovery_state: 1, ..change() };
    let leaderless = replay(&image, 1, vec![leaderless.into()]).to;
    assert_eq!(partition(&leaderless).leader, None);
    assert_eq!(partition(&leaderless).leader_recovery_state, LeaderRecoveryState::Recovering);
    assert_eq!(partition(&image).partition_epoch, PartitionEpoch(6), "the image before stays as it was");
}

#[test]
fn a_deleted_topic_takes_its_settings_along() {
    let config = ConfigRecord {
        resource_type: 2,
        resource_name: "orders".to_owned(),
        name: "retention.ms".to_owned(),
        value: Some("5".to_owned()),
    };
    let set = replay(&with_partition(), 1, vec![config.into()]);
    assert_eq!(set.touched.topics().count(), 0, "settings alone do not touch a topic");
    assert_eq!(set.touched.topic_configs().collect::<Vec<_>>(), ["orders".into()]);
    assert_eq!(set.to.topic_override(&"orders".into(), "retention.ms"), Some("5"));
    let deleted = replay(&set.to, 2, vec![RemoveTopicRecord { topic_id: TOPIC }.into()]);
    assert_eq!(deleted.touched.topics().collect::<Vec<_>>(), [TopicId(TOPIC)]);
    assert_eq!(deleted.touched.topic_configs().count(), 1);
    assert!(deleted.to.is_empty());
    let again = TopicRecord { name: "orders".to_owned(), topic_id: Uuid([8; 16]) };
    let again = replay(&deleted.to, 3, vec![again.into()]);
    assert!(again.to.topic_overrides(&"orders".into()).is_empty());
}

#[test]
fn a_registration_changes_piece_by_piece() {
    let register = RegisterBrokerRecord { broker_id: 1, broker_epoch: 0, log_dirs: vec![TOPIC], ..Default::default() };
    let registered = replay(&Arc::default(), 5, vec![register.clone().into()]).to;
    let broker = registered.broker(BrokerId(1)).unwrap();
    assert!(broker.fenced && !broker.is_active());
    assert_eq!((broker.registered_at, registered.next_broker_epoch()), (5, 1));
    let change = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: 0, ..Default::default() };
    let changed = |from: &Arc<Image>, change: BrokerRegistrationChangeRecord| replay(from, 6, vec![change.into()]).to;
    let live = changed(&registered, BrokerRegistrationChangeRecord { fenced: -1, ..change.clone() });
    assert!(live.is_active(BrokerId(1)));
    let stopping = changed(&live, BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..change.clone() });
    assert!(!stopping.is_active(BrokerId(1)) && !stopping.broker(BrokerId(1)).unwrap().fenced);
    let same = changed(&stopping, change);
    assert_eq!(same, stopping.at(6).into());
    // The same incarnation again: fields as given, epoch kept.
    let amended = replay(&live, 7, vec![RegisterBrokerRecord { rack: Some("r".to_owned()), ..register }.into()]).to;
    let broker = amended.broker(BrokerId(1)).unwrap();
    assert_eq!((broker.epoch, broker.registered_at, broker.rack.as_deref()), (BrokerEpoch(0), 7, Some("r")));
}

#[test]
fn a_snapshot_keeps_the_count_of_broker_epochs() {
    let records: Vec<MetadataRecord> = vec![
        RegisterBrokerRecord { broker_id: 0, broker_epoch: 2, ..Default::default() }.into(),
        RegisterBrokerRecord { broker_id: 1, broker_epoch: 5, ..Default::default() }.into(),
        UnregisterBrokerRecord { broker_id: 1, broker_epoch: 5 }.into(),
    ];
    let image = replay(&Arc::default(), 0, records).to;
    let again = Image::from_records(0, &image.to_records()).unwrap();
    assert_eq!((again.next_broker_epoch(), again.brokers().count()), (6, 1));
}
