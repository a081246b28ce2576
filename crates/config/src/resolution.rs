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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMBINED: &[(&str, &str)] = &[
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("controller.quorum.bootstrap.servers", "localhost:9093"),
        ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
        ("controller.listener.names", "CONTROLLER"),
    ];

    /// The settings above, with `changes` (`name=value`, or `-name` to remove one) over them.
    fn resolve_with(changes: &[&str]) -> Result<(ServerConfig, Vec<String>), String> {
        let mut lines: BTreeMap<&str, &str> = COMBINED.iter().copied().collect();
        for change in changes {
            match change.strip_prefix('-') {
                Some(name) => lines.remove(name),
                None => change.split_once('=').and_then(|(name, value)| lines.insert(name, value)),
            };
        }
        let text: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let settings = Settings::from_properties("s.properties", text.as_bytes()).unwrap();
        ServerConfig::resolve(&settings).map_err(|errors| errors.to_string())
    }

    #[track_caller]
    fn refused(changes: &[&str], message: &str) {
        let errors = resolve_with(changes).map(|_| ()).unwrap_err();
        assert!(errors.contains(message), "{changes:?}: {errors}");
    }

    /// What Kafka 4.3.1 says to the same files.
    #[test]
    fn kafkas_demands_at_start() {
        refused(&["-process.roles"], "Missing required configuration \"process.roles\" which has no default value.");
        refused(&["-node.id"], "Missing required configuration \"node.id\" which has no default value.");
        refused(&["-controller.listener.names"], "Missing required configuration \"controller.listener.names\"");
        refused(
            &["-listeners"],
            "controller.listener.names must contain at least one value appearing in the 'listeners'",
        );
        refused(
            &["-controller.quorum.bootstrap.servers"],
            "If using process.roles, either controller.quorum.bootstrap",
        );
        refused(&["broker.id=2"], "You must set `node.id` to the same value as `broker.id`");
        refused(&["node.id=-1"], "Invalid value -1 for configuration node.id: Value must be at least 0");
        refused(
            &["listeners="],
            "Configuration 'listeners' must not be empty. Valid values include: any non-empty value",
        );
        refused(
            &["listeners=PLAINTEXT://:9092,,CONTROLLER://:9093"],
            "Configuration 'listeners' values must not be empty.",
        );
        refused(
            &["listeners=PLAINTEXT://:1,PLAINTEXT://:2,CONTROLLER://:9093"],
            "Each listener must have a different name",
        );
        refused(&["listeners=PLAINTEXT://:9092,CONTROLLER://:9092"], "Each listener must have a different port");
        refused(&["listeners=FOO://:9092,CONTROLLER://:9093"], "No security protocol defined for listener FOO");
        refused(&["listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093"], "nonroutable meta-address 0.0.0.0");
        refused(&["advertised.listeners=PLAINTEXT://0.0.0.0:9092"], "nonroutable meta-address 0.0.0.0");
        refused(&["advertised.listeners=CONTROLLER://h:1"], "There must be at least one broker advertised listener.");
        refused(
            &["inter.broker.listener.name=FOO"],
            "Listener with name FOO defined in inter.broker.listener.name not found in listener.security.protocol.map.",
        );
        refused(
            &["inter.broker.listener.name=CONTROLLER"],
            "inter.broker.listener.name must be a listener name defined in",
        );
        refused(
            &["inter.broker.listener.name=PLAINTEXT", "security.inter.broker.protocol=PLAINTEXT"],
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
        );
        refused(
            &["listener.security.protocol.map=FOO:BAR"],
            "Invalid security protocol `BAR` defined in listener.security",
        );
        refused(&["controller.quorum.voters=2@h:9093"], "the node id 1 must be included in the set of voters");
        refused(&["controller.quorum.voters=1@h"], "Failed to parse");
        refused(
            &["controller.listener.names=CONTROLLER,X"],
            "controller.listener.names must only contain values appearing",
        );
        refused(&["process.roles=broker,foo"], "String must be one of: broker, controller");
        refused(&["log.dirs=/a,,/b"], "Configuration 'log.dirs' values must not be empty.");
        refused(&["log.roll.ms=0"], "log.roll.ms");
        refused(&["log.retention.hours=0"], "must be unlimited (-1) or, greater than or equal to 1");
        refused(&["log.cleaner.dedupe.buffer.size=1000"], "log.cleaner.dedupe.buffer.size must be at least 1MB");
        refused(&["queued.max.request.bytes=5"], "must be larger or equal to socket.request.max.bytes");
        refused(&["max.connections.per.ip=0"], "max.connections.per.ip can be set to zero only if");
        refused(&["connections.max.idle.ms=50"], "connection.failed.authentication.delay.ms=100 should always be less");
        refused(
            &["group.coordinator.rebalance.protocols=consumer"],
            "Disabling the 'classic' protocol is not supported.",
        );
        refused(
            &["group.consumer.session.timeout.ms=5"],
            "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        );
        refused(
            &["group.consumer.heartbeat.interval.ms=50000", "group.consumer.max.heartbeat.interval.ms=60000"],
            "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms",
        );
        refused(&["group.streams.num.standby.replicas=9"], "must be less than or equal to group.streams.max.standby");
        refused(&["replica.fetch.wait.max.ms=40000"], "replica.fetch.wait.max.ms");
        refused(&["cordoned.log.dirs=/x"], "Missing entries : /x");
        refused(&["offsets.topic.replication.factor=99999"], "Not a number of type SHORT");
        refused(&["offsets.topic.compression.codec=9"], "Unknown compression type id: 9");
    }

    #[test]
    fn what_would_endanger_security_roles_or_durability_is_refused() {
        refused(&["process.roles=broker"], "process.roles=broker is not served yet");
        refused(&["controller.quorum.voters=1@a:1,2@b:1"], "the metadata quorum has one voter");
        refused(&["controller.quorum.bootstrap.servers=a:1,b:1"], "the metadata quorum has one voter");
        refused(&["authorizer.class.name=x.Y"], "authorizer.class.name is not served yet (authorization)");
        refused(&["config.providers=env"], "config.providers is not served yet");
        refused(&["create.topic.policy.class.name=x.Y"], "create.topic.policy.class.name is not served yet");
        refused(&["remote.log.storage.system.enable=true"], "remote.log.storage.system.enable is not served yet");
        refused(
            &[
                "listeners=SSL://:9092,CONTROLLER://:9093",
                "listener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT",
            ],
            "TLS and SASL are not served yet",
        );
        refused(
            &["listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SASL_SSL"],
            "TLS and SASL are not served yet",
        );
    }

    #[test]
    fn all_errors_come_at_once_with_their_places() {
        let errors = resolve_with(&["num.partitions=0", "log.retention.ms=x", "ssl.key.password=secret"]).unwrap_err();
        assert_eq!(
            errors,
            "s.properties:4: Invalid value x for configuration log.retention.ms: Not a number of type LONG (expected LONG)\n\
             s.properties:6: Invalid value 0 for configuration num.partitions: Value must be at least 1 (expected INT [1,...])"
        );
    }

    #[test]
    fn what_has_no_effect_is_named() {
        let (_, warnings) = resolve_with(&[
            "zzz=1",
            "transaction.state.log.min.isr=1",
            "transactional.id.expiration.ms=604800000",
            "ssl.key.password=secret",
            "listener.name.plaintext.max.connections=5",
            "listener.name.plaintext.max.connection.creation.rate=5",
            "broker.rack=${env:RACK}",
        ])
        .unwrap();
        assert_eq!(
            warnings,
            [
                "s.properties:1: broker.rack is taken as it is written, ${...} included",
                "s.properties:12: unknown property zzz is ignored",
                "without effect (TLS and SASL): ssl.key.password",
                "without effect (settings of single listeners): listener.name.plaintext.max.connection.creation.rate",
                "without effect (transactions): transaction.state.log.min.isr",
            ]
        );
    }

    #[test]
    fn listeners_and_what_is_advertised() {
        let (config, _) = resolve_with(&[]).unwrap();
        assert_eq!(config.listeners.len(), 1);
        assert_eq!((config.listeners[0].host.as_deref(), config.listeners[0].port), (None, 9092));
        assert_eq!(config.listeners[0].advertised, Advertised::LocalAddress { port: 9092 });
        assert_eq!(config.controller_listeners[0].to_string(), "CONTROLLER://:9093");
        assert_eq!(config.inter_broker_listener_name, "PLAINTEXT");

        let (config, _) = resolve_with(&[
            "listeners=plaintext://0.0.0.0:9092,INTERNAL://[::1]:9094,controller://:9093",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "advertised.listeners=PLAINTEXT://kafka.example:19092",
        ])
        .unwrap();
        let address = Advertised::Address { host: "kafka.example".to_owned(), port: 19092 };
        assert_eq!((config.listeners[0].host.as_deref(), &config.listeners[0].advertised), (None, &address));
        assert_eq!(config.listeners[1].to_string(), "INTERNAL://[::1]:9094");
        assert_eq!(config.listeners[1].advertised, Advertised::Nowhere);
    }

    #[test]
    fn no_file_needs_nothing() {
        let (config, warnings) = ServerConfig::resolve(&Settings::built_in()).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(config.node_id, BrokerId(1));
        let address = Advertised::Address { host: "localhost".to_owned(), port: 9092 };
        assert_eq!(
            (config.listeners[0].host.as_deref(), &config.listeners[0].advertised),
            (Some("localhost"), &address)
        );
        assert!(config.controller_listeners.is_empty());
        assert_eq!(config.log_dirs, [PathBuf::from("./data")]);
        assert_eq!(config.metadata_log_dir, PathBuf::from("./data"));
        assert_eq!(config.offsets_topic_replication_factor, 1);
        assert_eq!(config.group_initial_rebalance_delay_ms, 3000);
        let open = ServerConfig::zero_config(Some("0.0.0.0:9000")).unwrap();
        assert_eq!(open.listeners[0].advertised, Advertised::LocalAddress { port: 9000 });
    }

    #[test]
    fn later_sources_win() {
        let mut settings = Settings::built_in();
        settings.set_override("log.retention.minutes=5").unwrap();
        settings.set_override(" num.partitions = 7 ").unwrap();
        let (config, _) = ServerConfig::resolve(&settings).unwrap();
        assert_eq!((config.num_partitions, config.topic_defaults.retention_ms), (7, 300_000));
        assert!(settings.set_override("nothing").is_err());
        settings.set_override("num.partitions=x").unwrap();
        let errors = ServerConfig::resolve(&settings).unwrap_err().to_string();
        assert!(errors.starts_with("--override: Invalid value x for configuration num.partitions"), "{errors}");
    }

    #[test]
    fn the_sample_files_say_the_same() {
        let properties = include_bytes!("../../../config/server.properties");
        let yaml = include_bytes!("../../../config/server.yaml");
        let properties = Settings::from_file("server.properties", properties).unwrap();
        let yaml = Settings::from_file("server.yaml", yaml).unwrap();
        let (properties, warnings) = ServerConfig::resolve(&properties).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(ServerConfig::resolve(&yaml).unwrap(), (properties, Vec::new()));
    }

    /// The settings of the file that Kafka ships for a combined node.
    #[test]
    fn kafkas_own_sample_starts() {
        let (config, warnings) = resolve_with(&[
            "inter.broker.listener.name=PLAINTEXT",
            "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            "num.network.threads=3",
            "num.io.threads=8",
            "socket.send.buffer.bytes=102400",
            "socket.receive.buffer.bytes=102400",
            "socket.request.max.bytes=104857600",
            "log.dirs=/tmp/kraft-combined-logs",
            "num.partitions=1",
            "num.recovery.threads.per.data.dir=2",
            "offsets.topic.replication.factor=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "log.retention.hours=168",
            "log.segment.bytes=1073741824",
            "log.retention.check.interval.ms=300000",
        ])
        .unwrap();
        assert_eq!(warnings.len(), 2, "share groups and transactions: {warnings:?}");
        assert_eq!(config.controller_listeners.len(), 1);
        assert_eq!(config.topic_defaults, TopicConfig::default());
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(
            index in 0..properties().of(Scope::Broker).len(),
            value in "[-0-9a-zA-Z:/,.@*\\[\\]${} ]{0,20}",
        ) {
            let name = properties().of(Scope::Broker)[index].name;
            let mut settings = Settings::built_in();
            settings.set(name, &value, Origin::BuiltIn);
            if let Ok((config, _)) = ServerConfig::resolve(&settings) {
                let _ = crate::describe_broker(&config, None, true, true);
            }
        }
    }
}
