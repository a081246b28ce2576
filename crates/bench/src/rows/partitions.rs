//! Row 15: what many partitions cost.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use dohle_protocol::ApiKey;
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use dohle_protocol::messages::fetch_response::FetchResponse;
use dohle_protocol::messages::metadata_request::MetadataRequest;
use dohle_protocol::messages::metadata_response::MetadataResponse;

use super::Case;
use super::context::Context;
use super::metrics::lower;
use super::spec::{Goal, LONG_ROUNDS, Sample, Spec, Wanted};
use crate::admin::{Admin, decode_response};
use crate::frames::batches::Shape;
use crate::frames::{requests, versions};
use crate::latencies::Latencies;
use crate::load::exchange::{Exchange, Produce};

/// Many for us; and for others, of which some keep a file mapped for each.
const OURS: u64 = 10_000;
const PEERS: u64 = 2000;
const SESSION: u64 = 1000;
const CURVE: [u64; 4] = [1, 10, 100, 1000];
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 5;
const TOPIC: &str = "partitions";
const METADATA_ASKED: usize = 5;

const CPU: &str = "cpu_us_per_record";
const MEMORY: &str = "resident_kb_per_partition";
const METADATA: &str = "metadata_ms";
const SESSION_CPU: &str = "session_fetch_cpu_us";

/// The row.
pub(super) struct Partitions;

impl Case for Partitions {
    fn spec(&self) -> Spec {
        let mut metrics = vec![
            lower(CPU, "broker CPU per record, over all partitions", "us"),
            lower(MEMORY, "resident memory per partition", "KB"),
            lower("create_s", "creating them", "s"),
            lower(METADATA, "Metadata of all of them", "ms"),
            lower(SESSION_CPU, "broker CPU, a record and a fetch in a session of 1000 partitions", "us"),
        ];
        metrics.extend(CURVE.map(|count| {
            let label = format!("broker CPU per record, over {count} partition{}", if count > 1 { "s" } else { "" });
            lower(format!("{CPU}@{count}"), label, "us")
        }));
        metrics.push(lower(format!("{CPU}@{OURS}"), format!("broker CPU per record, over {OURS} partitions"), "us"));
        metrics.push(lower(format!("{CPU}@{PEERS}"), format!("broker CPU per record, over {PEERS} partitions"), "us"));
        let goal = |metric: &'static str, times| Goal { metric: metric.into(), wanted: Wanted::TimesKafka(times) };
        let about =
            "10 000 partitions (2000 on others): single records of 100 B to one after the other, Metadata, a session";
        Spec {
            goals: vec![goal(CPU, 5.0), goal(MEMORY, 10.0)],
            floor: false,
            fresh: true,
            rounds: LONG_ROUNDS,
            seconds: 8.0,
            ..Spec::new(15, "partitions-10k", about, metrics)
        }
    }

    fn prepare(&self, context: &Context<'_>) -> Result<Sample> {
        let count = partitions(context)?;
        let before = context.running.resident_bytes()?;
        let began = Instant::now();
        context.running.admin()?.create_topic(TOPIC, count, &[])?;
        let took = began.elapsed().as_secs_f64();
        let grown = context.running.resident_bytes()? - before;
        Ok(Sample::default().with("create_s", took).with(MEMORY, grown / 1e3 / f64::from(count)))
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        let all = partitions(context)?;
        let mut sample = Sample::default();
        for count in CURVE.into_iter().chain([u64::try_from(all)?]) {
            let count = i32::try_from(count)?.min(all);
            let cpu = produce(context, count)?;
            sample = sample.with(&format!("{CPU}@{count}"), cpu);
            if count == all {
                sample = sample.with(CPU, cpu);
            }
        }
        let mut admin = context.running.admin()?;
        sample = sample.with(METADATA, metadata(&mut admin, all)?);
        Ok(sample.with(SESSION_CPU, session(context, &mut admin, all)?))
    }

    fn clean(&self, context: &Context<'_>) -> Result<()> {
        context.running.admin()?.delete_topic(TOPIC)
    }
}

fn partitions(context: &Context<'_>) -> Result<i32> {
    Ok(i32::try_from(context.count(if context.is_peer() { PEERS } else { OURS }, 20))?)
}

/// CPU-microseconds for a record, when the first `count` partitions are produced to in turns.
fn produce(context: &Context<'_>, count: i32) -> Result<f64> {
    let batch = Shape::plain(1, 100).build();
    let mut exchanges: Vec<Box<dyn Exchange>> = Vec::new();
    for connection in 0..CONNECTIONS {
        let first = i32::try_from(connection)? % count;
        let own = (first..count).step_by(CONNECTIONS);
        let frames = own.map(|partition| requests::produce(TOPIC, [partition], &batch.bytes, 1)).collect();
        exchanges.push(Box::new(Produce::new(frames, &batch, 1)));
    }
    let outcome = context.run_closed(context.window(0.6), IN_FLIGHT, &mut exchanges)?;
    Ok(outcome.cpu_micros_per_request())
}

/// Milliseconds to get the metadata of everything; the median of some.
fn metadata(admin: &mut Admin, partitions: i32) -> Result<f64> {
    let frame = requests::frame(ApiKey::Metadata, versions::METADATA, &MetadataRequest::default_all());
    let mut latencies = Latencies::default();
    for _ in 0..METADATA_ASKED {
        let began = Instant::now();
        let response = admin.exchange(&frame)?;
        latencies.record(began.elapsed());
        let response: MetadataResponse = decode_response(ApiKey::Metadata, versions::METADATA, &response)?;
        let topic = response.topics.iter().find(|topic| topic.name.as_deref() == Some(TOPIC));
        let found = topic.map_or(0, |topic| topic.partitions.len());
        ensure!(found == usize::try_from(partitions)?, "Metadata names {found} of {partitions} partitions");
    }
    Ok(latencies.micros_at(50.0) / 1000.0)
}

/// A request for all topics.
trait AllTopics {
    fn default_all() -> Self;
}

impl AllTopics for MetadataRequest {
    fn default_all() -> Self {
        Self { topics: None, ..Self::default() }
    }
}

/// CPU-microseconds for a record to one of the partitions of a fetch session, and the fetch that brings it.
fn session(context: &Context<'_>, admin: &mut Admin, all: i32) -> Result<f64> {
    let count = i32::try_from(context.count(SESSION, 10))?.min(all);
    let mut ends = admin.end_offsets(TOPIC, count)?;
    let batch = Shape::plain(1, 100).build();
    let frames: Vec<_> = (0..count).map(|partition| requests::produce(TOPIC, [partition], &batch.bytes, 1)).collect();
    let everything: Vec<(i32, i64)> = (0..count).zip(ends.iter().copied()).collect();
    let first = fetch(admin, 0, 0, &everything)?;
    let session_id = first.session_id;
    ensure!(session_id != 0, "the broker makes no session");
    let end = Instant::now() + context.seconds(0.6);
    let before = context.running.cpu().now()?;
    let mut turns = 0_i32;
    // An incremental fetch names the partitions whose offset has moved, which is the one of the last turn.
    let mut moved = Vec::new();
    while Instant::now() < end || turns == 0 {
        let partition = turns % count;
        let index = usize::try_from(partition)?;
        let offset = admin.produce(&frames[index])?;
        ensure!(offset == ends[index], "partition {partition} ends at {offset}, not {}", ends[index]);
        let response = fetch(admin, session_id, turns + 1, &moved)?;
        let brought = response.responses.iter().flat_map(|topic| &topic.partitions);
        let with_records =
            brought.filter(|partition| partition.records.as_ref().is_some_and(|records| !records.is_empty()));
        let indexes: Vec<i32> = with_records.map(|partition| partition.partition_index).collect();
        ensure!(indexes == [partition], "a record to partition {partition}: the fetch brings {indexes:?}");
        ends[index] += 1;
        moved = vec![(partition, ends[index])];
        turns += 1;
    }
    let used = context.running.cpu().now()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / f64::from(turns))
}

fn fetch(admin: &mut Admin, session_id: i32, session_epoch: i32, partitions: &[(i32, i64)]) -> Result<FetchResponse> {
    let partition = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let partitions: Vec<FetchPartition> = partitions.iter().map(partition).collect();
    let topic = FetchTopic { topic: TOPIC.to_owned(), partitions, ..Default::default() };
    let request = FetchRequest {
        // The first fetch makes the session and brings nothing; it need not wait for that.
        max_wait_ms: if session_epoch == 0 { 0 } else { 500 },
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id,
        session_epoch,
        topics: if topic.partitions.is_empty() { Vec::new() } else { vec![topic] },
        ..Default::default()
    };
    let response: FetchResponse = admin.call(ApiKey::Fetch, versions::FETCH, &request).context("fetch in a session")?;
    ensure!(response.error_code == 0, "fetch in a session: error {}", response.error_code);
    Ok(response)
}
