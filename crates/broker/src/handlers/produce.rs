//! Produce (API key 0): checks batches outside any lock, queues them on their partitions, and answers when they are
//! appended (acks=1) or committed (acks=all). Records stay where the connection has read them to.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_config::{CompressionType, TimestampType, TopicConfig};
use dohle_log::{AppendError, Appended};
use dohle_metadata::Image;
use dohle_model::{PartitionIndex, TopicId, TopicPartition};
use dohle_network::{CloseReason, Outcome, Response};
use dohle_protocol::compression::Compression;
use dohle_protocol::produce::{PartitionOutcome, ProducePartition, ProduceTopic, ProduceView, encode_response};
use dohle_protocol::validation::{ValidatedBatch, ValidationError, ValidationRules, validate_small};
use dohle_protocol::{ApiKey, DecodeError, ErrorCode, VersionRange};
use dohle_replication::{AppendCompletion, Partition, ProduceError, RequiredAcks};
use tokio::time::timeout;

use super::{RequestContext, response_writer};
use crate::leader_hints::LeaderHints;
use crate::request_context::ClientListener;
use crate::state::BrokerState;

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::Produce;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(3, 13);
/// Versions advertised: librdkafka before 2.9 takes a minimum above 0 for a broker that knows no compression.
pub(crate) const ADVERTISED_VERSIONS: VersionRange = VersionRange::new(0, 13);

const LEADER_HINTS_FROM: i16 = 10;
const TOPIC_IDS_FROM: i16 = 13;
const NO_ACKS: i16 = 0;
const LEADER_ACKS: i16 = 1;
const ALL_ACKS: i16 = -1;

/// The client id that may write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// The partitions that a turn of a connection has queued batches on.
#[derive(Default)]
pub(crate) struct ProduceTurn {
    touched: Vec<Arc<Partition>>,
}

impl ProduceTurn {
    fn touch(&mut self, partition: &Arc<Partition>) {
        if !self.touched.iter().any(|known| Arc::ptr_eq(known, partition)) {
            self.touched.push(Arc::clone(partition));
        }
    }

    /// Writes what the turn has queued: one gathered write for each partition.
    pub(crate) fn finish(self) {
        for partition in self.touched {
            partition.drain_appends();
        }
    }
}

/// Compressed records up to this size are checked at once: that is a matter of a few milliseconds.
const CHECKED_AT_ONCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a request goes on.
pub(crate) enum Handling<'a> {
    /// Its batches are checked, and those that are good are queued.
    Done(Outcome),
    /// A batch takes long to check. Boxed, so that a connection's task has no room for this all the time.
    Checking(Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>),
}

/// A batch that was checked, or is to be.
enum Batch {
    Checked(ValidatedBatch),
    Large(Bytes, ValidationRules),
}

/// The partition and the batch to append to it, or the refusal.
type Check<B> = Result<(Arc<Partition>, B), PartitionOutcome>;

/// Checks and queues; what is queued is written as the turn ends.
pub(crate) fn handle<'a>(
    context: &'a RequestContext<'_>,
    body: &Bytes,
    turn: &'a mut ProduceTurn,
) -> Result<Handling<'a>, DecodeError> {
    let mut view = ProduceView::decode(body, context.header.api_version)?;
    view.merge_repeated();
    let now_ms = context.broker.environment.clock.now_ms();
    let mut checks = Vec::with_capacity(view.partitions.len());
    let mut rest = view.partitions.iter_mut();
    for topic in &view.topics {
        for asked in rest.by_ref().take(topic.partition_count) {
            checks.push(check(context, view.acks, topic, asked, now_ms));
        }
    }
    if checks.iter().any(|check| matches!(check, Ok((_, Batch::Large(..))))) {
        return Ok(Handling::Checking(Box::pin(async move {
            let mut checked = Vec::with_capacity(checks.len());
            for check in checks {
                checked.push(match check {
                    Err(refused) => Err(refused),
                    Ok((partition, Batch::Checked(batch))) => Ok((partition, batch)),
                    Ok((partition, Batch::Large(records, rules))) => {
                        match context.broker.large_checks.run(records, rules, now_ms).await {
                            Ok(batch) => Ok((partition, batch)),
                            Err(error) => Err(invalid(error, &partition)),
                        }
                    }
                });
            }
            queue(context, view, checked, turn)
        })));
    }
    let checked = checks.into_iter().map(|check| {
        check.map(|(partition, batch)| match batch {
            Batch::Checked(batch) => (partition, batch),
            Batch::Large(..) => unreachable!("there was none"),
        })
    });
    Ok(Handling::Done(queue(context, view, checked.collect(), turn)))
}

/// Queues the batches that are good.
fn queue(
    context: &RequestContext<'_>,
    view: ProduceView,
    mut checked: Vec<Check<ValidatedBatch>>,
    turn: &mut ProduceTurn,
) -> Outcome {
    let ProduceView { acks, timeout_ms, topics, partitions, .. } = view;
    // As in Kafka, a batch whose very beginning is damaged is the end of the whole request.
    let is_damaged = |outcome: &&PartitionOutcome| {
        outcome.error_code == ErrorCode::CorruptMessage.code() && outcome.error_message.is_some()
    };
    if let Some(damaged) = checked.iter().filter_map(|result| result.as_ref().err()).find(is_damaged).cloned() {
        checked.iter_mut().for_each(|result| *result = Err(damaged.clone()));
    }
    let completion = AppendCompletion::new(checked.iter().filter(|result| result.is_ok()).count());
    let required_acks = if acks == ALL_ACKS { RequiredAcks::All } else { RequiredAcks::Leader };
    let mut queued = 0;
    let appends = checked
        .into_iter()
        .map(|result| {
            let (partition, batch) = result?;
            partition.enqueue_append(batch, required_acks, &completion, queued);
            turn.touch(&partition);
            queued += 1;
            Ok(partition)
        })
        .collect();
    let answering = Answering {
        broker: Arc::clone(context.broker),
        listener: context.listener(),
        version: context.header.api_version,
        correlation_id: context.header.correlation_id,
        acks,
        topics,
        partitions,
        appends,
    };
    if queued == 0 {
        return match acks {
            NO_ACKS if answering.appends.is_empty() => Outcome::NoResponse,
            NO_ACKS => Outcome::Close { reason: CloseReason::UnansweredFailure },
            _ => Outcome::Now(answering.respond(&completion)),
        };
    }
    Outcome::Later(Box::pin(async move {
        // Polled first as the turn ends that has queued the batches; mostly all are complete by then.
        if !completion.is_complete() {
            match required_acks {
                // Only a commit may take long: it is others who have to get the records.
                RequiredAcks::All => {
                    let time_max = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
                    if timeout(time_max, completion.wait()).await.is_err() {
                        completion.expire();
                    }
                }
                RequiredAcks::Leader | RequiredAcks::AllToldEarly => completion.wait().await,
            }
        }
        answering.respond(&completion)
    }))
}

fn check(
    context: &RequestContext<'_>,
    acks: i16,
    topic: &ProduceTopic,
    asked: &mut ProducePartition,
    now_ms: i64,
) -> Check<Batch> {
    let version = context.header.api_version;
    let refuse = |error: ErrorCode| PartitionOutcome::failed(error.code(), None);
    let index = PartitionIndex(asked.index);
    let found = if version >= TOPIC_IDS_FROM {
        context.partition_by_id(TopicId(topic.id), index)
    } else {
        context.partition(topic.name(), index)
    };
    let partition = found.map_err(refuse)?;
    if !matches!(acks, NO_ACKS | LEADER_ACKS | ALL_ACKS) {
        return Err(refuse(ErrorCode::InvalidRequiredAcks));
    }
    let name = &partition.topic_partition().topic;
    if name.is_internal() && context.header.client_id.as_deref() != Some(ADMIN_CLIENT) {
        return Err(refuse(ErrorCode::InvalidTopicException));
    }
    partition.check_leadership(None).map_err(|error| refuse(error.error_code()))?;
    // Without records there is no batch either.
    let records = asked.records.take().unwrap_or_default();
    let rules = rules(partition.topic_partition(), &partition.config(), version);
    match validate_small(&records, &rules, now_ms, CHECKED_AT_ONCE_BYTES_MAX) {
        Some(Ok(batch)) => Ok((partition, Batch::Checked(batch))),
        Some(Err(error)) => Err(invalid(error, &partition)),
        None => Ok((partition, Batch::Large(records, rules))),
    }
}

/// A topic's rules for the batches that it takes.
fn rules(topic_partition: &TopicPartition, config: &TopicConfig, produce_version: i16) -> ValidationRules {
    let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
    let target_compression = match config.compression_type {
        CompressionType::Producer => None,
        CompressionType::Uncompressed => Some((Compression::None, None)),
        CompressionType::Gzip => Some((Compression::Gzip, Some(config.compression_gzip_level))),
        CompressionType::Snappy => Some((Compression::Snappy, None)),
        CompressionType::Lz4 => Some((Compression::Lz4, Some(config.compression_lz4_level))),
        CompressionType::Zstd => Some((Compression::Zstd, Some(config.compression_zstd_level))),
    };
    ValidationRules {
        topic_partition: topic_partition.clone(),
        max_message_bytes: size(config.max_message_bytes),
        segment_bytes: size(config.segment_bytes),
        log_append_time: config.message_timestamp_type == TimestampType::LogAppendTime,
        timestamp_before_max_ms: config.message_timestamp_before_max_ms,
        timestamp_after_max_ms: config.message_timestamp_after_max_ms,
        compacted: config.cleanup_policy.compact,
        target_compression,
        produce_version,
    }
}

fn invalid(error: ValidationError, partition: &Partition) -> PartitionOutcome {
    let topic_partition = partition.topic_partition();
    tracing::debug!(%topic_partition, error = error.code.code(), reason = error.message, "refused a batch");
    let refused = PartitionOutcome {
        record_errors: error.record_errors,
        ..PartitionOutcome::failed(error.code.code(), error.is_told.then_some(error.message))
    };
    if error.as_a_whole { refused } else { with_log_start(refused, partition) }
}

fn not_appended(error: &ProduceError, partition: &Partition, version: i16) -> PartitionOutcome {
    let code = match error {
        ProduceError::NotHosted if version >= TOPIC_IDS_FROM => ErrorCode::UnknownTopicId,
        error => error.error_code(),
    };
    tracing::debug!(topic_partition = %partition.topic_partition(), %error, "a batch was not appended");
    // As in Kafka, the client is told no reason beside the error's own.
    let failed = PartitionOutcome::failed(code.code(), None);
    match error {
        // It may be committed yet: so the client is told where it is.
        ProduceError::TimedOut { appended: Some(appended) } => {
            PartitionOutcome { error_code: code.code(), ..appended_outcome(appended) }
        }
        ProduceError::NotEnoughReplicas { .. } => with_log_start(failed, partition),
        ProduceError::Append(error) => match **error {
            AppendError::Producer(_) => with_log_start(failed, partition),
            AppendError::Storage(_) => failed,
        },
        ProduceError::TimedOut { appended: None }
        | ProduceError::NotLeader
        | ProduceError::NotHosted
        | ProduceError::Storage(_) => failed,
    }
}

fn with_log_start(outcome: PartitionOutcome, partition: &Partition) -> PartitionOutcome {
    PartitionOutcome { log_start_offset: partition.reader().log_start_offset().0, ..outcome }
}

fn appended_outcome(appended: &Appended) -> PartitionOutcome {
    PartitionOutcome {
        base_offset: appended.base_offset.0,
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start_offset.0,
        ..PartitionOutcome::default()
    }
}

/// What an answer needs, now or later.
struct Answering {
    broker: Arc<BrokerState>,
    listener: ClientListener,
    version: i16,
    correlation_id: i32,
    acks: i16,
    topics: Vec<ProduceTopic>,
    partitions: Vec<ProducePartition>,
    /// In the order of `partitions`: where a batch was queued, or why none was.
    appends: Vec<Result<Arc<Partition>, PartitionOutcome>>,
}

impl Answering {
    /// The response to a request whose appends are all complete. Without acks, a failure ends the connection: the client
    /// then looks where the leaders are.
    fn respond(self, completion: &AppendCompletion) -> Response {
        let version = self.version;
        let mut results = completion.take_results().into_iter();
        let outcome = |append: Result<Arc<Partition>, PartitionOutcome>| match append {
            Err(refused) => refused,
            Ok(partition) => match results.next() {
                Some(Ok(appended)) => appended_outcome(&appended),
                Some(Err(error)) => not_appended(&error, &partition, version),
                None => unreachable!("every queued append has its result"),
            },
        };
        let mut outcomes: Vec<PartitionOutcome> = self.appends.into_iter().map(outcome).collect();
        if self.acks == NO_ACKS {
            let is_good = outcomes.iter().all(|outcome| outcome.error_code == ErrorCode::None.code());
            return if is_good { Response::nothing() } else { Response::close(CloseReason::UnansweredFailure) };
        }
        let image = self.broker.image.load();
        let mut hints = LeaderHints::new(self.broker.node_id, &self.listener, &image);
        if version >= LEADER_HINTS_FROM {
            point_at_leaders(&self.topics, &self.partitions, &mut outcomes, &image, &mut hints);
        }
        let mut writer = response_writer(KEY, version, self.correlation_id);
        encode_response(&mut writer, version, &self.topics, &self.partitions, &outcomes, hints.endpoints());
        Response::from_writer(writer)
    }
}

fn point_at_leaders(
    topics: &[ProduceTopic],
    partitions: &[ProducePartition],
    outcomes: &mut [PartitionOutcome],
    image: &Image,
    hints: &mut LeaderHints<'_>,
) {
    let mut rest = partitions.iter().zip(outcomes);
    for topic in topics {
        for (partition, outcome) in rest.by_ref().take(topic.partition_count) {
            if outcome.error_code == ErrorCode::NotLeaderOrFollower.code() {
                let found =
                    if topic.id.is_zero() { image.topic(topic.name()) } else { image.topic_by_id(TopicId(topic.id)) };
                outcome.current_leader = found.and_then(|topic| hints.of(topic, PartitionIndex(partition.index)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_follow_the_topic() {
        let config = TopicConfig {
            compression_type: CompressionType::Zstd,
            compression_zstd_level: 7,
            message_timestamp_type: TimestampType::LogAppendTime,
            max_message_bytes: 100,
            ..TopicConfig::default()
        };
        let partition = TopicPartition { topic: "t".into(), partition: PartitionIndex(0) };
        let stamped = rules(&partition, &config, 9);
        assert_eq!(stamped.target_compression, Some((Compression::Zstd, Some(7))));
        assert_eq!((stamped.max_message_bytes, stamped.log_append_time, stamped.compacted), (100, true, false));
        assert_eq!(rules(&partition, &TopicConfig::default(), 9).target_compression, None);
    }
}
