//! The way to the controller from within its own process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dohle_config::ServerConfig;
use dohle_controller::Registrant;
use dohle_metadata::Image;
use dohle_model::{BrokerId, ProducerId};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{
    AllocateProducerIdsRequest, AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest, ElectLeadersResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, UnregisterBrokerRequest, UnregisterBrokerResponse,
    UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::error::QuorumError;
use crate::operation::{Operation, Reply};
use crate::quorum_state::{Metrics, QuorumState};
use crate::subscription::Publications;

/// Asks the controller. Every answer comes once what it tells of is committed and applied here; errors that Kafka's
/// protocol has a place for are in the responses.
///
/// All methods fail with [`QuorumError::NotController`] where another node leads, [`QuorumError::TimedOut`] where the
/// answer does not come in time, and [`QuorumError::Stopped`] once the quorum has stopped.
#[derive(Clone, Debug)]
pub struct ControllerHandle {
    mailbox: mpsc::Sender<Operation>,
    publications: Arc<Publications>,
    metrics: Metrics,
    request_timeout: Duration,
    heartbeat_timeout: Duration,
}

fn milliseconds(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

impl ControllerHandle {
    pub(crate) fn new(
        mailbox: mpsc::Sender<Operation>,
        publications: Arc<Publications>,
        metrics: Metrics,
        config: &ServerConfig,
    ) -> Self {
        Self {
            mailbox,
            publications,
            metrics,
            request_timeout: milliseconds(config.request_timeout_ms),
            // A later answer would be overtaken by that to the next heartbeat.
            heartbeat_timeout: milliseconds(config.broker_heartbeat_interval_ms),
        }
    }

    /// The metadata as committed and applied here.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.publications.image()
    }

    /// The quorum as it stands at this moment.
    ///
    /// # Errors
    /// [`QuorumError::NotController`] where another node leads it: only the leader knows.
    pub fn quorum_state(&self) -> Result<QuorumState, QuorumError> {
        QuorumState::read(&self.metrics, &self.image())
    }

    /// CreateTopics; per-topic errors are in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is the request's.
    pub async fn create_topics(&self, request: CreateTopicsRequest) -> Result<CreateTopicsResponse, QuorumError> {
        let deadline = Instant::now() + milliseconds(request.timeout_ms);
        self.ask(deadline, |reply| Operation::CreateTopics { request, deadline, reply }).await
    }

    /// DeleteTopics, by name or id as in version 6; per-topic errors are in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is the request's.
    pub async fn delete_topics(&self, request: DeleteTopicsRequest) -> Result<DeleteTopicsResponse, QuorumError> {
        let deadline = Instant::now() + milliseconds(request.timeout_ms);
        self.ask(deadline, |reply| Operation::DeleteTopics { request, deadline, reply }).await
    }

    /// CreatePartitions; per-topic errors are in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is the request's.
    pub async fn create_partitions(
        &self,
        request: CreatePartitionsRequest,
    ) -> Result<CreatePartitionsResponse, QuorumError> {
        let deadline = Instant::now() + milliseconds(request.timeout_ms);
        self.ask(deadline, |reply| Operation::CreatePartitions { request, deadline, reply }).await
    }

    /// ElectLeaders; per-partition errors are in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is the request's.
    pub async fn elect_leaders(&self, request: ElectLeadersRequest) -> Result<ElectLeadersResponse, QuorumError> {
        let deadline = Instant::now() + milliseconds(request.timeout_ms);
        self.ask(deadline, |reply| Operation::ElectLeaders { request, deadline, reply }).await
    }

    /// AlterPartitionReassignments; per-partition errors are in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is the request's.
    pub async fn alter_partition_reassignments(
        &self,
        request: AlterPartitionReassignmentsRequest,
    ) -> Result<AlterPartitionReassignmentsResponse, QuorumError> {
        let deadline = Instant::now() + milliseconds(request.timeout_ms);
        self.ask(deadline, |reply| Operation::AlterPartitionReassignments { request, deadline, reply }).await
    }

    /// IncrementalAlterConfigs of what is stored; per-resource errors are in the response. The settings of a broker must have
    /// been checked by that broker.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is `request.timeout.ms`.
    pub async fn incremental_alter_configs(
        &self,
        request: IncrementalAlterConfigsRequest,
    ) -> Result<IncrementalAlterConfigsResponse, QuorumError> {
        let deadline = Instant::now() + self.request_timeout;
        self.ask(deadline, |reply| Operation::IncrementalAlterConfigs { request, deadline, reply }).await
    }

    /// AlterConfigs; otherwise as [`incremental_alter_configs`](Self::incremental_alter_configs).
    ///
    /// # Errors
    /// See [`ControllerHandle`]; the time is `request.timeout.ms`.
    pub async fn alter_configs(&self, request: AlterConfigsRequest) -> Result<AlterConfigsResponse, QuorumError> {
        let deadline = Instant::now() + self.request_timeout;
        self.ask(deadline, |reply| Operation::AlterConfigs { request, deadline, reply }).await
    }

    /// UpdateFeatures; what is wrong with an update is in the response.
    ///
    /// # Errors
    /// See [`ControllerHandle`]. The request's own time counts for nothing, as in Kafka.
    pub async fn update_features(&self, request: UpdateFeaturesRequest) -> Result<UpdateFeaturesResponse, QuorumError> {
        let deadline = Instant::now() + self.request_timeout;
        self.ask(deadline, |reply| Operation::UpdateFeatures { request, reply }).await
    }

    /// Registers the broker of this process. An earlier incarnation ended with an earlier process and is not waited for.
    ///
    /// # Errors
    /// See [`ControllerHandle`].
    pub fn register_broker(
        &self,
        request: BrokerRegistrationRequest,
    ) -> impl Future<Output = Result<BrokerRegistrationResponse, QuorumError>> + Send {
        let registrant = Registrant::ThisProcess;
        self.ask(Instant::now() + self.request_timeout, move |reply| Operation::RegisterBroker {
            request,
            registrant,
            reply,
        })
    }

    /// Forgets a broker for good.
    ///
    /// # Errors
    /// See [`ControllerHandle`].
    pub async fn unregister_broker(
        &self,
        request: UnregisterBrokerRequest,
    ) -> Result<UnregisterBrokerResponse, QuorumError> {
        let deadline = Instant::now() + self.request_timeout;
        self.ask(deadline, |reply| Operation::UnregisterBroker { request, reply }).await
    }

    /// Tells that a broker lives, and what it wants.
    ///
    /// # Errors
    /// See [`ControllerHandle`].
    pub async fn broker_heartbeat(
        &self,
        request: BrokerHeartbeatRequest,
    ) -> Result<BrokerHeartbeatResponse, QuorumError> {
        let deadline = Instant::now() + self.heartbeat_timeout;
        self.ask(deadline, |reply| Operation::BrokerHeartbeat { request, reply }).await
    }

    /// A fresh block of producer ids for a registered broker: the first, and how many there are.
    ///
    /// # Errors
    /// See [`ControllerHandle`]; [`QuorumError::Refused`] where the broker is not registered.
    pub async fn allocate_producer_ids(&self, broker: BrokerId) -> Result<(ProducerId, i32), QuorumError> {
        let registered = self.image().broker(broker).map(|broker| broker.epoch);
        let broker_epoch = registered.ok_or(QuorumError::Refused(ErrorCode::BrokerIdNotRegistered))?;
        let request = AllocateProducerIdsRequest { broker_id: broker.0, broker_epoch: broker_epoch.0 };
        let deadline = Instant::now() + self.request_timeout;
        let response = self.ask(deadline, |reply| Operation::AllocateProducerIds { request, reply }).await?;
        match ErrorCode::from_code(response.error_code) {
            Some(ErrorCode::None) => Ok((ProducerId(response.producer_id_start), response.producer_id_len)),
            error => Err(QuorumError::Refused(error.unwrap_or(ErrorCode::UnknownServerError))),
        }
    }

    async fn ask<R>(&self, deadline: Instant, operation: impl FnOnce(Reply<R>) -> Operation) -> Result<R, QuorumError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.mailbox.send(operation(reply)).await.map_err(|_| QuorumError::Stopped)?;
            answer.await.map_err(|_| QuorumError::Stopped)?
        };
        timeout_at(deadline, asked).await.map_err(|_| QuorumError::TimedOut)?
    }
}
