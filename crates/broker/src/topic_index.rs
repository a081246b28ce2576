//! Names and ids of topics, as the group coordinator asks for them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use dohle_group_coordinator::TopicIndex;
use dohle_metadata::Image;
use dohle_model::{TopicId, TopicName};

/// Looks topics up in the published metadata image.
#[derive(Debug)]
pub(crate) struct ImageTopicIndex(pub(crate) Arc<ArcSwap<Image>>);

impl TopicIndex for ImageTopicIndex {
    fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.0.load().topic(name).map(|topic| topic.id)
    }

    fn topic_name(&self, id: TopicId) -> Option<TopicName> {
        self.0.load().topic_by_id(id).map(|topic| topic.name.clone())
    }

    fn partition_count(&self, name: &str) -> Option<i32> {
        self.0.load().topic(name).map(|topic| i32::try_from(topic.partition_count()).unwrap_or(i32::MAX))
    }
}
