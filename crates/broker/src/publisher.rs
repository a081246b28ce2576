//! Brings committed metadata to the parts of the broker, in this order: the node's own settings; the replica manager, so that
//! what is new can be served; the image that requests see; the coordinators. Then those are told who wait for their own change.

use std::sync::Arc;

use arc_swap::ArcSwap;
use dohle_group_coordinator::GroupCoordinator;
use dohle_metadata::{Delta, Image};
use dohle_model::BrokerId;
use dohle_quorum::DeltaSubscription;
use dohle_replication::ReplicaManager;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::connection_settings::FollowedLimits;
use crate::dynamic_settings::{DynamicSettings, warn_of_no_effect};
use crate::lifecycle::Lifecycle;
use crate::offsets_topic;

/// The one task that changes what a broker knows of its cluster.
pub(crate) struct Publisher {
    pub(crate) node_id: BrokerId,
    pub(crate) subscription: DeltaSubscription,
    pub(crate) settings: DynamicSettings,
    pub(crate) limits: Arc<FollowedLimits>,
    pub(crate) replicas: Arc<ReplicaManager>,
    pub(crate) image: Arc<ArcSwap<Image>>,
    pub(crate) groups: GroupCoordinator,
    /// How far the published image is.
    pub(crate) published: watch::Sender<i64>,
    /// Tells the controller how far the broker is.
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// Where work runs that nobody waits for.
    pub(crate) runtime: Handle,
}

impl Publisher {
    /// Publishes until the metadata ends.
    pub(crate) async fn run(mut self) {
        while let Some(delta) = self.subscription.next().await {
            self.publish(&delta).await;
        }
    }

    async fn publish(&mut self, delta: &Delta) {
        let has_other_settings = self.settings.follow_change(delta);
        warn_of_no_effect(delta);
        if let Err(error) = self.replicas.apply(delta).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "some partitions that were placed on this broker are not served");
        }
        if has_other_settings {
            let expiration_ms = self.settings.effective().load().producer_id_expiration_ms;
            self.replicas.set_producer_id_expiration(i64::from(expiration_ms));
            self.replicas.follow_defaults(&delta.to);
            self.lifecycle.directories_cordoned(self.replicas.cordoned_directories());
            self.limits.follow().await;
        }
        self.image.store(Arc::clone(&delta.to));
        offsets_topic::follow_leadership(&self.groups, self.node_id, delta);
        self.published.send_replace(delta.to.metadata_offset());
        self.lifecycle.metadata_published(delta.to.metadata_offset());
        let deleted = offsets_topic::deleted_topics(delta);
        if !deleted.is_empty() {
            // Waits for commits, which must not hold up the next change.
            let groups = self.groups.clone();
            self.runtime.spawn(async move { groups.on_topics_deleted(&deleted).await });
        }
    }
}
