//! Row 19: a start after kill -9, with much data and with many partitions. What was acknowledged must be there.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::Case;
use super::context::Context;
use super::metrics::lower;
use super::spec::{Goal, Sample, Spec, Wanted};
use crate::admin::Admin;
use crate::frames::batches::{Batch, Shape};
use crate::frames::requests::{self, FetchLimits};
use crate::interrupt::wait_for;
use crate::load::drive::{Closed, Ending, Plan};
use crate::load::exchange::{AtEnd, Consume, Produce};
use crate::load::meter::Window;
use crate::server::Running;

const RESTART: &str = "restart_ms";
const TOPIC: &str = "recovery";
const LIMIT: Duration = Duration::from_secs(120);
const BYTES: u64 = 2_000_000_000;

/// A start after kill -9.
struct Recovery {
    name: &'static str,
    about: &'static str,
    partitions: u64,
    bytes: u64,
    batch: fn() -> Batch,
    seconds: f64,
}

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![
        Box::new(Recovery {
            name: "recovery",
            about: "start after kill -9 with 2 GB in 4 partitions, to the first acknowledgement; everything is read back",
            partitions: 4,
            bytes: BYTES,
            batch: || Shape::plain(250, 1024).build(),
            seconds: 25.0,
        }),
        Box::new(Recovery {
            name: "recovery-2000p",
            about: "the same with 2000 partitions of a few records each",
            partitions: 2000,
            bytes: 2_000_000,
            batch: || Shape::plain(1, 1024).build(),
            seconds: 25.0,
        }),
    ]
}

impl Case for Recovery {
    fn spec(&self) -> Spec {
        let metrics = vec![
            lower(RESTART, "from the start to the first acknowledgement", "ms"),
            lower("restart_cpu_ms", "broker CPU until then", "ms"),
        ];
        Spec {
            goals: vec![Goal { metric: RESTART.into(), wanted: Wanted::TimesKafka(10.0) }],
            floor: false,
            rounds: 1,
            seconds: self.seconds,
            ..Spec::new(19, self.name, self.about, metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        let folder = context.own_folder()?;
        let partitions = i32::try_from(context.count(self.partitions, 4).min(self.partitions))?;
        let batch = (self.batch)();
        let mut running = context.launcher.start(&folder, context.own_address)?;
        running.await_ready()?.create_topic(TOPIC, partitions, &[])?;
        let acknowledged = fill(&running, partitions, &batch, context.count(self.bytes, 1_000_000))?;
        let before = running.admin()?.end_offsets(TOPIC, partitions)?;
        running.kill()?;

        let mut running = context.launcher.start(&folder, context.own_address)?;
        let mut admin = running.await_ready()?;
        let frame = requests::produce(TOPIC, [0], &batch.bytes, 1);
        await_acknowledged(&mut running, &mut admin, &frame)?;
        let (restart, cpu) = (running.started().elapsed(), running.cpu().now()?);

        let mut expected = before;
        expected[0] += i64::try_from(batch.records)?;
        let found = wait_for("all partitions", LIMIT, Duration::from_millis(5), || {
            Ok(admin.end_offsets(TOPIC, partitions).ok())
        })?;
        ensure!(found == expected, "the logs end elsewhere than before the kill");
        let records: i64 = found.iter().sum();
        let produced = acknowledged + u64::try_from(batch.records)?;
        ensure!(u64::try_from(records)? == produced, "of {produced} acknowledged records {records} are there");
        read_back(&running, &batch, &found)?;
        running.kill()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(Sample::default().with(RESTART, restart.as_secs_f64() * 1e3).with("restart_cpu_ms", cpu.as_secs_f64() * 1e3))
    }
}

/// Produces about `bytes` to all partitions, at least a batch to each. Gives back how many records were acknowledged.
fn fill(running: &Running, partitions: i32, batch: &Batch, bytes: u64) -> Result<u64> {
    let frames: Vec<Bytes> =
        (0..partitions).map(|partition| requests::produce(TOPIC, [partition], &batch.bytes, 1)).collect();
    let mut producer = Produce::new(frames, batch, 1);
    let window = until_bytes(bytes.max(batch.bytes.len() as u64 * u64::try_from(partitions)?));
    let closed = vec![Closed { exchange: &mut producer, in_flight: 5, ending: Ending::Drained }];
    let plan = Plan { address: running.address(), cpu: running.cpu(), window, closed, scheduled: None };
    Ok(plan.run()?.closed.moved_in_all.records)
}

/// Reads each partition from first to last.
fn read_back(running: &Running, batch: &Batch, ends: &[i64]) -> Result<()> {
    let limits = FetchLimits { max_bytes: 8 << 20, max_wait_ms: 500 };
    for (partition, end) in ends.iter().enumerate() {
        let mut reader = Consume::new(TOPIC, i32::try_from(partition)?, limits, batch, 0, AtEnd::Wait);
        let bytes = u64::try_from(*end)? / batch.records as u64 * batch.bytes.len() as u64;
        // Ends with the last whole batch; pieces of batches that are read twice do not count.
        let closed = vec![Closed { exchange: &mut reader, in_flight: 1, ending: Ending::Dropped }];
        let window = Window { bytes_max: bytes, ..until_bytes(bytes) };
        let plan = Plan { address: running.address(), cpu: running.cpu(), window, closed, scheduled: None };
        plan.run()?;
        ensure!(reader.next_offset() == *end, "partition {partition} is read to {}, not {end}", reader.next_offset());
    }
    Ok(())
}

/// A window that ends with its bytes.
fn until_bytes(bytes_max: u64) -> Window {
    Window { warm: Duration::ZERO, length: LIMIT, cool: Duration::ZERO, bytes_max }
}

/// Produces until it is acknowledged: a partition may be without its leader at first.
///
/// # Errors
/// It is not acknowledged in time, or the server ends.
pub(super) fn await_acknowledged(running: &mut Running, admin: &mut Admin, frame: &[u8]) -> Result<()> {
    wait_for("an acknowledgement", LIMIT, Duration::from_millis(1), || Ok(admin.produce(frame).ok()))
        .map_err(|error| running.explained(&error))?;
    Ok(())
}
