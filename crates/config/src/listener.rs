//! Listeners: where a broker listens, under which name, and what clients are told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// How connections of a listener are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL over plain TCP.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The code in registrations and metadata records.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

/// What clients are told to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// This address.
    Address {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// 0 stands for the port that the listener got.
        port: u16,
    },
    /// The local address of the connection that asks: no host is advertised, and none is bound.
    LocalAddress {
        /// 0 stands for the port that the listener got.
        port: u16,
    },
    /// Nothing: the listener is open, but `advertised.listeners` leaves it out.
    Nowhere,
}

impl fmt::Display for Advertised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Address { host, port } => write!(f, "{host}:{port}"),
            Self::LocalAddress { port } => write!(f, "(address of each connection):{port}"),
            Self::Nowhere => f.write_str("(not advertised)"),
        }
    }
}

/// A place to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals.
    pub name: String,
    /// How its connections are protected.
    pub protocol: SecurityProtocol,
    /// The name or address to bind, IPv6 without brackets; `None` for every interface. A name stands for all its
    /// addresses: `localhost` is bound on 127.0.0.1 and on ::1 where the system has both.
    pub host: Option<String>,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// What clients are told. Of no meaning for a listener of controllers.
    pub advertised: Advertised,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_deref() {
            Some(host) if host.contains(':') => write!(f, "{}://[{host}]:{}", self.name, self.port),
            host => write!(f, "{}://{}:{}", self.name, host.unwrap_or_default(), self.port),
        }
    }
}

/// `NAME://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unable = || format!("Unable to parse {text} to a broker endpoint; expected NAME://host:port");
        let (name, address) = text.split_once("://").ok_or_else(unable)?;
        let (host, port) = address.rsplit_once(':').ok_or_else(unable)?;
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let is_host_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '%' | '.' | '_' | ':');
        if name.is_empty() || !host.chars().all(is_host_character) {
            return Err(unable());
        }
        let port = port.parse().map_err(|_| format!("{text}: the port must be a number from 0 to 65535"))?;
        Ok(Self { name: name.to_ascii_uppercase(), host: (!host.is_empty()).then(|| host.to_owned()), port })
    }
}

/// Reads the entries of `listeners` or `advertised.listeners`.
pub(crate) fn parse_endpoints(
    entries: &[String],
    protocols: &BTreeMap<String, SecurityProtocol>,
    requires_distinct_ports: bool,
) -> Result<Vec<Endpoint>, String> {
    let shown = format!("[{}]", entries.join(", "));
    let endpoints = entries.iter().map(|entry| Endpoint::parse(entry)).collect::<Result<Vec<_>, _>>()?;
    for endpoint in &endpoints {
        if !protocols.contains_key(&endpoint.name) {
            return Err(format!(
                "Error creating broker listeners from '{shown}': No security protocol defined for listener {}; \
                 add it to listener.security.protocol.map",
                endpoint.name
            ));
        }
    }
    let names: BTreeSet<_> = endpoints.iter().map(|endpoint| &endpoint.name).collect();
    if names.len() < endpoints.len() {
        return Err(format!("Each listener must have a different name, listeners: {shown}"));
    }
    if requires_distinct_ports {
        check_ports(&endpoints, &shown)?;
    }
    Ok(endpoints)
}

/// Two listeners may share a port only as one IPv4 and one IPv6 address.
fn check_ports(endpoints: &[Endpoint], shown: &str) -> Result<(), String> {
    let mut by_port: BTreeMap<u16, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.port != 0) {
        by_port.entry(endpoint.port).or_default().push(endpoint);
    }
    for (port, endpoints) in by_port {
        let addresses: Vec<Option<IpAddr>> =
            endpoints.iter().map(|endpoint| endpoint.host.as_ref().and_then(|host| host.parse().ok())).collect();
        match addresses[..] {
            [_] => {}
            [Some(a), Some(b)] if a.is_ipv4() != b.is_ipv4() => {}
            [Some(_), Some(_)] => {
                return Err(format!(
                    "If you have two listeners on the same port then one needs to be IPv4 and the other IPv6, \
                     listeners: {shown}, port: {port}"
                ));
            }
            _ => return Err(format!("Each listener must have a different port, listeners: {shown}")),
        }
    }
    Ok(())
}

/// Reads `listener.security.protocol.map`.
pub(crate) fn parse_protocols(text: &str) -> Result<BTreeMap<String, SecurityProtocol>, String> {
    let mut protocols = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, protocol) = entry.rsplit_once(':').ok_or_else(|| {
            format!(
                "Error parsing configuration property 'listener.security.protocol.map': '{entry}' is not NAME:PROTOCOL"
            )
        })?;
        let protocol = SecurityProtocol::from_name(protocol.trim()).ok_or_else(|| {
            format!(
                "Invalid security protocol `{}` defined in listener.security.protocol.map; \
                 expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
                protocol.trim()
            )
        })?;
        protocols.insert(name.trim().to_ascii_uppercase(), protocol);
    }
    Ok(protocols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let parse = |text| Endpoint::parse(text).map(|endpoint| (endpoint.name, endpoint.host, endpoint.port));
        assert_eq!(parse("plaintext://:9092"), Ok(("PLAINTEXT".to_owned(), None, 9092)));
        assert_eq!(parse("A://[::1]:1"), Ok(("A".to_owned(), Some("::1".to_owned()), 1)));
        assert_eq!(parse("A://h-1.x_y:0"), Ok(("A".to_owned(), Some("h-1.x_y".to_owned()), 0)));
        for bad in ["foo", "A://h", "://h:1", "A://h/:1", "A://h:99999", "A://h:-1", "A://h:"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_ipv4_and_an_ipv6_address_share_a_port() {
        let protocols = parse_protocols("A:PLAINTEXT,B:PLAINTEXT,C:PLAINTEXT").unwrap();
        let check = |entries: &[&str]| {
            let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
            parse_endpoints(&entries, &protocols, true).is_ok()
        };
        assert!(check(&["A://127.0.0.1:1", "B://[::1]:1"]));
        assert!(check(&["A://:0", "B://:0"]));
        assert!(!check(&["A://127.0.0.1:1", "B://127.0.0.2:1"]));
        assert!(!check(&["A://127.0.0.1:1", "B://[::1]:1", "C://:1"]));
        assert!(!check(&["A://:1", "B://:1"]));
        assert!(!check(&["A://:1", "A://:2"]));
        assert!(!check(&["D://:1"]));
    }
}
