//! An image as records, and back: what a snapshot holds.

use std::sync::Arc;

use dohle_model::{BrokerId, DirectoryId, Uuid};
use dohle_protocol::records::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature};
use dohle_protocol::records::metadata::register_controller_record::{ControllerEndpoint, ControllerFeature};
use dohle_protocol::records::metadata::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RegisterControllerRecord, TopicRecord, UnregisterBrokerRecord,
};

use crate::broker_image::BrokerImage;
use crate::controller_image::ControllerImage;
use crate::image::Image;
use crate::replay::Replay;
use crate::replay_error::ReplayError;
use crate::topic_image::PartitionImage;

impl Image {
    /// The records that make this image out of an empty one.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records: Vec<MetadataRecord> = Vec::new();
        let features = self.features();
        records.extend(features.map(|(name, feature_level)| {
            MetadataRecord::from(FeatureLevelRecord { name: name.to_owned(), feature_level })
        }));
        self.broker_records(&mut records);
        records.extend(self.controllers().map(|controller| controller_record(controller).into()));
        for topic in self.topics() {
            let topic_id = topic.id.0;
            records.push(TopicRecord { name: topic.name.as_str().to_owned(), topic_id }.into());
            records.extend(
                topic.partitions().map(|(index, partition)| partition_record(topic_id, index.0, partition).into()),
            );
        }
        for (resource, configs) in self.configs.iter() {
            let (resource_type, resource_name) = resource.type_and_name();
            records.extend(configs.iter().map(|(name, value)| {
                MetadataRecord::from(ConfigRecord {
                    resource_type,
                    resource_name: resource_name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                })
            }));
        }
        if self.next_producer_id > 0 {
            records.push(
                ProducerIdsRecord { broker_id: -1, broker_epoch: -1, next_producer_id: self.next_producer_id }.into(),
            );
        }
        records
    }

    /// The image that the records of a snapshot make, as of the entry with raft index `metadata_offset`.
    ///
    /// # Errors
    /// Where a record cannot be replayed.
    pub fn from_records(metadata_offset: i64, records: &[MetadataRecord]) -> Result<Self, ReplayError> {
        let mut replay = Replay::new(Arc::default(), metadata_offset);
        for record in records {
            replay.apply(record)?;
        }
        Ok(replay.image().clone())
    }

    fn broker_records(&self, records: &mut Vec<MetadataRecord>) {
        let mut brokers: Vec<&BrokerImage> = self.brokers().collect();
        brokers.sort_by_key(|broker| broker.epoch);
        records.extend(brokers.iter().map(|broker| broker_record(broker).into()));
        // Epochs of brokers that are gone must not be given again: a registration that comes and goes keeps the count.
        let last = self.next_broker_epoch - 1;
        if last >= 0 && brokers.last().is_none_or(|broker| broker.epoch.0 < last) {
            let free = (0..).find(|id| self.broker(BrokerId(*id)).is_none()).expect("brokers are fewer than ids");
            records.push(RegisterBrokerRecord { broker_id: free, broker_epoch: last, ..Default::default() }.into());
            records.push(UnregisterBrokerRecord { broker_id: free, broker_epoch: last }.into());
        }
    }
}

fn broker_record(broker: &BrokerImage) -> RegisterBrokerRecord {
    let endpoints = broker.endpoints.iter().map(|endpoint| BrokerEndpoint {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    });
    let features = broker.features.iter().map(|(name, range)| BrokerFeature {
        name: name.clone(),
        min_supported_version: range.min,
        max_supported_version: range.max,
    });
    RegisterBrokerRecord {
        broker_id: broker.id.0,
        is_migrating_zk_broker: false,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.epoch.0,
        end_points: endpoints.collect(),
        features: features.collect(),
        rack: broker.rack.clone(),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: uuids(&broker.log_directories),
        cordoned_log_dirs: broker.cordoned_log_directories.as_deref().map(uuids),
    }
}

fn controller_record(controller: &ControllerImage) -> RegisterControllerRecord {
    let endpoints = controller.endpoints.iter().map(|endpoint| ControllerEndpoint {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    });
    let features = controller.features.iter().map(|(name, range)| ControllerFeature {
        name: name.clone(),
        min_supported_version: range.min,
        max_supported_version: range.max,
    });
    RegisterControllerRecord {
        controller_id: controller.id,
        incarnation_id: controller.incarnation_id,
        zk_migration_ready: false,
        end_points: endpoints.collect(),
        features: features.collect(),
    }
}

fn partition_record(topic_id: Uuid, partition_id: i32, partition: &PartitionImage) -> PartitionRecord {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
    let unless_empty = |brokers: &[BrokerId]| (!brokers.is_empty()).then(|| ids(brokers));
    PartitionRecord {
        partition_id,
        topic_id,
        replicas: ids(&partition.replicas),
        isr: ids(&partition.isr),
        removing_replicas: ids(&partition.removing_replicas),
        adding_replicas: ids(&partition.adding_replicas),
        leader: partition.leader.map_or(-1, |leader| leader.0),
        leader_recovery_state: partition.leader_recovery_state.code(),
        leader_epoch: partition.leader_epoch.0,
        partition_epoch: partition.partition_epoch.0,
        directories: uuids(&partition.directories),
        eligible_leader_replicas: unless_empty(&partition.eligible_leader_replicas),
        last_known_elr: unless_empty(&partition.last_known_elr),
    }
}

fn uuids(directories: &[DirectoryId]) -> Vec<Uuid> {
    directories.iter().map(|directory| directory.0).collect()
}
