//! The configuration of a node while it runs: what its file says, and over it what is set dynamically.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dynamic_layers::{DynamicLayers, Layer};
use crate::server_config::ServerConfig;
use crate::settings::ConfigErrors;

/// What Kafka changes while it runs, and a node has settled when it has read its metadata.
const SETTLED_AT_START: [(&str, &str); 3] = [
    ("num.io.threads", "the number of workers follows from the cores and from the file"),
    ("num.network.threads", "the number of workers follows from the cores"),
    ("num.recovery.threads.per.data.dir", "it has an effect from the next start on"),
];

/// Follows the dynamic settings of a node. Its owner hands in what is stored whenever that has changed.
#[derive(Clone, Debug)]
pub struct DynamicConfig {
    file: Arc<ServerConfig>,
    stored: (BTreeMap<String, String>, BTreeMap<String, String>),
    effective: Arc<ServerConfig>,
    warnings: Vec<String>,
}

impl DynamicConfig {
    /// Begins with the configuration that a node was started with.
    #[must_use]
    pub fn new(file: Arc<ServerConfig>) -> Self {
        Self { stored: Default::default(), effective: Arc::clone(&file), file, warnings: Vec::new() }
    }

    /// What the node runs with now.
    #[must_use]
    pub fn effective(&self) -> &Arc<ServerConfig> {
        &self.effective
    }

    /// Takes in what is stored: the cluster-wide default, and the settings of this broker. `None` where that is as it was;
    /// otherwise there is another effective configuration, with what is to be warned of and was not before.
    ///
    /// # Errors
    /// The settings contradict each other or the file. The effective configuration stays as it was.
    pub fn update(
        &mut self,
        default: BTreeMap<String, String>,
        broker: BTreeMap<String, String>,
    ) -> Result<Option<Vec<String>>, ConfigErrors> {
        let stored = (default, broker);
        if stored == self.stored {
            return Ok(None);
        }
        self.stored = stored.clone();
        let (layers, ignored) = DynamicLayers::of_stored(stored.0, stored.1);
        let layers = layers.clamped(&self.file);
        let (effective, warnings) = self.file.with_layers(&layers)?;
        self.effective = Arc::new(effective);
        let is_set =
            |name| layers.layer(Layer::Default).contains_key(name) || layers.layer(Layer::Broker).contains_key(name);
        let settled = SETTLED_AT_START.iter().filter(|(name, _)| is_set(*name));
        let settled = settled.map(|(name, why)| format!("{name} is set while the node runs: {why}"));
        let warnings: Vec<String> = ignored.into_iter().chain(warnings).chain(settled).collect();
        let new = warnings.iter().filter(|warning| !self.warnings.contains(warning)).cloned().collect();
        self.warnings = warnings;
        Ok(Some(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_config::ConfigSource;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn layers_come_and_go() {
        let file = Arc::new(ServerConfig::zero_config(None).unwrap());
        let mut config = DynamicConfig::new(Arc::clone(&file));
        assert_eq!(config.update(BTreeMap::new(), BTreeMap::new()), Ok(None));
        let default = map(&[("log.retention.ms", "1000"), ("message.max.bytes", "2000")]);
        assert_eq!(config.update(default.clone(), map(&[("log.retention.ms", "500")])), Ok(Some(Vec::new())));
        let effective = config.effective();
        assert_eq!(effective.topic_defaults.retention_ms, 500);
        assert_eq!((effective.message_max_bytes, effective.topic_defaults.max_message_bytes), (2000, 2000));
        assert_eq!(effective.origin("log.retention.ms"), ConfigSource::DynamicBroker);
        assert_eq!(effective.origin("message.max.bytes"), ConfigSource::DynamicDefaultBroker);
        assert_eq!(effective.origin("node.id"), ConfigSource::StaticBroker);
        assert_eq!(config.update(default, BTreeMap::new()), Ok(Some(Vec::new())));
        assert_eq!(config.effective().topic_defaults.retention_ms, 1000);
        assert_eq!(config.update(BTreeMap::new(), BTreeMap::new()), Ok(Some(Vec::new())));
        assert_eq!(**config.effective(), *file);
    }

    #[test]
    fn what_has_no_effect_is_warned_of_once() {
        let mut config = DynamicConfig::new(Arc::new(ServerConfig::zero_config(None).unwrap()));
        let quota = ("leader.replication.throttled.rate", "5");
        let warned = config.update(BTreeMap::new(), map(&[quota])).unwrap().unwrap();
        assert_eq!(warned, ["without effect (quotas): leader.replication.throttled.rate"]);
        assert_eq!(config.update(BTreeMap::new(), map(&[quota, ("log.retention.ms", "5")])), Ok(Some(Vec::new())));
        let warned = config.update(map(&[("num.io.threads", "9")]), map(&[quota])).unwrap().unwrap();
        assert_eq!(
            warned,
            [
                "num.io.threads is set while the node runs: the number of workers follows from the cores and from the file"
            ]
        );
    }

    #[test]
    fn contradictions_change_nothing() {
        let mut config = DynamicConfig::new(Arc::new(ServerConfig::zero_config(None).unwrap()));
        config.update(BTreeMap::new(), map(&[("log.retention.ms", "5")])).unwrap();
        assert!(config.update(BTreeMap::new(), map(&[("log.retention.ms", "0")])).is_err());
        assert_eq!(config.effective().topic_defaults.retention_ms, 5);
    }
}
