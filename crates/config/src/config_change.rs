//! Single changes of settings (KIP-339): set, delete, and changes of lists.

use std::collections::BTreeMap;

use crate::property::{Property, Scope, properties};
use crate::value::ConfigType;

/// What is to be done with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// It gets this value.
    Set,
    /// It is set no more.
    Delete,
    /// These entries are added to a list.
    Append,
    /// These entries are taken out of a list.
    Subtract,
}

impl ConfigOperation {
    /// The operation of that code of IncrementalAlterConfigs.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    /// Kafka's name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// The property of a topic or a broker that is a list: only these can be appended to and subtracted from.
#[must_use]
pub fn list_property(scope: Scope, name: &str) -> Option<&'static Property> {
    let is_known = matches!(scope, Scope::Topic | Scope::Broker);
    properties().find(scope, name).filter(|property| is_known && property.config_type == ConfigType::List)
}

/// What a setting of `property` that is `current` becomes when `entries` are added or taken out. Where it is not set, what
/// counts is the default of the property, not what a file says.
#[must_use]
pub fn change_list(property: &Property, current: Option<&str>, operation: ConfigOperation, entries: &str) -> String {
    let default = property.default_value().text();
    let before = current.map(str::to_owned).or(default).unwrap_or_default();
    let mut list: Vec<&str> = before.split(',').filter(|entry| !entry.is_empty()).collect();
    for entry in split(entries) {
        let at = list.iter().position(|known| *known == entry);
        match (operation, at) {
            (ConfigOperation::Append, None) => list.push(entry),
            (ConfigOperation::Subtract, Some(at)) => drop(list.remove(at)),
            _ => {}
        }
    }
    list.join(",")
}

/// As Java splits: without the empty entries at the end, but an empty text is one empty entry.
fn split(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return vec![""];
    }
    let mut entries: Vec<&str> = text.split(',').collect();
    while entries.last() == Some(&"") {
        entries.pop();
    }
    entries
}

/// Changes settings of a broker before they are checked.
///
/// # Errors
/// What Kafka answers with INVALID_CONFIG: only lists can be appended to and subtracted from.
pub fn change_broker_settings(
    settings: &mut BTreeMap<String, String>,
    name: &str,
    operation: ConfigOperation,
    value: &str,
) -> Result<(), String> {
    match operation {
        ConfigOperation::Set => drop(settings.insert(name.to_owned(), value.to_owned())),
        ConfigOperation::Delete => drop(settings.remove(name)),
        ConfigOperation::Append | ConfigOperation::Subtract => {
            let Some(property) = list_property(Scope::Broker, name) else {
                return Err(match properties().find(Scope::Broker, name) {
                    None => format!("Unknown config name: {name}"),
                    Some(_) => format!(
                        "Config value {} is not allowed for config key: {name}",
                        operation.name().to_ascii_lowercase()
                    ),
                });
            };
            let changed = change_list(property, settings.get(name).map(String::as_str), operation, value);
            settings.insert(name.to_owned(), changed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Kafka 4.3.1 broker does it.
    #[test]
    fn lists() {
        use ConfigOperation::{Append, Subtract};
        let policy = list_property(Scope::Topic, "cleanup.policy").unwrap();
        for (current, operation, entries, expected) in [
            (None, Append, "compact", "delete,compact"),
            (Some("delete,compact"), Append, "compact,delete,compact", "delete,compact"),
            (Some("delete,compact"), Subtract, "delete", "compact"),
            (Some("compact"), Subtract, "compact", ""),
            (None, Subtract, "delete", ""),
            (Some(""), Append, "", ""),
            (Some("delete"), Append, "", "delete,"),
            (Some("delete"), Append, ",,", "delete"),
            (Some("delete"), Subtract, "none", "delete"),
        ] {
            assert_eq!(
                change_list(policy, current, operation, entries),
                expected,
                "{current:?} {operation:?} {entries}"
            );
        }
        assert!(list_property(Scope::Topic, "retention.ms").is_none());
        assert!(list_property(Scope::ClientMetrics, "metrics").is_none());
    }

    #[test]
    fn only_lists_of_brokers_change() {
        let mut settings = BTreeMap::new();
        let mut change = |name: &str, operation, value: &str| {
            change_broker_settings(&mut settings, name, operation, value).map(|()| settings.clone())
        };
        assert_eq!(change("zzz", ConfigOperation::Append, "a"), Err("Unknown config name: zzz".to_owned()));
        assert_eq!(
            change("log.retention.ms", ConfigOperation::Subtract, "a"),
            Err("Config value subtract is not allowed for config key: log.retention.ms".to_owned())
        );
        let map = |value: &str| BTreeMap::from([("log.cleanup.policy".to_owned(), value.to_owned())]);
        assert_eq!(change("log.cleanup.policy", ConfigOperation::Append, "compact"), Ok(map("delete,compact")));
        assert_eq!(change("log.cleanup.policy", ConfigOperation::Delete, ""), Ok(BTreeMap::new()));
    }
}
