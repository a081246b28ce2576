//! From settings to a [`ServerConfig`]: types and bounds, what is not served, and the rules between properties.

mod listeners;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dohle_model::BrokerId;

use crate::dynamic_layers::DynamicLayers;
use crate::dynamic_rules::listener_and_rest;
use crate::property::{DefaultValue, Property, Scope, Served, properties};
use crate::server_config::{BrokerValues, Resolved, ServerConfig, Sources};
use crate::settings::{ConfigError, ConfigErrors, Origin, Settings};
use crate::topic_config::TopicConfig;
use crate::value::Value;

use listeners::Listeners;

/// What single listeners may have of their own here.
const SERVED_OF_LISTENERS: [&str; 2] = ["max.connections", "max.connection.creation.rate"];

struct Resolution<'a> {
    settings: &'a Settings,
    values: BrokerValues,
    errors: Vec<ConfigError>,
    warnings: Vec<String>,
    /// What is set and not served, by what is missing.
    not_served: BTreeMap<&'static str, Vec<&'a str>>,
    /// Whether what the file says is warned of, too: not again when dynamic settings change.
    warns_of_file: bool,
}

/// Resolves what a file says with dynamic settings over it. Of what has no effect only those are warned of.
pub(crate) fn resolve_layers(
    file: &Arc<Settings>,
    layers: &DynamicLayers,
) -> Result<(ServerConfig, Vec<String>), ConfigErrors> {
    let settings = layers.over(file);
    let mut resolution = Resolution {
        settings: &settings,
        values: BrokerValues::defaults(),
        errors: Vec::new(),
        warnings: if layers.is_empty() { file.warnings().to_vec() } else { Vec::new() },
        not_served: BTreeMap::new(),
        warns_of_file: layers.is_empty(),
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
    resolution.finish(listeners, file, layers)
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
            let is_dynamic = matches!(setting.origin, Origin::Dynamic { .. });
            let warns = is_dynamic || self.warns_of_file;
            let of_brokers_that_run = || properties().find(Scope::BrokerDynamic, name).filter(|_| is_dynamic);
            if let Some(property) = properties().find(Scope::Broker, name) {
                self.read(property, name, &setting.value, &setting.origin);
            } else if let Some(property) = of_brokers_that_run() {
                self.read(property, name, &setting.value, &setting.origin);
            } else if let Some(property) = listener_property(name) {
                match property.parse(&setting.value) {
                    Ok(_) if SERVED_OF_LISTENERS.contains(&property.name) || !warns => {}
                    Ok(_) => self.not_served.entry("settings of single listeners").or_default().push(name),
                    Err(message) => self.error(name, message),
                }
            } else if let Some(property) = properties().find(Scope::Authorizer, name) {
                self.note_served(property, name, &setting.origin);
            } else if warns {
                self.warnings.push(format!("{}: unknown property {name} is ignored", setting.origin));
            }
            if setting.value.contains("${") && warns {
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
            Served::NotYet { .. } if !self.warns_of_file && !matches!(origin, Origin::Dynamic { .. }) => {}
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
            "log.roll.ms must be greater than or equal to 1".to_owned()
        });
        self.require("log.roll.jitter.ms", defaults.segment_jitter_ms >= 0, || {
            "log.roll.jitter.ms must be greater than or equal to 0".to_owned()
        });
        self.require("log.retention.ms", defaults.retention_ms >= 1 || defaults.retention_ms == -1, || {
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1".to_owned()
        });
        let per_thread = self.number("log.cleaner.dedupe.buffer.size") / self.number("log.cleaner.threads").max(1);
        self.require("log.cleaner.dedupe.buffer.size", per_thread > 1024 * 1024, || {
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.".to_owned()
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
        if self.warns_of_file && heartbeat.saturating_mul(2) > session {
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

    fn log_dirs(&self) -> Vec<String> {
        match self.values.get("log.dirs") {
            Value::List(dirs) => dirs.clone(),
            _ => self.values.list("log.dir").to_vec(),
        }
    }

    fn finish(
        mut self,
        listeners: Option<Listeners>,
        file: &Arc<Settings>,
        layers: &DynamicLayers,
    ) -> Result<(ServerConfig, Vec<String>), ConfigErrors> {
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
        let node_id = self.number("node.id");
        let by_name = |settings: &Settings| {
            let mut values: BTreeMap<String, String> =
                settings.iter().map(|(name, setting)| (name.to_owned(), setting.value.clone())).collect();
            for name in ["node.id", "broker.id"] {
                values.entry(name.to_owned()).or_insert_with(|| node_id.to_string());
            }
            values
        };
        let sources = Sources {
            file: Arc::clone(file),
            static_values: by_name(file),
            layers: layers.clone(),
            set_values: by_name(self.settings),
        };
        let config = ServerConfig::assemble(Resolved {
            node_id: BrokerId(i32::try_from(node_id).expect("node.id is an INT")),
            listeners: listeners.brokers,
            controller_listeners: listeners.controllers,
            inter_broker_listener_name: listeners.inter_broker,
            log_dirs,
            metadata_log_dir,
            topic_defaults: TopicConfig::of_broker(&self.values),
            values: self.values,
            sources,
        });
        Ok((config, self.warnings))
    }
}

/// The property that `listener.name.<listener>[.<mechanism>].<property>` sets for one listener.
pub(crate) fn listener_property(name: &str) -> Option<&'static Property> {
    let (_, rest) = listener_and_rest(name)?;
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
