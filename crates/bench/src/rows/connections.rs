//! Row 16: what many connections cost.

use std::net::SocketAddr;

use anyhow::Result;

use super::Case;
use super::context::Context;
use super::metrics::{lower, percentiles, with_percentiles};
use super::spec::{Goal, LONG_ROUNDS, Sample, Spec, Wanted};
use crate::admin::Admin;
use crate::frames::batches::Shape;
use crate::frames::requests;
use crate::interrupt;
use crate::load::exchange::{Exchange, Produce};

const ACTIVE: usize = 50;
const IDLE: [u64; 3] = [0, 500, 5000];
const CPU: &str = "cpu_us_per_record";
const MEMORY: &str = "resident_kb_per_connection";

/// The row.
pub(super) struct Connections;

impl Case for Connections {
    fn spec(&self) -> Spec {
        let mut metrics = vec![
            lower(CPU, "broker CPU per record, beside 5000 idle connections", "us"),
            lower(MEMORY, "resident memory per idle connection", "KB"),
        ];
        metrics.extend(percentiles());
        metrics.extend(IDLE.map(|count| {
            lower(format!("{CPU}@{count}"), format!("broker CPU per record, beside {count} idle connections"), "us")
        }));
        let goal = |metric: &'static str, times| Goal { metric: metric.into(), wanted: Wanted::TimesKafka(times) };
        let about = "50 connections produce single records of 1 KiB, each waiting for its answer; 5000 more are idle";
        Spec {
            goals: vec![goal(CPU, 5.0), goal(MEMORY, 10.0)],
            floor: false,
            fresh: true,
            rounds: LONG_ROUNDS,
            seconds: 8.0,
            ..Spec::new(16, "connections-5k", about, metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic("connections", 4, &[], |topic| {
            let mut idle = Vec::new();
            let mut sample = Sample::default();
            let before = context.running.resident_bytes()?;
            for count in IDLE {
                let count = if count == 0 { 0 } else { context.count(count, 1) };
                open_more(context.running.address(), count, &mut idle)?;
                if idle.len() > 1 {
                    let grown = context.running.resident_bytes()? - before;
                    sample = sample.with(MEMORY, grown / 1e3 / idle.len() as f64);
                }
                let outcome = context.run_closed(context.window(1.0), 1, &mut producers(topic)?)?;
                let cpu = outcome.cpu_micros_per_request();
                sample = sample.with(&format!("{CPU}@{count}"), cpu).with(CPU, cpu);
                sample = with_percentiles(sample, &outcome.closed.latencies);
            }
            Ok(sample)
        })
    }
}

fn producers(topic: &str) -> Result<Vec<Box<dyn Exchange>>> {
    let batch = Shape::plain(1, 1024).build();
    let mut exchanges: Vec<Box<dyn Exchange>> = Vec::new();
    for connection in 0..ACTIVE {
        let frame = requests::produce(topic, [i32::try_from(connection % 4)?], &batch.bytes, 1);
        exchanges.push(Box::new(Produce::new(vec![frame], &batch, 1)));
    }
    Ok(exchanges)
}

/// Opens connections until there are `count`. Each has asked once, so that the broker has what it keeps for one.
fn open_more(address: SocketAddr, count: u64, idle: &mut Vec<Admin>) -> Result<()> {
    while (idle.len() as u64) < count {
        interrupt::check()?;
        let mut connection = Admin::connect(address)?;
        connection.api_versions()?;
        idle.push(connection);
    }
    Ok(())
}
