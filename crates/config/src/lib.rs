//! Every property Dohle knows: name, type, default, bounds, one sentence; properties and YAML files.
//!
//! [`Settings`] is what the operator wrote, [`ServerConfig`] what a node runs with, [`TopicConfig`] what a topic runs
//! with. The facts about properties are rows of `properties.tsv`. Nothing here reads files: bytes come in.

mod client_metrics_config;
mod config_change;
pub mod describe;
mod dynamic_config;
mod dynamic_layers;
mod dynamic_rules;
mod dynamic_validation;
mod group_config;
pub mod listener;
pub mod properties_file;
pub mod property;
mod resolution;
pub mod server_config;
pub mod settings;
pub mod topic_config;
pub mod value;

pub use client_metrics_config::{ClientMetricsRefusal, validate_client_metrics};
pub use config_change::{ConfigOperation, change_broker_settings, change_list, list_property};
pub use describe::{
    ConfigSynonym, DescribedConfig, describe_broker, describe_broker_default, describe_client_metrics, describe_group,
    describe_new_topic, describe_topic,
};
pub use dynamic_config::DynamicConfig;
pub use dynamic_layers::{DynamicLayers, Layer};
pub use dynamic_validation::validate_dynamic_settings;
pub use group_config::validate_group_configs;
pub use listener::{Advertised, Listener, SecurityProtocol};
pub use server_config::{ConfigSource, ServerConfig};
pub use settings::{ConfigError, ConfigErrors, Origin, Setting, Settings};
pub use topic_config::{
    CleanupPolicy, CompressionType, TimestampType, TopicConfig, validate_topic_config, validate_topic_configs,
};
pub use value::{ConfigType, Value};
