//! What settings can be stored for.

use dohle_model::{BrokerId, TopicName};

use self::config_resource_type::{BROKER, CLIENT_METRICS, GROUP, TOPIC};

/// Kafka's numbers for types of resources with settings, in requests and in records (`ConfigResource.Type`).
pub mod config_resource_type {
    /// A topic.
    pub const TOPIC: i8 = 2;
    /// A broker, or all of them.
    pub const BROKER: i8 = 4;
    /// The loggers of a broker; nothing is stored of them (KIP-412).
    pub const BROKER_LOGGER: i8 = 8;
    /// A subscription to clients' metrics (KIP-714).
    pub const CLIENT_METRICS: i8 = 16;
    /// A group (KIP-848).
    pub const GROUP: i8 = 32;
}

/// Whose settings a ConfigRecord changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// One topic's overrides.
    Topic(TopicName),
    /// One broker's, or with `None` the cluster-wide default of all brokers.
    Broker(Option<BrokerId>),
    /// One subscription to clients' metrics (KIP-714); it exists as long as it has settings.
    ClientMetrics(String),
    /// One group's overrides, whether the group exists or not.
    Group(String),
}

impl ConfigResource {
    /// Reads Kafka's pair of type and name; `None` where nothing is stored for that type or the name cannot be.
    #[must_use]
    pub fn from_type_and_name(resource_type: i8, name: &str) -> Option<Self> {
        match resource_type {
            TOPIC => Some(Self::Topic(name.into())),
            BROKER if name.is_empty() => Some(Self::Broker(None)),
            BROKER => name.parse().ok().filter(|id| *id >= 0).map(|id| Self::Broker(Some(BrokerId(id)))),
            CLIENT_METRICS => Some(Self::ClientMetrics(name.to_owned())),
            GROUP => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }

    /// Kafka's pair of type and name.
    #[must_use]
    pub fn type_and_name(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (TOPIC, name.as_str().to_owned()),
            Self::Broker(id) => (BROKER, id.map(|id| id.to_string()).unwrap_or_default()),
            Self::ClientMetrics(name) => (CLIENT_METRICS, name.clone()),
            Self::Group(name) => (GROUP, name.clone()),
        }
    }
}
