//! Rows 1 to 7: produce in closed loops.

use anyhow::Result;
use dohle_protocol::compression::Compression;

use super::Case;
use super::context::Context;
use super::metrics::{
    CPU_PER_GB, CPU_PER_MILLION, CPU_PER_REQUEST, cpu_per_gb, cpu_per_million, cpu_per_request, lower, throughput,
    throughput_sample,
};
use super::spec::{Goal, Guard, Sample, Spec, Wanted};
use crate::frames::batches::{Batch, Shape, compressed_to};
use crate::frames::requests;
use crate::load::exchange::{Exchange, Produce, ProduceSequenced};

const CPU_PER_PLAIN_GB: &str = "cpu_s_per_uncompressed_gb";
const SECONDS: f64 = 1.0;

/// How connections and partitions are laid out.
#[derive(Clone, Copy)]
struct Layout {
    connections: usize,
    in_flight: usize,
    /// Partitions of the topic.
    partitions: i32,
    /// Whether each request is about all partitions; otherwise each connection has its own.
    all_in_one: bool,
    idempotent: bool,
}

const ONE: Layout = Layout { connections: 1, in_flight: 5, partitions: 1, all_in_one: false, idempotent: false };
const FOUR: Layout = Layout { connections: 4, partitions: 4, ..ONE };
const HUNDRED: Layout = Layout { connections: 2, partitions: 100, all_in_one: true, ..ONE };

/// A closed loop of produce requests.
struct ProduceCase {
    spec: Spec,
    batch: fn() -> Batch,
    layout: Layout,
}

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let mut tiny =
        spec(1, "produce-tiny", "1 record of 100 B in a request, 4 connections x 5 in flight, 4 partitions", {
            throughput(cpu_per_request())
        });
    tiny.goals = goals(CPU_PER_REQUEST, 8.0);
    tiny.guard = guard(CPU_PER_REQUEST, 2.0);
    tiny.recorded_kafka_over_floor = Some(6.5);

    let mut default = spec(2, "produce-default", "16 x 1 KiB in a batch, 1 connection x 5 in flight, 1 partition", {
        throughput(cpu_per_gb())
    });
    default.goals = goals(CPU_PER_GB, 5.0);
    default.guard = guard(CPU_PER_GB, 2.0);
    default.recorded_kafka_over_floor = Some(5.8);

    let mut small = spec(3, "produce-100B", "150 x 100 B in a batch, 4 connections x 5 in flight, 4 partitions", {
        throughput(cpu_per_million())
    });
    small.goals = goals(CPU_PER_MILLION, 5.0);
    small.recorded_kafka_over_floor = Some(4.5);

    let mut large = spec(4, "produce-large", "batches of 1 MiB (1000 x 1 KiB), 4 connections x 5 in flight", {
        throughput(cpu_per_gb())
    });
    large.goals = goals(CPU_PER_GB, 2.5);
    large.guard = guard(CPU_PER_GB, 2.0);
    large.recorded_kafka_over_floor = Some(1.6);

    let mut hundred_kb = spec(5, "produce-100KB", "1 record of 100 KB in a batch, 4 connections x 5 in flight", {
        throughput(cpu_per_gb())
    });
    hundred_kb.goals = goals(CPU_PER_GB, 2.0);

    let mut cases = vec![
        ProduceCase { spec: tiny, batch: || Shape::plain(1, 100).build(), layout: FOUR },
        ProduceCase { spec: default, batch: || Shape::plain(16, 1024).build(), layout: ONE },
        ProduceCase { spec: small, batch: || Shape::plain(150, 100).build(), layout: FOUR },
        ProduceCase { spec: large, batch: || Shape::plain(1000, 1024).build(), layout: FOUR },
        ProduceCase { spec: hundred_kb, batch: || Shape::plain(1, 100_000).build(), layout: FOUR },
    ];
    for (name, about, batch) in [
        (
            "produce-lz4",
            "lz4 batches of 64 KiB on the wire, 4 connections x 5 in flight",
            (|| compressed_to(Compression::Lz4, 100, 64 * 1024)) as fn() -> Batch,
        ),
        ("produce-zstd", "zstd batches of 64 KiB on the wire, 4 connections x 5 in flight", || {
            compressed_to(Compression::Zstd, 100, 64 * 1024)
        }),
    ] {
        let mut metrics = vec![lower(CPU_PER_PLAIN_GB, "broker CPU per uncompressed GB", "s")];
        metrics.extend(throughput(cpu_per_gb()));
        let mut spec = spec(6, name, about, metrics);
        spec.goals = vec![Goal { metric: CPU_PER_PLAIN_GB.into(), wanted: Wanted::TimesKafka(2.0) }];
        cases.push(ProduceCase { spec, batch, layout: FOUR });
    }
    for (name, about, idempotent) in [
        ("produce-100p", "100 partitions in each request, a batch of 1 KiB each, 2 connections x 5 in flight", false),
        ("produce-100p-idempotent", "the same by idempotent producers, whose sequences move on", true),
    ] {
        let mut spec = spec(7, name, about, throughput(cpu_per_million()));
        spec.goals = vec![Goal { metric: CPU_PER_MILLION.into(), wanted: Wanted::TimesKafka(5.0) }];
        let layout = Layout { idempotent, ..HUNDRED };
        cases.push(ProduceCase { spec, batch: || Shape::plain(9, 100).build(), layout });
    }
    cases.into_iter().map(|case| Box::new(case) as Box<dyn Case>).collect()
}

fn spec(row: u32, name: &'static str, about: &'static str, metrics: Vec<super::spec::Metric>) -> Spec {
    Spec { seconds: 3.2, ..Spec::new(row, name, about, metrics) }
}

fn goals(metric: &'static str, times_kafka: f64) -> Vec<Goal> {
    [Wanted::TimesKafka(times_kafka), Wanted::WithinFloor(1.3)]
        .map(|wanted| Goal { metric: metric.into(), wanted })
        .into()
}

fn guard(metric: &'static str, ratio_max: f64) -> Option<Guard> {
    Some(Guard { metric: metric.into(), ratio_max })
}

impl ProduceCase {
    fn exchange(&self, context: &Context<'_>, topic: &str, connection: usize) -> Result<Box<dyn Exchange>> {
        let partitions = self.layout.partitions;
        let own = i32::try_from(connection)? % partitions;
        let (first, count) = if self.layout.all_in_one { (0, partitions) } else { (own, 1) };
        let frame = |batch: &Batch| requests::produce(topic, first..first + count, &batch.bytes, 1);
        let count = usize::try_from(count)?;
        if self.layout.idempotent {
            let producer = context.running.admin()?.init_producer_id()?;
            let batch = Shape::plain(9, 100).build_for(Some(producer));
            return Ok(Box::new(ProduceSequenced::new(&frame(&batch), &batch, count)));
        }
        let batch = (self.batch)();
        Ok(Box::new(Produce::new(vec![frame(&batch)], &batch, count)))
    }
}

impl Case for ProduceCase {
    fn spec(&self) -> Spec {
        // The floor gives out no producer ids.
        Spec { floor: !self.layout.idempotent, ..self.spec.clone() }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic(&self.spec.name, self.layout.partitions, &[], |topic| {
            let connections = 0..self.layout.connections;
            let mut exchanges: Vec<_> =
                connections.map(|connection| self.exchange(context, topic, connection)).collect::<Result<_>>()?;
            context.prime()?;
            let outcome = context.run_closed(context.window(SECONDS), self.layout.in_flight, &mut exchanges)?;
            let batch = (self.batch)();
            let per_wire_gb = throughput_sample(context, &outcome)?;
            let plain = batch.uncompressed_bytes as f64 / batch.bytes.len() as f64;
            let per_plain_gb = per_wire_gb.metrics.get(CPU_PER_GB).map_or(f64::NAN, |cpu| cpu / plain);
            Ok(if self.spec.metric(CPU_PER_PLAIN_GB).is_some() {
                per_wire_gb.with(CPU_PER_PLAIN_GB, per_plain_gb)
            } else {
                per_wire_gb
            })
        })
    }
}
