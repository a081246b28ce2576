//! Whether a broker can take settings while it runs: Kafka's checks in Kafka's order and words, and then whether this
//! release can do what they ask for.

use std::collections::BTreeMap;

use crate::dynamic_layers::Layer;
use crate::dynamic_rules::{
    base_name, find_dynamic, in_order_of_java, is_per_broker, is_read_only, listener_and_rest, needs_listener_prefix,
};
use crate::resolution::listener_property;
use crate::server_config::ServerConfig;

/// Numbers of threads that may be halved or doubled at a time.
const THREAD_POOLS: [&str; 4] =
    ["num.io.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads"];

/// The same of remote storage, whose checks come later.
const REMOTE_THREAD_POOLS: [&str; 4] = [
    "remote.log.reader.threads",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.expiration.thread.pool.size",
    "remote.log.manager.follower.thread.pool.size",
];

/// What Kafka starts the messages of those rules with that it calls requirements.
const REQUIREMENTS: [&str; 8] = [
    "log.roll",
    "log.retention.ms must",
    "log.cleaner.dedupe.buffer.size must",
    "max.connections.per.ip can",
    "All entries in cordoned.log.dirs",
    "When cordoned.log.dirs",
    "controller.listener.names must",
    "advertised.listeners listener names",
];

/// The one reporter of metrics that Kafka has itself.
const JMX_REPORTER: &str = "org.apache.kafka.common.metrics.JmxReporter";

/// Checks all settings that a layer is to have, on top of what `current` has besides.
///
/// # Errors
/// What Kafka answers with INVALID_REQUEST, word for word; for what is not served, why.
pub fn validate_dynamic_settings(
    current: &ServerConfig,
    layer: Layer,
    settings: &BTreeMap<String, String>,
) -> Result<(), String> {
    check_names(layer, settings)?;
    check_connection_overrides(settings)?;
    let layers = current.layers().with(layer, settings.clone());
    let (new, _) = current.with_layers(&layers).map_err(|errors| {
        let message = errors.0.first().map(|error| error.message.clone()).unwrap_or_default();
        let is_requirement = REQUIREMENTS.iter().any(|start| message.starts_with(start));
        if is_requirement { format!("requirement failed: {message}") } else { message }
    })?;
    check_changes(current, &new).map_err(|message| {
        format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {message} for configuration Invalid dynamic \
             configuration"
        )
    })?;
    check_served(current, &new)
}

/// Names and values one by one.
fn check_names(layer: Layer, settings: &BTreeMap<String, String>) -> Result<(), String> {
    let refuse = |what: &str, is_wrong: fn(&str) -> bool| {
        let wrong = in_order_of_java(settings.keys().map(String::as_str).filter(|name| is_wrong(name)));
        if wrong.is_empty() { Ok(()) } else { Err(format!("{what}: [{}]", wrong.join(", "))) }
    };
    refuse("Cannot update these configs dynamically", is_read_only)?;
    refuse(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        needs_listener_prefix,
    )?;
    for (name, text) in settings {
        if let Some(property) = find_dynamic(base_name(name)) {
            property.parse(text)?;
        }
    }
    if layer == Layer::Default {
        refuse("Cannot update these configs at default cluster level, broker id must be specified", is_per_broker)?;
    }
    Ok(())
}

/// `host:count` entries, as Kafka reads them.
fn check_connection_overrides(settings: &BTreeMap<String, String>) -> Result<(), String> {
    const NAME: &str = "max.connections.per.ip.overrides";
    let text = settings.get(NAME).map(String::as_str).unwrap_or_default();
    let mut invalid = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (host, count) = entry.rsplit_once(':').ok_or_else(|| {
            format!("Error parsing configuration property '{NAME}': begin 0, end -1, length {}", entry.len())
        })?;
        if count.trim().parse::<i32>().is_err() {
            return Err(format!("For input string: \"{}\"", count.trim()));
        }
        let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '%' | '.' | '_' | ':');
        if !host.trim().chars().all(is_of_host) {
            invalid.push(host.trim());
        }
    }
    if invalid.is_empty() { Ok(()) } else { Err(format!("{NAME} contains invalid addresses : {}", invalid.join(","))) }
}

/// What only shows when the new configuration is compared with the one that is running.
fn check_changes(current: &ServerConfig, new: &ServerConfig) -> Result<(), String> {
    let changes = |name: &str| current.value(name) != new.value(name);
    if changes("metric.reporters") {
        let reporters = new.value("metric.reporters").to_string();
        if reporters.split(',').any(|class| !class.is_empty() && class != JMX_REPORTER) {
            return Err("Validation of dynamic config update of Set(metric.reporters) failed with class class \
                        kafka.server.DynamicMetricsReporters"
                .to_owned());
        }
    }
    for listener in &new.listeners {
        let number = |config: &ServerConfig, name: &str| {
            config.listener_number(&listener.name, name).or_else(|| config.value(name).as_i64())
        };
        let name = "num.network.threads";
        check_threads(name, number(current, name), number(new, name))?;
        for name in ["max.connections", "max.connection.creation.rate"] {
            if let Some(limit) = number(new, name).filter(|limit| *limit <= 0 && number(current, name) != Some(*limit))
            {
                return Err(format!("Invalid {name} {limit}"));
            }
        }
    }
    check_cleaner_threads(current, new)?;
    for name in THREAD_POOLS {
        check_threads(name, current.value(name).as_i64(), new.value(name).as_i64())?;
    }
    check_local_retention(current, new)?;
    for name in REMOTE_THREAD_POOLS {
        check_threads(name, current.value(name).as_i64(), new.value(name).as_i64())?;
    }
    Ok(())
}

fn check_threads(name: &str, before: Option<i64>, after: Option<i64>) -> Result<(), String> {
    let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
    let failed =
        |why: String| Err(format!("Dynamic thread count update validation failed for {name}={after}, value {why}"));
    if after == before {
        Ok(())
    } else if after <= 0 {
        failed("should be at least 1".to_owned())
    } else if after < before / 2 {
        failed(format!("should be at least half the current value {before}"))
    } else if after > before * 2 {
        failed(format!("should not be greater than double the current value {before}"))
    } else {
        Ok(())
    }
}

fn check_cleaner_threads(current: &ServerConfig, new: &ServerConfig) -> Result<(), String> {
    let (before, after) = (i64::from(current.log_cleaner_threads), i64::from(new.log_cleaner_threads));
    if after == before {
        Ok(())
    } else if after < 1 {
        Err("Log cleaner threads should be at least 1".to_owned())
    } else if after < before / 2 {
        Err(format!("Log cleaner threads cannot be reduced to less than half the current value {before}"))
    } else if after > before * 2 {
        Err(format!("Log cleaner threads cannot be increased to more than double the current value {before}"))
    } else {
        Ok(())
    }
}

/// What is kept on this node's disks must not outlive what is kept at all.
fn check_local_retention(current: &ServerConfig, new: &ServerConfig) -> Result<(), String> {
    for (local, whole, whole_limit) in [
        ("log.local.retention.ms", "log.retention.ms", new.topic_defaults.retention_ms),
        ("log.local.retention.bytes", "log.retention.bytes", new.topic_defaults.retention_bytes),
    ] {
        let limit = new.value(local).as_i64().unwrap_or(-2);
        let is_same = current.value(local) == new.value(local)
            && current.topic_defaults.retention_ms == new.topic_defaults.retention_ms
            && current.topic_defaults.retention_bytes == new.topic_defaults.retention_bytes;
        if is_same || whole_limit < 0 || limit == -2 {
            continue;
        }
        let invalid = |why: String| Err(format!("Invalid value {limit} for configuration {local}: {why}"));
        if limit == -1 {
            return invalid(format!("Value must not be -1 as {whole} value is set as {whole_limit}."));
        }
        if limit > whole_limit {
            return invalid(format!("Value must not be more than {whole} property value: {whole_limit}"));
        }
    }
    Ok(())
}

/// What Kafka could do and this release cannot.
fn check_served(current: &ServerConfig, new: &ServerConfig) -> Result<(), String> {
    if current.listeners != new.listeners || current.controller_listeners != new.controller_listeners {
        return Err(
            "Listeners cannot be opened, closed or changed while the broker runs: restart it with other listeners \
                    in its file"
                .to_owned(),
        );
    }
    let changed = new.set_values().iter().filter(|(name, text)| current.set_values().get(*name) != Some(*text));
    for (name, text) in changed {
        let (Some((_, rest)), Some(property)) = (listener_and_rest(name), listener_property(name)) else { continue };
        if let crate::property::Served::Refused { why } = property.served
            && property.parse(text).is_ok_and(|value| value != property.default_value())
        {
            return Err(format!("{rest} is not served yet ({why}): {name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn server() -> ServerConfig {
        let text = "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:19192\n\
                    listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19192\n\
                    controller.listener.names=CONTROLLER\nlog.dirs=/data\nlog.retention.hours=24\n";
        ServerConfig::resolve(&crate::Settings::from_properties("s", text.as_bytes()).unwrap()).unwrap().0
    }

    const WRAPPED: &str = "Invalid value org.apache.kafka.common.config.ConfigException: ";
    const WRAPPED_END: &str = " for configuration Invalid dynamic configuration";

    /// Answers of a Kafka 4.3.1 broker to IncrementalAlterConfigs.
    #[test]
    fn refusals_are_kafkas_word_for_word() {
        for (name, value, message) in [
            ("node.id", "5", "Cannot update these configs dynamically: [node.id]"),
            ("log.retention.hours", "5", "Cannot update these configs dynamically: [log.retention.hours]"),
            (
                "ssl.keystore.location",
                "10",
                "These security configs can be dynamically updated only per-listener using the listener prefix: \
                 [ssl.keystore.location]",
            ),
            (
                "log.retention.ms",
                "abc",
                "Invalid value abc for configuration log.retention.ms: Not a number of type LONG",
            ),
            (
                "log.retention.ms",
                "0",
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
            ),
            ("log.roll.ms", "0", "requirement failed: log.roll.ms must be greater than or equal to 1"),
            ("log.roll.jitter.ms", "-1", "requirement failed: log.roll.jitter.ms must be greater than or equal to 0"),
            (
                "listener.name.plaintext.max.connections",
                "a",
                "Invalid value a for configuration max.connections: Not a number of type INT",
            ),
            ("num.io.threads", "0", "Invalid value 0 for configuration num.io.threads: Value must be at least 1"),
            (
                "log.cleaner.dedupe.buffer.size",
                "9",
                "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
            ),
            (
                "max.connections.per.ip",
                "0",
                "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides \
                 property is set.",
            ),
            (
                "max.connections.per.ip.overrides",
                "foo",
                "Error parsing configuration property 'max.connections.per.ip.overrides': begin 0, end -1, length 3",
            ),
            ("max.connections.per.ip.overrides", "foo:x", "For input string: \"x\""),
            (
                "max.connections.per.ip.overrides",
                "a/b:5",
                "max.connections.per.ip.overrides contains invalid addresses : a/b",
            ),
            (
                "cordoned.log.dirs",
                "/nowhere",
                "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing \
                 entries : /nowhere",
            ),
            (
                "cordoned.log.dirs",
                "*,/x",
                "requirement failed: When cordoned.log.dirs is set to *, it must not contain other values",
            ),
            (
                "group.consumer.assignment.interval.ms",
                "99999",
                "group.consumer.assignment.interval.ms must be less than or equal to \
                 group.consumer.max.assignment.interval.ms",
            ),
            (
                "leader.replication.throttled.rate",
                "-5",
                "Invalid value -5 for configuration leader.replication.throttled.rate: Value must be at least 0",
            ),
            (
                "unclean.leader.election.enable",
                "maybe",
                "Invalid value maybe for configuration unclean.leader.election.enable: Expected value to be either true \
                 or false",
            ),
            (
                "listeners",
                "PLAINTEXT://127.0.0.1:19092",
                "requirement failed: controller.listener.names must contain at least one value appearing in the \
                 'listeners' configuration when running the KRaft controller role",
            ),
        ] {
            let result = validate_dynamic_settings(&server(), Layer::Broker, &map(&[(name, value)]));
            assert_eq!(result, Err(message.to_owned()), "{name}={value}");
        }
        for (name, value, message) in [
            (
                "num.io.threads",
                "40",
                "Dynamic thread count update validation failed for num.io.threads=40, value should not be greater than \
                 double the current value 8",
            ),
            (
                "num.io.threads",
                "3",
                "Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the \
                 current value 8",
            ),
            (
                "num.network.threads",
                "90",
                "Dynamic thread count update validation failed for num.network.threads=90, value should not be greater \
                 than double the current value 3",
            ),
            (
                "listener.name.plaintext.num.network.threads",
                "40",
                "Dynamic thread count update validation failed for num.network.threads=40, value should not be greater \
                 than double the current value 3",
            ),
            (
                "log.cleaner.threads",
                "5",
                "Log cleaner threads cannot be increased to more than double the current value 1",
            ),
            ("max.connections", "0", "Invalid max.connections 0"),
            ("listener.name.plaintext.max.connections", "0", "Invalid max.connections 0"),
            ("max.connection.creation.rate", "0", "Invalid max.connection.creation.rate 0"),
            (
                "metric.reporters",
                "foo",
                "Validation of dynamic config update of Set(metric.reporters) failed with class class \
                 kafka.server.DynamicMetricsReporters",
            ),
            (
                "log.local.retention.ms",
                "-1",
                "Invalid value -1 for configuration log.local.retention.ms: Value must not be -1 as log.retention.ms \
                 value is set as 86400000.",
            ),
            (
                "log.local.retention.ms",
                "99999999999",
                "Invalid value 99999999999 for configuration log.local.retention.ms: Value must not be more than \
                 log.retention.ms property value: 86400000",
            ),
        ] {
            let result = validate_dynamic_settings(&server(), Layer::Broker, &map(&[(name, value)]));
            assert_eq!(result, Err(format!("{WRAPPED}{message}{WRAPPED_END}")), "{name}={value}");
        }
    }

    #[test]
    fn some_may_be_set_for_single_brokers_only() {
        let alone = "Cannot update these configs at default cluster level, broker id must be specified";
        for name in ["listeners", "cordoned.log.dirs", "listener.name.plaintext.ssl.keystore.location"] {
            let result = validate_dynamic_settings(&server(), Layer::Default, &map(&[(name, "*")]));
            assert_eq!(result, Err(format!("{alone}: [{name}]")));
        }
    }

    #[test]
    fn what_is_accepted() {
        for (name, value) in [
            ("zzz", "5"),
            ("log.retention.ms", "-5"),
            ("log.retention.ms", "   55  "),
            ("log.cleanup.policy", " delete , compact "),
            ("num.io.threads", "16"),
            ("num.network.threads", "6"),
            ("listener.name.plaintext.max.connections", "40"),
            ("listener.name.nowhere.max.connections", "7"),
            ("listener.name.plaintext.zzz", "7"),
            ("ssl.client.auth", "required"),
            ("sasl.jaas.config", "secret"),
            ("cordoned.log.dirs", "*"),
            ("max.connections.per.ip.overrides", "127.0.0.9:5"),
            ("listeners", "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19192"),
            ("leader.replication.throttled.rate", "5"),
            ("log.local.retention.bytes", "-1"),
            ("metric.reporters", ""),
        ] {
            let result = validate_dynamic_settings(&server(), Layer::Broker, &map(&[(name, value)]));
            assert_eq!(result, Ok(()), "{name}={value}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused() {
        for (name, value, why) in [
            ("config.providers", "file", "config.providers is not served yet"),
            ("principal.builder.class", "x.Y", "principal.builder.class is not served yet"),
            ("listener.name.plaintext.principal.builder.class", "x.Y", "principal.builder.class is not served yet"),
            (
                "listeners",
                "PLAINTEXT://127.0.0.1:19093,CONTROLLER://127.0.0.1:19192",
                "Listeners cannot be opened, closed or changed while the broker runs",
            ),
        ] {
            let message = validate_dynamic_settings(&server(), Layer::Broker, &map(&[(name, value)])).unwrap_err();
            assert!(message.contains(why), "{name}={value}: {message}");
        }
    }
}
