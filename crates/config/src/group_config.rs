//! Settings of groups (KIP-848, KIP-932, KIP-1071): checked against each other and against the bounds that brokers set.

use std::collections::BTreeMap;

use crate::property::{Scope, properties};
use crate::server_config::ServerConfig;
use crate::value::Value;

/// Bounds in the order in which Kafka looks.
const BOUNDED: [&str; 13] = [
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.num.standby.replicas",
    "streams.assignment.interval.ms",
];

/// What holds for a group where it does not set `name` itself: what brokers have set, or the default.
pub(crate) fn fallback(server: &ServerConfig, name: &str) -> Value {
    let Some(property) = properties().find(Scope::Group, name) else { return Value::Null };
    match property.synonyms.first() {
        Some(synonym) => server.value(synonym.name).clone(),
        None => property.default_value(),
    }
}

/// Checks all settings of a group, alone, against each other and against the bounds of the node.
///
/// # Errors
/// What Kafka answers with INVALID_CONFIG, word for word.
pub fn validate_group_configs(server: &ServerConfig, overrides: &BTreeMap<String, String>) -> Result<(), String> {
    if let Some(name) = overrides.keys().find(|name| properties().find(Scope::Group, name).is_none()) {
        return Err(format!("Unknown group config name: {name}"));
    }
    let mut values = BTreeMap::new();
    for property in properties().of(Scope::Group) {
        let value = match overrides.get(property.name) {
            Some(text) => property.parse(text)?,
            None => fallback(server, property.name),
        };
        values.insert(property.name, value.as_i64().unwrap_or_default());
    }
    let bound = |name: &str| server.value(name).as_i64();
    for name in BOUNDED {
        // The node's own interval may change at any time, and is kept within its bounds where it is used.
        if name.ends_with("assignment.interval.ms") && !overrides.contains_key(name) {
            continue;
        }
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        let (min, max) = match rest {
            "num.standby.replicas" => (None, "group.streams.max.standby.replicas".to_owned()),
            rest => (Some(format!("group.{kind}.min.{rest}")), format!("group.{kind}.max.{rest}")),
        };
        let value = values[name];
        if let Some(min) = min.filter(|min| bound(min).is_some_and(|bound| value < bound)) {
            return Err(format!("{name} must be greater than or equal to {min}"));
        }
        if bound(&max).is_some_and(|bound| value > bound) {
            return Err(format!("{name} must be less than or equal to {max}"));
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (session, heartbeat) = (format!("{kind}.session.timeout.ms"), format!("{kind}.heartbeat.interval.ms"));
        if values[&*session] <= values[&*heartbeat] {
            return Err(format!("{session} must be greater than {heartbeat}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changes: &[(&str, &str)]) -> Result<(), String> {
        let server = ServerConfig::zero_config(None).unwrap();
        let overrides = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        validate_group_configs(&server, &overrides)
    }

    /// As a Kafka 4.3.1 broker answers.
    #[test]
    fn refusals_are_kafkas_word_for_word() {
        let reset = "Invalid value x for configuration share.auto.offset.reset: Invalid value `x` for configuration \
                     share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format \
                     'by_duration:<PnDTnHnMn.nS>'.";
        for (name, value, message) in [
            (
                "consumer.session.timeout.ms",
                "5",
                "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
            ),
            (
                "consumer.session.timeout.ms",
                "500000",
                "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
            ),
            (
                "consumer.session.timeout.ms",
                "-5",
                "Invalid value -5 for configuration consumer.session.timeout.ms: Value must be at least 1",
            ),
            (
                "consumer.session.timeout.ms",
                "a",
                "Invalid value a for configuration consumer.session.timeout.ms: Not a number of type INT",
            ),
            ("zzz", "5", "Unknown group config name: zzz"),
            (
                "consumer.assignment.interval.ms",
                "99999",
                "consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms",
            ),
            ("share.auto.offset.reset", "x", reset),
            (
                "share.isolation.level",
                "READ_COMMITTED",
                "Invalid value READ_COMMITTED for configuration share.isolation.level: String must be one of: \
                 read_committed, read_uncommitted",
            ),
            (
                "share.delivery.count.limit",
                "1",
                "Invalid value 1 for configuration share.delivery.count.limit: Value must be at least 2",
            ),
            (
                "share.delivery.count.limit",
                "11",
                "share.delivery.count.limit must be less than or equal to group.share.max.delivery.count.limit",
            ),
            (
                "share.record.lock.duration.ms",
                "1000",
                "share.record.lock.duration.ms must be greater than or equal to group.share.min.record.lock.duration.ms",
            ),
            (
                "streams.num.standby.replicas",
                "9",
                "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
            ),
        ] {
            assert_eq!(check(&[(name, value)]), Err(message.to_owned()), "{name}={value}");
        }
        for (name, value) in [
            ("consumer.session.timeout.ms", "50000"),
            ("consumer.assignment.interval.ms", "5"),
            ("share.auto.offset.reset", "by_duration:PT5S"),
            ("streams.initial.rebalance.delay.ms", "9"),
        ] {
            assert_eq!(check(&[(name, value)]), Ok(()), "{name}={value}");
        }
        assert_eq!(
            check(&[("consumer.session.timeout.ms", "a"), ("zzz", "5")]),
            Err("Unknown group config name: zzz".to_owned())
        );
    }

    #[test]
    fn bounds_are_the_nodes() {
        for name in BOUNDED {
            let property = properties().find(Scope::Group, name).unwrap();
            assert!(fallback(&ServerConfig::zero_config(None).unwrap(), name).as_i64().is_some());
            assert_eq!(property.synonyms[0].name, format!("group.{name}"));
        }
        let mut settings = crate::Settings::built_in();
        settings.set("group.share.max.delivery.count.limit", "20", crate::Origin::BuiltIn);
        let server = ServerConfig::resolve(&settings).unwrap().0;
        let overrides = BTreeMap::from([("share.delivery.count.limit".to_owned(), "20".to_owned())]);
        assert_eq!(validate_group_configs(&server, &overrides), Ok(()));
    }
}
