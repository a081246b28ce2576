//! The whole of a cluster's metadata at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use dohle_model::{BrokerId, PartitionIndex, TopicId, TopicName, colliding_name};
use rpds::RedBlackTreeMapSync;

use crate::broker_image::BrokerImage;
use crate::config_resource::ConfigResource;
use crate::controller_image::ControllerImage;
use crate::delta::Touched;
use crate::topic_image::{PartitionImage, TopicImage};

/// A cluster's metadata after one entry of its log. A clone shares everything with its original and costs next to
/// nothing; only [`Replay`](crate::Replay) makes changed ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub(crate) metadata_offset: i64,
    pub(crate) features: RedBlackTreeMapSync<String, i16>,
    pub(crate) brokers: RedBlackTreeMapSync<BrokerId, BrokerImage>,
    pub(crate) controllers: RedBlackTreeMapSync<i32, ControllerImage>,
    pub(crate) topics: RedBlackTreeMapSync<TopicName, Arc<TopicImage>>,
    pub(crate) topic_names: RedBlackTreeMapSync<TopicId, TopicName>,
    /// The names with a `.` or `_` by the form in which they collide.
    pub(crate) colliding_names: RedBlackTreeMapSync<String, Vec<TopicName>>,
    pub(crate) configs: RedBlackTreeMapSync<ConfigResource, RedBlackTreeMapSync<String, String>>,
    pub(crate) next_producer_id: i64,
    pub(crate) next_broker_epoch: i64,
}

impl Default for Image {
    /// The metadata before anything was written.
    fn default() -> Self {
        Self {
            metadata_offset: -1,
            features: RedBlackTreeMapSync::new_sync(),
            brokers: RedBlackTreeMapSync::new_sync(),
            controllers: RedBlackTreeMapSync::new_sync(),
            topics: RedBlackTreeMapSync::new_sync(),
            topic_names: RedBlackTreeMapSync::new_sync(),
            colliding_names: RedBlackTreeMapSync::new_sync(),
            configs: RedBlackTreeMapSync::new_sync(),
            next_producer_id: 0,
            next_broker_epoch: 0,
        }
    }
}

impl Image {
    /// The raft index of the last entry in it; -1 where there is none.
    #[must_use]
    pub fn metadata_offset(&self) -> i64 {
        self.metadata_offset
    }

    /// The same metadata with an entry behind it that changes nothing.
    #[must_use]
    pub fn at(&self, metadata_offset: i64) -> Self {
        Self { metadata_offset, ..self.clone() }
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// A topic by id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.topic_names.get(&id)?)
    }

    /// The topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.size()
    }

    /// A topic other than `name` itself whose name differs only in `.` and `_`, which metrics cannot tell apart.
    #[must_use]
    pub fn colliding_topic(&self, name: &str) -> Option<&TopicName> {
        self.colliding_names.get(&colliding_name(name))?.iter().find(|other| other.as_str() != name)
    }

    /// Every partition with its topic, by name and index.
    pub fn partitions(&self) -> impl Iterator<Item = (&Arc<TopicImage>, PartitionIndex, &PartitionImage)> {
        self.topics().flat_map(|topic| topic.partitions().map(move |(index, partition)| (topic, index, partition)))
    }

    /// A registered broker.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&BrokerImage> {
        self.brokers.get(&id)
    }

    /// The registered brokers, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerImage> {
        self.brokers.values()
    }

    /// Whether a broker may lead partitions and get new ones.
    #[must_use]
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(BrokerImage::is_active)
    }

    /// A registered controller.
    #[must_use]
    pub fn controller(&self, id: i32) -> Option<&ControllerImage> {
        self.controllers.get(&id)
    }

    /// The registered controllers, by id.
    pub fn controllers(&self) -> impl Iterator<Item = &ControllerImage> {
        self.controllers.values()
    }

    /// A topic's own settings, by name of property.
    #[must_use]
    pub fn topic_overrides(&self, name: &TopicName) -> BTreeMap<String, String> {
        self.overrides(&ConfigResource::Topic(name.clone()))
    }

    /// One broker's settings, by name of property; `None`: the cluster-wide default.
    #[must_use]
    pub fn broker_overrides(&self, id: Option<BrokerId>) -> BTreeMap<String, String> {
        self.overrides(&ConfigResource::Broker(id))
    }

    /// A subscription to clients' metrics, by name of property; empty where there is none of that name.
    #[must_use]
    pub fn client_metrics(&self, name: &str) -> BTreeMap<String, String> {
        self.overrides(&ConfigResource::ClientMetrics(name.to_owned()))
    }

    /// A group's own settings, by name of property.
    #[must_use]
    pub fn group_overrides(&self, name: &str) -> BTreeMap<String, String> {
        self.overrides(&ConfigResource::Group(name.to_owned()))
    }

    /// Everything that has settings of its own, in order of type and name.
    pub fn configured(&self) -> impl Iterator<Item = &ConfigResource> {
        self.configs.keys()
    }

    /// The settings of a resource, by name of property.
    #[must_use]
    pub fn overrides(&self, resource: &ConfigResource) -> BTreeMap<String, String> {
        let configs = self.configs.get(resource).into_iter().flat_map(RedBlackTreeMapSync::iter);
        configs.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// One override of a topic.
    #[must_use]
    pub fn topic_override(&self, topic: &TopicName, name: &str) -> Option<&str> {
        self.configs.get(&ConfigResource::Topic(topic.clone()))?.get(name).map(String::as_str)
    }

    /// The level a feature is finalized at; `None` where it is off.
    #[must_use]
    pub fn feature_level(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// The finalized features, by name.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// The first producer id that was never given away.
    #[must_use]
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// The first broker epoch that was never given away.
    #[must_use]
    pub fn next_broker_epoch(&self) -> i64 {
        self.next_broker_epoch
    }

    /// Whether nothing was ever written: a cluster that has yet to be bootstrapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { metadata_offset: self.metadata_offset, ..Self::default() }
    }

    /// The keys of all that is in the image.
    pub(crate) fn everything(&self) -> Touched {
        let mut touched = Touched {
            topics: self.topic_names.keys().copied().collect(),
            brokers: self.brokers.keys().copied().collect(),
            controllers: self.controllers.keys().copied().collect(),
            features: self.features.keys().cloned().collect(),
            producer_ids: self.next_producer_id > 0,
            ..Touched::default()
        };
        for resource in self.configs.keys() {
            match resource {
                ConfigResource::Topic(name) => drop(touched.topic_configs.insert(name.clone())),
                ConfigResource::Broker(id) => drop(touched.broker_configs.insert(*id)),
                ConfigResource::ClientMetrics(name) => drop(touched.client_metrics.insert(name.clone())),
                ConfigResource::Group(name) => drop(touched.group_configs.insert(name.clone())),
            }
        }
        touched
    }
}
