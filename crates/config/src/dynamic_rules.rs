//! Which properties of brokers may change while they run, and for whom.

use crate::property::{Property, Scope, UpdateMode, properties};

/// Properties of stores of keys, which hold for one listener each.
const KEY_STORES: [&str; 10] = [
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Properties of single listeners that may also be set for all brokers.
const CLUSTER_WIDE_OF_LISTENERS: [&str; 3] = ["max.connections", "max.connection.creation.rate", "num.network.threads"];

/// The listener and the rest of a name of the form `listener.name.<listener>.<rest>`.
pub(crate) fn listener_and_rest(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("listener.name.")?.split_once('.')
}

/// A name without its listener.
pub(crate) fn base_name(name: &str) -> &str {
    listener_and_rest(name).map_or(name, |(_, rest)| rest)
}

/// The property of that name, if it may change while a broker runs.
pub(crate) fn find_dynamic(name: &str) -> Option<&'static Property> {
    let of_file =
        properties().find(Scope::Broker, name).filter(|property| property.update_mode != UpdateMode::ReadOnly);
    of_file.or_else(|| properties().find(Scope::BrokerDynamic, name))
}

/// Whether a property is known and changes with a restart only. Nothing is known of names that are not in the table.
pub(crate) fn is_read_only(name: &str) -> bool {
    properties().find(Scope::Broker, name).is_some_and(|property| property.update_mode == UpdateMode::ReadOnly)
}

/// Whether a property may be set for single listeners only.
pub(crate) fn needs_listener_prefix(name: &str) -> bool {
    KEY_STORES.contains(&name)
}

/// Whether a property may be set for single brokers only.
pub(crate) fn is_per_broker(name: &str) -> bool {
    match listener_and_rest(name) {
        Some((_, rest)) => !CLUSTER_WIDE_OF_LISTENERS.contains(&rest),
        None => find_dynamic(name).is_some_and(|property| property.update_mode == UpdateMode::PerBroker),
    }
}

/// Names in the order in which a set of Java's gives them: messages list them so.
pub(crate) fn in_order_of_java<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    let mut buckets = 16;
    while names.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    names.sort_by_key(|name| {
        let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kafka 4.3.1 lists them.
    #[test]
    fn order_of_java() {
        let order = |names: &[&'static str]| in_order_of_java(names.iter().copied()).join(", ");
        assert_eq!(
            order(&["broker.id", "log.dirs", "node.id", "num.partitions"]),
            "node.id, num.partitions, broker.id, log.dirs"
        );
        assert_eq!(
            order(&["ssl.keystore.location", "ssl.keystore.password"]),
            "ssl.keystore.password, ssl.keystore.location"
        );
    }

    #[test]
    fn who_may_set_what() {
        assert!(is_per_broker("listeners") && is_per_broker("listener.name.x.ssl.protocol"));
        assert!(!is_per_broker("listener.name.x.max.connections") && !is_per_broker("log.retention.ms"));
        assert!(is_read_only("log.retention.hours") && !is_read_only("log.retention.ms") && !is_read_only("zzz"));
        for name in KEY_STORES {
            assert!(find_dynamic(name).is_some_and(|property| property.update_mode == UpdateMode::PerBroker), "{name}");
        }
        assert_eq!(base_name("listener.name.x.plain.sasl.jaas.config"), "plain.sasl.jaas.config");
        assert_eq!(base_name("listener.name.x"), "listener.name.x");
    }
}
