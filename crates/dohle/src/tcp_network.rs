//! The live network: what hosts stand for, and TCP listeners on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dohle_broker::Listen;
use dohle_config::{ConfigSource, Listener, ServerConfig};
use dohle_network::Acceptor;
use dohle_network::tcp::{TcpAcceptor, TcpOptions};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// Listens with the settings of a node.
#[derive(Debug)]
pub(crate) struct TcpNetwork {
    options: TcpOptions,
    connections_max: Option<usize>,
    /// Where connections are served.
    runtime: Handle,
}

impl TcpNetwork {
    /// `open_files_max` is how many files this process may have open.
    pub(crate) fn new(config: &ServerConfig, open_files_max: Option<u64>, runtime: Handle) -> Self {
        // Kafka's default sizes would keep the kernel from adapting the buffers to each connection; who sets a size gets it.
        let buffer_bytes = |name: &str, value: i32| match config.origin(name) {
            ConfigSource::Default => None,
            _ => u32::try_from(value).ok().filter(|bytes| *bytes > 0),
        };
        let options = TcpOptions {
            backlog: u32::try_from(config.socket_listen_backlog_size).unwrap_or(0),
            receive_buffer_bytes: buffer_bytes("socket.receive.buffer.bytes", config.socket_receive_buffer_bytes),
            send_buffer_bytes: buffer_bytes("socket.send.buffer.bytes", config.socket_send_buffer_bytes),
        };
        let connections_max = open_files_max.map(|files| usize::try_from(connections_max(files)).unwrap_or(usize::MAX));
        Self { options, connections_max, runtime }
    }

    /// Binds all addresses to one port. Those that this system does not have are left out, as long as one is there.
    fn bind(&self, addresses: Vec<IpAddr>, port: u16) -> io::Result<Vec<Box<dyn Acceptor>>> {
        let _on_the_runtime_of_the_connections = self.runtime.enter();
        let mut acceptors: Vec<Box<dyn Acceptor>> = Vec::new();
        let mut missing = None;
        for address in addresses {
            // Port 0 is any that is free, but the same for all.
            let port = acceptors.first().map_or(port, |acceptor| acceptor.local_address().port());
            match TcpAcceptor::bind(SocketAddr::new(address, port), &self.options) {
                Ok(acceptor) => acceptors.push(Box::new(acceptor)),
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if acceptors.is_empty() => Err(error),
            _ => Ok(acceptors),
        }
    }
}

/// Whether the system has no such address, or no addresses of that family at all.
fn is_missing(error: &io::Error) -> bool {
    let no_family = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(no_family)
}

async fn addresses_of(host: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let mut addresses = Vec::new();
    for address in tokio::net::lookup_host((host, 0)).await? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

impl Listen for TcpNetwork {
    fn listen<'a>(&'a self, listener: &'a Listener) -> BoxFuture<'a, io::Result<Vec<Box<dyn Acceptor>>>> {
        Box::pin(async move {
            match &listener.host {
                Some(host) => self.bind(addresses_of(host).await?, listener.port),
                // The unspecified IPv6 address takes IPv4 as well.
                None => match self.bind(vec![Ipv6Addr::UNSPECIFIED.into()], listener.port) {
                    Err(error) if is_missing(&error) => self.bind(vec![Ipv4Addr::UNSPECIFIED.into()], listener.port),
                    other => other,
                },
            }
        })
    }

    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(addresses_of(host))
    }

    fn connections_max(&self) -> Option<usize> {
        self.connections_max
    }
}

/// How many connections there may be where so many files may be open. The rest is for logs: whoever opens connections until
/// no file is left would otherwise have the next segment fail, and with it the log directory.
pub(crate) fn connections_max(open_files_max: u64) -> u64 {
    open_files_max / 4 * 3
}

#[cfg(test)]
mod tests {
    use dohle_config::Advertised;

    use super::*;

    fn listener(host: Option<&str>) -> Listener {
        Listener {
            name: "PLAINTEXT".to_owned(),
            protocol: dohle_config::SecurityProtocol::Plaintext,
            host: host.map(str::to_owned),
            port: 0,
            advertised: Advertised::LocalAddress { port: 0 },
        }
    }

    #[tokio::test]
    async fn all_addresses_of_a_host_get_one_port() {
        let config = ServerConfig::zero_config(None).unwrap();
        let network = TcpNetwork::new(&config, None, Handle::current());
        for host in [Some("localhost"), Some("127.0.0.1"), None] {
            let acceptors = network.listen(&listener(host)).await.unwrap();
            let ports: Vec<_> = acceptors.iter().map(|acceptor| acceptor.local_address().port()).collect();
            assert!(!ports.is_empty() && ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
        }
        network.listen(&listener(Some("192.0.2.1"))).await.expect_err("no address of this machine");
    }
}
