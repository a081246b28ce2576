//! The listeners of a node: where it listens, what it advertises, and which one is for other brokers.

use std::collections::BTreeMap;

use super::Resolution;
use crate::listener::{Advertised, Endpoint, Listener, SecurityProtocol, parse_endpoints, parse_protocols};
use crate::value::Value;

/// The listeners of a node, told apart.
pub(super) struct Listeners {
    pub(super) brokers: Vec<Listener>,
    pub(super) controllers: Vec<Listener>,
    pub(super) inter_broker: String,
}

impl Resolution<'_> {
    pub(super) fn listeners(&mut self) -> Option<Listeners> {
        let protocols = match self.protocols() {
            Ok(protocols) => protocols,
            Err(message) => {
                self.error("listener.security.protocol.map", message);
                return None;
            }
        };
        let endpoints = match parse_endpoints(self.values.list("listeners"), &protocols, true) {
            Ok(endpoints) => endpoints,
            Err(message) => {
                self.error("listeners", format!("listeners: {message}"));
                return None;
            }
        };
        let advertised = match self.values.get("advertised.listeners") {
            Value::List(entries) => match parse_endpoints(entries, &protocols, false) {
                Ok(advertised) => Some(advertised),
                Err(message) => {
                    self.error("advertised.listeners", format!("advertised.listeners: {message}"));
                    return None;
                }
            },
            _ => None,
        };
        let controller_names: Vec<String> =
            self.values.list("controller.listener.names").iter().map(|name| name.to_ascii_uppercase()).collect();
        self.check_controller_names(&controller_names, &endpoints);
        self.check_advertised(advertised.as_deref().unwrap_or(&endpoints), &endpoints, &controller_names);
        for endpoint in &endpoints {
            let protocol = protocols[&endpoint.name];
            let name = &endpoint.name;
            self.require("listeners", protocol == SecurityProtocol::Plaintext, || {
                format!(
                    "listeners: {name} uses {} (listener.security.protocol.map), and TLS and SASL are not served yet: \
                     only PLAINTEXT is",
                    protocol.name()
                )
            });
        }
        let inter_broker =
            self.inter_broker(&protocols, advertised.as_deref().unwrap_or(&endpoints), &controller_names);
        let (mut brokers, mut controllers) = (Vec::new(), Vec::new());
        for endpoint in endpoints {
            let advertised = match &advertised {
                None => advertise(&endpoint),
                Some(advertised) => advertised
                    .iter()
                    .find(|advertised| advertised.name == endpoint.name)
                    .map_or(Advertised::Nowhere, advertise),
            };
            let is_controllers = controller_names.contains(&endpoint.name);
            let protocol = protocols[&endpoint.name];
            let Endpoint { name, host, port } = endpoint;
            let host = host.filter(|host| host != "0.0.0.0");
            let listener = Listener { name, protocol, host, port, advertised };
            if is_controllers { controllers.push(listener) } else { brokers.push(listener) }
        }
        Some(Listeners { brokers, controllers, inter_broker })
    }

    /// The protocol of each listener name. Controllers' names default to PLAINTEXT where nothing asks for more.
    fn protocols(&self) -> Result<BTreeMap<String, SecurityProtocol>, String> {
        let map = self.values.string("listener.security.protocol.map").unwrap_or_default();
        let mut protocols = parse_protocols(map)?;
        if !self.is_set("listener.security.protocol.map") {
            let is_secure = |name: &str| name != "PLAINTEXT" && protocols.contains_key(&name.to_ascii_uppercase());
            let names = self.values.list("controller.listener.names");
            let listeners = self.values.list("listeners").iter().filter_map(|entry| entry.split(':').next());
            if !names.iter().map(String::as_str).chain(listeners).any(is_secure) {
                for name in names {
                    protocols.insert(name.to_ascii_uppercase(), SecurityProtocol::Plaintext);
                }
            }
        }
        Ok(protocols)
    }

    fn check_controller_names(&mut self, names: &[String], endpoints: &[Endpoint]) {
        // Without a file no controller port is named, and none is needed.
        if !self.settings.has_file() {
            return;
        }
        let named = names.iter().filter(|name| endpoints.iter().any(|endpoint| endpoint.name == **name)).count();
        self.require("controller.listener.names", named > 0, || {
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running \
             the KRaft controller role"
                .to_owned()
        });
        self.require("controller.listener.names", named == 0 || named == names.len(), || {
            "controller.listener.names must only contain values appearing in the 'listeners' configuration when running the \
             KRaft controller role"
                .to_owned()
        });
    }

    fn check_advertised(&mut self, advertised: &[Endpoint], endpoints: &[Endpoint], controller_names: &[String]) {
        let is_broker = |endpoint: &&Endpoint| !controller_names.contains(&endpoint.name);
        let name = if self.is_set("advertised.listeners") { "advertised.listeners" } else { "listeners" };
        self.require(name, advertised.iter().any(|endpoint| is_broker(&endpoint)), || {
            "There must be at least one broker advertised listener. Perhaps all listeners appear in \
             controller.listener.names?"
                .to_owned()
        });
        let listener_names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        for endpoint in advertised.iter().filter(is_broker) {
            self.require(name, listener_names.contains(&endpoint.name.as_str()), || {
                format!(
                    "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. \
                     Found {}. The valid options based on the current configuration are {}",
                    endpoint.name,
                    listener_names.join(",")
                )
            });
            self.require(name, endpoint.host.as_deref() != Some("0.0.0.0"), || {
                let advice = if name == "listeners" {
                    " Set advertised.listeners, or leave the host in listeners empty."
                } else {
                    ""
                };
                format!(
                    "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.{advice}"
                )
            });
        }
    }

    fn inter_broker(
        &mut self,
        protocols: &BTreeMap<String, SecurityProtocol>,
        advertised: &[Endpoint],
        controller_names: &[String],
    ) -> String {
        let chosen = self.values.string("inter.broker.listener.name").map(str::to_ascii_uppercase);
        let options: Vec<&str> = advertised
            .iter()
            .map(|endpoint| endpoint.name.as_str())
            .filter(|name| !controller_names.iter().any(|controller| controller == name))
            .collect();
        if let Some(chosen) = &chosen {
            self.require("inter.broker.listener.name", !self.is_set("security.inter.broker.protocol"), || {
                "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.".to_owned()
            });
            if !protocols.contains_key(chosen) {
                let message = format!(
                    "Listener with name {chosen} defined in inter.broker.listener.name not found in \
                     listener.security.protocol.map."
                );
                self.error("inter.broker.listener.name", message);
                return chosen.clone();
            }
        }
        let name = chosen
            .unwrap_or_else(|| self.values.string("security.inter.broker.protocol").unwrap_or("PLAINTEXT").to_owned());
        self.require("inter.broker.listener.name", options.contains(&name.as_str()), || {
            format!(
                "inter.broker.listener.name must be a listener name defined in advertised.listeners (it is {name}). The valid \
                 options based on currently configured listeners are {}",
                options.join(",")
            )
        });
        name
    }
}

fn advertise(endpoint: &Endpoint) -> Advertised {
    match &endpoint.host {
        Some(host) => Advertised::Address { host: host.clone(), port: endpoint.port },
        None => Advertised::LocalAddress { port: endpoint.port },
    }
}
