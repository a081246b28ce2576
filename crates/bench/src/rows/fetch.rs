//! Rows 12 to 14: fetches from the page cache, from the disk while others produce, and of one partition by many.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{Advice, fadvise};

use super::Case;
use super::context::Context;
use super::latency::producers;
use super::metrics::{
    CPU_PER_GB, cpu_per_gb, cpu_per_request, higher, lower, memory, percentiles, throughput_sample, with_percentiles,
};
use super::spec::{Goal, Guard, LONG_ROUNDS, Sample, Spec, Wanted};
use crate::frames::batches::{Batch, Shape};
use crate::frames::requests::{self, FetchLimits};
use crate::load::drive::{Closed, Ending, Outcome, Scheduled};
use crate::load::exchange::{AtEnd, Consume, Exchange, Produce};
use crate::load::meter::Window;

const MIB: i32 = 1 << 20;
const HOT_BYTES: u64 = 512 << 20;
const COLD_BYTES: u64 = 1200 << 20;
const IN_FLIGHT: usize = 5;

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![
        Box::new(Hot { name: "fetch-hot", max_bytes: MIB, consumers: 1, recorded: 4.5 }),
        Box::new(Hot { name: "fetch-hot-64k", max_bytes: 64 * 1024, consumers: 1, recorded: 4.6 }),
        Box::new(Hot { name: "fetch-hot-4", max_bytes: MIB, consumers: 4, recorded: 3.0 }),
        Box::new(Cold),
        Box::new(FanOut),
    ]
}

/// What lies in the partitions that are read: appended 64 KiB at a time.
fn stored_batch() -> Batch {
    Shape::plain(62, 1024).build()
}

/// Fills partition 0 of a topic with about `bytes`. Gives back its end offset.
fn fill(context: &Context<'_>, topic: &str, batch: &Batch, bytes: u64) -> Result<i64> {
    let frame = requests::produce(topic, [0], &batch.bytes, 1);
    let mut producer = Produce::new(vec![frame], batch, 1);
    let closed = vec![Closed { exchange: &mut producer, in_flight: IN_FLIGHT, ending: Ending::Drained }];
    // Ends with its bytes, not with its time.
    let length = std::time::Duration::from_secs(600);
    let window = Window { length, bytes_max: bytes, ..context.window(1.0) };
    let outcome = context.plan(Window { warm: std::time::Duration::ZERO, ..window }, closed, None).run()?;
    let records = i64::try_from(outcome.closed.moved_in_all.records)?;
    let end = context.running.admin()?.end_offsets(topic, 1)?;
    ensure!(end == [records], "{records} records were acknowledged, the log ends at {end:?}");
    Ok(records)
}

/// Row 12: what was just written is read again and again.
struct Hot {
    name: &'static str,
    max_bytes: i32,
    consumers: usize,
    recorded: f64,
}

impl Hot {
    fn consumers(&self, topic: &str, end_offset: i64) -> Vec<Box<dyn Exchange>> {
        let limits = FetchLimits { max_bytes: self.max_bytes, max_wait_ms: 500 };
        let batch = stored_batch();
        let records = i64::try_from(batch.records).unwrap_or(i64::MAX);
        let batches = end_offset / records;
        let consumers = i64::try_from(self.consumers).unwrap_or(1);
        // They begin at even distances.
        (0..consumers)
            .map(|number| batches * number / consumers * records)
            .map(|offset| Consume::new(topic, 0, limits, &batch, offset, AtEnd::BeginAgain))
            .map(|consumer| Box::new(consumer) as Box<dyn Exchange>)
            .collect()
    }
}

impl Case for Hot {
    fn spec(&self) -> Spec {
        let mut metrics = vec![cpu_per_gb(), cpu_per_request(), higher("gb_per_s", "rate", "GB/s")];
        metrics.extend(percentiles());
        metrics.push(memory());
        let about = format!(
            "a log in the page cache, {} KiB at a time, {} consumer{}",
            self.max_bytes / 1024,
            self.consumers,
            if self.consumers > 1 { "s" } else { "" }
        );
        let goal = |wanted| Goal { metric: CPU_PER_GB.into(), wanted };
        let plain = self.name == "fetch-hot";
        Spec {
            goals: vec![goal(Wanted::TimesKafka(2.5)), goal(Wanted::WithinFloor(1.4))],
            guard: plain.then(|| Guard { metric: CPU_PER_GB.into(), ratio_max: 2.5 }),
            recorded_kafka_over_floor: Some(self.recorded),
            seconds: 3.0,
            ..Spec::new(12, self.name, about, metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic(self.name, 1, &[], |topic| {
            // Written just before, on primed memory: the guest takes back what lies untouched for half a minute.
            context.prime()?;
            let end_offset = fill(context, topic, &stored_batch(), context.count(HOT_BYTES, 4 << 20))?;
            let window = Window { bytes_max: u64::MAX, ..context.window(1.0) };
            let outcome = context.run_closed(window, 1, &mut self.consumers(topic, end_offset))?;
            throughput_sample(context, &outcome)
        })
    }
}

/// Row 13: somebody reads what is not in memory, and producers should not notice.
struct Cold;

const UNHURT: &str = "producer_p99_over_quiet";
const UNHURT_999: &str = "producer_p999_over_quiet";

impl Case for Cold {
    fn spec(&self) -> Spec {
        let metrics = vec![
            lower(UNHURT, "producer's p99, times that of a quiet moment", ""),
            lower(UNHURT_999, "producer's p99.9, times that of a quiet moment", ""),
            lower("p99_us", "producer's p99 meanwhile", "us"),
            lower("quiet_p99_us", "producer's p99 in a quiet moment", "us"),
            higher("gb_per_s", "rate of the reader", "GB/s"),
        ];
        let about = "2000 requests/s of 1 KiB on schedule, while one consumer reads a log that is not in memory";
        Spec {
            goals: vec![Goal { metric: UNHURT.into(), wanted: Wanted::AtMost(1.5) }],
            floor: false,
            rounds: LONG_ROUNDS,
            seconds: 14.0,
            ..Spec::new(13, "fetch-cold", about, metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic("fetch-cold", 1, &[], |cold| {
            let batch = stored_batch();
            context.prime()?;
            fill(context, cold, &batch, context.count(COLD_BYTES, 8 << 20))?;
            context.with_topic("fetch-cold-live", 1, &[], |live| {
                let quiet = producing(context, live, None, u64::MAX)?;
                evict(&context.partition_folder(cold, 0)?)?;
                let limits = FetchLimits { max_bytes: MIB, max_wait_ms: 500 };
                let mut reader = Consume::new(cold, 0, limits, &batch, 0, AtEnd::Wait);
                // The window ends with the last byte that is cold.
                let cold = producing(context, live, Some(&mut reader), context.count(COLD_BYTES, 8 << 20))?;
                let (quiet_latencies, latencies) = (&quiet.scheduled.latencies, &cold.scheduled.latencies);
                let over = |percentile| latencies.micros_at(percentile) / quiet_latencies.micros_at(percentile);
                Ok(Sample::default()
                    .with(UNHURT, over(99.0))
                    .with(UNHURT_999, over(99.9))
                    .with("p99_us", latencies.micros_at(99.0))
                    .with("quiet_p99_us", quiet_latencies.micros_at(99.0))
                    .with("gb_per_s", cold.closed.moved.bytes as f64 / 1e9 / cold.seconds))
            })
        })
    }
}

/// Row 10's producers, and beside them a reader.
fn producing(context: &Context<'_>, topic: &str, reader: Option<&mut Consume>, bytes_max: u64) -> Result<Outcome> {
    let mut producers = producers(topic, &Shape::plain(1, 1024).build());
    let exchanges = producers.iter_mut().map(|producer| producer as &mut dyn Exchange).collect();
    let closed =
        reader.into_iter().map(|exchange| Closed { exchange, in_flight: 1, ending: Ending::Dropped }).collect();
    let window = Window { bytes_max, ..context.scheduled_window(3.0) };
    context.plan(window, closed, Some(Scheduled { per_second: 2000.0, exchanges })).run()
}

/// Drops the log files of a partition from the page cache.
fn evict(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
            // What is not on the disk yet would stay.
            file.sync_data()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

/// Row 14: many read what one writes.
struct FanOut;

const CONSUMERS: u64 = 8;
const BYTES_PER_SECOND: f64 = 20e6;
const CPU_PER_DELIVERED: &str = "cpu_s_per_gb_delivered";

impl Case for FanOut {
    fn spec(&self) -> Spec {
        let mut metrics = vec![
            lower(CPU_PER_DELIVERED, "broker CPU per GB delivered", "s"),
            higher("delivered_mb_per_s", "delivered", "MB/s"),
        ];
        metrics.extend(percentiles());
        let goal = |wanted| Goal { metric: CPU_PER_DELIVERED.into(), wanted };
        Spec {
            goals: vec![goal(Wanted::TimesKafka(3.0)), goal(Wanted::WithinFloor(1.4))],
            seconds: 5.0,
            ..Spec::new(14, "fanout", "20 MB/s in batches of 16 KiB to one partition, 8 consumers at its end", metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic("fanout", 1, &[], |topic| {
            let batch = Shape::plain(16, 1024).build();
            let mut producer = Produce::new(vec![requests::produce(topic, [0], &batch.bytes, 1)], &batch, 1);
            let limits = FetchLimits { max_bytes: MIB, max_wait_ms: 500 };
            let consumer = |_| Consume::new(topic, 0, limits, &batch, 0, AtEnd::Wait);
            let mut consumers: Vec<_> = (0..CONSUMERS).map(consumer).collect();
            let closed = consumers
                .iter_mut()
                .map(|consumer| Closed { exchange: consumer, in_flight: 1, ending: Ending::Dropped })
                .collect();
            let per_second = BYTES_PER_SECOND / batch.bytes.len() as f64;
            let scheduled = Scheduled { per_second, exchanges: vec![&mut producer] };
            context.prime()?;
            let outcome = context.plan(context.scheduled_window(2.0), closed, Some(scheduled)).run()?;
            let (delivered, produced) = (outcome.closed.moved.bytes, outcome.scheduled.moved.bytes);
            ensure!(
                delivered >= produced * CONSUMERS / 2,
                "of {produced} bytes, {delivered} came to {CONSUMERS} consumers"
            );
            let gigabytes = delivered as f64 / 1e9;
            let sample = Sample::default()
                .with(CPU_PER_DELIVERED, outcome.cpu_seconds / gigabytes)
                .with("delivered_mb_per_s", gigabytes * 1000.0 / outcome.seconds);
            // Of the producer, to its acknowledgement.
            Ok(with_percentiles(sample, &outcome.scheduled.latencies))
        })
    }
}
