//! Opening listeners, and what is told of them.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};

use dohle_config::{Advertised, Listener, ServerConfig};
use dohle_network::{Acceptor, ListenerOptions};
use dohle_protocol::messages::broker_registration_request;
use futures_util::future::{BoxFuture, join_all};

use crate::node::NodeError;

/// The seam to the network: how a node listens.
pub trait Listen: Send + Sync + Debug {
    /// Listens on every address that the listener's host stands for, one acceptor for each. Connections wait in the
    /// backlog until the node serves them.
    ///
    /// # Errors
    /// The network's error: `AddrInUse`, a host that has no address, ...
    fn listen<'a>(&'a self, listener: &'a Listener) -> BoxFuture<'a, io::Result<Vec<Box<dyn Acceptor>>>>;

    /// The addresses of a host.
    ///
    /// # Errors
    /// The network's error, or that there is none.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;

    /// How many connections the system has room for, all listeners together; `None` where nothing is known.
    fn connections_max(&self) -> Option<usize> {
        None
    }
}

/// An open listener.
#[derive(Debug)]
struct Opened {
    listener: Listener,
    acceptors: Vec<Box<dyn Acceptor>>,
}

/// All listeners of a node, open and not yet served.
#[derive(Debug)]
pub(crate) struct Listeners(Vec<Opened>);

impl Listeners {
    /// Opens the listeners of a configuration.
    pub(crate) async fn open(config: &ServerConfig, network: &dyn Listen) -> Result<Self, NodeError> {
        let opening = config.listeners.iter().map(|listener| async move {
            let acceptors = network.listen(listener).await.and_then(|acceptors| {
                let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address here");
                if acceptors.is_empty() { Err(none()) } else { Ok(acceptors) }
            });
            match acceptors {
                Ok(acceptors) => Ok(Opened { listener: listener.clone(), acceptors }),
                Err(source) => Err(NodeError::Listen { listener: listener.to_string(), source }),
            }
        });
        join_all(opening).await.into_iter().collect::<Result<_, _>>().map(Self)
    }

    /// The listeners with the addresses that they are bound to.
    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.0
            .iter()
            .flat_map(|opened| {
                opened.acceptors.iter().map(|acceptor| (opened.listener.name.clone(), acceptor.local_address()))
            })
            .collect()
    }

    /// What a registration says of the advertised ones. An empty host stands for the address that a client has
    /// connected to.
    pub(crate) fn registered(&self) -> Vec<broker_registration_request::Listener> {
        let endpoint = |opened: &Opened| {
            let (host, port) = match &opened.listener.advertised {
                Advertised::Address { host, port } => (host.clone(), *port),
                Advertised::LocalAddress { port } => (String::new(), *port),
                Advertised::Nowhere => return None,
            };
            let port = if port == 0 { opened.acceptors[0].local_address().port() } else { port };
            Some(broker_registration_request::Listener {
                name: opened.listener.name.clone(),
                host,
                port,
                security_protocol: opened.listener.protocol.code(),
            })
        };
        self.0.iter().filter_map(endpoint).collect()
    }

    /// The listeners as a server takes them.
    pub(crate) fn into_options(self) -> Vec<ListenerOptions> {
        let options = |opened: Opened| {
            let name = opened.listener.name;
            opened.acceptors.into_iter().map(move |acceptor| ListenerOptions { name: name.clone(), acceptor })
        };
        self.0.into_iter().flat_map(options).collect()
    }
}
