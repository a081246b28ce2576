//! What is known of a connection while it lasts.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// What a client said about itself in ApiVersions (KIP-511).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSoftware {
    /// The library's name.
    pub name: String,
    /// The library's version.
    pub version: String,
}

/// A connection as its requests see it.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    listener_name: Arc<str>,
    peer_address: SocketAddr,
    local_address: SocketAddr,
    client_software: Mutex<Option<Arc<ClientSoftware>>>,
}

impl Connection {
    /// A connection of a listener. Servers make these; tests of a service may too.
    #[must_use]
    pub fn new(id: u64, listener_name: Arc<str>, peer_address: SocketAddr, local_address: SocketAddr) -> Self {
        Self { id, listener_name, peer_address, local_address, client_software: Mutex::new(None) }
    }

    /// Tells connections of one process apart; never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name of the listener that took the connection.
    #[must_use]
    pub fn listener_name(&self) -> &str {
        &self.listener_name
    }

    /// The same name, to be kept.
    #[must_use]
    pub fn listener(&self) -> &Arc<str> {
        &self.listener_name
    }

    /// Where the client is.
    #[must_use]
    pub fn peer_address(&self) -> SocketAddr {
        self.peer_address
    }

    /// The address of ours that the client has connected to.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Keeps what the client said about itself.
    pub fn set_client_software(&self, name: &str, version: &str) {
        let software = ClientSoftware { name: name.to_owned(), version: version.to_owned() };
        *self.client_software.lock() = Some(Arc::new(software));
    }

    /// What the client said about itself, where it did.
    #[must_use]
    pub fn client_software(&self) -> Option<Arc<ClientSoftware>> {
        self.client_software.lock().clone()
    }
}
