//! How many connections there may be, and what each may ask for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Limits of a server, with the properties they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time; further ones wait to be accepted until another ends (`max.connections`).
    pub connections_max: usize,
    /// The listener for other brokers (`inter.broker.listener.name`), where clients have another: its connections are taken
    /// above `connections_max` and the rate, and then the connection of another listener that was quiet for longest ends.
    pub inter_broker_listener: Option<String>,
    /// New connections in a second; further ones wait to be accepted (`max.connection.creation.rate`). `None`: no limit.
    pub connection_creation_rate_max: Option<u32>,
    /// Connections of one address at a time; further ones are closed (`max.connections.per.ip`).
    pub connections_per_ip_max: usize,
    /// Listeners with limits of their own, by name in `listeners`.
    pub listeners: BTreeMap<String, ListenerLimits>,
    /// Addresses with a limit of their own (`max.connections.per.ip.overrides`, names resolved).
    pub connections_per_ip_overrides: BTreeMap<IpAddr, usize>,
    /// How long nothing may come or go on a connection that waits for no response (`connections.max.idle.ms`); `None`: for
    /// ever.
    pub idle_max: Option<Duration>,
    /// The largest frame without its prefix (`socket.request.max.bytes`).
    pub request_size_max_bytes: usize,
    /// Memory for requests that are being read or started, of all connections together (`queued.max.request.bytes`); `None`:
    /// no limit. A request starts to be read while any of it is left, so it can be exceeded by one request.
    pub queued_request_bytes_max: Option<usize>,
    /// Memory for responses that peers have not taken, of all connections together. Above it, connections with large
    /// responses whose peers take nothing for ten seconds are ended; above twice as much, at once.
    pub unsent_response_bytes_max: usize,
    /// Memory for requests that have begun and not ended, of all connections together. Above it, connections with large ones
    /// end where peers have sent for ten seconds and slowly; above twice as much, after one second; above four times as much,
    /// at once.
    pub unfinished_request_bytes_max: usize,
}

/// More than responses in memory ever need where peers read them: records are not among them, they stay in their files.
const UNSENT_RESPONSE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// More than large batches on their way to us need at a time.
const UNFINISHED_REQUEST_BYTES_MAX: usize = 512 * 1024 * 1024;

impl Default for ConnectionLimits {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            connections_max: i32::MAX as usize,
            inter_broker_listener: None,
            connection_creation_rate_max: None,
            listeners: BTreeMap::new(),
            connections_per_ip_max: i32::MAX as usize,
            connections_per_ip_overrides: BTreeMap::new(),
            idle_max: Some(Duration::from_secs(600)),
            request_size_max_bytes: 104_857_600,
            queued_request_bytes_max: None,
            unsent_response_bytes_max: UNSENT_RESPONSE_BYTES_MAX,
            unfinished_request_bytes_max: UNFINISHED_REQUEST_BYTES_MAX,
        }
    }
}

impl ConnectionLimits {
    /// How many connections this address may have.
    #[must_use]
    pub fn connections_of(&self, address: IpAddr) -> usize {
        self.connections_per_ip_overrides.get(&address).copied().unwrap_or(self.connections_per_ip_max)
    }

    /// The limits of a listener's own.
    #[must_use]
    pub fn of_listener(&self, name: &str) -> ListenerLimits {
        self.listeners.get(name).copied().unwrap_or_default()
    }
}

/// Limits of one listener, besides those of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections of this listener at a time (`listener.name.NAME.max.connections`); `None`: only the server's limit.
    pub connections_max: Option<usize>,
    /// New connections of this listener in a second (`listener.name.NAME.max.connection.creation.rate`); `None`: only the
    /// server's limit.
    pub connection_creation_rate_max: Option<u32>,
}
