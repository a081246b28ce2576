//! From settings to a [`ServerConfig`]: types and bounds, what is not served, and the rules between properties.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dohle_model::BrokerId;

use crate::listener::{Advertised, Endpoint, Listener, SecurityProtocol, parse_endpoints, parse_protocols};
use crate::property::{DefaultValue, Property, Scope, Served, properties};
use crate::server_config::{BrokerValues, Resolved, ServerConfig};
use crate::settings::{ConfigError, ConfigErrors, Origin, Settings};
use crate::topic_config::TopicConfig;
use crate::value::Value;

struct Resolution<'a> {
    settings: &'a Settings,
    values: BrokerValues,
    errors: Vec<ConfigError>,
    warnings: Vec<String>,
    /// What is set and not served, by what is missing.
    not_served: BTreeMap<&'static str, Vec<&'a str>>,
}

pub(crate) fn resolve(settings: &Settings) -> Result<(ServerConfig, Vec<String>), ConfigErrors> {
    let mut resolution = Resolution {
        settings,
        values: BrokerValues::defaults(),
        errors: Vec::new(),
        warnings: settings.warnings().to_vec(),
        not_served: BTreeMap::new(),
    };
    resolution.read_all();
    resolution.check_required();
    // Rules between properties are checked only where each of them is good by itself.
    let listeners = if resolution.errors.is_empty() {
        resolution.check_rules();
        resolution.listeners()
    } else {
        None
    };
    resolution.finish(listeners)
}

struct Listeners {
    brokers: Vec<Listener>,
    controllers: Vec<Listener>,
    inter_broker: String,
}

impl<'a> Resolution<'a> {
    fn error(&mut self, name: &str, message: impl Into<String>) {
        let origin = self.settings.get(name).map_or_else(|| self.settings.source(), |setting| setting.origin.clone());
        self.errors.push(ConfigError { origin, message: message.into() });
    }

    fn require(&mut self, name: &str, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.error(name, message());
        }
    }

    fn number(&self, name: &str) -> i64 {
        self.values.number(name).unwrap_or_default()
    }

    fn is_set(&self, name: &str) -> bool {
        self.settings.get(name).is_some()
    }

    fn read_all(&mut self) {
        for (name, setting) in self.settings.iter() {
            if let Some(property) = properties().find(Scope::Broker, name) {
                self.read(property, name, &setting.value, &setting.origin);
            } else if let Some(property) = listener_property(name) {
                match property.parse(&setting.value) {
                    Ok(_) if property.name == "max.connections" => {}
                    Ok(_) => self.not_served.entry("settings of single listeners").or_default().push(name),
                    Err(message) => self.error(name, message),
                }
            } else if let Some(property) = properties().find(Scope::Authorizer, name) {
                self.note_served(property, name, &setting.origin);
            } else {
                self.warnings.push(format!("{}: unknown property {name} is ignored", setting.origin));
            }
            if setting.value.contains("${") {
                self.warnings.push(format!("{}: {name} is taken as it is written, ${{...}} included", setting.origin));
            }
        }
    }

    fn read(&mut self, property: &'static Property, name: &'a str, text: &str, origin: &Origin) {
        match property.parse(text) {
            Err(message) => {
                let allowed = match (property.valid_text, property.default) {
                    ("-", _) => format!(" (expected {})", property.config_type.name()),
                    (valid, _) => format!(" (expected {} {valid})", property.config_type.name()),
                };
                self.errors.push(ConfigError { origin: origin.clone(), message: message + &allowed });
            }
            Ok(value) => {
                if value != property.default_value() {
                    self.note_served(property, name, origin);
                }
                self.values.set(name, value);
            }
        }
    }

    fn note_served(&mut self, property: &Property, name: &'a str, origin: &Origin) {
        match property.served {
            Served::Yes => {}
            Served::NotYet { .. } if *origin == Origin::BuiltIn => {}
            Served::NotYet { why } => self.not_served.entry(why).or_default().push(name),
            Served::Refused { why } => {
                let default = match property.default {
                    DefaultValue::Text(text) if !text.is_empty() => format!("set it to {text}"),
                    _ => "leave it empty".to_owned(),
                };
                self.error(name, format!("{name} is not served yet ({why}): remove it or {default}"));
            }
        }
    }

    fn check_required(&mut self) {
        // Each is the other's default.
        for (name, other) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let (None, Some(_)) = (self.settings.get(name), self.settings.get(other)) {
                let value = self.values.get(other).clone();
                self.values.set(name, value);
            }
        }
        for property in properties().of(Scope::Broker) {
            let name = property.name;
            if property.default == DefaultValue::Required && !self.is_set(name) && *self.values.get(name) == Value::Null
            {
                self.error(name, format!("Missing required configuration \"{name}\" which has no default value."));
            }
        }
    }

    fn check_rules(&mut self) {
        self.check_roles();
        self.check_quorum();
        self.check_logs();
        self.check_limits();
        self.check_groups();
    }

    fn check_roles(&mut self) {
        let (node_id, broker_id) = (self.number("node.id"), self.number("broker.id"));
        self.require("node.id", node_id == broker_id, || {
            format!("You must set `node.id` to the same value as `broker.id`: they are {node_id} and {broker_id}.")
        });
        self.require("node.id", node_id >= 0, || "node.id: Value must be at least 0".to_owned());
        let roles = self.values.list("process.roles");
        let is_combined = roles.len() == 2;
        let roles = roles.join(",");
        self.require("process.roles", is_combined, || {
            format!("process.roles={roles} is not served yet: a node is broker and controller, process.roles=broker,controller")
        });
    }

    fn check_quorum(&mut self) {
        let node_id = self.number("node.id");
        let voters = self.values.list("controller.quorum.voters").to_vec();
        let servers = self.values.list("controller.quorum.bootstrap.servers").to_vec();
        let mut ids = Vec::new();
        for voter in &voters {
            match parse_voter(voter) {
                Ok(id) => ids.push(id),
                Err(message) => self.error("controller.quorum.voters", message),
            }
        }
        if ids.len() == voters.len() && !ids.is_empty() {
            self.require("controller.quorum.voters", ids.contains(&node_id), || {
                format!(
                    "If process.roles contains the 'controller' role, the node id {node_id} must be included in the set of \
                     voters controller.quorum.voters={}",
                    voters.join(",")
                )
            });
        }
        for (name, entries) in
            [("controller.quorum.voters", &voters), ("controller.quorum.bootstrap.servers", &servers)]
        {
            self.require(name, entries.len() < 2, || {
                format!("{name}={} is not served yet: the metadata quorum has one voter, this node", entries.join(","))
            });
        }
        self.require("process.roles", !self.settings.has_file() || !voters.is_empty() || !servers.is_empty(), || {
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers \
             or controller.quorum.voters must contain a parseable set of controllers."
                .to_owned()
        });
    }

    fn check_logs(&mut self) {
        let defaults = TopicConfig::of_broker(&self.values);
        self.require("log.roll.ms", defaults.segment_ms >= 1, || {
            "log.roll.ms (or log.roll.hours) must be greater than or equal to 1".to_owned()
        });
        self.require("log.roll.jitter.ms", defaults.segment_jitter_ms >= 0, || {
            "log.roll.jitter.ms (or log.roll.jitter.hours) must be greater than or equal to 0".to_owned()
        });
        self.require("log.retention.ms", defaults.retention_ms >= 1 || defaults.retention_ms == -1, || {
            "log.retention.ms (or log.retention.minutes, or log.retention.hours) must be unlimited (-1) or, greater than or \
             equal to 1"
                .to_owned()
        });
        let per_thread = self.number("log.cleaner.dedupe.buffer.size") / self.number("log.cleaner.threads").max(1);
        self.require("log.cleaner.dedupe.buffer.size", per_thread > 1024 * 1024, || {
            "log.cleaner.dedupe.buffer.size must be at least 1MB for each of log.cleaner.threads.".to_owned()
        });
        let codec = self.number("offsets.topic.compression.codec");
        self.require("offsets.topic.compression.codec", (0..=4).contains(&codec), || {
            format!("offsets.topic.compression.codec: Unknown compression type id: {codec}")
        });
        let log_dirs = self.log_dirs();
        let cordoned = self.values.list("cordoned.log.dirs").to_vec();
        if cordoned.iter().any(|entry| entry == "*") {
            self.require("cordoned.log.dirs", cordoned.len() == 1, || {
                "When cordoned.log.dirs is set to *, it must not contain other values".to_owned()
            });
        } else {
            let unknown: Vec<String> = cordoned.into_iter().filter(|entry| !log_dirs.contains(entry)).collect();
            self.require("cordoned.log.dirs", unknown.is_empty(), || {
                format!(
                    "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : {}",
                    unknown.join(", ")
                )
            });
        }
    }

    fn check_limits(&mut self) {
        let wait = self.number("replica.fetch.wait.max.ms");
        self.require("replica.fetch.wait.max.ms", wait <= self.number("replica.socket.timeout.ms"), || {
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket \
             timeouts"
                .to_owned()
        });
        self.require("replica.fetch.wait.max.ms", wait <= self.number("replica.lag.time.max.ms"), || {
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent \
             changes in ISR"
                .to_owned()
        });
        let (heartbeat, session) =
            (self.number("broker.heartbeat.interval.ms"), self.number("broker.session.timeout.ms"));
        if heartbeat.saturating_mul(2) > session {
            self.warnings.push(format!(
                "broker.heartbeat.interval.ms ({heartbeat}) should be at most half of broker.session.timeout.ms ({session})"
            ));
        }
        let queued = self.number("queued.max.request.bytes");
        self.require(
            "queued.max.request.bytes",
            queued <= 0 || queued >= self.number("socket.request.max.bytes"),
            || "queued.max.request.bytes must be larger or equal to socket.request.max.bytes".to_owned(),
        );
        let overrides = self.values.string("max.connections.per.ip.overrides").unwrap_or_default().to_owned();
        let entries: Vec<&str> = overrides.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        for entry in &entries {
            let is_good = entry.rsplit_once(':').is_some_and(|(host, count)| {
                !host.is_empty() && count.trim().parse::<i32>().is_ok_and(|count| count >= 0)
            });
            self.require("max.connections.per.ip.overrides", is_good, || {
                format!("max.connections.per.ip.overrides: '{entry}' is not host:count")
            });
        }
        let needs_overrides = self.number("max.connections.per.ip") == 0;
        self.require("max.connections.per.ip", !needs_overrides || !entries.is_empty(), || {
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."
                .to_owned()
        });
        let (delay, idle) =
            (self.number("connection.failed.authentication.delay.ms"), self.number("connections.max.idle.ms"));
        self.require("connections.max.idle.ms", idle < 0 || delay < idle, || {
            format!(
                "connection.failed.authentication.delay.ms={delay} should always be less than connections.max.idle.ms={idle} \
                 to prevent failed authentication responses from timing out"
            )
        });
    }

    fn check_groups(&mut self) {
        let has_classic = self
            .values
            .list("group.coordinator.rebalance.protocols")
            .iter()
            .any(|protocol| protocol.eq_ignore_ascii_case("classic"));
        self.require("group.coordinator.rebalance.protocols", has_classic, || {
            "group.coordinator.rebalance.protocols: Disabling the 'classic' protocol is not supported.".to_owned()
        });
        for kind in ["consumer", "share", "streams"] {
            for setting in ["session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"] {
                self.check_within(kind, setting);
            }
            let (heartbeat, session) =
                (format!("group.{kind}.heartbeat.interval.ms"), format!("group.{kind}.session.timeout.ms"));
            self.require(&heartbeat, self.number(&heartbeat) < self.number(&session), || {
                format!("{heartbeat} must be less than {session}")
            });
        }
        for setting in ["delivery.count.limit", "partition.max.record.locks", "record.lock.duration.ms"] {
            self.check_within("share", setting);
        }
        let (standby, max) = ("group.streams.num.standby.replicas", "group.streams.max.standby.replicas");
        self.require(standby, self.number(standby) <= self.number(max), || {
            format!("{standby} must be less than or equal to {max}")
        });
    }

    /// `group.<kind>.<setting>` lies between its `min.` and its `max.`.
    fn check_within(&mut self, kind: &str, setting: &str) {
        let (min, value, max) = (
            format!("group.{kind}.min.{setting}"),
            format!("group.{kind}.{setting}"),
            format!("group.{kind}.max.{setting}"),
        );
        for (low, high, named) in [(&min, &max, &max), (&min, &value, &value)] {
            self.require(named, self.number(low) <= self.number(high), || {
                format!("{high} must be greater than or equal to {low}")
            });
        }
        self.require(&value, self.number(&value) <= self.number(&max), || {
            format!("{value} must be less than or equal to {max}")
        });
    }

    fn listeners(&mut self) -> Option<Listeners> {
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

    fn log_dirs(&self) -> Vec<String> {
        match self.values.get("log.dirs") {
            Value::List(dirs) => dirs.clone(),
            _ => self.values.list("log.dir").to_vec(),
        }
    }

    fn finish(mut self, listeners: Option<Listeners>) -> Result<(ServerConfig, Vec<String>), ConfigErrors> {
        let listeners = match listeners {
            Some(listeners) if self.errors.is_empty() => listeners,
            _ => return Err(ConfigErrors(self.errors)),
        };
        for (why, names) in &self.not_served {
            self.warnings.push(format!("without effect ({why}): {}", names.join(", ")));
        }
        let log_dirs: Vec<PathBuf> = self.log_dirs().into_iter().map(PathBuf::from).collect();
        let metadata_log_dir = match self.values.string("metadata.log.dir") {
            Some(dir) => PathBuf::from(dir),
            None => log_dirs[0].clone(),
        };
        let mut static_values: BTreeMap<String, String> =
            self.settings.iter().map(|(name, setting)| (name.to_owned(), setting.value.clone())).collect();
        let node_id = self.number("node.id");
        for name in ["node.id", "broker.id"] {
            static_values.entry(name.to_owned()).or_insert_with(|| node_id.to_string());
        }
        let config = ServerConfig::assemble(Resolved {
            node_id: BrokerId(i32::try_from(node_id).expect("node.id is an INT")),
            listeners: listeners.brokers,
            controller_listeners: listeners.controllers,
            inter_broker_listener_name: listeners.inter_broker,
            log_dirs,
            metadata_log_dir,
            topic_defaults: TopicConfig::of_broker(&self.values),
            values: self.values,
            static_values,
        });
        Ok((config, self.warnings))
    }
}

fn advertise(endpoint: &Endpoint) -> Advertised {
    match &endpoint.host {
        Some(host) => Advertised::Address { host: host.clone(), port: endpoint.port },
        None => Advertised::LocalAddress { port: endpoint.port },
    }
}

/// The property that `listener.name.<listener>[.<mechanism>].<property>` sets for one listener.
pub(crate) fn listener_property(name: &str) -> Option<&'static Property> {
    let (_, rest) = name.strip_prefix("listener.name.")?.split_once('.')?;
    let find = |name| properties().find(Scope::Broker, name);
    find(rest).or_else(|| find(rest.split_once('.')?.1))
}

fn parse_voter(voter: &str) -> Result<i64, String> {
    let malformed = || {
        format!(
            "Failed to parse entry {voter} for the configuration controller.quorum.voters. Each entry should be in the form \
             `{{id}}@{{host}}:{{port}}`."
        )
    };
    let (id, address) = voter.split_once('@').ok_or_else(malformed)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(malformed());
    }
    if host == "0.0.0.0" {
        return Err("controller.quorum.voters: Host string (0.0.0.0) is not routeable".to_owned());
    }
    id.trim().parse::<i32>().map(i64::from).map_err(|_| malformed())
}

#[cfg(test)]
mod tests;
