//! Fetch (API key 1): records from the logs, with incremental sessions (KIP-227) and long polls. Records go from the file
//! to the socket; what stands between them is written here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_metadata::TopicImage;
use dohle_model::{BrokerId, PartitionIndex, TopicId, TopicName, Uuid};
use dohle_network::{Outcome, Response, ResponseBuilder};
use dohle_protocol::fetch::{FetchEncoder, FetchPartitionHead};
use dohle_protocol::messages::FetchRequest;
use dohle_protocol::{ApiKey, DecodeError, ErrorCode, VersionRange};
use dohle_replication::{HostedTopic, Partition};
use dohle_seams::{OffloadExt, RandomnessExt};
use tokio::time::Instant;

use super::{RequestContext, decode, response_writer};
use crate::fetch_sessions::{FetchPosition, FetchTarget, FetchTopicKey, Found, SessionRequest};
use crate::fetching::{FetchLimits, Fetching, Reading};
use crate::leader_hints::LeaderHints;
use crate::request_context::ClientListener;
use crate::state::BrokerState;

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::Fetch;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(4, 18);

const TOPIC_IDS_FROM: i16 = 13;
const REPLICA_STATE_FROM: i16 = 15;
const LEADER_HINTS_FROM: i16 = 16;
/// Clients of earlier versions do not know KAFKA_STORAGE_ERROR and would give up.
const STORAGE_ERROR_FROM: i16 = 6;
const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

/// Answers at once where there is enough, or where the client must hear of something; otherwise later.
pub(crate) fn handle(context: &RequestContext<'_>, body: &Bytes) -> Result<Outcome, DecodeError> {
    let request: FetchRequest = decode(context, body)?;
    let broker = context.broker;
    let answering = Answering {
        broker: Arc::clone(broker),
        listener: context.listener(),
        version: context.header.api_version,
        correlation_id: context.header.correlation_id,
    };
    if !matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
        // Kafka trips over it.
        return Ok(Outcome::Now(answering.refuse_each(&request, ErrorCode::UnknownServerError)));
    }
    let limits = limits(context, &request);
    let has_room = request.max_bytes >= 0;
    let session = session_request(request, answering.version, limits.follower.is_some());
    let fetch = match broker.fetch_sessions.begin(session, broker.environment.clock.now_ms()) {
        Ok(fetch) => fetch,
        Err(error) => return Ok(Outcome::Now(answering.refuse(error))),
    };
    let partitions = find_partitions(context, &fetch.targets, has_room);
    let mut fetching = Fetching::start(fetch, partitions, limits);
    let is_ready = fetching.is_ready();
    let on_disk = if is_ready { fetching.on_disk() } else { Vec::new() };
    if is_ready && on_disk.is_empty() {
        return Ok(Outcome::Now(answering.respond(&mut fetching)));
    }
    Ok(Outcome::Later(Box::pin(async move {
        let mut on_disk = on_disk;
        if !is_ready {
            fetching.wait().await;
            on_disk = fetching.on_disk();
        }
        if !on_disk.is_empty() {
            // Sent from here on, a region that is not in memory would keep the worker waiting for the disk, and everybody
            // else whom it serves.
            let load = move || on_disk.iter().for_each(|slice| slice.file.load(slice.position, slice.size_bytes));
            answering.broker.environment.offload.run(load).await;
        }
        answering.respond(&mut fetching)
    })))
}

fn limits(context: &RequestContext<'_>, request: &FetchRequest) -> FetchLimits {
    let replica_id = if context.header.api_version >= REPLICA_STATE_FROM {
        request.replica_state.replica_id
    } else {
        request.replica_id
    };
    let bytes = |count: i32| usize::try_from(count).unwrap_or(0);
    let max_bytes = bytes(request.max_bytes.min(context.broker.config.fetch_max_bytes));
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    FetchLimits {
        deadline: Instant::now() + wait,
        min_bytes: bytes(request.min_bytes).min(max_bytes),
        max_bytes,
        read_committed: request.isolation_level == READ_COMMITTED,
        follower: (replica_id >= 0).then_some(BrokerId(replica_id)),
    }
}

/// The part of a request that its session goes by.
fn session_request(request: FetchRequest, version: i16, from_follower: bool) -> SessionRequest {
    let by_id = version >= TOPIC_IDS_FROM;
    let key = |name: String, id: Uuid| {
        if by_id { FetchTopicKey::Id(TopicId(id)) } else { FetchTopicKey::Name(TopicName::from(name)) }
    };
    let mut targets = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
    for topic in request.topics {
        let key = key(topic.topic, topic.topic_id);
        targets.extend(topic.partitions.into_iter().map(|asked| FetchTarget {
            topic: key.clone(),
            partition: asked.partition,
            position: FetchPosition {
                offset: asked.fetch_offset,
                log_start_offset: asked.log_start_offset,
                max_bytes: asked.partition_max_bytes,
                current_leader_epoch: asked.current_leader_epoch,
                last_fetched_epoch: asked.last_fetched_epoch,
            },
        }));
    }
    let targets = each_once(targets);
    let mut forgotten = Vec::new();
    for topic in request.forgotten_topics_data {
        let key = key(topic.topic, topic.topic_id);
        forgotten.extend(topic.partitions.into_iter().map(|partition| (key.clone(), partition)));
    }
    SessionRequest {
        session_id: request.session_id,
        session_epoch: request.session_epoch,
        by_id,
        from_follower,
        targets,
        forgotten,
    }
}

/// Each partition once: where it was first named, with what was last said of it.
fn each_once(targets: Vec<FetchTarget>) -> Vec<FetchTarget> {
    let follows = |pair: &[FetchTarget]| (&pair[0].topic, pair[0].partition) < (&pair[1].topic, pair[1].partition);
    if targets.windows(2).all(follows) {
        return targets;
    }
    let mut places = HashMap::with_capacity(targets.len());
    let mut once: Vec<FetchTarget> = Vec::with_capacity(targets.len());
    for target in targets {
        match places.entry((target.topic.clone(), target.partition)) {
            Entry::Occupied(place) => once[*place.get()] = target,
            Entry::Vacant(place) => {
                place.insert(once.len());
                once.push(target);
            }
        }
    }
    once
}

/// The hosted partition of each target. Targets of one topic mostly follow each other, so its map is asked once for them.
/// Nothing can be read where a limit is below zero, which is Kafka's unknown error; `has_room` says that the request's is not.
fn find_partitions(
    context: &RequestContext<'_>,
    targets: &[FetchTarget],
    has_room: bool,
) -> Vec<Result<Arc<Partition>, ErrorCode>> {
    let replicas = &context.broker.replicas;
    let mut last: Option<(&FetchTopicKey, Option<Arc<HostedTopic>>)> = None;
    let mut found = Vec::with_capacity(targets.len());
    for FetchTarget { topic, partition, position } in targets {
        let index = PartitionIndex(*partition);
        if last.as_ref().is_none_or(|(key, _)| *key != topic) {
            let hosted = match topic {
                FetchTopicKey::Name(name) => replicas.topic(name),
                FetchTopicKey::Id(id) => replicas.topic_by_id(*id),
            };
            last = Some((topic, hosted));
        }
        let hosted = last.as_ref().and_then(|(_, hosted)| hosted.as_ref()?.partition(index));
        let partition = match (hosted, topic) {
            (Some(partition), _) => Ok(Arc::clone(partition)),
            (None, FetchTopicKey::Name(name)) => context.partition(name, index),
            (None, FetchTopicKey::Id(id)) => context.partition_by_id(*id, index),
        };
        let has_room = has_room && position.max_bytes >= 0;
        found.push(partition.and_then(|partition| has_room.then_some(partition).ok_or(ErrorCode::UnknownServerError)));
    }
    found
}

/// What an answer needs, now or later.
struct Answering {
    broker: Arc<BrokerState>,
    listener: ClientListener,
    version: i16,
    correlation_id: i32,
}

impl Answering {
    /// The whole request does not fit its session.
    fn refuse(&self, error: ErrorCode) -> Response {
        let encoder = FetchEncoder::new(self.version);
        let mut writer = response_writer(KEY, self.version, self.correlation_id);
        encoder.begin(&mut writer, error.code(), 0, 0);
        encoder.end(&mut writer, &[]);
        Response::from_writer(writer)
    }

    /// Nothing of the request can be served: as in Kafka, versions that name topics are told so for each partition, too.
    fn refuse_each(&self, request: &FetchRequest, error: ErrorCode) -> Response {
        if self.version >= TOPIC_IDS_FROM {
            return self.refuse(error);
        }
        let encoder = FetchEncoder::new(self.version);
        let mut writer = response_writer(KEY, self.version, self.correlation_id);
        encoder.begin(&mut writer, error.code(), request.session_id, request.topics.len());
        for topic in &request.topics {
            encoder.topic(&mut writer, &topic.topic, Uuid::ZERO, topic.partitions.len());
            for asked in &topic.partitions {
                // An empty list of aborted transactions, which is not told where records are read uncommitted.
                let failed = FetchPartitionHead::failed(asked.partition, error.code());
                let head = FetchPartitionHead { read_committed: true, ..failed };
                encoder.partition_head(&mut writer, &head, 0);
                encoder.partition_tail(&mut writer, &head);
            }
            encoder.topic_end(&mut writer);
        }
        encoder.end(&mut writer, &[]);
        Response::from_writer(writer)
    }

    fn respond(&self, fetching: &mut Fetching) -> Response {
        let image = self.broker.image.load();
        let mut hints = LeaderHints::new(self.broker.node_id, &self.listener, &image);
        for (target, reading) in fetching.context.targets.iter().zip(&mut fetching.readings) {
            if reading.head.error_code != ErrorCode::None.code() {
                let topic = match &target.topic {
                    FetchTopicKey::Name(name) => image.topic(name),
                    FetchTopicKey::Id(id) => image.topic_by_id(*id),
                };
                self.complete_error(reading, topic.map(|topic| &**topic), &mut hints);
            }
        }
        let found: Vec<Found> = fetching.readings.iter().map(Reading::found).collect();
        let environment = &self.broker.environment;
        let random_id = || 1 + i32::try_from(environment.randomness.below(i32::MAX as u64 - 1)).unwrap_or(0);
        let answer =
            self.broker.fetch_sessions.finish(&fetching.context, &found, environment.clock.now_ms(), random_id);

        let targets: Vec<&FetchTarget> = answer.filter(&fetching.context.targets).collect();
        let mut readings = answer.filter(&fetching.readings);
        let encoder = FetchEncoder::new(self.version);
        let mut builder = ResponseBuilder::from_writer(response_writer(KEY, self.version, self.correlation_id));
        let topics = || targets.chunk_by(|a, b| a.topic == b.topic);
        encoder.begin(builder.writer(), answer.error.code(), answer.session_id, topics().count());
        for partitions in topics() {
            match &partitions[0].topic {
                FetchTopicKey::Name(name) => encoder.topic(builder.writer(), name, Uuid::ZERO, partitions.len()),
                FetchTopicKey::Id(id) => encoder.topic(builder.writer(), "", id.0, partitions.len()),
            }
            for Reading { head, records, .. } in readings.by_ref().take(partitions.len()) {
                encoder.partition_head(builder.writer(), head, records.as_ref().map_or(0, |slice| slice.size_bytes));
                if let Some(slice) = records {
                    builder.region(Arc::clone(&slice.file), slice.position, slice.size_bytes);
                }
                encoder.partition_tail(builder.writer(), head);
            }
            encoder.topic_end(builder.writer());
        }
        // Followers know where the others are.
        let endpoints = if fetching.limits.follower.is_some() { &[] } else { hints.endpoints() };
        encoder.end(builder.writer(), endpoints);
        builder.finish()
    }

    /// Puts an error as this version knows it, with the leader where the client is to turn to it.
    fn complete_error(&self, reading: &mut Reading, topic: Option<&TopicImage>, hints: &mut LeaderHints<'_>) {
        let head = &mut reading.head;
        let is = |error: ErrorCode| head.error_code == error.code();
        if is(ErrorCode::KafkaStorageError) && self.version < STORAGE_ERROR_FROM {
            head.error_code = ErrorCode::NotLeaderOrFollower.code();
        } else if self.version >= LEADER_HINTS_FROM
            && (is(ErrorCode::NotLeaderOrFollower) || is(ErrorCode::FencedLeaderEpoch))
        {
            head.current_leader = topic.and_then(|topic| hints.of(topic, PartitionIndex(head.partition_index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

    #[test]
    fn a_partition_that_is_named_twice_is_fetched_once() {
        let target = |topic: &str, partition, offset| FetchTarget {
            topic: FetchTopicKey::Name(topic.into()),
            partition,
            position: FetchPosition {
                offset,
                log_start_offset: -1,
                max_bytes: 1,
                current_leader_epoch: -1,
                last_fetched_epoch: -1,
            },
        };
        let in_order = vec![target("a", 0, 1), target("a", 1, 2), target("b", 0, 3)];
        assert_eq!(each_once(in_order.clone()), in_order);
        let named = vec![target("b", 1, 1), target("a", 0, 2), target("b", 1, 3), target("b", 0, 4)];
        assert_eq!(each_once(named), [target("b", 1, 3), target("a", 0, 2), target("b", 0, 4)]);
    }

    #[test]
    fn topics_are_named_or_numbered_by_version() {
        let request = FetchRequest {
            session_epoch: 4,
            topics: vec![FetchTopic {
                topic: "t".to_owned(),
                topic_id: Uuid([7; 16]),
                partitions: vec![FetchPartition { partition: 3, fetch_offset: 9, ..FetchPartition::default() }],
            }],
            forgotten_topics_data: vec![ForgottenTopic {
                topic: "t".to_owned(),
                topic_id: Uuid([7; 16]),
                partitions: vec![1, 2],
            }],
            ..FetchRequest::default()
        };
        let named = session_request(request.clone(), 12, false);
        assert_eq!(named.targets[0].topic, FetchTopicKey::Name("t".into()));
        assert_eq!(named.forgotten.len(), 2);
        let numbered = session_request(request, 13, true);
        assert_eq!(numbered.targets[0].topic, FetchTopicKey::Id(TopicId(Uuid([7; 16]))));
        assert_eq!((numbered.targets[0].position.offset, numbered.by_id, numbered.from_follower), (9, true, true));
    }
}
