//! Ratios between servers of the same round, and whether goals are met.

use crate::results::{CaseResult, Results};
use crate::rows::spec::{Better, Goal, Metric, Sample, Wanted};
use crate::server::Role;
use crate::statistics::{Summary, ratios};

/// How a goal stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The median reaches it.
    Met(Summary),
    /// The median does not.
    Missed(Summary),
    /// Something that it takes was not measured.
    NotMeasured,
}

/// A case among the results of its run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged<'a> {
    results: &'a Results,
    case: &'a CaseResult,
}

impl<'a> Judged<'a> {
    /// The case to judge.
    pub(crate) fn new(results: &'a Results, case: &'a CaseResult) -> Self {
        Self { results, case }
    }

    /// A server's own figures.
    pub(crate) fn figures(&self, metric: &Metric, server: &str) -> Option<Summary> {
        Summary::of(self.values(metric, server).flatten().copied())
    }

    /// How many times better we are than another server.
    pub(crate) fn times_better(&self, metric: &Metric, than: &str) -> Option<Summary> {
        self.worse_over_better(metric, than, self.results.server(Role::Ours)?)
    }

    /// How many times the floor's cost ours is.
    pub(crate) fn over_floor(&self, metric: &Metric) -> Option<Summary> {
        self.worse_over_better(metric, self.results.server(Role::Ours)?, self.results.server(Role::Floor)?)
    }

    /// How a goal of the case stands.
    pub(crate) fn verdict(&self, goal: &Goal) -> Verdict {
        let Some(metric) = self.case.spec.metric(&goal.metric) else { return Verdict::NotMeasured };
        let (summary, met): (_, fn(f64, f64) -> bool) = match goal.wanted {
            Wanted::TimesKafka(_) => {
                let kafka = self.results.server(Role::Kafka);
                (kafka.and_then(|kafka| self.times_better(metric, kafka)), |found, wanted| found >= wanted)
            }
            Wanted::WithinFloor(_) => (self.over_floor(metric), |found, wanted| found <= wanted),
            Wanted::AtMost(_) => (self.ours(metric), |found, wanted| found <= wanted),
            Wanted::AtLeast(_) => (self.ours(metric), |found, wanted| found >= wanted),
        };
        match summary {
            None => Verdict::NotMeasured,
            Some(summary) if met(summary.median, goal.wanted.limit()) => Verdict::Met(summary),
            Some(summary) => Verdict::Missed(summary),
        }
    }

    /// What Kafka's figure would be over ours, by the recorded ratio of Kafka to the floor.
    pub(crate) fn recorded_times_kafka(&self) -> Option<f64> {
        let recorded = self.case.spec.recorded_kafka_over_floor?;
        let over_floor = self.over_floor(self.case.spec.metrics.first()?)?;
        Some(recorded / over_floor.median)
    }

    fn ours(&self, metric: &Metric) -> Option<Summary> {
        self.figures(metric, self.results.server(Role::Ours)?)
    }

    /// `one / other` of a metric of which less is better, `other / one` otherwise.
    fn worse_over_better(&self, metric: &Metric, one: &str, other: &str) -> Option<Summary> {
        let pairs = self.values(metric, one).zip(self.values(metric, other));
        match metric.better {
            Better::Lower => ratios(pairs),
            Better::Higher => ratios(pairs.map(|(one, other)| (other, one))),
        }
    }

    fn values(&self, metric: &Metric, server: &str) -> impl Iterator<Item = Option<&'a f64>> {
        self.case.rounds.iter().map(move |round| {
            let sample: Option<&Sample> = round.samples.get(server);
            sample.and_then(|sample| sample.metrics.get(&*metric.name))
        })
    }
}

impl Wanted {
    /// The number in it.
    pub(crate) fn limit(self) -> f64 {
        match self {
            Self::TimesKafka(limit) | Self::WithinFloor(limit) | Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn goals_are_judged_by_the_median_of_ratios_within_rounds() {
        // The machine is three times slower in the second round.
        let results = results(&[(1.0, 1.2, 6.6), (3.0, 3.6, 19.8), (1.0, 1.2, 6.6)]);
        let case = &results.cases[0];
        let judged = Judged::new(&results, case);
        let metric = &case.spec.metrics[0];
        assert!((judged.times_better(metric, "kafka").unwrap().median - 5.5).abs() < 1e-9);
        assert!((judged.over_floor(metric).unwrap().median - 1.2).abs() < 1e-9);
        assert!(!judged.over_floor(metric).unwrap().is_unstable());
        assert!(matches!(judged.verdict(&case.spec.goals[0]), Verdict::Met(_)));
        assert!(matches!(judged.verdict(&case.spec.goals[1]), Verdict::Met(_)));
    }

    #[test]
    fn a_missed_goal_is_missed_and_an_unmeasured_one_is_neither() {
        let mut results = results(&[(1.0, 2.0, 6.0)]);
        let verdicts = |results: &Results| {
            let case = &results.cases[0];
            case.spec.goals.iter().map(|goal| Judged::new(results, case).verdict(goal)).collect::<Vec<_>>()
        };
        assert!(verdicts(&results).iter().all(|verdict| matches!(verdict, Verdict::Missed(_))));
        results.servers.pop();
        assert_eq!(verdicts(&results)[0], Verdict::NotMeasured);
        results.cases[0].spec.recorded_kafka_over_floor = Some(6.0);
        assert_eq!(Judged::new(&results, &results.cases[0]).recorded_times_kafka(), Some(3.0));
    }

    #[test]
    fn of_rates_more_is_better() {
        let mut results = results(&[(100.0, 80.0, 20.0)]);
        results.cases[0].spec.metrics[0].better = Better::Higher;
        let case = &results.cases[0];
        let judged = Judged::new(&results, case);
        assert!((judged.times_better(&case.spec.metrics[0], "kafka").unwrap().median - 4.0).abs() < 1e-9);
        assert!((judged.over_floor(&case.spec.metrics[0]).unwrap().median - 1.25).abs() < 1e-9);
    }
}
