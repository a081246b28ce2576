//! What the coordinator needs to know of the cluster's topics.

use dohle_model::{TopicId, TopicName};

/// Looks topics up in the cluster's metadata; implemented by the broker.
pub trait TopicIndex: Send + Sync + 'static {
    /// The id of a topic; `None` where there is no such topic.
    fn topic_id(&self, name: &str) -> Option<TopicId>;
    /// The name of a topic; `None` where there is no such topic.
    fn topic_name(&self, id: TopicId) -> Option<TopicName>;
    /// How many partitions a topic has; `None` where there is no such topic.
    fn partition_count(&self, name: &str) -> Option<i32>;
}
