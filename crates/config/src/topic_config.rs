//! A topic's settings with all defaults resolved: its own overrides first, then the broker's, then Kafka's.

use std::collections::BTreeMap;

use crate::property::{Property, Scope, properties};
use crate::server_config::{BrokerValues, ServerConfig};
use crate::value::Value;

/// Whose clock stamps records (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's: `CreateTime`.
    CreateTime,
    /// The broker's, at the moment of the append: `LogAppendTime`.
    LogAppendTime,
}

/// The codec that a topic's batches are kept in (`compression.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// What becomes of old records (`cleanup.policy`); both may be set, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Delete segments by age and size.
    pub delete: bool,
    /// Keep the newest record of each key.
    pub compact: bool,
}

/// Settings of one topic. Times in milliseconds, sizes in bytes; -1 means "no limit" where Kafka says so.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`
    pub compression_type: CompressionType,
    /// `compression.gzip.level`
    pub compression_gzip_level: i32,
    /// `compression.lz4.level`
    pub compression_lz4_level: i32,
    /// `compression.zstd.level`
    pub compression_zstd_level: i32,
    /// `delete.retention.ms`
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`
    pub file_delete_delay_ms: i64,
    /// `flush.messages`
    pub flush_messages: i64,
    /// `flush.ms`
    pub flush_ms: i64,
    /// `index.interval.bytes`
    pub index_interval_bytes: i32,
    /// `max.compaction.lag.ms`
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`
    pub max_message_bytes: i32,
    /// `message.timestamp.after.max.ms`
    pub message_timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.type`
    pub message_timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio`
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`
    pub min_insync_replicas: i32,
    /// `preallocate`
    pub preallocate: bool,
    /// `retention.bytes` (-1: no limit)
    pub retention_bytes: i64,
    /// `retention.ms` (-1: no limit)
    pub retention_ms: i64,
    /// `segment.bytes`
    pub segment_bytes: i32,
    /// `segment.index.bytes`
    pub segment_index_bytes: i32,
    /// `segment.jitter.ms`
    pub segment_jitter_ms: i64,
    /// `segment.ms`
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`
    pub unclean_leader_election_enable: bool,
}

impl Default for TopicConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            compression_type: CompressionType::Producer,
            compression_gzip_level: -1,
            compression_lz4_level: 9,
            compression_zstd_level: 3,
            delete_retention_ms: 86_400_000,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: 1_048_588,
            message_timestamp_after_max_ms: 3_600_000,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            preallocate: false,
            retention_bytes: -1,
            retention_ms: 604_800_000,
            segment_bytes: 1_073_741_824,
            segment_index_bytes: 10_485_760,
            segment_jitter_ms: 0,
            segment_ms: 604_800_000,
            unclean_leader_election_enable: false,
        }
    }
}

impl TopicConfig {
    /// The settings of a topic with `overrides` (its own properties) on a node with `server`. An override that is
    /// unknown or does not parse is left out: what is stored was checked when it was set.
    #[must_use]
    pub fn resolve(server: &ServerConfig, overrides: &BTreeMap<String, String>) -> Self {
        let mut config = server.topic_defaults.clone();
        for (name, text) in overrides {
            let value = properties().find(Scope::Topic, name).and_then(|property| property.parse(text).ok());
            if let Some(value) = value {
                config.set(name, &value);
            }
        }
        if let Some(Value::Int(bytes)) = overrides.get("internal.segment.bytes").and_then(|text| {
            properties().find(Scope::Topic, "internal.segment.bytes").and_then(|property| property.parse(text).ok())
        }) {
            config.segment_bytes = bytes;
        }
        config
    }

    /// The settings of a topic without overrides.
    pub(crate) fn of_broker(values: &BrokerValues) -> Self {
        let mut config = Self::default();
        for property in properties().of(Scope::Topic) {
            config.set(property.name, &broker_default(property, |name| values.get(name).clone()));
        }
        config
    }

    fn set(&mut self, name: &str, value: &Value) {
        let int = |field: &mut i32| {
            if let Value::Int(number) = value {
                *field = *number;
            }
        };
        let long = |field: &mut i64| {
            if let Value::Long(number) = value {
                *field = *number;
            }
        };
        let boolean = |field: &mut bool| {
            if let Value::Boolean(is_true) = value {
                *field = *is_true;
            }
        };
        match name {
            "cleanup.policy" => {
                if let Value::List(entries) = value {
                    let has = |policy: &str| entries.iter().any(|entry| entry == policy);
                    self.cleanup_policy = CleanupPolicy { delete: has("delete"), compact: has("compact") };
                }
            }
            "compression.type" => {
                if let Value::Text(codec) = value {
                    self.compression_type = match codec.as_str() {
                        "uncompressed" => CompressionType::Uncompressed,
                        "gzip" => CompressionType::Gzip,
                        "snappy" => CompressionType::Snappy,
                        "lz4" => CompressionType::Lz4,
                        "zstd" => CompressionType::Zstd,
                        _ => CompressionType::Producer,
                    };
                }
            }
            "message.timestamp.type" => {
                if let Value::Text(kind) = value {
                    self.message_timestamp_type =
                        if kind == "LogAppendTime" { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
                }
            }
            "min.cleanable.dirty.ratio" => {
                if let Value::Double(ratio) = value {
                    self.min_cleanable_dirty_ratio = *ratio;
                }
            }
            "compression.gzip.level" => int(&mut self.compression_gzip_level),
            "compression.lz4.level" => int(&mut self.compression_lz4_level),
            "compression.zstd.level" => int(&mut self.compression_zstd_level),
            "delete.retention.ms" => long(&mut self.delete_retention_ms),
            "file.delete.delay.ms" => long(&mut self.file_delete_delay_ms),
            "flush.messages" => long(&mut self.flush_messages),
            "flush.ms" => long(&mut self.flush_ms),
            "index.interval.bytes" => int(&mut self.index_interval_bytes),
            "max.compaction.lag.ms" => long(&mut self.max_compaction_lag_ms),
            "max.message.bytes" => int(&mut self.max_message_bytes),
            "message.timestamp.after.max.ms" => long(&mut self.message_timestamp_after_max_ms),
            "message.timestamp.before.max.ms" => long(&mut self.message_timestamp_before_max_ms),
            "min.compaction.lag.ms" => long(&mut self.min_compaction_lag_ms),
            "min.insync.replicas" => int(&mut self.min_insync_replicas),
            "preallocate" => boolean(&mut self.preallocate),
            "retention.bytes" => long(&mut self.retention_bytes),
            "retention.ms" => long(&mut self.retention_ms),
            "segment.bytes" => int(&mut self.segment_bytes),
            "segment.index.bytes" => int(&mut self.segment_index_bytes),
            "segment.jitter.ms" => long(&mut self.segment_jitter_ms),
            "segment.ms" => long(&mut self.segment_ms),
            "unclean.leader.election.enable" => boolean(&mut self.unclean_leader_election_enable),
            // Throttles, remote storage: no part of a log's settings. `internal.segment.bytes`: see `resolve`.
            _ => {}
        }
    }
}

/// What a topic property falls back to: the first of its broker properties that is set, in the topic property's unit,
/// or its own default.
pub(crate) fn broker_default(property: &Property, broker_value: impl Fn(&str) -> Value) -> Value {
    for synonym in &property.synonyms {
        let value = match broker_value(synonym.name) {
            Value::Null => continue,
            value => value,
        };
        // Hours are an INT and retention a LONG.
        let value = match (value.as_i64(), property.default_value()) {
            (Some(number), Value::Long(_)) => Value::Long(number.saturating_mul(synonym.factor)),
            _ => value,
        };
        return match value {
            Value::Long(number) if property.name == "retention.ms" && number < 0 => Value::Long(-1),
            value => value,
        };
    }
    property.default_value()
}

/// Checks one override of a topic; `None` is a null value of a request.
///
/// # Errors
/// What Kafka answers with INVALID_CONFIG, word for word.
pub fn validate_topic_config(name: &str, value: Option<&str>) -> Result<(), String> {
    let Some(text) = value else {
        return Err(format!("Null value not supported for topic configs: {name}"));
    };
    let property = properties().find(Scope::Topic, name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
    let value = property.parse(text)?;
    if name == "remote.storage.enable" && value == Value::Boolean(true) {
        return Err(NO_REMOTE_STORAGE.to_owned());
    }
    Ok(())
}

const NO_REMOTE_STORAGE: &str =
    "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.";

/// Checks all overrides of a topic, alone and against each other and the node's defaults.
///
/// # Errors
/// The first thing that is wrong, in the order in which Kafka looks: null values, unknown names, values, rules.
pub fn validate_topic_configs(
    server: &ServerConfig,
    overrides: &BTreeMap<String, Option<String>>,
) -> Result<(), String> {
    let nulls: Vec<&str> =
        overrides.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !nulls.is_empty() {
        return Err(format!("Null value not supported for topic configs: {}", nulls.join(",")));
    }
    if let Some(name) = overrides.keys().find(|name| properties().find(Scope::Topic, name).is_none()) {
        return Err(format!("Unknown topic config name: {name}"));
    }
    for (name, value) in overrides.iter().filter(|(name, _)| *name != "remote.storage.enable") {
        validate_topic_config(name, value.as_deref())?;
    }
    let values = overrides.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    let config = TopicConfig::resolve(server, &values);
    let (min, max) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min > max {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        ));
    }
    match overrides.get("remote.storage.enable") {
        Some(value) => validate_topic_config("remote.storage.enable", value.as_deref()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerConfig {
        ServerConfig::zero_config(None).unwrap()
    }

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn defaults_are_kafkas() {
        assert_eq!(TopicConfig::resolve(&server(), &BTreeMap::new()), TopicConfig::default());
    }

    #[test]
    fn overrides_win() {
        let config = TopicConfig::resolve(
            &server(),
            &map(&[
                ("cleanup.policy", "compact,delete"),
                ("compression.type", "zstd"),
                ("message.timestamp.type", "LogAppendTime"),
                ("min.cleanable.dirty.ratio", "0.25"),
                ("retention.ms", "5"),
                ("segment.bytes", "2097152"),
                ("preallocate", "true"),
                ("nonsense", "x"),
                ("flush.ms", "x"),
            ]),
        );
        let expected = TopicConfig {
            cleanup_policy: CleanupPolicy { delete: true, compact: true },
            compression_type: CompressionType::Zstd,
            message_timestamp_type: TimestampType::LogAppendTime,
            min_cleanable_dirty_ratio: 0.25,
            retention_ms: 5,
            segment_bytes: 2_097_152,
            preallocate: true,
            ..TopicConfig::default()
        };
        assert_eq!(config, expected);
        let config =
            TopicConfig::resolve(&server(), &map(&[("segment.bytes", "2097152"), ("internal.segment.bytes", "100")]));
        assert_eq!(config.segment_bytes, 100);
    }

    /// Answers of a Kafka 4.3.1 broker to CreateTopics.
    #[test]
    fn refusals_are_kafkas_word_for_word() {
        let throttled = "follower.replication.throttled.replicas";
        for (name, value, message) in [
            ("x", "1", "Unknown topic config name: x"),
            ("retention.ms", "-5", "Invalid value -5 for configuration retention.ms: Value must be at least -1"),
            ("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"),
            ("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"),
            ("segment.bytes", "5", "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"),
            (
                "cleanup.policy",
                "foo",
                "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
            ),
            (
                "cleanup.policy",
                "delete,none",
                "Invalid value none for configuration cleanup.policy: String must be one of: compact, delete",
            ),
            (
                "compression.type",
                "GZIP",
                "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
            ),
            (
                "compression.gzip.level",
                "0",
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            ),
            (
                "compression.lz4.level",
                "18",
                "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
            ),
            (
                "min.cleanable.dirty.ratio",
                "2",
                "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            ),
            (
                "min.cleanable.dirty.ratio",
                "x",
                "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
            ),
            (
                "preallocate",
                "maybe",
                "Invalid value maybe for configuration preallocate: Expected value to be either true or false",
            ),
            (
                "message.timestamp.type",
                "foo",
                "Invalid value foo for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime",
            ),
            ("remote.storage.enable", "true", NO_REMOTE_STORAGE),
            (
                throttled,
                "foo",
                "Invalid value [foo] for configuration follower.replication.throttled.replicas: follower.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            ),
        ] {
            assert_eq!(validate_topic_config(name, Some(value)), Err(message.to_owned()), "{name}={value}");
            let overrides = BTreeMap::from([(name.to_owned(), Some(value.to_owned()))]);
            assert_eq!(validate_topic_configs(&server(), &overrides), Err(message.to_owned()), "{name}={value}");
        }
        for (name, value) in [
            ("cleanup.policy", ""),
            ("cleanup.policy", "delete,delete"),
            ("preallocate", "TRUE"),
            ("retention.ms", "+5"),
            ("retention.bytes", "-7"),
            ("internal.segment.bytes", "10"),
            ("index.interval.bytes", " 12 "),
            (throttled, "*"),
            (throttled, "0:1,1:2"),
            ("remote.log.copy.disable", "true"),
            ("local.retention.ms", "9999999999"),
        ] {
            assert_eq!(validate_topic_config(name, Some(value)), Ok(()), "{name}={value}");
        }
    }

    #[test]
    fn overrides_are_checked_against_each_other() {
        let check = |entries: &[(&str, Option<&str>)]| {
            let overrides =
                entries.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
            validate_topic_configs(&server(), &overrides).unwrap_err()
        };
        assert_eq!(
            check(&[("min.compaction.lag.ms", Some("10")), ("max.compaction.lag.ms", Some("5"))]),
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
        );
        assert_eq!(check(&[("retention.ms", Some("-5")), ("x", Some("1"))]), "Unknown topic config name: x");
        assert_eq!(
            check(&[("x", Some("1")), ("retention.ms", None), ("flush.ms", None)]),
            "Null value not supported for topic configs: flush.ms,retention.ms"
        );
    }
}
