//! What was set while nodes ran (KIP-226): the cluster-wide default, and over it what was set for one broker, both over what
//! the broker's file says.

use std::collections::BTreeMap;

use crate::dynamic_rules::{base_name, find_dynamic, is_per_broker, is_read_only, needs_listener_prefix};
use crate::server_config::ServerConfig;
use crate::settings::{Origin, Settings};

/// The dynamic settings of one broker, by name of property. Only what can take effect is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicLayers {
    pub(crate) default: BTreeMap<String, String>,
    pub(crate) broker: BTreeMap<String, String>,
}

impl DynamicLayers {
    /// Layers out of what is stored: the cluster-wide default, and the settings of this broker. What cannot take effect is
    /// left out and told of: it was checked when it was set, but perhaps by another release or for another file.
    #[must_use]
    pub fn of_stored(default: BTreeMap<String, String>, broker: BTreeMap<String, String>) -> (Self, Vec<String>) {
        let mut ignored = Vec::new();
        let mut keep = |name: &String, text: &String, layer: Layer| match takes_effect(name, text, layer) {
            Ok(()) => true,
            Err(why) => {
                ignored.push(format!("{} of {name} is ignored: {why}", layer.origin()));
                false
            }
        };
        let default = default.into_iter().filter(|(name, text)| keep(name, text, Layer::Default)).collect();
        let broker = broker.into_iter().filter(|(name, text)| keep(name, text, Layer::Broker)).collect();
        (Self { default, broker }, ignored)
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.default.is_empty() && self.broker.is_empty()
    }

    /// One of the two.
    #[must_use]
    pub fn layer(&self, layer: Layer) -> &BTreeMap<String, String> {
        match layer {
            Layer::Default => &self.default,
            Layer::Broker => &self.broker,
        }
    }

    /// The same with one of the two replaced.
    #[must_use]
    pub(crate) fn with(&self, layer: Layer, settings: BTreeMap<String, String>) -> Self {
        match layer {
            Layer::Default => Self { default: settings, broker: self.broker.clone() },
            Layer::Broker => Self { default: self.default.clone(), broker: settings },
        }
    }

    /// Brings intervals within the bounds of a file: others than when they were set must not keep a node from starting.
    #[must_use]
    pub(crate) fn clamped(mut self, file: &ServerConfig) -> Self {
        for kind in ["consumer", "share", "streams"] {
            let bound = |bound: &str| file.value(&format!("group.{kind}.{bound}.assignment.interval.ms")).as_i64();
            let name = format!("group.{kind}.assignment.interval.ms");
            for settings in [&mut self.default, &mut self.broker] {
                if let Some(text) = settings.get_mut(&name)
                    && let (Some(min), Some(max), Ok(interval)) =
                        (bound("min"), bound("max"), text.trim().parse::<i64>())
                {
                    *text = interval.min(max).max(min).to_string();
                }
            }
        }
        self
    }

    /// The settings of a file with these over them. A property that is set here hides its synonyms in the file, also those
    /// that would count more.
    pub(crate) fn over(&self, file: &Settings) -> Settings {
        let mut settings = file.clone();
        for layer in [Layer::Default, Layer::Broker] {
            for (name, text) in self.layer(layer) {
                for synonym in synonyms(name) {
                    settings.remove(synonym);
                }
                settings.set(name, text, layer.origin());
            }
        }
        settings
    }
}

/// Where a dynamic setting is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// For all brokers of the cluster.
    Default,
    /// For one broker.
    Broker,
}

impl Layer {
    pub(crate) fn origin(self) -> Origin {
        Origin::Dynamic {
            layer: match self {
                Self::Default => "cluster-wide dynamic configuration",
                Self::Broker => "dynamic configuration of this broker",
            },
        }
    }
}

fn takes_effect(name: &str, text: &str, layer: Layer) -> Result<(), String> {
    if let Some(property) = find_dynamic(base_name(name)) {
        property.parse(text)?;
    }
    if is_read_only(name) {
        return Err("it can be changed with a restart only".to_owned());
    }
    if needs_listener_prefix(name) {
        return Err("it can be set for single listeners only".to_owned());
    }
    if layer == Layer::Default && is_per_broker(name) {
        return Err("it can be set for single brokers only".to_owned());
    }
    Ok(())
}

/// The names under which a broker property may be set, the one that counts most first.
pub(crate) fn synonyms(name: &str) -> Vec<&str> {
    const RETENTION: [&str; 3] = ["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    const ROLL: [&str; 2] = ["log.roll.ms", "log.roll.hours"];
    const JITTER: [&str; 2] = ["log.roll.jitter.ms", "log.roll.jitter.hours"];
    for names in [&RETENTION[..], &ROLL, &JITTER] {
        if names.contains(&name) {
            return names.to_vec();
        }
    }
    if name == "log.flush.interval.ms" {
        return vec![name, "log.flush.scheduler.interval.ms"];
    }
    vec![name]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_cannot_take_effect_is_left_out() {
        let stored = map(&[
            ("log.retention.ms", "5"),
            ("log.segment.bytes", "x"),
            ("node.id", "7"),
            ("ssl.keystore.location", "/x"),
            ("listeners", "PLAINTEXT://:1"),
            ("listener.name.plaintext.max.connections", "5"),
            ("listener.name.plaintext.ssl.keystore.location", "/x"),
            ("custom", "1"),
        ]);
        let (layers, ignored) = DynamicLayers::of_stored(stored.clone(), stored);
        let names = |settings: &BTreeMap<String, String>| settings.keys().cloned().collect::<Vec<_>>();
        let common = ["custom", "listener.name.plaintext.max.connections"];
        assert_eq!(names(&layers.default), [&common[..], &["log.retention.ms"]].concat());
        let own = ["listener.name.plaintext.ssl.keystore.location", "listeners", "log.retention.ms"];
        assert_eq!(names(&layers.broker), [&common[..], &own[..]].concat());
        assert_eq!(ignored.len(), 8);
        assert!(ignored[0].starts_with("cluster-wide dynamic configuration of listener.name.plaintext.ssl"));
    }

    #[test]
    fn a_dynamic_setting_hides_its_synonyms() {
        let file = Settings::from_properties("s", b"log.retention.ms=1\nlog.roll.hours=2\nnum.partitions=3\n").unwrap();
        let layers = DynamicLayers {
            default: map(&[("log.retention.ms", "10"), ("log.roll.ms", "20")]),
            broker: map(&[("log.roll.ms", "30")]),
        };
        let settings = layers.over(&file);
        let shown: Vec<_> = settings.iter().map(|(name, setting)| format!("{name}={}", setting.value)).collect();
        assert_eq!(shown, ["log.retention.ms=10", "log.roll.ms=30", "num.partitions=3"]);
    }

    #[test]
    fn assignment_intervals_stay_within_their_bounds() {
        let mut file = Settings::built_in();
        file.set("group.share.max.assignment.interval.ms", "1000", Origin::BuiltIn);
        let file = ServerConfig::resolve(&file).unwrap().0;
        let interval = |kind: &str| format!("group.{kind}.assignment.interval.ms");
        let settings = map(&[(&interval("share"), "5000"), (&interval("consumer"), "5000")]);
        let layers = DynamicLayers { default: settings, ..DynamicLayers::default() }.clamped(&file);
        assert_eq!((&*layers.default[&interval("share")], &*layers.default[&interval("consumer")]), ("1000", "5000"));
    }
}
