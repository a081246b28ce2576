//! Cluster metadata: an immutable [`Image`] of it, the [`Delta`] between two images, and the [`Replay`] of records that
//! leads from one to the next. No async, no IO, no clock: the same records give the same image on every node.
//!
//! Whoever decides a change says it in Kafka's metadata records and nothing else. A record that a node does not know,
//! that belongs to a feature not served here, or that contradicts the image is a [`ReplayError`]: the node must stop,
//! because from there on it would serve another cluster than the others.

mod broker_image;
mod config_resource;
mod controller_image;
mod delta;
pub mod features;
mod image;
mod replay;
mod replay_error;
mod snapshot;
mod topic_image;

#[cfg(test)]
mod tests;

pub use broker_image::{BrokerEndpoint, BrokerImage};
pub use config_resource::{ConfigResource, config_resource_type};
pub use controller_image::ControllerImage;
pub use delta::{Delta, Touched};
pub use features::FeatureRange;
pub use image::Image;
pub use replay::Replay;
pub use replay_error::ReplayError;
pub use topic_image::{LeaderRecoveryState, PartitionImage, TopicImage};
