//! What the configuration says of connections, as the network takes it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dohle_config::ServerConfig;
use dohle_network::{ConnectionLimits, ListenerLimits, LiveLimits};
use tokio::sync::Mutex;

use crate::listeners::Listen;

/// A setting that only shows to be wrong when it is used.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value}: {reason}")]
pub struct SettingError {
    /// The property.
    pub name: String,
    /// What it was set to.
    pub value: String,
    /// What is wrong.
    pub reason: String,
}

/// The limits of a node, names of hosts resolved.
pub(crate) async fn connection_limits(
    config: &ServerConfig,
    network: &dyn Listen,
) -> Result<ConnectionLimits, SettingError> {
    let limit = |value: i32| usize::try_from(value).unwrap_or(0);
    let has_listener_of_its_own =
        config.listeners.iter().any(|listener| listener.name != config.inter_broker_listener_name);
    let room = network.connections_max().unwrap_or(usize::MAX);
    let mut listeners = BTreeMap::new();
    for listener in &config.listeners {
        let name = &listener.name;
        let own = ListenerLimits {
            connections_max: of_listener(config, name, "max.connections", "not a number of connections")?,
            connection_creation_rate_max: of_listener(
                config,
                name,
                "max.connection.creation.rate",
                "not a number of connections in a second",
            )?,
        };
        listeners.insert(name.clone(), own);
    }
    Ok(ConnectionLimits {
        connections_max: limit(config.max_connections).min(room),
        inter_broker_listener: has_listener_of_its_own.then(|| config.inter_broker_listener_name.clone()),
        connection_creation_rate_max: u32::try_from(config.max_connection_creation_rate)
            .ok()
            .filter(|rate| *rate < i32::MAX as u32),
        listeners,
        connections_per_ip_max: limit(config.max_connections_per_ip),
        connections_per_ip_overrides: per_ip_overrides(&config.max_connections_per_ip_overrides, network).await?,
        idle_max: u64::try_from(config.connections_max_idle_ms).ok().map(Duration::from_millis),
        request_size_max_bytes: limit(config.socket_request_max_bytes),
        queued_request_bytes_max: usize::try_from(config.queued_max_request_bytes).ok().filter(|bytes| *bytes > 0),
        ..ConnectionLimits::default()
    })
}

/// `host1:100,127.0.0.1:200`
async fn per_ip_overrides(text: &str, network: &dyn Listen) -> Result<BTreeMap<std::net::IpAddr, usize>, SettingError> {
    let mut overrides = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let error = |reason: String| SettingError {
            name: "max.connections.per.ip.overrides".to_owned(),
            value: text.to_owned(),
            reason,
        };
        let (host, count) =
            entry.rsplit_once(':').ok_or_else(|| error(format!("'{entry}' is not HOST:CONNECTIONS")))?;
        let count = count.trim().parse().map_err(|_| error(format!("'{count}' is not a number of connections")))?;
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => network.resolve(host).await.map_err(|cause| error(format!("'{host}': {cause}")))?,
        };
        overrides.extend(addresses.into_iter().map(|address| (address, count)));
    }
    Ok(overrides)
}

/// `listener.name.NAME.PROPERTY`
fn of_listener<T: FromStr>(
    config: &ServerConfig,
    listener: &str,
    property: &str,
    otherwise: &str,
) -> Result<Option<T>, SettingError> {
    let name = format!("listener.name.{}.{property}", listener.to_ascii_lowercase());
    match config.set_values().get(&name) {
        None => Ok(None),
        Some(value) => value.trim().parse().map(Some).map_err(|_| SettingError {
            name: name.clone(),
            value: value.clone(),
            reason: otherwise.to_owned(),
        }),
    }
}

/// Keeps the limits of a server that runs in step with the settings.
#[derive(Debug)]
pub(crate) struct FollowedLimits {
    network: Arc<dyn Listen>,
    effective: Arc<ArcSwap<ServerConfig>>,
    /// `None` until the server runs.
    server: Mutex<Option<LiveLimits>>,
}

impl FollowedLimits {
    pub(crate) fn new(network: Arc<dyn Listen>, effective: Arc<ArcSwap<ServerConfig>>) -> Self {
        Self { network, effective, server: Mutex::new(None) }
    }

    /// The server runs; it gets what is set by now.
    pub(crate) async fn begin(&self, server: LiveLimits) {
        *self.server.lock().await = Some(server);
        self.follow().await;
    }

    /// Takes in the settings as they are now. Limits that cannot be understood leave all as it was.
    pub(crate) async fn follow(&self) {
        // Locked all the while, so that earlier settings never come later.
        let server = self.server.lock().await;
        let Some(server) = &*server else { return };
        match connection_limits(&self.effective.load_full(), &*self.network).await {
            Ok(limits) => server.set(limits),
            Err(error) => tracing::error!(%error, "limits of connections that were changed are not in effect"),
        }
    }
}
