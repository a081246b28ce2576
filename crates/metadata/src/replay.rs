//! Replay of records: the only way an image changes.

use std::sync::Arc;

use dohle_model::{
    BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId, TopicName, Uuid,
    colliding_name,
};
use dohle_protocol::records::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionChangeRecord,
    PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord, RegisterControllerRecord, TopicRecord,
};
use rpds::RedBlackTreeMapSync;

use crate::broker_image::{BrokerEndpoint, BrokerImage};
use crate::config_resource::ConfigResource;
use crate::controller_image::ControllerImage;
use crate::delta::{Delta, Touched};
use crate::features::{self, FeatureRange};
use crate::image::Image;
use crate::replay_error::ReplayError;
use crate::topic_image::{LeaderRecoveryState, PartitionImage, TopicImage};

/// The leader of a PartitionRecord or PartitionChangeRecord that has none.
const NO_LEADER: i32 = -1;
/// The leader of a PartitionChangeRecord that does not change it.
const LEADER_UNCHANGED: i32 = -2;
/// The recovery state of a PartitionChangeRecord that does not change it.
const RECOVERY_STATE_UNCHANGED: i8 = -1;

/// Replays the records of one entry, or of a snapshot, on top of an image.
///
/// It holds its own copy, so the image that it began with stays as it was. After an error the copy has the records
/// before the one refused, and must be thrown away.
#[derive(Clone, Debug)]
pub struct Replay {
    from: Arc<Image>,
    to: Image,
    touched: Touched,
}

impl Replay {
    /// Begins the replay of the entry with raft index `metadata_offset`.
    #[must_use]
    pub fn new(from: Arc<Image>, metadata_offset: i64) -> Self {
        let to = from.at(metadata_offset);
        Self { from, to, touched: Touched::default() }
    }

    /// The image with the records that were applied so far.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.to
    }

    /// Ends the replay.
    #[must_use]
    pub fn finish(self) -> Delta {
        Delta { from: self.from, to: Arc::new(self.to), touched: self.touched }
    }

    /// Applies one record.
    ///
    /// # Errors
    /// A record that is not served or contradicts the image; the node must stop then.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        let not_served = |record, feature| Err(ReplayError::NotServed { record, feature });
        match record {
            MetadataRecord::RegisterBroker(record) => self.register_broker(record),
            MetadataRecord::UnregisterBroker(record) => {
                self.registered(record.broker_id, record.broker_epoch)?;
                self.to.brokers.remove_mut(&BrokerId(record.broker_id));
                Ok(())
            }
            MetadataRecord::BrokerRegistrationChange(record) => self.change_registration(record),
            MetadataRecord::FenceBroker(record) => {
                self.registered(record.id, record.epoch)?.fenced = true;
                Ok(())
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.registered(record.id, record.epoch)?.fenced = false;
                Ok(())
            }
            MetadataRecord::RegisterController(record) => {
                self.register_controller(record);
                Ok(())
            }
            MetadataRecord::Topic(record) => self.create_topic(record),
            MetadataRecord::RemoveTopic(record) => self.remove_topic(TopicId(record.topic_id)),
            MetadataRecord::Partition(record) => self.create_partition(record),
            MetadataRecord::PartitionChange(record) => self.change_partition(record),
            MetadataRecord::Config(record) => self.set_config(record),
            MetadataRecord::FeatureLevel(record) => self.set_feature_level(record),
            MetadataRecord::ProducerIds(record) => self.give_producer_ids(record),
            // The one says nothing; the other is about a migration that every cluster of this kind has behind it.
            MetadataRecord::NoOp(_) | MetadataRecord::ZkMigrationState(_) => Ok(()),
            // An entry is applied as a whole, so nothing here ever spreads over several.
            MetadataRecord::BeginTransaction(_) => not_served("BeginTransactionRecord", "metadata transactions"),
            MetadataRecord::EndTransaction(_) => not_served("EndTransactionRecord", "metadata transactions"),
            MetadataRecord::AbortTransaction(_) => not_served("AbortTransactionRecord", "metadata transactions"),
            MetadataRecord::ClientQuota(_) => not_served("ClientQuotaRecord", "client quotas"),
            MetadataRecord::AccessControlEntry(_) => not_served("AccessControlEntryRecord", "access control lists"),
            MetadataRecord::RemoveAccessControlEntry(_) => {
                not_served("RemoveAccessControlEntryRecord", "access control lists")
            }
            MetadataRecord::UserScramCredential(_) => not_served("UserScramCredentialRecord", "SCRAM credentials"),
            MetadataRecord::RemoveUserScramCredential(_) => {
                not_served("RemoveUserScramCredentialRecord", "SCRAM credentials")
            }
            MetadataRecord::DelegationToken(_) => not_served("DelegationTokenRecord", "delegation tokens"),
            MetadataRecord::RemoveDelegationToken(_) => not_served("RemoveDelegationTokenRecord", "delegation tokens"),
            MetadataRecord::ClearElr(_) => not_served("ClearElrRecord", "eligible leader replicas"),
        }
    }

    fn register_broker(&mut self, record: &RegisterBrokerRecord) -> Result<(), ReplayError> {
        let impossible = |field| ReplayError::ImpossibleField { record: "RegisterBrokerRecord", field };
        if record.broker_id < 0 {
            return Err(impossible("BrokerId"));
        }
        if record.is_migrating_zk_broker {
            return Err(impossible("IsMigratingZkBroker"));
        }
        let (id, epoch) = (BrokerId(record.broker_id), record.broker_epoch);
        // The same incarnation may register again, to change what it has told, and keeps its epoch.
        let amends = |broker: &&BrokerImage| broker.epoch.0 == epoch && broker.incarnation_id == record.incarnation_id;
        let amended = self.to.broker(id).filter(amends);
        let next = self.to.next_broker_epoch;
        if amended.is_none() && epoch < next {
            return Err(ReplayError::BrokerEpochUsed { broker: id, epoch, next });
        }
        let endpoints = record.end_points.iter().map(|endpoint| BrokerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| {
            (
                feature.name.clone(),
                FeatureRange { min: feature.min_supported_version, max: feature.max_supported_version },
            )
        });
        let image = BrokerImage {
            id,
            epoch: BrokerEpoch(epoch),
            incarnation_id: record.incarnation_id,
            endpoints: endpoints.collect(),
            features: features.collect(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_directories: directories(&record.log_dirs),
            cordoned_log_directories: record.cordoned_log_dirs.as_deref().map(directories),
            registered_at: self.to.metadata_offset,
        };
        self.to.brokers.insert_mut(id, image);
        self.to.next_broker_epoch = next.max(epoch + 1);
        self.touched.brokers.insert(id);
        Ok(())
    }

    /// The registration that a record changes.
    fn registered(&mut self, id: i32, epoch: i64) -> Result<&mut BrokerImage, ReplayError> {
        let id = BrokerId(id);
        if self.to.broker(id).is_none_or(|broker| broker.epoch.0 != epoch) {
            return Err(ReplayError::UnknownRegistration { broker: id, epoch });
        }
        self.touched.brokers.insert(id);
        Ok(self.to.brokers.get_mut(&id).expect("it was just found"))
    }

    fn change_registration(&mut self, record: &BrokerRegistrationChangeRecord) -> Result<(), ReplayError> {
        let impossible = |field| Err(ReplayError::ImpossibleField { record: "BrokerRegistrationChangeRecord", field });
        let fenced = match record.fenced {
            0 => None,
            1 => Some(true),
            -1 => Some(false),
            _ => return impossible("Fenced"),
        };
        let in_controlled_shutdown = match record.in_controlled_shutdown {
            0 => false,
            1 => true,
            _ => return impossible("InControlledShutdown"),
        };
        let broker = self.registered(record.broker_id, record.broker_epoch)?;
        broker.fenced = fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown |= in_controlled_shutdown;
        if !record.log_dirs.is_empty() {
            broker.log_directories = directories(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned_log_directories = Some(directories(cordoned));
        }
        Ok(())
    }

    fn register_controller(&mut self, record: &RegisterControllerRecord) {
        let endpoints = record.end_points.iter().map(|endpoint| BrokerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| {
            (
                feature.name.clone(),
                FeatureRange { min: feature.min_supported_version, max: feature.max_supported_version },
            )
        });
        let id = record.controller_id;
        let incarnation_id = record.incarnation_id;
        let image =
            ControllerImage { id, incarnation_id, endpoints: endpoints.collect(), features: features.collect() };
        self.to.controllers.insert_mut(id, image);
        self.touched.controllers.insert(id);
    }

    fn create_topic(&mut self, record: &TopicRecord) -> Result<(), ReplayError> {
        let (name, id) = (TopicName::from(record.name.as_str()), TopicId(record.topic_id));
        if id.0.is_zero() {
            return Err(ReplayError::ImpossibleField { record: "TopicRecord", field: "TopicId" });
        }
        if self.to.topic(&name).is_some() || self.to.topic_by_id(id).is_some() {
            return Err(ReplayError::TopicExists { name: record.name.clone(), id });
        }
        let topic = TopicImage { id, name: name.clone(), partitions: RedBlackTreeMapSync::new_sync() };
        if can_collide(&name) {
            let key = colliding_name(&name);
            let mut names = self.to.colliding_names.get(&key).cloned().unwrap_or_default();
            names.push(name.clone());
            names.sort_unstable();
            self.to.colliding_names.insert_mut(key, names);
        }
        self.to.topic_names.insert_mut(id, name.clone());
        self.to.topics.insert_mut(name, Arc::new(topic));
        self.touched.topics.insert(id);
        Ok(())
    }

    fn remove_topic(&mut self, id: TopicId) -> Result<(), ReplayError> {
        let Some(name) = self.to.topic_names.get(&id).cloned() else {
            return Err(ReplayError::UnknownTopic(id));
        };
        self.to.topic_names.remove_mut(&id);
        self.to.topics.remove_mut(&name);
        if can_collide(&name) {
            let key = colliding_name(&name);
            let mut names = self.to.colliding_names.get(&key).cloned().unwrap_or_default();
            names.retain(|other| *other != name);
            if names.is_empty() {
                self.to.colliding_names.remove_mut(&key);
            } else {
                self.to.colliding_names.insert_mut(key, names);
            }
        }
        if self.to.configs.remove_mut(&ConfigResource::Topic(name.clone())) {
            self.touched.topic_configs.insert(name);
        }
        self.touched.topics.insert(id);
        Ok(())
    }

    /// The partitions of a topic, to be changed.
    fn partitions_of(
        &mut self,
        id: TopicId,
    ) -> Result<&mut RedBlackTreeMapSync<PartitionIndex, PartitionImage>, ReplayError> {
        let name = self.to.topic_names.get(&id).ok_or(ReplayError::UnknownTopic(id))?;
        let topic = self.to.topics.get_mut(name).expect("every id's name is a topic");
        self.touched.topics.insert(id);
        Ok(&mut Arc::make_mut(topic).partitions)
    }

    fn create_partition(&mut self, record: &PartitionRecord) -> Result<(), ReplayError> {
        let (topic, partition) = (TopicId(record.topic_id), PartitionIndex(record.partition_id));
        let impossible = |reason| ReplayError::ImpossiblePartition { topic, partition, reason };
        if partition.0 < 0 {
            return Err(impossible("its index is negative"));
        }
        let directories = if record.directories.is_empty() {
            vec![DirectoryId::MIGRATING; record.replicas.len()]
        } else {
            directories(&record.directories)
        };
        let image = PartitionImage {
            replicas: brokers(&record.replicas),
            directories,
            isr: brokers(&record.isr),
            removing_replicas: brokers(&record.removing_replicas),
            adding_replicas: brokers(&record.adding_replicas),
            leader: leader(record.leader),
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state)
                .ok_or_else(|| impossible("its leader's recovery state is unknown"))?,
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: PartitionEpoch(record.partition_epoch),
            eligible_leader_replicas: brokers(record.eligible_leader_replicas.as_deref().unwrap_or_default()),
            last_known_elr: brokers(record.last_known_elr.as_deref().unwrap_or_default()),
        };
        check(&image).map_err(impossible)?;
        let partitions = self.partitions_of(topic)?;
        if partitions.contains_key(&partition) {
            return Err(impossible("it exists already"));
        }
        partitions.insert_mut(partition, image);
        Ok(())
    }

    fn change_partition(&mut self, record: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let (topic, partition) = (TopicId(record.topic_id), PartitionIndex(record.partition_id));
        let impossible = |reason| ReplayError::ImpossiblePartition { topic, partition, reason };
        let partitions = self.partitions_of(topic)?;
        let current = partitions.get(&partition).ok_or(ReplayError::UnknownPartition { topic, partition })?;
        let mut image = current.clone();
        let change = |list: &mut Vec<BrokerId>, new: &Option<Vec<i32>>| {
            if let Some(new) = new {
                *list = brokers(new);
            }
        };
        change(&mut image.replicas, &record.replicas);
        change(&mut image.isr, &record.isr);
        change(&mut image.removing_replicas, &record.removing_replicas);
        change(&mut image.adding_replicas, &record.adding_replicas);
        change(&mut image.eligible_leader_replicas, &record.eligible_leader_replicas);
        change(&mut image.last_known_elr, &record.last_known_elr);
        if let Some(new) = &record.directories {
            image.directories = directories(new);
        }
        if record.leader_recovery_state != RECOVERY_STATE_UNCHANGED {
            image.leader_recovery_state = LeaderRecoveryState::from_code(record.leader_recovery_state)
                .ok_or_else(|| impossible("its leader's recovery state is unknown"))?;
        }
        if record.leader != LEADER_UNCHANGED {
            image.leader = leader(record.leader);
            image.leader_epoch.0 += 1;
        }
        image.partition_epoch.0 += 1;
        check(&image).map_err(impossible)?;
        partitions.insert_mut(partition, image);
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) -> Result<(), ReplayError> {
        let resource =
            ConfigResource::from_type_and_name(record.resource_type, &record.resource_name).ok_or_else(|| {
                ReplayError::ConfigResource { resource_type: record.resource_type, name: record.resource_name.clone() }
            })?;
        match &resource {
            ConfigResource::Topic(name) if self.to.topic(name).is_none() => {
                return Err(ReplayError::UnknownTopicName(record.resource_name.clone()));
            }
            ConfigResource::Topic(name) => drop(self.touched.topic_configs.insert(name.clone())),
            ConfigResource::Broker(id) => drop(self.touched.broker_configs.insert(*id)),
            ConfigResource::ClientMetrics(name) => drop(self.touched.client_metrics.insert(name.clone())),
            ConfigResource::Group(name) => drop(self.touched.group_configs.insert(name.clone())),
        }
        let mut configs = self.to.configs.get(&resource).cloned().unwrap_or_else(RedBlackTreeMapSync::new_sync);
        match &record.value {
            Some(value) => configs.insert_mut(record.name.clone(), value.clone()),
            None => drop(configs.remove_mut(&record.name)),
        }
        if configs.is_empty() {
            self.to.configs.remove_mut(&resource);
        } else {
            self.to.configs.insert_mut(resource, configs);
        }
        Ok(())
    }

    fn set_feature_level(&mut self, record: &FeatureLevelRecord) -> Result<(), ReplayError> {
        let level = record.feature_level;
        if !features::is_supported(&record.name, level) {
            return Err(ReplayError::FeatureLevel { feature: record.name.clone(), level });
        }
        if level == 0 {
            self.to.features.remove_mut(&record.name);
        } else {
            self.to.features.insert_mut(record.name.clone(), level);
        }
        self.touched.features.insert(record.name.clone());
        Ok(())
    }

    fn give_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ReplayError> {
        let (said, next) = (record.next_producer_id, self.to.next_producer_id);
        if said <= next {
            return Err(ReplayError::ProducerIdsUsed { said, next });
        }
        self.to.next_producer_id = said;
        self.touched.producer_ids = true;
        Ok(())
    }
}

fn can_collide(name: &str) -> bool {
    name.contains(['.', '_'])
}

fn brokers(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn directories(ids: &[Uuid]) -> Vec<DirectoryId> {
    ids.iter().copied().map(DirectoryId).collect()
}

fn leader(id: i32) -> Option<BrokerId> {
    (id != NO_LEADER).then_some(BrokerId(id))
}

/// What holds of every partition.
fn check(partition: &PartitionImage) -> Result<(), &'static str> {
    let is_replica = |id: &BrokerId| partition.replicas.contains(id);
    if partition.replicas.is_empty() {
        return Err("it has no replicas");
    }
    if partition.directories.len() != partition.replicas.len() {
        return Err("it has not one directory for each replica");
    }
    if !partition.isr.iter().all(is_replica) {
        return Err("its ISR is not among its replicas");
    }
    if !partition.leader.iter().all(is_replica) {
        return Err("its leader is none of its replicas");
    }
    Ok(())
}
