//! Every property Dohle knows: name, type, default, bounds, one sentence; properties and YAML files.
//!
//! [`Settings`] is what the operator wrote, [`ServerConfig`] what a node runs with, [`TopicConfig`] what a topic runs
//! with. The facts about properties are rows of `properties.tsv`. Nothing here reads files: bytes come in.

pub mod describe;
pub mod listener;
pub mod properties_file;
pub mod property;
mod resolution;
pub mod server_config;
pub mod settings;
pub mod topic_config;
pub mod value;

pub use describe::{ConfigSynonym, DescribedConfig, describe_broker, describe_topic};
pub use listener::{Advertised, Listener, SecurityProtocol};
pub use server_config::{ConfigSource, ServerConfig};
pub use settings::{ConfigError, ConfigErrors, Origin, Setting, Settings};
pub use topic_config::{
    CleanupPolicy, CompressionType, TimestampType, TopicConfig, validate_topic_config, validate_topic_configs,
};
pub use value::{ConfigType, Value};
