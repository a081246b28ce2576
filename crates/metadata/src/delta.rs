//! What changed between two images.

use std::collections::BTreeSet;
use std::sync::Arc;

use dohle_model::{BrokerId, TopicId, TopicName};

use crate::image::Image;

/// The keys of what a change touched; the images on either side of it tell how. What was touched may be as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    pub(crate) topics: BTreeSet<TopicId>,
    pub(crate) topic_configs: BTreeSet<TopicName>,
    pub(crate) brokers: BTreeSet<BrokerId>,
    pub(crate) broker_configs: BTreeSet<Option<BrokerId>>,
    pub(crate) client_metrics: BTreeSet<String>,
    pub(crate) group_configs: BTreeSet<String>,
    pub(crate) controllers: BTreeSet<i32>,
    pub(crate) features: BTreeSet<String>,
    pub(crate) producer_ids: bool,
}

impl Touched {
    /// Topics created, deleted, or with a partition that was created or changed; not those whose settings alone changed.
    pub fn topics(&self) -> impl Iterator<Item = TopicId> {
        self.topics.iter().copied()
    }

    /// Topics with an override that was set or removed, deleted topics among them.
    pub fn topic_configs(&self) -> impl Iterator<Item = TopicName> {
        self.topic_configs.iter().cloned()
    }

    /// Brokers registered, unregistered, fenced, or changed otherwise.
    pub fn brokers(&self) -> impl Iterator<Item = BrokerId> {
        self.brokers.iter().copied()
    }

    /// Brokers with a setting that was set or removed; `None` is the cluster-wide default.
    pub fn broker_configs(&self) -> impl Iterator<Item = Option<BrokerId>> {
        self.broker_configs.iter().copied()
    }

    /// Subscriptions to clients' metrics with a setting that was set or removed.
    pub fn client_metrics(&self) -> impl Iterator<Item = &str> {
        self.client_metrics.iter().map(String::as_str)
    }

    /// Groups with an override that was set or removed.
    pub fn group_configs(&self) -> impl Iterator<Item = &str> {
        self.group_configs.iter().map(String::as_str)
    }

    /// Controllers that registered.
    pub fn controllers(&self) -> impl Iterator<Item = i32> {
        self.controllers.iter().copied()
    }

    /// Features whose level was set.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(String::as_str)
    }

    /// Whether a block of producer ids was given away.
    #[must_use]
    pub fn producer_ids(&self) -> bool {
        self.producer_ids
    }

    /// Whether nothing was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn union(&mut self, other: Self) {
        let Self {
            topics,
            topic_configs,
            brokers,
            broker_configs,
            client_metrics,
            group_configs,
            controllers,
            features,
            producer_ids,
        } = other;
        self.topics.extend(topics);
        self.topic_configs.extend(topic_configs);
        self.brokers.extend(brokers);
        self.broker_configs.extend(broker_configs);
        self.client_metrics.extend(client_metrics);
        self.group_configs.extend(group_configs);
        self.controllers.extend(controllers);
        self.features.extend(features);
        self.producer_ids |= producer_ids;
    }
}

/// A change of the metadata: the image before, the image after, and what to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The image before.
    pub from: Arc<Image>,
    /// The image after.
    pub to: Arc<Image>,
    /// The keys of what changed.
    pub touched: Touched,
}

impl Delta {
    /// Both changes as one. `next` must begin where this one ends.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        debug_assert_eq!(self.to.metadata_offset(), next.from.metadata_offset(), "deltas are merged in order");
        self.touched.union(next.touched);
        Self { from: self.from, to: next.to, touched: self.touched }
    }

    /// The change from `from` to a snapshot: everything that is in either image counts as touched.
    #[must_use]
    pub fn to_snapshot(from: Arc<Image>, to: Arc<Image>) -> Self {
        let mut touched = Touched::default();
        for image in [&from, &to] {
            touched.union(image.everything());
        }
        Self { from, to, touched }
    }
}
