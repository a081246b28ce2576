//! Histories for tests: lists of steps out of which records are made that fit the image they meet.

use std::sync::Arc;

use dohle_model::{BrokerId, PartitionIndex, TopicId, Uuid};
use dohle_protocol::records::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature};
use dohle_protocol::records::metadata::register_controller_record::{ControllerEndpoint, ControllerFeature};
use dohle_protocol::records::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, FeatureLevelRecord, FenceBrokerRecord, MetadataRecord, NoOpRecord,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord, RegisterControllerRecord,
    RemoveTopicRecord, TopicRecord, UnfenceBrokerRecord, UnregisterBrokerRecord,
};
use proptest::prelude::*;

use crate::{Delta, Image, Replay};

/// One thing that happens; numbers pick among what there is.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Register { broker: i32, incarnation: u8, epochs_skipped: i64, fenced: bool, rack: Option<u8>, cordoned: bool },
    ChangeRegistration { broker: i32, fenced: i8, shutdown: bool, directory: Option<u8>, cordoned: Option<u8> },
    Fence(i32),
    Unfence(i32),
    Unregister(i32),
    RegisterController(i32, u8),
    CreateTopic(u8),
    CreatePartition { topic: u8, partition: i32, replicas: Vec<i32>, eligible: bool },
    ChangePartition { topic: u8, partition: i32, isr: Option<usize>, leader: Option<usize>, recovering: Option<bool> },
    MovePartition { topic: u8, partition: i32, replicas: Vec<i32> },
    RemoveTopic(u8),
    SetTopicConfig { topic: u8, name: u8, value: Option<u8> },
    SetBrokerConfig { broker: Option<i32>, name: u8, value: Option<u8> },
    SetOtherConfig { group: bool, resource: u8, name: u8, value: Option<u8> },
    GiveProducerIds(i64),
    SetFeatureLevel,
    NoOp,
}

/// Names that collide with each other in every way.
const NAMES: [&str; 6] = ["a.b", "a_b", "a.b.c", "plain", "a_b.c", "_"];

fn uuid(kind: u8, number: u8) -> Uuid {
    Uuid([kind, number, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
}

pub(super) fn topic_id(number: u8) -> Uuid {
    uuid(1, number)
}

fn distinct(mut replicas: Vec<i32>) -> Vec<i32> {
    let mut seen = std::collections::BTreeSet::new();
    replicas.retain(|id| seen.insert(*id));
    replicas
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let broker = 0..4i32;
    let topic = 0..NAMES.len() as u8;
    let replicas = prop::collection::vec(0..4i32, 1..4).prop_map(distinct);
    let flag = any::<bool>();
    prop_oneof![
        3 => (broker.clone(), 0..3u8, 0..3i64, flag, prop::option::of(0..2u8), flag).prop_map(
            |(broker, incarnation, epochs_skipped, fenced, rack, cordoned)| Step::Register {
                broker, incarnation, epochs_skipped, fenced, rack, cordoned
            }
        ),
        2 => (broker.clone(), -1..2i8, flag, prop::option::of(0..4u8), prop::option::of(0..4u8)).prop_map(
            |(broker, fenced, shutdown, directory, cordoned)| Step::ChangeRegistration {
                broker, fenced, shutdown, directory, cordoned
            }
        ),
        1 => broker.clone().prop_map(Step::Fence),
        1 => broker.clone().prop_map(Step::Unfence),
        1 => broker.clone().prop_map(Step::Unregister),
        1 => (broker.clone(), 0..3u8).prop_map(|(id, incarnation)| Step::RegisterController(id, incarnation)),
        4 => topic.clone().prop_map(Step::CreateTopic),
        6 => (topic.clone(), 0..4i32, replicas.clone(), flag).prop_map(|(topic, partition, replicas, eligible)| {
            Step::CreatePartition { topic, partition, replicas, eligible }
        }),
        6 => (topic.clone(), 0..4i32, prop::option::of(0..3usize), prop::option::of(0..4usize), prop::option::of(flag))
            .prop_map(|(topic, partition, isr, leader, recovering)| Step::ChangePartition {
                topic, partition, isr, leader, recovering
            }),
        2 => (topic.clone(), 0..4i32, replicas).prop_map(|(topic, partition, replicas)| {
            Step::MovePartition { topic, partition, replicas }
        }),
        2 => topic.clone().prop_map(Step::RemoveTopic),
        3 => (topic, 0..3u8, prop::option::of(0..3u8)).prop_map(|(topic, name, value)| {
            Step::SetTopicConfig { topic, name, value }
        }),
        1 => (prop::option::of(broker), 0..3u8, prop::option::of(0..3u8)).prop_map(|(broker, name, value)| {
            Step::SetBrokerConfig { broker, name, value }
        }),
        1 => (flag, 0..2u8, 0..3u8, prop::option::of(0..3u8)).prop_map(|(group, resource, name, value)| {
            Step::SetOtherConfig { group, resource, name, value }
        }),
        1 => (1..5000i64).prop_map(Step::GiveProducerIds),
        1 => Just(Step::SetFeatureLevel),
        1 => Just(Step::NoOp),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..80)
}

/// The record for a step, `None` where the step does not fit the image.
pub(super) fn record(image: &Image, step: &Step) -> Option<MetadataRecord> {
    let epoch = |id: &i32| image.broker(BrokerId(*id)).map(|broker| broker.epoch.0);
    let config = |resource_type, resource_name: String, name: &u8, value: &Option<u8>| ConfigRecord {
        resource_type,
        resource_name,
        name: format!("name{name}"),
        value: value.map(|value| value.to_string()),
    };
    let partition = |topic: &u8, index: &i32| {
        image.topic_by_id(TopicId(topic_id(*topic)))?.partition(PartitionIndex(*index)).cloned()
    };
    Some(match step {
        Step::Register { broker, incarnation, epochs_skipped, fenced, rack, cordoned } => {
            let incarnation_id = uuid(2, *incarnation);
            let existing = image.broker(BrokerId(*broker));
            let amended = existing.filter(|existing| existing.incarnation_id == incarnation_id);
            let new_epoch = image.next_broker_epoch() + epochs_skipped;
            RegisterBrokerRecord {
                broker_id: *broker,
                is_migrating_zk_broker: false,
                incarnation_id,
                broker_epoch: amended.map_or(new_epoch, |amended| amended.epoch.0),
                end_points: vec![BrokerEndpoint {
                    name: "PLAINTEXT".to_owned(),
                    host: format!("host{broker}"),
                    port: 9092,
                    security_protocol: 0,
                }],
                features: vec![BrokerFeature {
                    name: "metadata.version".to_owned(),
                    min_supported_version: 7,
                    max_supported_version: 30,
                }],
                rack: rack.map(|rack| format!("rack{rack}")),
                fenced: *fenced,
                in_controlled_shutdown: false,
                log_dirs: vec![uuid(3, 0), uuid(3, 1)],
                cordoned_log_dirs: cordoned.then(Vec::new),
            }
            .into()
        }
        Step::ChangeRegistration { broker, fenced, shutdown, directory, cordoned } => BrokerRegistrationChangeRecord {
            broker_id: *broker,
            broker_epoch: epoch(broker)?,
            fenced: *fenced,
            in_controlled_shutdown: i8::from(*shutdown),
            log_dirs: directory.map(|number| uuid(3, number)).into_iter().collect(),
            cordoned_log_dirs: cordoned.map(|number| vec![uuid(3, number)]),
        }
        .into(),
        Step::Fence(id) => FenceBrokerRecord { id: *id, epoch: epoch(id)? }.into(),
        Step::Unfence(id) => UnfenceBrokerRecord { id: *id, epoch: epoch(id)? }.into(),
        Step::Unregister(id) => UnregisterBrokerRecord { broker_id: *id, broker_epoch: epoch(id)? }.into(),
        Step::RegisterController(id, incarnation) => RegisterControllerRecord {
            controller_id: *id,
            incarnation_id: uuid(4, *incarnation),
            zk_migration_ready: false,
            end_points: vec![ControllerEndpoint {
                name: "CONTROLLER".to_owned(),
                host: "host".to_owned(),
                port: 9093,
                security_protocol: 0,
            }],
            features: vec![ControllerFeature {
                name: "metadata.version".to_owned(),
                min_supported_version: 30,
                max_supported_version: 30,
            }],
        }
        .into(),
        Step::CreateTopic(number) => {
            let name = NAMES[usize::from(*number)];
            if image.topic(name).is_some() {
                return None;
            }
            TopicRecord { name: name.to_owned(), topic_id: topic_id(*number) }.into()
        }
        Step::CreatePartition { topic, partition: index, replicas, eligible } => {
            image.topic_by_id(TopicId(topic_id(*topic)))?;
            if partition(topic, index).is_some() {
                return None;
            }
            PartitionRecord {
                partition_id: *index,
                topic_id: topic_id(*topic),
                replicas: replicas.clone(),
                isr: replicas.clone(),
                removing_replicas: Vec::new(),
                adding_replicas: replicas[1..].to_vec(),
                leader: replicas[0],
                leader_recovery_state: 0,
                leader_epoch: 0,
                partition_epoch: 0,
                directories: vec![uuid(3, 0); replicas.len()],
                eligible_leader_replicas: eligible.then(|| vec![replicas[0]]),
                last_known_elr: None,
            }
            .into()
        }
        Step::ChangePartition { topic, partition: index, isr, leader, recovering } => {
            let replicas = partition(topic, index)?.replicas;
            PartitionChangeRecord {
                partition_id: *index,
                topic_id: topic_id(*topic),
                isr: isr.map(|count| replicas.iter().take(count).map(|id| id.0).collect()),
                leader: leader.map_or(-2, |number| replicas.get(number).map_or(-1, |id| id.0)),
                leader_recovery_state: recovering.map_or(-1, i8::from),
                ..Default::default()
            }
            .into()
        }
        Step::MovePartition { topic, partition: index, replicas } => {
            partition(topic, index)?;
            PartitionChangeRecord {
                partition_id: *index,
                topic_id: topic_id(*topic),
                isr: Some(replicas.clone()),
                leader: replicas[0],
                replicas: Some(replicas.clone()),
                removing_replicas: Some(Vec::new()),
                adding_replicas: Some(Vec::new()),
                directories: Some(vec![uuid(3, 1); replicas.len()]),
                last_known_elr: Some(vec![replicas[0]]),
                ..Default::default()
            }
            .into()
        }
        Step::RemoveTopic(number) => {
            image.topic_by_id(TopicId(topic_id(*number)))?;
            RemoveTopicRecord { topic_id: topic_id(*number) }.into()
        }
        Step::SetTopicConfig { topic, name, value } => {
            let topic = image.topic_by_id(TopicId(topic_id(*topic)))?;
            config(2, topic.name.as_str().to_owned(), name, value).into()
        }
        Step::SetBrokerConfig { broker, name, value } => {
            config(4, broker.map(|id| id.to_string()).unwrap_or_default(), name, value).into()
        }
        Step::SetOtherConfig { group, resource, name, value } => {
            config(if *group { 32 } else { 16 }, format!("resource{resource}"), name, value).into()
        }
        Step::GiveProducerIds(count) => {
            ProducerIdsRecord { broker_id: 1, broker_epoch: 1, next_producer_id: image.next_producer_id() + count }
                .into()
        }
        Step::SetFeatureLevel => FeatureLevelRecord { name: "metadata.version".to_owned(), feature_level: 30 }.into(),
        Step::NoOp => NoOpRecord {}.into(),
    })
}

/// Replays the steps as one entry; every record made for them must be accepted.
pub(super) fn replay(from: Arc<Image>, offset: i64, steps: &[Step]) -> (Delta, Vec<MetadataRecord>) {
    let mut replay = Replay::new(from, offset);
    let mut records = Vec::new();
    for step in steps {
        if let Some(record) = record(replay.image(), step) {
            replay.apply(&record).unwrap();
            records.push(record);
        }
    }
    (replay.finish(), records)
}
