//! What DescribeConfigs answers for topics and brokers: value, source, synonyms, and whether it may be changed.

use std::collections::BTreeMap;

use crate::property::{DefaultValue, Property, Scope, UpdateMode, properties};
use crate::resolution::listener_property;
use crate::server_config::{ConfigSource, ServerConfig};
use crate::topic_config::broker_default;
use crate::value::{ConfigType, Value};

/// One layer of a value: under which name it was set, to what, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The property as that layer knows it: a broker's name for a topic's property.
    pub name: String,
    /// The value; `None` for one that must not be shown.
    pub value: Option<String>,
    /// The layer.
    pub source: ConfigSource,
}

/// One entry of a DescribeConfigs response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfig {
    /// The property.
    pub name: String,
    /// Its value; `None` where it is not set or must not be shown.
    pub value: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Whether nobody set it (answered up to version 0 in place of the source).
    pub is_default: bool,
    /// The layer that the value comes from.
    pub source: ConfigSource,
    /// Whether its value must not be shown.
    pub is_sensitive: bool,
    /// All layers that have a value, the strongest first; empty unless asked for.
    pub synonyms: Vec<ConfigSynonym>,
    /// The type.
    pub config_type: ConfigType,
    /// One sentence; `None` unless asked for.
    pub documentation: Option<&'static str>,
}

/// What a request wants to see.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    names: Option<&'a [String]>,
    synonyms: bool,
    documentation: bool,
}

impl Wanted<'_> {
    fn includes(&self, name: &str) -> bool {
        self.names.is_none_or(|names| names.iter().any(|wanted| wanted == name))
    }
}

/// Describes a topic with `overrides`, by name of property. `requested`: only these; unknown ones are left out.
#[must_use]
pub fn describe_topic(
    server: &ServerConfig,
    overrides: &BTreeMap<String, String>,
    requested: Option<&[String]>,
    include_synonyms: bool,
    include_documentation: bool,
) -> Vec<DescribedConfig> {
    let wanted = Wanted { names: requested, synonyms: include_synonyms, documentation: include_documentation };
    let mut described = Vec::new();
    for property in properties().of(Scope::Topic) {
        let name = property.name;
        let own = overrides.get(name);
        if !wanted.includes(name) || (property.is_internal && own.is_none()) {
            continue;
        }
        let value = match own {
            Some(text) => property.parse(text).unwrap_or_else(|_| Value::Text(text.clone())),
            None => broker_default(property, |name| server.value(name).clone()),
        };
        let mut layers = Vec::new();
        if own.is_some() {
            layers.push(ConfigSynonym { name: name.to_owned(), value: value.text(), source: ConfigSource::Topic });
        }
        if let Some(synonym) = property.synonyms.first() {
            layers.extend(broker_layers(server, synonym.name, false));
        }
        described.push(entry(name, Some(property), value, false, layers, wanted));
    }
    described
}

/// Describes the node, by name of property. `requested`: only these; unknown ones are left out unless the node's file
/// sets them.
#[must_use]
pub fn describe_broker(
    server: &ServerConfig,
    requested: Option<&[String]>,
    include_synonyms: bool,
    include_documentation: bool,
) -> Vec<DescribedConfig> {
    let wanted = Wanted { names: requested, synonyms: include_synonyms, documentation: include_documentation };
    let known = properties().of(Scope::Broker);
    let shown = known.iter().filter(|property| !property.is_internal).map(|property| property.name);
    let mut names: Vec<&str> = shown.chain(server.static_values().keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut described = Vec::new();
    for name in names.into_iter().filter(|name| wanted.includes(name)) {
        let exact = properties().find(Scope::Broker, name);
        let property = exact.or_else(|| listener_property(name));
        let value = match (exact, property, server.static_values().get(name)) {
            (Some(_), ..) => server.value(name).clone(),
            (None, Some(property), Some(text)) => property.parse(text).unwrap_or_else(|_| Value::Text(text.clone())),
            (None, None, Some(text)) => Value::Text(text.clone()),
            (None, _, None) => Value::Null,
        };
        // Kafka looks for the whole name, and finds none with a listener's prefix.
        let is_read_only = exact.is_none_or(|property| property.update_mode == UpdateMode::ReadOnly);
        let is_sensitive = property.is_none_or(Property::is_sensitive);
        let layers = broker_layers(server, name, is_sensitive);
        described.push(entry(name, property, value, is_read_only, layers, wanted));
    }
    described
}

fn entry(
    name: &str,
    property: Option<&'static Property>,
    value: Value,
    read_only: bool,
    layers: Vec<ConfigSynonym>,
    wanted: Wanted<'_>,
) -> DescribedConfig {
    // What is unknown may be a secret.
    let is_sensitive = property.is_none_or(Property::is_sensitive);
    let source = layers.first().map_or(ConfigSource::Default, |layer| layer.source);
    DescribedConfig {
        name: name.to_owned(),
        value: if is_sensitive { None } else { value.text() },
        read_only,
        is_default: source == ConfigSource::Default,
        source,
        is_sensitive,
        synonyms: if wanted.synonyms { layers } else { Vec::new() },
        config_type: property.map_or(ConfigType::Unknown, |property| property.config_type),
        documentation: property.filter(|_| wanted.documentation).map(|property| property.sentence),
    }
}

/// The layers of a broker property, the strongest first. As in Kafka, they begin with the first that knows it under its
/// own name: `log.retention.hours` alone says nothing of `log.retention.ms`.
fn broker_layers(server: &ServerConfig, name: &str, is_sensitive: bool) -> Vec<ConfigSynonym> {
    let names = names_of_broker_property(name);
    let hide = |text: String| (!is_sensitive).then_some(text);
    let set = names.iter().filter_map(|name| {
        let value = server.static_values().get(*name)?.clone();
        Some(ConfigSynonym { name: (*name).to_owned(), value: hide(value), source: ConfigSource::StaticBroker })
    });
    let defaults = names.iter().filter_map(|name| match properties().find(Scope::Broker, name)?.default {
        DefaultValue::Text(text) => Some(ConfigSynonym {
            name: (*name).to_owned(),
            value: hide(text.to_owned()),
            source: ConfigSource::Default,
        }),
        DefaultValue::Required | DefaultValue::Null => None,
    });
    set.chain(defaults).skip_while(|layer| layer.name != name).collect()
}

/// The names under which a broker property may be set, the one that counts most first.
fn names_of_broker_property(name: &str) -> Vec<&str> {
    const RETENTION: [&str; 3] = ["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    const ROLL: [&str; 2] = ["log.roll.ms", "log.roll.hours"];
    const JITTER: [&str; 2] = ["log.roll.jitter.ms", "log.roll.jitter.hours"];
    if RETENTION.contains(&name) {
        return RETENTION.to_vec();
    }
    if ROLL.contains(&name) {
        return ROLL.to_vec();
    }
    if JITTER.contains(&name) {
        return JITTER.to_vec();
    }
    if name == "log.flush.interval.ms" {
        return vec![name, "log.flush.scheduler.interval.ms"];
    }
    match listener_property(name) {
        Some(property) => vec![name, property.name],
        None => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn server(extra: &str) -> ServerConfig {
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:19192\n\
             listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19192\ncontroller.listener.names=CONTROLLER\n\
             log.dirs=/data\n{extra}"
        );
        ServerConfig::resolve(&Settings::from_properties("s", text.as_bytes()).unwrap()).unwrap().0
    }

    /// `source:name=value; ` per layer, after value, source, type and flags.
    fn show(described: &[DescribedConfig], name: &str) -> String {
        let entry = described.iter().find(|entry| entry.name == name).unwrap();
        let layers: String = entry
            .synonyms
            .iter()
            .map(|layer| {
                format!(" {}:{}={}", layer.source.code(), layer.name, layer.value.as_deref().unwrap_or("null"))
            })
            .collect();
        format!(
            "{} {} {}{}{}{layers}",
            entry.value.as_deref().unwrap_or("null"),
            entry.source.code(),
            entry.config_type.name(),
            if entry.read_only { " ro" } else { "" },
            if entry.is_sensitive { " sensitive" } else { "" },
        )
    }

    /// As a Kafka 4.3.1 broker answers.
    #[test]
    fn topics() {
        let overrides = BTreeMap::from([
            ("retention.ms".to_owned(), "86400000".to_owned()),
            ("cleanup.policy".to_owned(), "compact,delete".to_owned()),
        ]);
        let described = describe_topic(&server(""), &overrides, None, true, false);
        for (name, expected) in [
            ("cleanup.policy", "compact,delete 1 LIST 1:cleanup.policy=compact,delete 5:log.cleanup.policy=delete"),
            ("retention.ms", "86400000 1 LONG 1:retention.ms=86400000"),
            ("segment.ms", "604800000 5 LONG"),
            ("segment.jitter.ms", "0 5 LONG"),
            ("flush.ms", "9223372036854775807 5 LONG"),
            ("leader.replication.throttled.replicas", " 5 LIST"),
            ("max.message.bytes", "1048588 5 INT 5:message.max.bytes=1048588"),
            ("min.cleanable.dirty.ratio", "0.5 5 DOUBLE 5:log.cleaner.min.cleanable.ratio=0.5"),
            ("remote.storage.enable", "false 5 BOOLEAN"),
        ] {
            assert_eq!(show(&described, name), expected, "{name}");
        }
        assert_eq!(described.len(), 33, "all but the internal one");
    }

    #[test]
    fn what_the_file_sets_shows_through_topics() {
        let server = server("log.retention.ms=5\nmessage.max.bytes=2000000\nlog.roll.hours=1\n");
        let described = describe_topic(&server, &BTreeMap::new(), None, true, false);
        for (name, expected) in [
            ("retention.ms", "5 4 LONG 4:log.retention.ms=5 5:log.retention.hours=168"),
            ("max.message.bytes", "2000000 4 INT 4:message.max.bytes=2000000 5:message.max.bytes=1048588"),
            ("segment.ms", "3600000 5 LONG"),
        ] {
            assert_eq!(show(&described, name), expected, "{name}");
        }
    }

    /// As a Kafka 4.3.1 broker answers.
    #[test]
    fn brokers() {
        let server = server(
            "zzz=5\nsuper.users=User:a\nlistener.name.plaintext.ssl.key.password=secret\noffsets.topic.replication.factor=1\n\
             log.initial.task.delay.ms=5\n",
        );
        let described = describe_broker(&server, None, true, false);
        for (name, expected) in [
            ("node.id", "1 4 INT ro 4:node.id=1"),
            ("broker.id", "1 4 INT ro 4:broker.id=1 5:broker.id=-1"),
            ("log.retention.ms", "null 5 LONG"),
            ("log.retention.minutes", "null 5 INT ro"),
            ("log.retention.hours", "168 5 INT ro 5:log.retention.hours=168"),
            ("log.flush.interval.ms", "null 5 LONG"),
            ("ssl.keystore.password", "null 5 PASSWORD sensitive"),
            ("num.io.threads", "8 5 INT 5:num.io.threads=8"),
            ("process.roles", "broker,controller 4 LIST ro 4:process.roles=broker,controller"),
            (
                "offsets.topic.replication.factor",
                "1 4 SHORT ro 4:offsets.topic.replication.factor=1 5:offsets.topic.replication.factor=3",
            ),
            ("zzz", "null 4 UNKNOWN ro sensitive 4:zzz=null"),
            (
                "log.initial.task.delay.ms",
                "5 4 LONG ro 4:log.initial.task.delay.ms=5 5:log.initial.task.delay.ms=30000",
            ),
            (
                "listener.name.plaintext.ssl.key.password",
                "null 4 PASSWORD ro sensitive 4:listener.name.plaintext.ssl.key.password=null",
            ),
        ] {
            assert_eq!(show(&described, name), expected, "{name}");
        }
        assert!(described.iter().all(|entry| entry.name != "unstable.api.versions.enable"), "internal and not set");
        assert!(described.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn only_what_is_asked_for() {
        let names = ["retention.ms".to_owned(), "nonsense".to_owned()];
        let described = describe_topic(&server(""), &BTreeMap::new(), Some(&names), false, true);
        assert_eq!(described.len(), 1);
        assert!(described[0].synonyms.is_empty() && described[0].documentation.is_some());
        assert!(describe_broker(&server(""), Some(&names), false, false).is_empty());
    }
}
