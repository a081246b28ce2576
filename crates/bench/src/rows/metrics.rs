//! Metrics that many cases share, and samples that hold them.

use super::context::Context;
use super::spec::{Better, Metric, Sample, Text};
use crate::latencies::Latencies;
use crate::load::drive::Outcome;
use crate::load::meter::Tally;

/// A metric of which less is better.
pub(super) fn lower(name: impl Into<Text>, label: impl Into<Text>, unit: &'static str) -> Metric {
    Metric { name: name.into(), label: label.into(), unit: unit.into(), better: Better::Lower }
}

/// A metric of which more is better.
pub(super) fn higher(name: impl Into<Text>, label: impl Into<Text>, unit: &'static str) -> Metric {
    Metric { better: Better::Higher, ..lower(name, label, unit) }
}

pub(super) const CPU_PER_GB: &str = "cpu_s_per_gb";
pub(super) const CPU_PER_MILLION: &str = "cpu_s_per_million_records";
pub(super) const CPU_PER_REQUEST: &str = "cpu_us_per_request";
pub(super) const P99: &str = "p99_us";
pub(super) const P999: &str = "p999_us";

/// CPU for a gigabyte (10^9 bytes) of batches.
pub(super) fn cpu_per_gb() -> Metric {
    lower(CPU_PER_GB, "broker CPU per GB", "s")
}

/// CPU for a million records.
pub(super) fn cpu_per_million() -> Metric {
    lower(CPU_PER_MILLION, "broker CPU per million records", "s")
}

/// CPU for a request.
pub(super) fn cpu_per_request() -> Metric {
    lower(CPU_PER_REQUEST, "broker CPU per request", "us")
}

/// Latencies.
pub(super) fn percentiles() -> Vec<Metric> {
    vec![lower("p50_us", "p50", "us"), lower(P99, "p99", "us"), lower(P999, "p99.9", "us")]
}

/// What a closed loop is measured by, `headline` first.
pub(super) fn throughput(headline: Metric) -> Vec<Metric> {
    let mut metrics = vec![headline];
    for metric in [cpu_per_gb(), cpu_per_million(), cpu_per_request()] {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics.push(higher("gb_per_s", "rate", "GB/s"));
    metrics.push(higher("requests_per_s", "requests", "1/s"));
    metrics.extend(percentiles());
    metrics.push(memory());
    metrics
}

/// Memory of the broker after the load.
pub(super) fn memory() -> Metric {
    lower("resident_mb", "resident memory", "MB")
}

/// The percentiles of `latencies`, in a sample.
pub(super) fn with_percentiles(sample: Sample, latencies: &Latencies) -> Sample {
    sample
        .with("p50_us", latencies.micros_at(50.0))
        .with(P99, latencies.micros_at(99.0))
        .with(P999, latencies.micros_at(99.9))
}

/// What a closed loop did.
///
/// # Errors
/// The broker has ended, or nothing was answered within the window.
pub(super) fn throughput_sample(context: &Context<'_>, outcome: &Outcome) -> anyhow::Result<Sample> {
    let tally: &Tally = &outcome.closed;
    anyhow::ensure!(tally.requests > 0, "nothing was answered within {} s", outcome.seconds);
    let gigabytes = tally.moved.bytes as f64 / 1e9;
    let sample = Sample::default()
        .with(CPU_PER_GB, outcome.cpu_seconds / gigabytes)
        .with(CPU_PER_MILLION, outcome.cpu_seconds * 1e6 / tally.moved.records as f64)
        .with(CPU_PER_REQUEST, outcome.cpu_micros_per_request())
        .with("gb_per_s", gigabytes / outcome.seconds)
        .with("requests_per_s", tally.requests as f64 / outcome.seconds)
        .with("resident_mb", context.running.resident_bytes()? / 1e6);
    Ok(with_percentiles(sample, &tally.latencies))
}
