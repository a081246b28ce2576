//! The controller as its one actor sees it: sessions, and the decisions of one batch.

use std::sync::Arc;
use std::time::Duration;

use dohle_config::{DynamicConfig, ServerConfig};
use dohle_metadata::{Image, Replay};
use dohle_model::BrokerId;
use dohle_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterConfigsRequest, AlterConfigsResponse,
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    UnregisterBrokerRequest, UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_seams::Randomness;

use crate::decision::{Context, Decision};
use crate::registration::Registrant;
use crate::sessions::Sessions;
use crate::{
    bootstrap, config_changes, create_partitions, create_topics, delete_topics, elect_leaders, heartbeat,
    partition_reassignments, producer_ids, registration, update_features,
};

/// What does not change while a node leads.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// What the node's file says. What is set dynamically comes out of the image.
    pub config: Arc<ServerConfig>,
    /// The cluster's id, which brokers must know.
    pub cluster_id: String,
    /// For ids and placement.
    pub randomness: Arc<dyn Randomness>,
}

/// The deciding half of the leader. It lives from the moment a node has become the leader and has applied everything
/// committed before, until it leads no more; what it holds beyond the image is soft state that a new leader does without.
///
/// Its actor goes round: [`begin_batch`](Self::begin_batch) with the committed image; any number of requests and
/// [`fence_expired_broker`](Self::fence_expired_broker), each deciding on the effects of those before it;
/// [`take_records`](Self::take_records), which are proposed as one entry. **No response of a batch may leave before that
/// entry is committed**, not even one that changed nothing: it may tell of a change decided before it. Where nothing was
/// recorded there is nothing to wait for. When the entry is not committed the controller is thrown away.
///
/// Times are spans since any fixed moment, of a clock that never goes back.
#[derive(Debug)]
pub struct Controller {
    settings: ControllerSettings,
    /// The node's settings with what is set dynamically in the decided image.
    config: DynamicConfig,
    sessions: Sessions,
    committed: Arc<Image>,
    /// The committed image and on top of it what was decided since.
    decided: Replay,
    records: Vec<MetadataRecord>,
}

impl Controller {
    /// Begins to decide on `committed`. Live brokers get a whole `broker.session.timeout.ms` to be heard of.
    #[must_use]
    pub fn new(settings: ControllerSettings, committed: Arc<Image>, now: Duration) -> Self {
        let timeout = Duration::from_millis(u64::try_from(settings.config.broker_session_timeout_ms).unwrap_or(0));
        let sessions = Sessions::begin(&committed, timeout, now);
        let decided = Replay::new(Arc::clone(&committed), committed.metadata_offset() + 1);
        let config = DynamicConfig::new(Arc::clone(&settings.config));
        let mut controller = Self { settings, config, sessions, committed, decided, records: Vec::new() };
        controller.follow_dynamic_settings();
        controller
    }

    /// Begins a batch on top of the committed image.
    ///
    /// # Panics
    /// Where the records of the batch before were not taken: they would be lost.
    pub fn begin_batch(&mut self, committed: Arc<Image>) {
        assert!(self.records.is_empty(), "the records of the last batch were not taken");
        // The entry's index is not known yet, but it will be no lower.
        self.decided = Replay::new(Arc::clone(&committed), committed.metadata_offset() + 1);
        self.committed = committed;
        self.follow_dynamic_settings();
    }

    /// The image with all decisions of the batch in it.
    #[must_use]
    pub fn image(&self) -> &Image {
        self.decided.image()
    }

    /// How many records the batch has so far. A batch is to end soon after it has reached Kafka's 10 000.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.records.len()
    }

    /// Ends the batch: its records, in order.
    #[must_use]
    pub fn take_records(&mut self) -> Vec<MetadataRecord> {
        std::mem::take(&mut self.records)
    }

    /// The first thing a new leader does: writes what a cluster begins with, where that is missing.
    pub fn activate(&mut self) {
        let records = bootstrap::activation_records(self.image());
        self.adopt(Decision { records, response: () });
    }

    /// CreateTopics, versions 2 to 7. Errors are in the response, topic by topic.
    pub fn create_topics(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let decision = create_topics::create_topics(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt(decision)
    }

    /// DeleteTopics, by name or id as in version 6, or by `topic_names` as before. Errors are in the response, topic by
    /// topic; a caller with an older client must know that versions before 3 have INVALID_REQUEST in the place of
    /// TOPIC_DELETION_DISABLED.
    pub fn delete_topics(&mut self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let decision = delete_topics::delete_topics(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt(decision)
    }

    /// CreatePartitions, versions 0 to 3. Errors are in the response, topic by topic.
    pub fn create_partitions(&mut self, request: &CreatePartitionsRequest) -> CreatePartitionsResponse {
        let decision =
            create_partitions::create_partitions(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt(decision)
    }

    /// ElectLeaders, versions 0 to 2. Errors are in the response, partition by partition.
    pub fn elect_leaders(&mut self, request: &ElectLeadersRequest) -> ElectLeadersResponse {
        let decision = elect_leaders::elect_leaders(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt(decision)
    }

    /// AlterPartitionReassignments, versions 0 and 1. Errors are in the response, partition by partition.
    pub fn alter_partition_reassignments(
        &mut self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> AlterPartitionReassignmentsResponse {
        let context = context(&self.settings, &self.config, &self.decided);
        let decision = partition_reassignments::alter_partition_reassignments(&context, request);
        self.adopt(decision)
    }

    /// UpdateFeatures, versions 0 to 2; the response has what versions 0 and 1 want, a result for each feature.
    pub fn update_features(&mut self, request: &UpdateFeaturesRequest) -> UpdateFeaturesResponse {
        let decision = update_features::update_features(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt(decision)
    }

    /// IncrementalAlterConfigs, versions 0 and 1, of all that is stored; the settings of a broker were checked by that broker.
    /// Errors are in the response, resource by resource.
    pub fn incremental_alter_configs(
        &mut self,
        request: &IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let context = context(&self.settings, &self.config, &self.decided);
        let decision = config_changes::incremental_alter_configs(&context, request);
        self.adopt_settings(decision)
    }

    /// AlterConfigs, versions 0 to 2; otherwise as [`incremental_alter_configs`](Self::incremental_alter_configs).
    pub fn alter_configs(&mut self, request: &AlterConfigsRequest) -> AlterConfigsResponse {
        let decision = config_changes::alter_configs(&context(&self.settings, &self.config, &self.decided), request);
        self.adopt_settings(decision)
    }

    /// BrokerRegistration, versions 0 to 4.
    pub fn register_broker(
        &mut self,
        request: &BrokerRegistrationRequest,
        registrant: Registrant,
        now: Duration,
    ) -> BrokerRegistrationResponse {
        let context = context(&self.settings, &self.config, &self.decided);
        let cluster_id = &self.settings.cluster_id;
        let decision =
            registration::register_broker(&context, &mut self.sessions, cluster_id, request, registrant, now);
        self.adopt(decision)
    }

    /// BrokerHeartbeat, versions 0 to 2. Heartbeats that wait are to be handed in before expired sessions are looked for.
    pub fn broker_heartbeat(&mut self, request: &BrokerHeartbeatRequest, now: Duration) -> BrokerHeartbeatResponse {
        let before = context(&self.settings, &self.config, &self.decided);
        let decision = heartbeat::broker_heartbeat(&before, &mut self.sessions, &self.committed, request, now);
        let response = self.adopt(decision);
        let after = context(&self.settings, &self.config, &self.decided);
        let records = heartbeat::directories_change(&after, request);
        self.adopt(Decision { records, response })
    }

    /// UnregisterBroker, version 0.
    pub fn unregister_broker(&mut self, request: &UnregisterBrokerRequest) -> UnregisterBrokerResponse {
        let context = context(&self.settings, &self.config, &self.decided);
        let decision = registration::unregister_broker(&context, &mut self.sessions, request);
        self.adopt(decision)
    }

    /// AllocateProducerIds, version 0: a block of 1000.
    pub fn allocate_producer_ids(&mut self, request: &AllocateProducerIdsRequest) -> AllocateProducerIdsResponse {
        let context = context(&self.settings, &self.config, &self.decided);
        let decision = producer_ids::allocate_producer_ids(&context, request);
        self.adopt(decision)
    }

    /// Fences one broker whose session is over, if there is one; otherwise answers false. One at a time, so that a batch
    /// can end in between.
    pub fn fence_expired_broker(&mut self, now: Duration) -> bool {
        let context = context(&self.settings, &self.config, &self.decided);
        let decision = registration::fence_expired(&context, &mut self.sessions, now);
        self.adopt(decision)
    }

    /// Fences a broker that is known to be gone before its session is over.
    pub fn fence_lost_broker(&mut self, broker: BrokerId) {
        self.sessions.end(broker);
        let records = registration::fence(&context(&self.settings, &self.config, &self.decided), broker);
        self.adopt(Decision { records, response: () });
    }

    /// When the next session is over, if nothing is heard of its broker.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.sessions.next_expiry()
    }

    /// Lets every session last longer by `pause`, in which this node heard of nobody through its own fault.
    pub fn extend_sessions(&mut self, pause: Duration) {
        self.sessions.extend(pause);
    }

    /// The same for a decision that may change this node's settings: what is decided next sees them.
    fn adopt_settings<R>(&mut self, decision: Decision<R>) -> R {
        let response = self.adopt(decision);
        self.follow_dynamic_settings();
        response
    }

    fn follow_dynamic_settings(&mut self) {
        let (image, id) = (self.decided.image(), self.settings.config.node_id);
        // What contradicts itself leaves all as it was. The broker of this process tells of that, and of what has no effect.
        let _ = self.config.update(image.broker_overrides(None), image.broker_overrides(Some(id)));
    }

    /// Makes a decision part of the batch.
    fn adopt<R>(&mut self, decision: Decision<R>) -> R {
        for record in &decision.records {
            // A record that fails here would stop every node of the cluster once it is committed.
            self.decided.apply(record).expect("a decision holds records that can be replayed");
        }
        self.records.extend(decision.records);
        decision.response
    }
}

fn context<'a>(settings: &'a ControllerSettings, config: &'a DynamicConfig, decided: &'a Replay) -> Context<'a> {
    Context { image: decided.image(), config: config.effective(), randomness: &*settings.randomness }
}
