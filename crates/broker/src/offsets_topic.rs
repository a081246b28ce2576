//! The group coordinator's part of a node: its settings, and its following of `__consumer_offsets`.

use std::time::Duration;

use dohle_config::ServerConfig;
use dohle_group_coordinator::{GroupCoordinator, GroupCoordinatorConfig};
use dohle_metadata::{Delta, Image, TopicImage};
use dohle_model::{BrokerId, TopicId, TopicName};

use crate::topic_creation::CONSUMER_OFFSETS;

/// The coordinator's settings out of the node's.
pub(crate) fn group_coordinator_config(config: &ServerConfig) -> GroupCoordinatorConfig {
    let milliseconds = |value: i32| Duration::from_millis(u64::try_from(value).unwrap_or(0));
    let count = |value: i32| usize::try_from(value).unwrap_or(0);
    let defaults = GroupCoordinatorConfig::default();
    GroupCoordinatorConfig {
        offsets_topic_partitions: config.offsets_topic_num_partitions,
        session_timeout_min: milliseconds(config.group_min_session_timeout_ms),
        session_timeout_max: milliseconds(config.group_max_session_timeout_ms),
        initial_rebalance_delay: milliseconds(config.group_initial_rebalance_delay_ms),
        group_size_max: count(config.group_max_size),
        offset_metadata_length_max: count(config.offset_metadata_max_bytes),
        offsets_retention: Duration::from_secs(60 * u64::try_from(config.offsets_retention_minutes).unwrap_or(0)),
        offsets_retention_check_interval: Duration::from_millis(
            u64::try_from(config.offsets_retention_check_interval_ms).unwrap_or(0),
        ),
        commit_timeout: milliseconds(config.offsets_commit_timeout_ms),
        load_buffer_bytes: count(config.offsets_load_buffer_size),
        batch_bytes_max: count(config.topic_defaults.max_message_bytes),
        ..defaults
    }
}

/// Tells the coordinator which partitions of its topic it leads now.
pub(crate) fn follow_leadership(groups: &GroupCoordinator, node_id: BrokerId, delta: &Delta) {
    let is_offsets_topic =
        |image: &Image, id: TopicId| image.topic_by_id(id).is_some_and(|topic| topic.name.as_str() == CONSUMER_OFFSETS);
    for id in delta.touched.topics() {
        if let Some(gone) = delta.from.topic_by_id(id)
            && is_offsets_topic(&delta.from, id)
            && delta.to.topic_by_id(id).is_none()
        {
            for (index, _) in gone.partitions() {
                groups.resigned(index.0, None);
            }
        }
    }
    for id in delta.touched.topics() {
        if let Some(topic) = delta.to.topic_by_id(id)
            && is_offsets_topic(&delta.to, id)
        {
            lead(groups, node_id, topic);
        }
    }
}

/// Tells the coordinator which partitions it leads as a node starts.
pub(crate) fn begin(groups: &GroupCoordinator, node_id: BrokerId, image: &Image) {
    if let Some(topic) = image.topic(CONSUMER_OFFSETS) {
        lead(groups, node_id, topic);
    }
}

fn lead(groups: &GroupCoordinator, node_id: BrokerId, topic: &TopicImage) {
    for (index, partition) in topic.partitions() {
        if partition.leader == Some(node_id) {
            groups.elected(index.0, partition.leader_epoch.0);
        } else {
            groups.resigned(index.0, Some(partition.leader_epoch.0));
        }
    }
}

/// The topics that a change of the metadata removes.
pub(crate) fn deleted_topics(delta: &Delta) -> Vec<(TopicName, TopicId)> {
    delta
        .touched
        .topics()
        .filter(|id| delta.to.topic_by_id(*id).is_none())
        .filter_map(|id| Some((delta.from.topic_by_id(id)?.name.clone(), id)))
        .collect()
}
