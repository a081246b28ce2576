//! What the node runs with: its file, and over it what is set dynamically in the metadata (KIP-226).

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dohle_config::property::{Scope, Served, properties};
use dohle_config::{DynamicConfig, ServerConfig};
use dohle_metadata::{Delta, Image};
use dohle_model::BrokerId;

/// Follows the dynamic settings of this node; owned by the one task that follows the metadata.
#[derive(Debug)]
pub(crate) struct DynamicSettings {
    node_id: BrokerId,
    config: DynamicConfig,
    effective: Arc<ArcSwap<ServerConfig>>,
}

impl DynamicSettings {
    /// Begins with what is set in `image`.
    pub(crate) fn start(file: Arc<ServerConfig>, image: &Image) -> Self {
        let effective = Arc::new(ArcSwap::new(Arc::clone(&file)));
        let mut settings = Self { node_id: file.node_id, config: DynamicConfig::new(file), effective };
        settings.follow(image);
        settings
    }

    /// What the node runs with, swapped whole whenever it changes.
    pub(crate) fn effective(&self) -> &Arc<ArcSwap<ServerConfig>> {
        &self.effective
    }

    /// Takes in what a change of the metadata sets; whether anything else is set now than before.
    pub(crate) fn follow_change(&mut self, delta: &Delta) -> bool {
        let mut changed = delta.touched.broker_configs();
        changed.any(|broker| broker.is_none_or(|id| id == self.node_id)) && self.follow(&delta.to)
    }

    /// What contradicts itself or the file changes nothing: the node goes on with what it had.
    fn follow(&mut self, image: &Image) -> bool {
        let (default, own) = (image.broker_overrides(None), image.broker_overrides(Some(self.node_id)));
        match self.config.update(default, own) {
            Ok(None) => false,
            Ok(Some(warnings)) => {
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                self.effective.store(Arc::clone(self.config.effective()));
                tracing::info!("settings that were changed while the node ran are in effect");
                true
            }
            Err(errors) => {
                for error in errors.0 {
                    tracing::error!(%error, "settings that were changed while the node ran are not in effect");
                }
                false
            }
        }
    }
}

/// Warns of settings of topics, groups and subscriptions to clients' metrics that a change brings and that do nothing here.
pub(crate) fn warn_of_no_effect(delta: &Delta) {
    for name in delta.touched.topic_configs() {
        let (before, after) = (delta.from.topic_overrides(&name), delta.to.topic_overrides(&name));
        warn_of_new(Scope::Topic, name.as_str(), &before, &after);
    }
    for name in delta.touched.group_configs() {
        warn_of_new(Scope::Group, name, &delta.from.group_overrides(name), &delta.to.group_overrides(name));
    }
    for name in delta.touched.client_metrics() {
        warn_of_new(Scope::ClientMetrics, name, &delta.from.client_metrics(name), &delta.to.client_metrics(name));
    }
}

fn warn_of_new(scope: Scope, name: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    for (setting, why) in without_effect(scope, before, after) {
        tracing::warn!(of = name, setting, why, "a setting is stored and has no effect yet");
    }
}

/// The settings that are new in `after` and not served, with what is missing.
fn without_effect<'a>(
    scope: Scope,
    before: &BTreeMap<String, String>,
    after: &'a BTreeMap<String, String>,
) -> Vec<(&'a str, &'static str)> {
    let missing = |(name, value): (&'a String, &String)| {
        let property = properties().find(scope, name).filter(|_| before.get(name) != Some(value))?;
        let is_default = property.parse(value).is_ok_and(|value| value == property.default_value());
        match property.served {
            Served::NotYet { why } | Served::Refused { why } if !is_default => Some((name.as_str(), why)),
            _ => None,
        }
    };
    after.iter().filter_map(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_and_does_nothing_is_warned_of() {
        let map = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
            entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let throttled = ("leader.replication.throttled.replicas", "*");
        let after = map(&[throttled, ("retention.ms", "5"), ("remote.storage.enable", "false")]);
        let found = without_effect(Scope::Topic, &BTreeMap::new(), &after);
        assert_eq!(found, [("leader.replication.throttled.replicas", "quotas")]);
        assert!(without_effect(Scope::Topic, &map(&[throttled]), &after).is_empty());
    }
}
