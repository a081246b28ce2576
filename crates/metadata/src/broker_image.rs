//! A registered broker.

use std::collections::BTreeMap;

use dohle_model::{BrokerEpoch, BrokerId, DirectoryId, Uuid};

use crate::features::FeatureRange;

/// Where a broker is reached on one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerEndpoint {
    /// The listener's name.
    pub name: String,
    /// The advertised host; empty where the broker neither advertises nor binds one.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Kafka's number of the security protocol.
    pub security_protocol: i16,
}

/// A registered broker, live or fenced.
#[derive(Clone, Debug)]
pub struct BrokerImage {
    /// The broker.
    pub id: BrokerId,
    /// Names this registration; another incarnation gets another epoch.
    pub epoch: BrokerEpoch,
    /// Made up by the broker's process as it started.
    pub incarnation_id: Uuid,
    /// One for each listener.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels that the broker supports.
    pub features: BTreeMap<String, FeatureRange>,
    /// The broker's rack, if it has one.
    pub rack: Option<String>,
    /// Whether the broker may lead nothing and is hidden from clients: it has not caught up yet or is not heard of.
    pub fenced: bool,
    /// Whether the broker is about to stop: it leads nothing more.
    pub in_controlled_shutdown: bool,
    /// The log directories that are online (KIP-858).
    pub log_directories: Vec<DirectoryId>,
    /// The log directories that take no new partitions (KIP-1066); `None` where the broker has not told.
    pub cordoned_log_directories: Option<Vec<DirectoryId>>,
    /// The raft index of the entry with the registration, or a later one: a snapshot does not keep it, and then it is the
    /// snapshot's. A broker that has followed the metadata up to here knows of its own registration.
    pub registered_at: i64,
}

impl BrokerImage {
    /// Whether the broker may lead partitions and get new ones.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }
}

/// `registered_at` is a bound only and does not count.
impl PartialEq for BrokerImage {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            id,
            epoch,
            incarnation_id,
            endpoints,
            features,
            rack,
            fenced,
            in_controlled_shutdown,
            log_directories,
            cordoned_log_directories,
            registered_at: _,
        } = self;
        *id == other.id
            && *epoch == other.epoch
            && *incarnation_id == other.incarnation_id
            && *endpoints == other.endpoints
            && *features == other.features
            && *rack == other.rack
            && *fenced == other.fenced
            && *in_controlled_shutdown == other.in_controlled_shutdown
            && *log_directories == other.log_directories
            && *cordoned_log_directories == other.cordoned_log_directories
    }
}
