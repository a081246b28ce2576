//! Row 9: every append is on the disk before it is acknowledged.

use anyhow::Result;

use super::Case;
use super::context::Context;
use super::metrics::{cpu_per_request, higher, lower, percentiles, with_percentiles};
use super::spec::{Goal, Sample, Spec, Wanted};
use crate::frames::batches::Shape;
use crate::frames::requests;
use crate::load::exchange::{Exchange, Produce};
use crate::machine::disk::sync_latencies;

const APPENDS: &str = "appends_per_s";
const OVER_RAW: &str = "appends_per_raw_sync";
const RAW_SECONDS: f64 = 0.3;
const SECONDS: f64 = 1.0;

/// Appends of 1 KiB from so many connections, each waiting for its answer.
struct Flush {
    connections: usize,
}

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![Box::new(Flush { connections: 1 }), Box::new(Flush { connections: 16 })]
}

impl Case for Flush {
    fn spec(&self) -> Spec {
        let mut metrics = vec![
            higher(APPENDS, "durable appends", "1/s"),
            higher(OVER_RAW, "appends in the time of one raw fdatasync", ""),
            cpu_per_request(),
        ];
        metrics.extend(percentiles());
        metrics.push(lower("raw_sync_p50_us", "raw fdatasync of the disk, p50", "us"));
        let many = self.connections > 1;
        let name = if many { "produce-fsync-16" } else { "produce-fsync-1" };
        let about = format!("flush.messages=1, 1 KiB in a request, {} connections x 1 in flight", self.connections);
        let mut goals = vec![Goal { metric: APPENDS.into(), wanted: Wanted::TimesKafka(3.0) }];
        if many {
            // Beyond what the disk does one by one: by group commit.
            goals.push(Goal { metric: OVER_RAW.into(), wanted: Wanted::AtLeast(1.0) });
        }
        Spec { goals, seconds: 2.6, ..Spec::new(9, name, about, metrics) }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic(&self.spec().name, 1, &[("flush.messages", "1")], |topic| {
            let raw = sync_latencies(context.work, context.seconds(RAW_SECONDS))?.micros_at(50.0);
            let batch = Shape::plain(1, 1024).build();
            let frame = requests::produce(topic, [0], &batch.bytes, 1);
            let exchange = || Box::new(Produce::new(vec![frame.clone()], &batch, 1)) as Box<dyn Exchange>;
            let mut exchanges: Vec<_> = (0..self.connections).map(|_| exchange()).collect();
            let outcome = context.run_closed(context.window(SECONDS), 1, &mut exchanges)?;
            let appends = outcome.closed.requests as f64 / outcome.seconds;
            let sample = Sample::default()
                .with(APPENDS, appends)
                .with(OVER_RAW, appends * raw / 1e6)
                .with("cpu_us_per_request", outcome.cpu_micros_per_request())
                .with("raw_sync_p50_us", raw);
            Ok(with_percentiles(sample, &outcome.closed.latencies))
        })
    }
}
