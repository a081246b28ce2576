//! The table of all properties that Kafka 4.3 knows, read once from `properties.tsv`.

use std::sync::OnceLock;

use crate::value::{ConfigType, Valid, Value};

/// What a property belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A broker or controller: what a server file may hold.
    Broker,
    /// A broker, but only set while it runs.
    BrokerDynamic,
    /// An authorizer, out of a server file.
    Authorizer,
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// A subscription to clients' metrics (KIP-714).
    ClientMetrics,
}

const SCOPES: [(&str, Scope); 6] = [
    ("broker", Scope::Broker),
    ("broker-dynamic", Scope::BrokerDynamic),
    ("authorizer", Scope::Authorizer),
    ("topic", Scope::Topic),
    ("group", Scope::Group),
    ("client-metrics", Scope::ClientMetrics),
];

/// What holds where a property is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// It must be set.
    Required,
    /// Nothing.
    Null,
    /// This text, of the property's type.
    Text(&'static str),
}

/// When a property may change (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Only with a restart.
    ReadOnly,
    /// While running, for all brokers or for one.
    ClusterWide,
    /// While running, for one broker.
    PerBroker,
    /// At any time: topics, groups and the like.
    Dynamic,
}

impl UpdateMode {
    /// The word in the table and in `docs/configuration.md`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ClusterWide => "cluster-wide",
            Self::PerBroker => "per-broker",
            Self::Dynamic => "dynamic",
        }
    }
}

/// What setting a property does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// What it does in Kafka.
    Yes,
    /// Nothing yet. Setting it to another value than the default is answered with a warning at start.
    NotYet {
        /// What is missing.
        why: &'static str,
    },
    /// Nothing yet, and silence about it would endanger security, roles or durability: a node does not start with
    /// another value than the default.
    Refused {
        /// What is missing.
        why: &'static str,
    },
}

/// A broker property that a topic or group property falls back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The broker property.
    pub name: &'static str,
    /// What its value is multiplied with: hours and minutes become milliseconds.
    pub factor: i64,
}

/// One property.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// What it belongs to.
    pub scope: Scope,
    /// Kafka's name of it.
    pub name: &'static str,
    /// Its type.
    pub config_type: ConfigType,
    /// What holds where it is not set.
    pub default: DefaultValue,
    /// The values it takes.
    pub valid: Valid,
    /// The values it takes, as text; `-` for all.
    pub valid_text: &'static str,
    /// `high`, `medium` or `low`.
    pub importance: &'static str,
    /// When it may change.
    pub update_mode: UpdateMode,
    /// Where a topic or group property falls back to, the first that is set.
    pub synonyms: Vec<Synonym>,
    /// Whether it is left out of listings unless it is set.
    pub is_internal: bool,
    /// What setting it does here.
    pub served: Served,
    /// What it means, in one sentence.
    pub sentence: &'static str,
}

impl Property {
    /// The default as a value: [`Value::Null`] also for a property that must be set.
    #[must_use]
    pub fn default_value(&self) -> Value {
        match self.default {
            DefaultValue::Required | DefaultValue::Null => Value::Null,
            DefaultValue::Text(text) => self.config_type.parse(text).unwrap_or(Value::Null),
        }
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.config_type == ConfigType::Password
    }

    /// Reads and checks a value.
    ///
    /// # Errors
    /// Kafka's words: `Invalid value -5 for configuration retention.ms: Value must be at least -1`.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let name = self.name;
        let shown = if self.is_sensitive() { "[hidden]" } else { text.trim() };
        let invalid = |value: &str, why: &str| format!("Invalid value {value} for configuration {name}: {why}");
        let value = self.config_type.parse(text).map_err(|why| invalid(shown, &why))?;
        if let Err(why) = self.valid.check(name, &value) {
            let value = match &value {
                // Kafka names the offending entry, or the whole list in brackets.
                Value::List(entries) => match &self.valid {
                    Valid::OneOf { words, .. } => {
                        entries.iter().find(|entry| !words.contains(&entry.as_str())).cloned().unwrap_or_default()
                    }
                    _ => format!("[{}]", entries.join(", ")),
                },
                Value::Double(_) => value.to_string(),
                _ => shown.to_owned(),
            };
            return Err(invalid(&value, &why));
        }
        if let Value::List(entries) = &value {
            if entries.is_empty() && self.refuses_empty_list() {
                let valid = match &self.valid {
                    Valid::OneOf { words, .. } => format!("[{}]", words.join(", ")),
                    _ => "any non-empty value".to_owned(),
                };
                return Err(format!("Configuration '{name}' must not be empty. Valid values include: {valid}"));
            }
            if entries.iter().any(String::is_empty) && self.config_type == ConfigType::List {
                return Err(format!("Configuration '{name}' values must not be empty."));
            }
        }
        Ok(value)
    }

    fn refuses_empty_list(&self) -> bool {
        self.scope == Scope::Broker
            && matches!(
                self.name,
                "listeners"
                    | "advertised.listeners"
                    | "log.dirs"
                    | "log.dir"
                    | "process.roles"
                    | "controller.listener.names"
                    | "group.consumer.assignors"
                    | "group.coordinator.rebalance.protocols"
            )
    }
}

/// All properties, ordered by scope and name.
#[derive(Debug)]
pub struct PropertyTable {
    rows: Vec<Property>,
}

impl PropertyTable {
    /// The property of that name.
    #[must_use]
    pub fn find(&self, scope: Scope, name: &str) -> Option<&Property> {
        self.rows.binary_search_by(|row| (row.scope, row.name).cmp(&(scope, name))).ok().map(|index| &self.rows[index])
    }

    /// All properties of a scope, by name.
    #[must_use]
    pub fn of(&self, scope: Scope) -> &[Property] {
        let start = self.rows.partition_point(|row| row.scope < scope);
        let end = self.rows.partition_point(|row| row.scope <= scope);
        &self.rows[start..end]
    }
}

/// The table.
pub fn properties() -> &'static PropertyTable {
    static TABLE: OnceLock<PropertyTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let text = include_str!("../properties.tsv");
        let rows =
            text.lines().skip(1).map(|line| row(line).unwrap_or_else(|| panic!("malformed row: {line}"))).collect();
        PropertyTable { rows }
    })
}

fn row(line: &'static str) -> Option<Property> {
    let mut cells = line.split('\t');
    let scope_name = cells.next()?;
    let (_, scope) = *SCOPES.iter().find(|(name, _)| *name == scope_name)?;
    let name = cells.next()?;
    let config_type = ConfigType::from_name(cells.next()?)?;
    let default = match cells.next()? {
        "(required)" => DefaultValue::Required,
        "null" => DefaultValue::Null,
        "(empty)" | "(empty list)" => DefaultValue::Text(""),
        text => DefaultValue::Text(text),
    };
    let valid_text = cells.next()?;
    let valid = Valid::parse(valid_text)?;
    let importance = cells.next()?;
    let update_mode = match cells.next()? {
        "read-only" => UpdateMode::ReadOnly,
        "cluster-wide" => UpdateMode::ClusterWide,
        "per-broker" => UpdateMode::PerBroker,
        "dynamic" => UpdateMode::Dynamic,
        _ => return None,
    };
    let synonyms = match cells.next()? {
        "-" => Vec::new(),
        text => text.split(',').map(synonym).collect::<Option<_>>()?,
    };
    let is_internal = cells.next()? == "internal";
    let served = match cells.next()?.split_once(": ") {
        None => Served::Yes,
        Some(("later", why)) => Served::NotYet { why },
        Some(("refused", why)) => Served::Refused { why },
        Some(_) => return None,
    };
    let sentence = cells.next()?;
    let property = Property {
        scope,
        name,
        config_type,
        default,
        valid,
        valid_text,
        importance,
        update_mode,
        synonyms,
        is_internal,
        served,
        sentence,
    };
    cells.next().is_none().then_some(property)
}

fn synonym(text: &'static str) -> Option<Synonym> {
    match text.split_once("(x") {
        None => Some(Synonym { name: text, factor: 1 }),
        Some((name, factor)) => Some(Synonym { name, factor: factor.strip_suffix(')')?.parse().ok()? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_parses_its_own_default() {
        for (_, scope) in SCOPES {
            assert!(!properties().of(scope).is_empty());
            for property in properties().of(scope) {
                if let DefaultValue::Text(text) = property.default {
                    let value = property.config_type.parse(text).unwrap();
                    assert_eq!(value.to_string(), text, "{}", property.name);
                    property.valid.check(property.name, &value).unwrap();
                }
            }
        }
    }

    #[test]
    fn rows_are_ordered_and_every_synonym_exists() {
        let rows = &properties().rows;
        for pair in rows.windows(2) {
            assert!((pair[0].scope, pair[0].name) < (pair[1].scope, pair[1].name), "{}", pair[1].name);
        }
        for synonym in rows.iter().flat_map(|row| &row.synonyms) {
            assert!(properties().find(Scope::Broker, synonym.name).is_some(), "{}", synonym.name);
        }
    }

    #[test]
    fn sentences_are_sentences() {
        for property in &properties().rows {
            let sentence = property.sentence;
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{}: {sentence}", property.name);
            assert!(["high", "medium", "low"].contains(&property.importance), "{}", property.name);
        }
    }
}

#[cfg(test)]
mod documentation {
    use std::fmt::Write;

    use super::*;

    const HEADINGS: [(Scope, &str); 6] = [
        (Scope::Broker, "Node"),
        (Scope::BrokerDynamic, "Node, only while it runs"),
        (Scope::Authorizer, "Authorizer"),
        (Scope::Topic, "Topic"),
        (Scope::Group, "Group"),
        (Scope::ClientMetrics, "Subscription to clients' metrics"),
    ];

    fn tables() -> String {
        let mut text = String::new();
        for (scope, heading) in HEADINGS {
            let _ = write!(
                text,
                "\n### {heading}\n\n| Property | Type | Default | Values | May change | Meaning | Effect |\n\
                 | --- | --- | --- | --- | --- | --- | --- |\n"
            );
            for property in properties().of(scope).iter().filter(|property| !property.is_internal) {
                let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
                let default = match property.default {
                    DefaultValue::Required => "required".to_owned(),
                    DefaultValue::Null => String::new(),
                    DefaultValue::Text(text) => code(text),
                };
                let effect = match property.served {
                    Served::Yes => String::new(),
                    Served::NotYet { why } => why.to_owned(),
                    Served::Refused { why } => format!("refused: {why}"),
                };
                let _ = writeln!(
                    text,
                    "| `{}` | {} | {default} | {} | {} | {} | {effect} |",
                    property.name,
                    property.config_type.name(),
                    if property.valid_text == "-" { String::new() } else { code(property.valid_text) },
                    property.update_mode.name(),
                    property.sentence,
                );
            }
        }
        text
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "rewrites the page when asked to")]
    fn the_page_lists_all_properties() {
        let page = include_str!("../../../docs/configuration.md");
        let (written, listed) = page.split_once("properties.tsv. -->\n").unwrap();
        let tables = tables();
        if std::env::var_os("DOHLE_UPDATE_DOCS").is_some() {
            // Asked while it runs: another clone may have compiled this.
            let path = format!("{}/../../docs/configuration.md", std::env::var("CARGO_MANIFEST_DIR").unwrap());
            std::fs::write(path, format!("{written}properties.tsv. -->\n{tables}")).unwrap();
        } else {
            assert!(listed == tables, "docs/configuration.md is old: run the tests with DOHLE_UPDATE_DOCS=1");
        }
    }
}
