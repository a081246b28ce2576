//! What a node runs with: all settings resolved, typed and checked against each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_model::BrokerId;

use crate::dynamic_layers::DynamicLayers;
use crate::listener::Listener;
use crate::property::{Property, Scope, properties};
use crate::settings::{ConfigErrors, Settings};
use crate::topic_config::TopicConfig;
use crate::value::Value;

/// Where a value comes from, with the codes of DescribeConfigs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own override.
    Topic,
    /// Set for one broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// The server file or the command line.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// The level of a logger.
    BrokerLogger,
    /// A subscription to clients' metrics.
    ClientMetrics,
    /// The group's own override.
    Group,
}

impl ConfigSource {
    /// The code in a DescribeConfigs response.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::BrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// The values of all broker properties, in the order of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BrokerValues(Vec<Value>);

impl BrokerValues {
    pub(crate) fn defaults() -> Self {
        Self(properties().of(Scope::Broker).iter().map(Property::default_value).collect())
    }

    fn index(name: &str) -> Option<usize> {
        properties().of(Scope::Broker).binary_search_by(|property| property.name.cmp(name)).ok()
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        if let Some(index) = Self::index(name) {
            self.0[index] = value;
        }
    }

    pub(crate) fn get(&self, name: &str) -> &Value {
        Self::index(name).map_or(&Value::Null, |index| &self.0[index])
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.get(name).as_i64()
    }

    pub(crate) fn list(&self, name: &str) -> &[String] {
        match self.get(name) {
            Value::List(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What a field of [`ServerConfig`] is made of.
trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty: $variant:ident),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

from_value!(bool: Boolean, i16: Short, i32: Int, i64: Long, f64: Double, String: Text, Vec<String>: List);

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// The fields that are worked out from several properties.
pub(crate) struct Resolved {
    pub(crate) node_id: BrokerId,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) controller_listeners: Vec<Listener>,
    pub(crate) inter_broker_listener_name: String,
    pub(crate) log_dirs: Vec<PathBuf>,
    pub(crate) metadata_log_dir: PathBuf,
    pub(crate) topic_defaults: TopicConfig,
    pub(crate) values: BrokerValues,
    pub(crate) sources: Sources,
}

/// What the values were made of.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// What the operator wrote.
    pub(crate) file: Arc<Settings>,
    /// The same by name, with what follows from it.
    pub(crate) static_values: BTreeMap<String, String>,
    /// What was set while the node ran.
    pub(crate) layers: DynamicLayers,
    /// Everything that is set, in whichever layer counts.
    pub(crate) set_values: BTreeMap<String, String>,
}

/// In which line of which file something stands does not count.
impl PartialEq for Sources {
    fn eq(&self, other: &Self) -> bool {
        let Self { file: _, static_values, layers, set_values } = self;
        *static_values == other.static_values && *layers == other.layers && *set_values == other.set_values
    }
}

macro_rules! server_config {
    ($($field:ident: $type:ty = $name:literal,)*) => {
        /// A node's configuration. A field is named after its property, with its type: times in milliseconds (or as
        /// the name says), sizes in bytes. The properties that are defaults of topics are in `topic_defaults`.
        #[derive(Clone, Debug, PartialEq)]
        pub struct ServerConfig {
            /// `node.id`
            pub node_id: BrokerId,
            /// Where clients and other brokers connect (`listeners` without those of controllers).
            pub listeners: Vec<Listener>,
            /// The listeners named in `controller.listener.names`. A quorum of one voter opens none of them.
            pub controller_listeners: Vec<Listener>,
            /// The listener that brokers use among themselves.
            pub inter_broker_listener_name: String,
            /// `log.dirs`, or `log.dir`; never empty.
            pub log_dirs: Vec<PathBuf>,
            /// `metadata.log.dir`, or the first of `log_dirs`.
            pub metadata_log_dir: PathBuf,
            /// The settings of a topic without overrides.
            pub topic_defaults: TopicConfig,
            $(#[doc = concat!("`", $name, "`")] pub $field: $type,)*
            values: BrokerValues,
            sources: Sources,
        }

        impl ServerConfig {
            pub(crate) fn assemble(resolved: Resolved) -> Self {
                let values = &resolved.values;
                Self {
                    $($field: FromValue::from_value(values.get($name)).expect("the field has the property's type"),)*
                    node_id: resolved.node_id,
                    listeners: resolved.listeners,
                    controller_listeners: resolved.controller_listeners,
                    inter_broker_listener_name: resolved.inter_broker_listener_name,
                    log_dirs: resolved.log_dirs,
                    metadata_log_dir: resolved.metadata_log_dir,
                    topic_defaults: resolved.topic_defaults,
                    values: resolved.values,
                    sources: resolved.sources,
                }
            }
        }
    };
}

server_config! {
    auto_create_topics_enable: bool = "auto.create.topics.enable",
    auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable",
    broker_heartbeat_interval_ms: i32 = "broker.heartbeat.interval.ms",
    broker_rack: Option<String> = "broker.rack",
    broker_session_timeout_ms: i32 = "broker.session.timeout.ms",
    connections_max_idle_ms: i64 = "connections.max.idle.ms",
    controlled_shutdown_enable: bool = "controlled.shutdown.enable",
    controller_listener_names: Vec<String> = "controller.listener.names",
    controller_quorum_append_linger_ms: i32 = "controller.quorum.append.linger.ms",
    controller_quorum_bootstrap_servers: Vec<String> = "controller.quorum.bootstrap.servers",
    controller_quorum_election_timeout_ms: i32 = "controller.quorum.election.timeout.ms",
    controller_quorum_fetch_timeout_ms: i32 = "controller.quorum.fetch.timeout.ms",
    controller_quorum_request_timeout_ms: i32 = "controller.quorum.request.timeout.ms",
    controller_quorum_voters: Vec<String> = "controller.quorum.voters",
    cordoned_log_dirs: Vec<String> = "cordoned.log.dirs",
    default_replication_factor: i32 = "default.replication.factor",
    delete_topic_enable: bool = "delete.topic.enable",
    fetch_max_bytes: i32 = "fetch.max.bytes",
    group_coordinator_append_linger_ms: i32 = "group.coordinator.append.linger.ms",
    group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms",
    group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
    group_max_size: i32 = "group.max.size",
    group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
    initial_broker_registration_timeout_ms: i32 = "initial.broker.registration.timeout.ms",
    log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms",
    log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size",
    log_cleaner_enable: bool = "log.cleaner.enable",
    log_cleaner_threads: i32 = "log.cleaner.threads",
    log_dir_failure_timeout_ms: i64 = "log.dir.failure.timeout.ms",
    log_flush_offset_checkpoint_interval_ms: i32 = "log.flush.offset.checkpoint.interval.ms",
    log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
    log_flush_start_offset_checkpoint_interval_ms: i32 = "log.flush.start.offset.checkpoint.interval.ms",
    log_initial_task_delay_ms: i64 = "log.initial.task.delay.ms",
    log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms",
    max_connection_creation_rate: i32 = "max.connection.creation.rate",
    max_connections: i32 = "max.connections",
    max_connections_per_ip: i32 = "max.connections.per.ip",
    max_connections_per_ip_overrides: String = "max.connections.per.ip.overrides",
    max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots",
    max_request_partition_size_limit: i32 = "max.request.partition.size.limit",
    message_max_bytes: i32 = "message.max.bytes",
    metadata_log_max_record_bytes_between_snapshots: i64 = "metadata.log.max.record.bytes.between.snapshots",
    metadata_log_max_snapshot_interval_ms: i64 = "metadata.log.max.snapshot.interval.ms",
    metadata_max_idle_interval_ms: i32 = "metadata.max.idle.interval.ms",
    min_insync_replicas: i32 = "min.insync.replicas",
    num_io_threads: i32 = "num.io.threads",
    num_network_threads: i32 = "num.network.threads",
    num_partitions: i32 = "num.partitions",
    num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir",
    num_replica_fetchers: i32 = "num.replica.fetchers",
    offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
    offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms",
    offsets_load_buffer_size: i32 = "offsets.load.buffer.size",
    offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms",
    offsets_retention_minutes: i32 = "offsets.retention.minutes",
    offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
    offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
    offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
    producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms",
    producer_id_expiration_ms: i32 = "producer.id.expiration.ms",
    queued_max_request_bytes: i64 = "queued.max.request.bytes",
    queued_max_requests: i32 = "queued.max.requests",
    replica_fetch_backoff_ms: i32 = "replica.fetch.backoff.ms",
    replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes",
    replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes",
    replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes",
    replica_fetch_wait_max_ms: i32 = "replica.fetch.wait.max.ms",
    replica_high_watermark_checkpoint_interval_ms: i64 = "replica.high.watermark.checkpoint.interval.ms",
    replica_lag_time_max_ms: i64 = "replica.lag.time.max.ms",
    request_timeout_ms: i32 = "request.timeout.ms",
    share_coordinator_state_topic_num_partitions: i32 = "share.coordinator.state.topic.num.partitions",
    share_coordinator_state_topic_replication_factor: i16 = "share.coordinator.state.topic.replication.factor",
    socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
    socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes",
    socket_request_max_bytes: i32 = "socket.request.max.bytes",
    socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes",
    transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
    transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
    transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
    transaction_state_log_segment_bytes: i32 = "transaction.state.log.segment.bytes",
    transactional_id_expiration_ms: i32 = "transactional.id.expiration.ms",
}

impl ServerConfig {
    /// Resolves and checks settings. With them come warnings: what is set and does nothing here.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first thing: values that do not parse or are out of bounds, properties
    /// that contradict each other, and properties whose silent neglect would endanger security, roles or durability.
    pub fn resolve(settings: &Settings) -> Result<(Self, Vec<String>), ConfigErrors> {
        crate::resolution::resolve_layers(&Arc::new(settings.clone()), &DynamicLayers::default())
    }

    /// The configuration of a node that is started without a file ([`Settings::built_in`]), listening on `listen`
    /// (`HOST:PORT`) or on `localhost:9092`.
    ///
    /// # Errors
    /// `listen` is not an address.
    pub fn zero_config(listen: Option<&str>) -> Result<Self, ConfigErrors> {
        let mut settings = Settings::built_in();
        if let Some(listen) = listen {
            settings.set_listen(listen)?;
        }
        Ok(Self::resolve(&settings)?.0)
    }

    /// Whether a log directory, written as in `log_dirs`, is given no new partitions (`cordoned.log.dirs`, where `*` means
    /// all).
    #[must_use]
    pub fn is_cordoned(&self, log_dir: &Path) -> bool {
        self.cordoned_log_dirs.iter().any(|cordoned| cordoned == "*" || Path::new(cordoned) == log_dir)
    }

    /// The value of any broker property of the table, whether it has a field or not; [`Value::Null`] for one that is
    /// neither set nor has a default, and for an unknown one.
    #[must_use]
    pub fn value(&self, name: &str) -> &Value {
        self.values.get(name)
    }

    /// Where a broker property's value comes from.
    #[must_use]
    pub fn origin(&self, name: &str) -> ConfigSource {
        let Sources { static_values, layers, .. } = &self.sources;
        if layers.broker.contains_key(name) {
            ConfigSource::DynamicBroker
        } else if layers.default.contains_key(name) {
            ConfigSource::DynamicDefaultBroker
        } else if static_values.contains_key(name) {
            ConfigSource::StaticBroker
        } else {
            ConfigSource::Default
        }
    }

    /// Everything that the file and the command line set, as written, unknown properties among it.
    #[must_use]
    pub fn static_values(&self) -> &BTreeMap<String, String> {
        &self.sources.static_values
    }

    /// Everything that is set in any way, as written, unknown properties among it; of several layers the strongest.
    #[must_use]
    pub fn set_values(&self) -> &BTreeMap<String, String> {
        &self.sources.set_values
    }

    /// What was set while the node ran.
    #[must_use]
    pub fn layers(&self) -> &DynamicLayers {
        &self.sources.layers
    }

    /// `listener.name.<listener>.<name>` as a whole number; `None` where it is not set.
    #[must_use]
    pub fn listener_number(&self, listener: &str, name: &str) -> Option<i64> {
        let full = format!("listener.name.{}.{name}", listener.to_ascii_lowercase());
        self.sources.set_values.get(&full)?.trim().parse().ok()
    }

    /// The same file with other dynamic settings over it. With it come warnings: what is set dynamically and does nothing
    /// here.
    ///
    /// # Errors
    /// As for [`resolve`](Self::resolve).
    pub fn with_layers(&self, layers: &DynamicLayers) -> Result<(Self, Vec<String>), ConfigErrors> {
        if *layers == self.sources.layers {
            return Ok((self.clone(), Vec::new()));
        }
        crate::resolution::resolve_layers(&self.sources.file, layers)
    }
}
