//! Every property Dohle knows: name, type, default, bounds, one sentence; properties and YAML files.

pub mod topic_config;

pub use topic_config::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
