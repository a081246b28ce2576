//! Rows 10 and 11: latency on a schedule, to the acknowledgement and to a consumer.

use anyhow::Result;

use super::Case;
use super::context::Context;
use super::metrics::{CPU_PER_REQUEST, P99, P999, cpu_per_request, percentiles, with_percentiles};
use super::spec::{Goal, Guard, Sample, Spec, Wanted};
use crate::frames::batches::{Batch, Shape};
use crate::frames::requests::{self, FetchLimits};
use crate::load::drive::{Closed, Ending, Scheduled};
use crate::load::end_to_end::{Sent, join};
use crate::load::exchange::{AtEnd, Consume, Exchange, Produce};

const CONNECTIONS: usize = 4;
/// What consumers of Kafka ask for by default.
const TAIL: FetchLimits = FetchLimits { max_bytes: 1 << 20, max_wait_ms: 500 };

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![
        Box::new(ToAcknowledgement),
        Box::new(EndToEnd { per_second: 1000.0, name: "latency-e2e-1k" }),
        Box::new(EndToEnd { per_second: 10_000.0, name: "latency-e2e-10k" }),
    ]
}

/// Producers that send single records of 1 KiB to one partition; each keeps the offsets that it was given.
pub(super) fn producers(topic: &str, batch: &Batch) -> Vec<Produce> {
    let frame = requests::produce(topic, [0], &batch.bytes, 1);
    (0..CONNECTIONS).map(|_| Produce::new(vec![frame.clone()], batch, 1).keeping_offsets()).collect()
}

fn goals() -> Vec<Goal> {
    let goal = |metric: &'static str, times| Goal { metric: metric.into(), wanted: Wanted::TimesKafka(times) };
    vec![goal(P99, 2.0), goal(P999, 4.0)]
}

/// Row 10.
struct ToAcknowledgement;

impl Case for ToAcknowledgement {
    fn spec(&self) -> Spec {
        let mut metrics = percentiles();
        metrics.push(cpu_per_request());
        Spec {
            goals: goals(),
            seconds: 6.5,
            guard: Some(Guard { metric: CPU_PER_REQUEST.into(), ratio_max: 2.5 }),
            ..Spec::new(
                10,
                "latency-produce",
                "2000 requests/s on schedule, 1 KiB each, 4 connections, acks=1",
                metrics,
            )
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic("latency-produce", 1, &[], |topic| {
            let batch = Shape::plain(1, 1024).build();
            let mut producers = producers(topic, &batch);
            let exchanges = producers.iter_mut().map(|producer| producer as &mut dyn Exchange).collect();
            let scheduled = Scheduled { per_second: 2000.0, exchanges };
            let outcome = context.plan(context.scheduled_window(4.0), Vec::new(), Some(scheduled)).run()?;
            let mut sample = Sample::default().with(CPU_PER_REQUEST, outcome.cpu_micros_per_request());
            sample.latencies = outcome.scheduled.latencies.curve();
            Ok(with_percentiles(sample, &outcome.scheduled.latencies))
        })
    }
}

/// Row 11.
struct EndToEnd {
    per_second: f64,
    name: &'static str,
}

impl Case for EndToEnd {
    fn spec(&self) -> Spec {
        let mut metrics = percentiles();
        metrics.push(cpu_per_request());
        let about = format!(
            "{} records/s of 1 KiB on schedule, one each request, to one consumer that waits at the end",
            self.per_second
        );
        Spec { goals: goals(), seconds: 6.0, ..Spec::new(11, self.name, about, metrics) }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic(self.name, 1, &[], |topic| {
            let batch = Shape::plain(1, 1024).build();
            let mut producers = producers(topic, &batch);
            let mut consumer = Consume::new(topic, 0, TAIL, &batch, 0, AtEnd::Wait).keeping_times();
            let exchanges = producers.iter_mut().map(|producer| producer as &mut dyn Exchange).collect();
            let scheduled = Scheduled { per_second: self.per_second, exchanges };
            let closed = vec![Closed { exchange: &mut consumer, in_flight: 1, ending: Ending::Following }];
            let outcome = context.plan(context.scheduled_window(3.5), closed, Some(scheduled)).run()?;
            let (begin, end) = outcome.counted;
            let mut sent = Vec::new();
            if let Some(schedule) = outcome.schedule {
                for (connection, producer) in producers.iter().enumerate() {
                    // Requests go to the connections in turns.
                    let due = |turn: usize| schedule.due((turn * CONNECTIONS + connection) as u64);
                    let offsets = producer.base_offsets().iter().enumerate();
                    sent.extend(offsets.map(|(turn, offset)| Sent { due: due(turn), offset: *offset }));
                }
            }
            sent.retain(|sent| (begin..end).contains(&sent.due));
            let latencies = join(sent, consumer.seen())?;
            let cpu = outcome.cpu_seconds * 1e6 / outcome.scheduled.requests as f64;
            let mut sample = Sample::default().with(CPU_PER_REQUEST, cpu);
            sample.latencies = latencies.curve();
            Ok(with_percentiles(sample, &latencies))
        })
    }
}
