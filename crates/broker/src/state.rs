//! What all requests of a broker share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use dohle_config::ServerConfig;
use dohle_group_coordinator::GroupCoordinator;
use dohle_metadata::Image;
use dohle_model::BrokerId;
use dohle_quorum::ControllerHandle;
use dohle_replication::ReplicaManager;
use dohle_seams::Environment;

use crate::fetch_sessions::FetchSessions;
use crate::large_checks::LargeChecks;
use crate::loggers::Loggers;
use crate::producer_ids::ProducerIds;
use crate::topic_creation::TopicCreation;

/// The parts that handlers call on. Cheap to share; each part owns its own state.
#[derive(Debug)]
pub(crate) struct BrokerState {
    pub(crate) node_id: BrokerId,
    pub(crate) cluster_id: String,
    /// What the file says: for what cannot change while the node runs.
    pub(crate) config: Arc<ServerConfig>,
    /// The same with what is set dynamically over it.
    pub(crate) effective: Arc<ArcSwap<ServerConfig>>,
    pub(crate) loggers: Arc<dyn Loggers>,
    pub(crate) environment: Environment,
    /// The metadata that requests see: published after the partitions that it brings can be served.
    pub(crate) image: Arc<ArcSwap<Image>>,
    pub(crate) replicas: Arc<ReplicaManager>,
    pub(crate) groups: GroupCoordinator,
    pub(crate) controller: ControllerHandle,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) topic_creation: TopicCreation,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) large_checks: LargeChecks,
    /// How far the published image is, for those who must see their own change.
    pub(crate) published: tokio::sync::watch::Receiver<i64>,
}

impl BrokerState {
    /// Waits until requests see the metadata up to `offset`.
    pub(crate) async fn wait_for_published(&self, offset: i64) {
        let mut published = self.published.clone();
        // The sender lives as long as the node: an error means that the node is stopping.
        let _ = published.wait_for(|position| *position >= offset).await;
    }
}
