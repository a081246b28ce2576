//! Settings of the group coordinator, each a broker property.

use std::time::Duration;

/// How groups behave. Values come validated from the broker's configuration.
#[derive(Clone, Debug)]
pub struct GroupCoordinatorConfig {
    /// Partitions of `__consumer_offsets` as long as the topic does not exist (`offsets.topic.num.partitions`).
    pub offsets_topic_partitions: i32,
    /// The shortest session time-out a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_min: Duration,
    /// The longest session time-out a member may ask for (`group.max.session.timeout.ms`).
    pub session_timeout_max: Duration,
    /// How long an empty group waits for more members (`group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay: Duration,
    /// How many members a group may have (`group.max.size`).
    pub group_size_max: usize,
    /// How long a new member may wait in a join phase before it is taken for dead; no property, 5 minutes.
    pub new_member_join_timeout: Duration,
    /// Characters of the text beside a committed offset at most (`offset.metadata.max.bytes`).
    pub offset_metadata_length_max: usize,
    /// How long offsets are kept once nobody uses them (`offsets.retention.minutes`).
    pub offsets_retention: Duration,
    /// How often expired offsets are looked for (`offsets.retention.check.interval.ms`).
    pub offsets_retention_check_interval: Duration,
    /// How long an answer may wait for its records to be committed (`offsets.commit.timeout.ms`).
    pub commit_timeout: Duration,
    /// Bytes read at once while loading (`offsets.load.buffer.size`).
    pub load_buffer_bytes: usize,
    /// Bytes of one batch of records at most: `max.message.bytes` of `__consumer_offsets`.
    pub batch_bytes_max: usize,
    /// How many requests may wait for one partition of `__consumer_offsets`; no property.
    pub mailbox_capacity: usize,
}

impl Default for GroupCoordinatorConfig {
    fn default() -> Self {
        Self {
            offsets_topic_partitions: 50,
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::from_secs(3),
            group_size_max: i32::MAX as usize,
            new_member_join_timeout: Duration::from_secs(5 * 60),
            offset_metadata_length_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check_interval: Duration::from_secs(10 * 60),
            commit_timeout: Duration::from_secs(5),
            load_buffer_bytes: 5 * 1024 * 1024,
            batch_bytes_max: 1_048_588,
            mailbox_capacity: 1024,
        }
    }
}
