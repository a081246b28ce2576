//! What DescribeConfigs answers for topics, brokers, groups and subscriptions to clients' metrics: value, source, synonyms,
//! and whether it may be changed.

use std::collections::BTreeMap;

use crate::dynamic_layers::synonyms;
use crate::dynamic_rules::find_dynamic;
use crate::group_config;
use crate::property::{DefaultValue, Property, Scope, properties};
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
            Some(text) => value_of(Some(property), text),
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

/// The settings of a topic with `overrides` as CreateTopics answers them, by name of property: of all the names under which
/// a broker may have set one, that counts which is set in the strongest layer.
#[must_use]
pub fn describe_new_topic(server: &ServerConfig, overrides: &BTreeMap<String, String>) -> Vec<DescribedConfig> {
    let layers = [
        (&server.layers().broker, ConfigSource::DynamicBroker),
        (&server.layers().default, ConfigSource::DynamicDefaultBroker),
        (server.static_values(), ConfigSource::StaticBroker),
    ];
    let wanted = Wanted { names: None, synonyms: false, documentation: false };
    let mut described = Vec::new();
    for property in properties().of(Scope::Topic) {
        let own = overrides.get(property.name);
        if property.is_internal && own.is_none() {
            continue;
        }
        let set_for_brokers = || {
            let set = layers.iter().flat_map(|(layer, source)| {
                let of_layer = move |synonym: &crate::property::Synonym| {
                    let text = layer.get(synonym.name)?;
                    let number = text.parse::<i64>().ok().filter(|_| synonym.factor != 1);
                    let text = number.map_or_else(|| text.clone(), |number| (number * synonym.factor).to_string());
                    Some((text, *source))
                };
                property.synonyms.iter().filter_map(of_layer)
            });
            set.into_iter().next()
        };
        let (value, source) = match own.map(|text| (text.clone(), ConfigSource::Topic)).or_else(set_for_brokers) {
            Some((text, source)) => (Value::Text(text), source),
            None => (property.default_value(), ConfigSource::Default),
        };
        let layer = ConfigSynonym { name: property.name.to_owned(), value: None, source };
        described.push(entry(property.name, Some(property), value, false, vec![layer], wanted));
    }
    described
}

/// Describes the node, by name of property. `requested`: only these; unknown ones are left out unless they are set.
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
    let mut names: Vec<&str> = shown.chain(server.set_values().keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut described = Vec::new();
    for name in names.into_iter().filter(|name| wanted.includes(name)) {
        let value = match (properties().find(Scope::Broker, name), server.set_values().get(name)) {
            (Some(_), _) => server.value(name).clone(),
            (None, Some(text)) => value_of(find_broker_property(name), text),
            (None, None) => Value::Null,
        };
        described.push(broker_entry(server, name, value, |_| true, wanted));
    }
    described
}

/// Describes what is set for all brokers while they run, by name of property; nothing else.
#[must_use]
pub fn describe_broker_default(
    server: &ServerConfig,
    requested: Option<&[String]>,
    include_synonyms: bool,
    include_documentation: bool,
) -> Vec<DescribedConfig> {
    let wanted = Wanted { names: requested, synonyms: include_synonyms, documentation: include_documentation };
    let set = server.layers().default.iter().filter(|(name, _)| wanted.includes(name));
    let is_shown = |source| source == ConfigSource::DynamicDefaultBroker;
    set.map(|(name, text)| broker_entry(server, name, Value::Text(text.clone()), is_shown, wanted)).collect()
}

fn broker_entry(
    server: &ServerConfig,
    name: &str,
    value: Value,
    shows: impl Fn(ConfigSource) -> bool,
    wanted: Wanted<'_>,
) -> DescribedConfig {
    let property = find_broker_property(name);
    // Kafka looks for the whole name, and finds none with a listener's prefix.
    let is_read_only = find_dynamic(name).is_none();
    let is_sensitive = property.is_none_or(Property::is_sensitive);
    let mut layers = broker_layers(server, name, is_sensitive);
    layers.retain(|layer| shows(layer.source));
    entry(name, property, value, is_read_only, layers, wanted)
}

/// Describes a group with `overrides`, by name of property, whether it exists or not. `requested`: only these; unknown ones
/// are left out.
#[must_use]
pub fn describe_group(
    server: &ServerConfig,
    overrides: &BTreeMap<String, String>,
    requested: Option<&[String]>,
    include_synonyms: bool,
    include_documentation: bool,
) -> Vec<DescribedConfig> {
    let wanted = Wanted { names: requested, synonyms: include_synonyms, documentation: include_documentation };
    let describe = |property: &'static Property| {
        let name = property.name;
        let own = overrides.get(name).map(|text| value_of(Some(property), text));
        let mut layers = Vec::new();
        if let Some(value) = &own {
            layers.push(ConfigSynonym { name: name.to_owned(), value: value.text(), source: ConfigSource::Group });
        }
        match property.synonyms.first() {
            Some(synonym) => layers.extend(broker_layers(server, synonym.name, false)),
            None => layers.push(ConfigSynonym {
                name: name.to_owned(),
                value: property.default_value().text(),
                source: ConfigSource::Default,
            }),
        }
        let value = own.unwrap_or_else(|| group_config::fallback(server, name));
        entry(name, Some(property), value, false, layers, wanted)
    };
    properties().of(Scope::Group).iter().filter(|property| wanted.includes(property.name)).map(describe).collect()
}

/// Describes a subscription to clients' metrics, by name of property, whether it exists or not. `requested`: only these;
/// unknown ones are left out.
#[must_use]
pub fn describe_client_metrics(
    settings: &BTreeMap<String, String>,
    requested: Option<&[String]>,
    include_synonyms: bool,
    include_documentation: bool,
) -> Vec<DescribedConfig> {
    let wanted = Wanted { names: requested, synonyms: include_synonyms, documentation: include_documentation };
    let describe = |property: &'static Property| {
        let name = property.name;
        let own = settings.get(name).map(|text| value_of(Some(property), text));
        let layer = own.as_ref().map(|value| ConfigSynonym {
            name: name.to_owned(),
            value: value.text(),
            source: ConfigSource::ClientMetrics,
        });
        let value = own.unwrap_or_else(|| property.default_value());
        entry(name, Some(property), value, false, layer.into_iter().collect(), wanted)
    };
    properties()
        .of(Scope::ClientMetrics)
        .iter()
        .filter(|property| wanted.includes(property.name))
        .map(describe)
        .collect()
}

/// The property that a broker's setting of that name is for, a listener's prefix aside.
fn find_broker_property(name: &str) -> Option<&'static Property> {
    properties().find(Scope::Broker, name).or_else(|| find_dynamic(name)).or_else(|| listener_property(name))
}

fn value_of(property: Option<&Property>, text: &str) -> Value {
    property.and_then(|property| property.parse(text).ok()).unwrap_or_else(|| Value::Text(text.to_owned()))
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
    let layers = [
        (&server.layers().broker, ConfigSource::DynamicBroker),
        (&server.layers().default, ConfigSource::DynamicDefaultBroker),
        (server.static_values(), ConfigSource::StaticBroker),
    ];
    let set = layers.iter().flat_map(|(layer, source)| {
        names.iter().filter_map(move |name| {
            let value = layer.get(*name)?.clone();
            Some(ConfigSynonym { name: (*name).to_owned(), value: hide(value), source: *source })
        })
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
    match listener_property(name) {
        Some(property) => vec![name, property.name],
        None => synonyms(name),
    }
}

#[cfg(test)]
mod tests;
