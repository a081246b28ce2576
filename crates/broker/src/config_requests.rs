//! What a broker does itself of a request to change settings, before the rest goes to the controller: it refuses what makes
//! no sense, checks its own settings, which nobody else can, and changes the levels of its loggers.

use std::collections::{BTreeMap, BTreeSet};

use dohle_config::{
    ConfigOperation, DynamicLayers, Layer, ServerConfig, change_broker_settings, validate_dynamic_settings,
};
use dohle_metadata::Image;
use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::incremental_alter_configs_request::AlterableConfig;

use crate::loggers::{LogLevel, Loggers, ROOT};

/// Code and message; without one where Kafka has none.
pub(crate) type Refusal = (ErrorCode, Option<String>);

/// What is left to do for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The controller decides.
    Forward,
    /// Nothing.
    Done,
}

fn invalid(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidRequest, Some(message.into()))
}

/// Goes through the resources of a request, in its order. One that is named more than once is refused each time.
pub(crate) fn preprocess<R>(
    resources: &[R],
    key: impl for<'a> Fn(&'a R) -> (i8, &'a str),
    mut check: impl FnMut(&R) -> Result<Step, Refusal>,
) -> Vec<Result<Step, Refusal>> {
    let mut times: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for resource in resources {
        *times.entry(key(resource)).or_default() += 1;
    }
    let mut one = |resource| match times[&key(resource)] {
        1 => check(resource),
        _ => Err(invalid("Each resource must appear at most once.")),
    };
    resources.iter().map(&mut one).collect()
}

/// What the controller has decided: type and name of a resource, code and message of its result.
pub(crate) type Decided = BTreeMap<(i8, String), (i16, Option<String>)>;

/// One result for each resource of a request: this broker's own, or what the controller has decided.
pub(crate) fn results(
    keys: Vec<(i8, String)>,
    outcomes: Vec<Result<Step, Refusal>>,
    decided: &Decided,
) -> impl Iterator<Item = ((i8, String), (i16, Option<String>))> {
    keys.into_iter().zip(outcomes).map(|(key, outcome)| {
        let result = match outcome {
            Ok(Step::Done) => (ErrorCode::None.code(), None),
            Err((code, message)) => (code.code(), message),
            Ok(Step::Forward) => {
                let none = (ErrorCode::UnknownServerError.code(), None);
                decided.get(&key).cloned().unwrap_or(none)
            }
        };
        (key, result)
    })
}

/// Refuses names that come twice, and then null values.
pub(crate) fn check_entries<'a>(
    names: impl Iterator<Item = &'a str>,
    without_value: impl Iterator<Item = &'a str>,
) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(invalid("Error due to duplicate config keys"));
        }
    }
    let nulls: Vec<&str> = without_value.collect();
    if nulls.is_empty() { Ok(()) } else { Err(invalid(format!("Null value not supported for : {}", nulls.join(", ")))) }
}

/// What Kafka answers for a type of resource that it does not know, or that is not for this request.
pub(crate) fn unknown_resource_type(resource_type: i8) -> Refusal {
    invalid(format!("Unknown resource type {resource_type}"))
}

/// Which settings a request of type BROKER is about: the default of all, or this broker's own.
pub(crate) fn layer_of(node_id: BrokerId, name: &str) -> Result<Layer, Refusal> {
    if name.is_empty() {
        return Ok(Layer::Default);
    }
    let id: i32 = name.parse().map_err(|_| invalid(format!("Node id must be an integer, but it is: {name}")))?;
    // Kafka takes `01` for 1 here, and then stores settings that no broker has.
    if id != node_id.0 || name != id.to_string() {
        return Err(invalid(format!("Unexpected broker id, expected {node_id}, but received {name}")));
    }
    Ok(Layer::Broker)
}

/// Checks that this broker can take all settings that a layer is to have.
pub(crate) fn check_broker_settings(
    effective: &ServerConfig,
    layer: Layer,
    settings: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    validate_dynamic_settings(effective, layer, settings).map_err(invalid)
}

/// The same for single changes of what the layer has in `image`.
pub(crate) fn check_broker_changes(
    effective: &ServerConfig,
    image: &Image,
    layer: Layer,
    changes: &[AlterableConfig],
) -> Result<(), Refusal> {
    let mut operations = Vec::with_capacity(changes.len());
    for change in changes {
        let operation = ConfigOperation::from_code(change.config_operation)
            .ok_or_else(|| invalid(format!("Unknown operations type {}", change.config_operation)))?;
        operations.push((change.name.as_str(), operation, change.value.as_deref().unwrap_or_default()));
    }
    let stored = |id| image.broker_overrides(id);
    // What is stored and cannot take effect is no reason to refuse what can.
    let (layers, _) = DynamicLayers::of_stored(stored(None), stored(Some(effective.node_id)));
    let mut settings = layers.layer(layer).clone();
    for (name, operation, value) in operations {
        change_broker_settings(&mut settings, name, operation, value)
            .map_err(|message| (ErrorCode::InvalidConfig, Some(message)))?;
    }
    check_broker_settings(effective, layer, &settings)
}

/// Changes levels of loggers: all of them, or with an error none.
pub(crate) fn change_loggers(
    loggers: &dyn Loggers,
    node_id: BrokerId,
    name: &str,
    changes: &[AlterableConfig],
    validate_only: bool,
) -> Result<(), Refusal> {
    let id: i32 = name.parse().map_err(|_| invalid(format!("Node id must be an integer, but it is: {name}")))?;
    if id != node_id.0 {
        return Err(invalid(format!("Unexpected node id. Expected {node_id}, but received {id}")));
    }
    let known = loggers.levels();
    let levels = changes.iter().map(|change| new_level(&known, change)).collect::<Result<Vec<_>, _>>()?;
    if validate_only {
        return Ok(());
    }
    for (change, level) in changes.iter().zip(levels) {
        let logger = change.name.as_str();
        match level {
            Some(level) => {
                loggers.set(logger, level);
                tracing::warn!(logger, level = level.name(), "the level of a logger was set");
            }
            None => {
                loggers.unset(logger);
                tracing::warn!(logger, "the level of a logger was unset");
            }
        }
    }
    Ok(())
}

/// The level that a logger is to have; `None`: none of its own.
fn new_level(known: &BTreeMap<String, LogLevel>, change: &AlterableConfig) -> Result<Option<LogLevel>, Refusal> {
    let logger = change.name.as_str();
    let exists = || match known.contains_key(logger) {
        true => Ok(()),
        false => Err((ErrorCode::InvalidConfig, Some(format!("Logger {logger} does not exist!")))),
    };
    match ConfigOperation::from_code(change.config_operation) {
        Some(ConfigOperation::Set) => {
            exists()?;
            let name = change.value.as_deref().unwrap_or_default();
            let level = LogLevel::from_name(name).ok_or_else(|| {
                let valid = LogLevel::SETTABLE.map(LogLevel::name).join(", ");
                let message = format!(
                    "Cannot set the log level of {logger} to {name} as it is not a supported log level. Valid log levels \
                     are {valid}"
                );
                (ErrorCode::InvalidConfig, Some(message))
            })?;
            Ok(Some(level))
        }
        Some(ConfigOperation::Delete) => {
            exists()?;
            if logger == ROOT {
                return Err(invalid(format!("Removing the log level of the {ROOT} logger is not allowed")));
            }
            Ok(None)
        }
        Some(operation) => {
            let operation = operation.name();
            Err(invalid(format!("{operation} operation is not allowed for the BROKER_LOGGER resource")))
        }
        // Kafka stumbles over it.
        None => Err((ErrorCode::UnknownServerError, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loggers::RememberedLevels;

    fn change(name: &str, config_operation: i8, value: &str) -> AlterableConfig {
        AlterableConfig { name: name.to_owned(), config_operation, value: Some(value.to_owned()) }
    }

    #[test]
    fn a_resource_that_comes_again_is_refused_each_time() {
        let resources = [(2, "a"), (4, "a"), (2, "a"), (2, "b")];
        let outcomes = preprocess(&resources, |it| (it.0, it.1), |_| Ok(Step::Forward));
        let twice = Err(invalid("Each resource must appear at most once."));
        assert_eq!(outcomes, [twice.clone(), Ok(Step::Forward), twice, Ok(Step::Forward)]);
    }

    #[test]
    fn names_of_brokers() {
        let layer = |name| layer_of(BrokerId(1), name).map_err(|(_, message)| message.unwrap_or_default());
        assert_eq!((layer(""), layer("1")), (Ok(Layer::Default), Ok(Layer::Broker)));
        for name in ["2", "01", "+1", "-1"] {
            assert_eq!(layer(name), Err(format!("Unexpected broker id, expected 1, but received {name}")));
        }
        assert_eq!(layer("x"), Err("Node id must be an integer, but it is: x".to_owned()));
    }

    #[test]
    fn changes_build_on_what_can_take_effect() {
        let server = ServerConfig::zero_config(None).unwrap();
        let check = |changes: &[AlterableConfig]| {
            check_broker_changes(&server, &Image::default(), Layer::Broker, changes).map_err(|(code, message)| {
                let message = message.unwrap_or_default();
                assert_eq!(code == ErrorCode::InvalidConfig, message.starts_with("Unknown config name"), "{message}");
                message
            })
        };
        assert_eq!(check(&[change("log.retention.ms", 0, "5"), change("log.cleanup.policy", 2, "compact")]), Ok(()));
        assert_eq!(check(&[change("zzz", 7, "5")]), Err("Unknown operations type 7".to_owned()));
        assert_eq!(check(&[change("zzz", 2, "5")]), Err("Unknown config name: zzz".to_owned()));
        assert_eq!(
            check(&[change("node.id", 0, "5")]),
            Err("Cannot update these configs dynamically: [node.id]".to_owned())
        );
    }

    #[test]
    fn loggers_are_changed_together_or_not_at_all() {
        let loggers = RememberedLevels::new(LogLevel::Info, &["dohle_broker"]);
        let change_all = |changes: &[AlterableConfig], validate_only| {
            change_loggers(&loggers, BrokerId(1), "1", changes, validate_only)
                .map_err(|(_, message)| message.unwrap_or_default())
        };
        for (wrong, message) in [
            (change("nobody", 0, "INFO"), "Logger nobody does not exist!"),
            (change("nobody", 1, ""), "Logger nobody does not exist!"),
            (
                change("root", 0, "info"),
                "Cannot set the log level of root to info as it is not a supported log level. Valid log levels are DEBUG, \
                 ERROR, FATAL, INFO, TRACE, WARN",
            ),
            (change("root", 1, ""), "Removing the log level of the root logger is not allowed"),
            (change("root", 2, "INFO"), "APPEND operation is not allowed for the BROKER_LOGGER resource"),
            (change("root", 3, "INFO"), "SUBTRACT operation is not allowed for the BROKER_LOGGER resource"),
            (change("root", 9, "INFO"), ""),
        ] {
            assert_eq!(change_all(&[change("root", 0, "DEBUG"), wrong], false), Err(message.to_owned()));
        }
        assert_eq!(change_all(&[change("root", 0, "DEBUG")], true), Ok(()));
        assert_eq!(loggers.levels()["root"], LogLevel::Info, "nothing has changed so far");
        assert_eq!(change_all(&[change("root", 0, "WARN"), change("dohle_broker", 0, "TRACE")], false), Ok(()));
        assert_eq!((loggers.levels()["root"], loggers.levels()["dohle_broker"]), (LogLevel::Warn, LogLevel::Trace));
        assert_eq!(change_all(&[change("dohle_broker", 1, "")], false), Ok(()));
        assert_eq!(loggers.levels()["dohle_broker"], LogLevel::Warn);
        let other = change_loggers(&loggers, BrokerId(1), "2", &[], false);
        assert_eq!(other, Err(invalid("Unexpected node id. Expected 1, but received 2")));
    }
}
