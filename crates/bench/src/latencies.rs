//! Latencies: recorded in an HDR histogram, kept as the curve of their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The percentiles of the curves that are drawn.
const CURVE: [f64; 16] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 100.0];
/// Longer than anything waits here.
const LONGEST_NANOSECONDS: u64 = 120_000_000_000;

/// Latencies of one measurement, to three digits.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NANOSECONDS, 3).expect("the bounds are in order"))
    }
}

impl Latencies {
    /// Adds one.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that `percentile` percent do not exceed, in microseconds.
    pub(crate) fn micros_at(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1000.0
    }

    /// The curve of percentiles.
    pub(crate) fn curve(&self) -> Vec<CurvePoint> {
        CURVE.into_iter().map(|percentile| CurvePoint { percentile, micros: self.micros_at(percentile) }).collect()
    }
}

/// A point of a latency distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    /// 0 to 100.
    pub(crate) percentile: f64,
    /// The latency that so many percent do not exceed, in microseconds.
    pub(crate) micros: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_back_to_three_digits() {
        let mut latencies = Latencies::default();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        assert_eq!(latencies.count(), 1000);
        assert!((latencies.micros_at(50.0) - 500.0).abs() < 1.0);
        assert!((latencies.micros_at(99.0) - 990.0).abs() < 1.0);
        let curve = latencies.curve();
        assert!(curve.windows(2).all(|pair| pair[0].micros <= pair[1].micros));
        latencies.record(Duration::from_secs(3600));
        assert!(latencies.micros_at(100.0) >= 1e8, "what is too long is kept as the longest");
    }
}
