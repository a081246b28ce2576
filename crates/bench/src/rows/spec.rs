//! What a case is: its metrics, its goals, and what it needs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latencies::CurvePoint;

/// A text that is written in the program or read from a file of results.
pub(crate) type Text = Cow<'static, str>;

/// Rounds of most cases in the full form.
const ROUNDS: usize = 3;
/// Rounds of cases that take a Kafka half a minute each: all rows together are to take little more than a quarter of an
/// hour.
pub(crate) const LONG_ROUNDS: usize = 2;

/// A case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Number of its row.
    pub(crate) row: u32,
    /// Its name; rows with several cases have several names.
    pub(crate) name: Text,
    /// What is done, in one line.
    pub(crate) about: Text,
    /// What is measured; the first is what the case is judged by first.
    pub(crate) metrics: Vec<Metric>,
    /// What is wanted.
    pub(crate) goals: Vec<Goal>,
    /// Whether the floor server can do it too.
    pub(crate) floor: bool,
    /// How many rounds the full form takes at most.
    pub(crate) rounds: usize,
    /// About how long one server takes in one round, in seconds, at full length.
    pub(crate) seconds: f64,
    /// Whether it needs servers that nothing else has used.
    pub(crate) fresh: bool,
    /// Part of the quick form, with the ratio to the floor that must not be exceeded there.
    pub(crate) guard: Option<Guard>,
    /// How many times the floor's first metric Apache Kafka needed when that was measured for the record (4.1.1, on two
    /// cores), for runs without a live Kafka.
    pub(crate) recorded_kafka_over_floor: Option<f64>,
}

impl Spec {
    /// A case with metrics; the rest as most have it.
    pub(crate) fn new(row: u32, name: impl Into<Text>, about: impl Into<Text>, metrics: Vec<Metric>) -> Self {
        Self {
            row,
            name: name.into(),
            about: about.into(),
            metrics,
            goals: Vec::new(),
            floor: true,
            rounds: ROUNDS,
            seconds: 3.0,
            fresh: false,
            guard: None,
            recorded_kafka_over_floor: None,
        }
    }

    /// The metric of that name.
    pub(crate) fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metric {
    /// Its key in samples. `name@number` is a point of the curve `name`.
    pub(crate) name: Text,
    /// For people.
    pub(crate) label: Text,
    /// Its unit.
    pub(crate) unit: Text,
    /// Which end is good.
    pub(crate) better: Better,
}

/// Which end of a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Better {
    /// The less, the better.
    Lower,
    /// The more, the better.
    Higher,
}

/// What is wanted of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// Which.
    pub(crate) metric: Text,
    /// What.
    pub(crate) wanted: Wanted,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// So many times better than Kafka in the same round.
    TimesKafka(f64),
    /// No more than so many times the floor's in the same round; of a rate, no less than the floor's by so many times.
    WithinFloor(f64),
    /// No more than this: the metric is a ratio already.
    AtMost(f64),
    /// No less than this: the metric is a ratio already.
    AtLeast(f64),
}

/// A limit that a change must not cross.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// Of which metric.
    pub(crate) metric: Text,
    /// The largest ratio to the floor, wide enough that noise does not reach it.
    pub(crate) ratio_max: f64,
}

/// What one server did in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// By the name of the metric.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// The distribution of latencies, where that is what the case is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) latencies: Vec<CurvePoint>,
}

impl Sample {
    /// Adds a figure.
    pub(crate) fn with(mut self, metric: &str, value: f64) -> Self {
        self.metrics.insert(metric.to_owned(), value);
        self
    }

    /// Adds all figures of another sample.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.metrics.extend(other.metrics.iter().map(|(name, value)| (name.clone(), *value)));
    }
}
