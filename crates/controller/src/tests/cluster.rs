//! A controller whose every batch is committed, and brokers that talk to it.

use std::sync::Arc;
use std::time::Duration;

use dohle_config::ServerConfig;
use dohle_metadata::{Image, PartitionImage, Replay};
use dohle_model::{BrokerId, PartitionIndex, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::broker_registration_request::{Feature, Listener};
use dohle_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use dohle_protocol::messages::create_topics_response::CreatableTopicResult;
use dohle_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, CreateTopicsRequest,
};
use dohle_protocol::records::metadata::{MetadataRecord, PartitionChangeRecord};
use dohle_seams::simulated::SeededRandomness;

use crate::{Controller, ControllerSettings, Registrant};

pub(super) const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// Time enough for every session to be over, of those that began before.
pub(super) const SESSION: Duration = Duration::from_secs(9);

pub(super) struct Cluster {
    pub(super) controller: Controller,
    pub(super) committed: Arc<Image>,
    pub(super) now: Duration,
    pub(super) settings: ControllerSettings,
}

impl Cluster {
    pub(super) fn new(seed: u64, set: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = ServerConfig::zero_config(None).unwrap();
        set(&mut config);
        let settings = ControllerSettings {
            config: Arc::new(config),
            cluster_id: CLUSTER_ID.to_owned(),
            randomness: Arc::new(SeededRandomness::new(seed)),
        };
        let now = Duration::from_secs(100);
        let controller = Controller::new(settings.clone(), Arc::default(), now);
        let mut cluster = Self { controller, committed: Arc::default(), now, settings };
        cluster.controller.activate();
        cluster.commit();
        cluster
    }

    /// A cluster of live brokers.
    pub(super) fn of(brokers: &[i32]) -> Self {
        let mut cluster = Self::new(1, |_| {});
        for id in brokers {
            cluster.join(*id);
        }
        cluster
    }

    /// Commits the batch and begins the next; gives the records.
    pub(super) fn commit(&mut self) -> Vec<MetadataRecord> {
        let decided = self.controller.image().clone();
        let records = self.controller.take_records();
        let mut replay = Replay::new(Arc::clone(&self.committed), self.committed.metadata_offset() + 1);
        for record in &records {
            replay.apply(record).unwrap();
        }
        assert_eq!(*replay.image(), decided.at(replay.image().metadata_offset()), "the log says what was decided");
        self.committed = replay.finish().to;
        self.controller.begin_batch(Arc::clone(&self.committed));
        records
    }

    /// Another leader takes over.
    pub(super) fn fail_over(&mut self) {
        self.controller = Controller::new(self.settings.clone(), Arc::clone(&self.committed), self.now);
    }

    /// Registers a broker's next incarnation and unfences it.
    pub(super) fn join(&mut self, id: i32) -> i64 {
        let epoch = self.register(&registration(id, 1)).unwrap();
        let response = self.heartbeat(id, epoch, |_| {});
        assert_eq!((response.error_code, response.is_fenced), (0, false));
        epoch
    }

    pub(super) fn register(&mut self, request: &BrokerRegistrationRequest) -> Result<i64, ErrorCode> {
        self.register_as(request, Registrant::OtherProcess)
    }

    pub(super) fn register_as(
        &mut self,
        request: &BrokerRegistrationRequest,
        registrant: Registrant,
    ) -> Result<i64, ErrorCode> {
        let response = self.controller.register_broker(request, registrant, self.now);
        self.commit();
        match ErrorCode::from_code(response.error_code).unwrap() {
            ErrorCode::None => Ok(response.broker_epoch),
            error => {
                assert_eq!(response.broker_epoch, -1);
                Err(error)
            }
        }
    }

    /// A heartbeat of a broker that has followed all that is committed.
    pub(super) fn heartbeat(
        &mut self,
        id: i32,
        epoch: i64,
        set: impl FnOnce(&mut BrokerHeartbeatRequest),
    ) -> BrokerHeartbeatResponse {
        let mut request = BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: epoch,
            current_metadata_offset: self.committed.metadata_offset(),
            ..Default::default()
        };
        set(&mut request);
        let response = self.controller.broker_heartbeat(&request, self.now);
        self.commit();
        response
    }

    pub(super) fn create(&mut self, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
        let request = CreateTopicsRequest { topics, ..Default::default() };
        let response = self.controller.create_topics(&request);
        self.commit();
        response.topics
    }

    /// Creates a topic with these replicas for its partitions.
    pub(super) fn create_assigned(&mut self, name: &str, assignments: &[&[i32]]) {
        let mut topic = new_topic(name, -1, -1);
        topic.assignments = (0..)
            .zip(assignments)
            .map(|(index, ids)| CreatableReplicaAssignment { partition_index: index, broker_ids: ids.to_vec() })
            .collect();
        assert_eq!(self.create(vec![topic])[0].error_message, None);
    }

    pub(super) fn partition(&self, topic: &str, index: i32) -> &PartitionImage {
        self.committed.topic(topic).unwrap().partition(PartitionIndex(index)).unwrap()
    }

    /// `leader (leader epoch) [ISR]` of a partition.
    pub(super) fn leadership(&self, topic: &str, index: i32) -> String {
        let partition = self.partition(topic, index);
        let leader = partition.leader.map_or("none".to_owned(), |leader| leader.to_string());
        let isr: Vec<i32> = partition.isr.iter().map(|id| id.0).collect();
        format!("{leader} ({}) {isr:?}", partition.leader_epoch)
    }

    /// Puts a partition into a state that only its leader could bring about: another ISR, another leader, other directories.
    pub(super) fn replace_partition(&mut self, topic: &str, index: i32, state: &PartitionImage) {
        let ids = |brokers: &[BrokerId]| Some(brokers.iter().map(|id| id.0).collect::<Vec<_>>());
        let before = self.partition(topic, index);
        let record = PartitionChangeRecord {
            partition_id: index,
            topic_id: self.committed.topic(topic).unwrap().id.0,
            isr: ids(&state.isr),
            adding_replicas: ids(&state.adding_replicas),
            leader: if state.leader == before.leader { -2 } else { state.leader.map_or(-1, |leader| leader.0) },
            directories: Some(state.directories.iter().map(|directory| directory.0).collect()),
            ..Default::default()
        };
        let mut replay = Replay::new(Arc::clone(&self.committed), self.committed.metadata_offset() + 1);
        replay.apply(&record.into()).unwrap();
        self.committed = replay.finish().to;
        self.controller.begin_batch(Arc::clone(&self.committed));
    }

    pub(super) fn is_fenced(&self, id: i32) -> bool {
        self.committed.broker(BrokerId(id)).unwrap().fenced
    }
}

pub(super) fn incarnation(number: u8) -> Uuid {
    Uuid([number; 16])
}

pub(super) fn directory(broker: i32, number: u8) -> Uuid {
    let mut bytes = [0xd0; 16];
    bytes[..4].copy_from_slice(&broker.to_be_bytes());
    bytes[15] = number;
    Uuid(bytes)
}

/// What a broker of this release sends, with one log directory.
pub(super) fn registration(id: i32, number: u8) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER_ID.to_owned(),
        incarnation_id: incarnation(number),
        listeners: vec![listener("PLAINTEXT", 9092)],
        features: vec![feature("metadata.version", 30, 30)],
        rack: None,
        is_migrating_zk_broker: false,
        log_dirs: vec![directory(id, 0)],
        previous_broker_epoch: -1,
    }
}

pub(super) fn listener(name: &str, port: u16) -> Listener {
    Listener { name: name.to_owned(), host: "host".to_owned(), port, security_protocol: 0 }
}

pub(super) fn feature(name: &str, min: i16, max: i16) -> Feature {
    Feature { name: name.to_owned(), min_supported_version: min, max_supported_version: max }
}

pub(super) fn new_topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.to_owned(), num_partitions, replication_factor, ..Default::default() }
}

pub(super) fn with_configs(mut topic: CreatableTopic, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    topic.configs = configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig { name: (*name).to_owned(), value: value.map(str::to_owned) })
        .collect();
    topic
}
