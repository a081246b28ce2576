//! Row 20: a real client, librdkafka, driven by a program of its own.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Case;
use super::context::Context;
use super::metrics::{higher, lower};
use super::spec::{Goal, LONG_ROUNDS, Sample, Spec, Wanted};

const CPU: &str = "cpu_s_per_million_records";
const RECORDS: u64 = 1_000_000;

/// What librdkafka is to do with a million records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Produce,
    Consume,
}

/// A case of a real client.
struct RealClient {
    name: &'static str,
    about: &'static str,
    task: Task,
    value_bytes: u64,
    times_kafka: f64,
}

/// The cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![
        Box::new(RealClient {
            name: "librdkafka-1KiB",
            about: "librdkafka produces 1 M records of 1 KiB, acks=1, linger 5 ms, 4 partitions",
            task: Task::Produce,
            value_bytes: 1024,
            times_kafka: 3.0,
        }),
        Box::new(RealClient {
            name: "librdkafka-100B",
            about: "librdkafka produces 1 M records of 100 B, acks=1, linger 5 ms, 4 partitions",
            task: Task::Produce,
            value_bytes: 100,
            times_kafka: 8.0,
        }),
        Box::new(RealClient {
            name: "librdkafka-consume",
            about: "librdkafka consumes 1 M records of 100 B that it has produced just before",
            task: Task::Consume,
            value_bytes: 100,
            times_kafka: 5.0,
        }),
    ]
}

/// What the program prints.
#[derive(Debug, Deserialize)]
struct Report {
    seconds: f64,
    records: u64,
}

impl RealClient {
    fn run(&self, context: &Context<'_>, topic: &str, task: &str, records: u64) -> Result<Report> {
        let program = context.real_client.context("dohle-bench-librdkafka is not built (feature librdkafka)")?;
        let mut command = Command::new(program);
        command.args([task, &context.running.address().to_string(), topic]);
        command.args([records.to_string(), self.value_bytes.to_string()]);
        let output = command.stderr(Stdio::inherit()).output().context("start dohle-bench-librdkafka")?;
        ensure!(output.status.success(), "librdkafka: {}", output.status);
        let report: Report = serde_json::from_slice(&output.stdout).context("report of dohle-bench-librdkafka")?;
        ensure!(report.records == records, "{} of {records} records", report.records);
        Ok(report)
    }
}

impl Case for RealClient {
    fn spec(&self) -> Spec {
        let metrics =
            vec![lower(CPU, "broker CPU per million records", "s"), higher("records_per_s", "records", "1/s")];
        Spec {
            goals: vec![Goal { metric: CPU.into(), wanted: Wanted::TimesKafka(self.times_kafka) }],
            floor: false,
            rounds: LONG_ROUNDS,
            seconds: 4.5,
            ..Spec::new(20, self.name, self.about, metrics)
        }
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        context.with_topic(self.name, 4, &[], |topic| {
            context.prime()?;
            let records = context.count(RECORDS, 1000);
            let mut before = context.running.cpu().now()?;
            let mut report = self.run(context, topic, "produce", records)?;
            if self.task == Task::Consume {
                before = context.running.cpu().now()?;
                report = self.run(context, topic, "consume", records)?;
            }
            let used = context.running.cpu().now()?.saturating_sub(before).as_secs_f64();
            let written: i64 = context.running.admin()?.end_offsets(topic, 4)?.iter().sum();
            ensure!(u64::try_from(written)? == records, "{written} of {records} records are in the log");
            Ok(Sample::default()
                .with(CPU, used * 1e6 / records as f64)
                .with("records_per_s", records as f64 / report.seconds))
        })
    }
}
