//! Histograms of whole numbers, exact to an eighth: what openraft keeps of its batch sizes and latencies, under the names
//! that it calls them by. Nobody reads them unless openraft's statistics are printed.

use std::fmt;
use std::marker::PhantomData;

/// Each power of two is split into this many buckets; a power of two itself.
const SPLIT: u64 = 8;
const SPLIT_BITS: u32 = SPLIT.trailing_zeros();

/// How often values were recorded. `T` is there for openraft's types and holds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    /// How often, by bucket; as long as the largest value needed.
    counts: Vec<u64>,
    marker: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    /// Without values. Takes no memory before the first one.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: Vec::new(), marker: PhantomData }
    }

    /// Counts `value` once.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts `value` `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        let bucket = bucket_of(value);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The smallest value of the bucket that holds the `permille`-th thousandth; 0 where nothing was counted.
    fn permille(&self, permille: u64) -> u64 {
        let wanted = u128::from(self.total()) * u128::from(permille);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count) * 1000;
            if seen >= wanted && *count > 0 {
                return smallest_of(bucket);
            }
        }
        0
    }

    /// How the values are spread.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.permille(1),
            p1: self.permille(10),
            p5: self.permille(50),
            p10: self.permille(100),
            p50: self.permille(500),
            p90: self.permille(900),
            p99: self.permille(990),
            p99_9: self.permille(999),
        }
    }
}

/// Values below [`SPLIT`] have a bucket each; above, the bits after the leading one choose among the eight of their power.
fn bucket_of(value: u64) -> usize {
    let bucket = if value < SPLIT {
        value
    } else {
        let shift = value.ilog2() - SPLIT_BITS;
        u64::from(shift + 1) * SPLIT + (value >> shift) % SPLIT
    };
    usize::try_from(bucket).expect("there are no more than 496 buckets")
}

fn smallest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SPLIT { bucket } else { (SPLIT + bucket % SPLIT) << (bucket / SPLIT - 1) }
}

/// How the values of a histogram are spread. `p99` is the value that 99 % do not exceed, to an eighth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the percentile in its name")]
pub struct PercentileStats {
    /// How many values there are.
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p90, p99, p99_9, .. } = self;
        write!(f, "{samples} samples: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p99_9}")
    }
}

/// Several histograms, to be shown one line each.
#[derive(Clone, Debug, Default)]
pub struct AsciiChart(Vec<(String, PercentileStats)>);

impl AsciiChart {
    /// Without histograms.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One histogram more.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "openraft hands it over")]
    pub fn add(mut self, name: &str, histogram: Histogram) -> Self {
        self.0.push((name.to_owned(), histogram.percentile_stats()));
        self
    }

    /// What to print.
    #[must_use]
    pub fn detailed(&self) -> &Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, stats)| writeln!(f, "{name}: {stats}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_an_eighth_wide_at_most() {
        let powers = (0..64).map(|bits| 1_u64 << bits);
        for value in powers.flat_map(|power| [power - 1, power, power + power / 3]).chain([u64::MAX]) {
            let smallest = smallest_of(bucket_of(value));
            assert!(smallest <= value && value - smallest <= value / SPLIT, "{value} is in the bucket of {smallest}");
        }
    }

    #[test]
    fn percentiles_of_a_hundred_values() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p99, 0);
        for value in 1..=100 {
            histogram.record(value);
        }
        histogram.record_n(7, 0);
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p1, stats.p5, stats.p50), (100, 1, 5, 48));
        assert_eq!((stats.p99, stats.p99_9), (96, 96));
    }
}
