//! Row 18: starting, doing nothing, and stopping.

use std::time::Instant;

use anyhow::Result;

use super::Case;
use super::context::Context;
use super::metrics::lower;
use super::spec::{Goal, Guard, Sample, Spec, Wanted};
use crate::frames::batches::Shape;
use crate::frames::requests;
use crate::interrupt::pause;

const START: &str = "start_ms";
const MEMORY: &str = "idle_mb";
const TOPIC: &str = "start";
/// Until what a start leaves behind is done.
const SETTLE: f64 = 1.0;
const IDLE: f64 = 3.0;

/// The row.
pub(super) struct StartStop;

impl Case for StartStop {
    fn spec(&self) -> Spec {
        let metrics = vec![
            lower(START, "from the start to the first acknowledgement", "ms"),
            lower("first_start_ms", "the same on a new folder, its topic created", "ms"),
            lower("start_cpu_ms", "broker CPU for a start", "ms"),
            lower(MEMORY, "resident memory when idle", "MB"),
            lower("idle_cpu_percent", "CPU when idle, of one core", "%"),
            lower("stop_ms", "from SIGTERM to the end", "ms"),
        ];
        let goal = |metric: &'static str, times| Goal { metric: metric.into(), wanted: Wanted::TimesKafka(times) };
        Spec {
            goals: vec![goal(START, 20.0), goal(MEMORY, 10.0)],
            seconds: 7.0,
            // A broker keeps more than the floor does, which is next to nothing: this stops what would be another order.
            guard: Some(Guard { metric: MEMORY.into(), ratio_max: 20.0 }),
            ..Spec::new(18, "start-stop", "start to the first acknowledgement, memory and CPU when idle, stop", metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        let folder = context.own_folder()?;
        let frame = requests::produce(TOPIC, [0], &Shape::plain(1, 100).build().bytes, 1);
        let mut running = context.launcher.start(&folder, context.own_address)?;
        let mut admin = running.await_ready()?;
        admin.create_topic(TOPIC, 1, &[])?;
        admin.produce(&frame)?;
        let first_start = running.started().elapsed();
        running.stop()?;

        let mut running = context.launcher.start(&folder, context.own_address)?;
        let mut admin = running.await_ready()?;
        // The floor keeps nothing.
        if context.launcher.role() == crate::server::Role::Floor {
            admin.create_topic(TOPIC, 1, &[])?;
        }
        super::recovery::await_acknowledged(&mut running, &mut admin, &frame)?;
        let start = running.started().elapsed();
        let start_cpu = running.cpu().now()?;
        drop(admin);

        pause(context.seconds(SETTLE))?;
        let (before, began) = (running.cpu().now()?, Instant::now());
        pause(context.seconds(IDLE))?;
        let idle = running.cpu().now()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64();
        let resident = running.resident_bytes()?;
        let stop = running.stop()?;
        std::fs::remove_dir_all(&folder)?;
        Ok(Sample::default()
            .with(START, start.as_secs_f64() * 1e3)
            .with("first_start_ms", first_start.as_secs_f64() * 1e3)
            .with("start_cpu_ms", start_cpu.as_secs_f64() * 1e3)
            .with(MEMORY, resident / 1e6)
            .with("idle_cpu_percent", idle * 100.0)
            .with("stop_ms", stop.as_secs_f64() * 1e3))
    }
}
