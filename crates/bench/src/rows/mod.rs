//! The rows of the matrix: what is measured, how, and what is wanted of it.

mod connections;
pub(crate) mod context;
mod fetch;
mod flush;
mod groups;
mod latency;
mod lifecycle;
mod metrics;
mod partitions;
mod produce;
mod real_client;
mod recovery;
pub(crate) mod spec;
pub(crate) mod warming;

use anyhow::Result;

use self::context::Context;
use self::spec::{Sample, Spec};

/// One line of the matrix, or one of several of a row.
pub(crate) trait Case {
    /// What it is.
    fn spec(&self) -> Spec;

    /// Makes ready what all rounds on this server share. Its figures are part of every round.
    ///
    /// # Errors
    /// The broker fails, or a signal has come.
    fn prepare(&self, context: &Context<'_>) -> Result<Sample> {
        let _ = context;
        Ok(Sample::default())
    }

    /// Measures one server in one round.
    ///
    /// # Errors
    /// The broker fails, or a signal has come.
    fn measure(&self, context: &Context<'_>) -> Result<Sample>;

    /// Removes what [`prepare`](Self::prepare) has made.
    ///
    /// # Errors
    /// The broker fails.
    fn clean(&self, context: &Context<'_>) -> Result<()> {
        let _ = context;
        Ok(())
    }
}

/// Every case, in the order of rows.
pub(crate) fn all() -> Vec<Box<dyn Case>> {
    let mut cases: Vec<Box<dyn Case>> = Vec::new();
    cases.extend(produce::cases());
    cases.extend(flush::cases());
    cases.extend(latency::cases());
    cases.extend(fetch::cases());
    cases.push(Box::new(partitions::Partitions));
    cases.push(Box::new(connections::Connections));
    cases.push(Box::new(groups::Groups));
    cases.push(Box::new(lifecycle::StartStop));
    cases.extend(recovery::cases());
    cases.extend(real_client::cases());
    cases
}

/// Rows that are not measured, and why.
pub(crate) const LEFT_OUT: [(u32, &str); 1] =
    [(8, "produce-acks-all: needs three brokers, and Dohle runs as one node so far")];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_matrix_is_there_or_left_out() {
        let mut rows: BTreeSet<u32> = all().iter().map(|case| case.spec().row).collect();
        rows.extend(LEFT_OUT.map(|(row, _)| row));
        assert_eq!(rows, (1..=20).collect());
    }

    #[test]
    fn names_are_unique_and_goals_are_about_metrics_that_are_measured() {
        let mut names = BTreeSet::new();
        for case in all() {
            let spec = case.spec();
            assert!(names.insert(spec.name.clone()), "{} twice", spec.name);
            let metrics: BTreeSet<&str> = spec.metrics.iter().map(|metric| &*metric.name).collect();
            assert_eq!(metrics.len(), spec.metrics.len(), "{}: a metric twice", spec.name);
            let wanted =
                spec.goals.iter().map(|goal| &*goal.metric).chain(spec.guard.iter().map(|guard| &*guard.metric));
            for metric in wanted {
                assert!(metrics.contains(metric), "{}: {metric}", spec.name);
            }
            assert!(spec.guard.is_none() || spec.floor, "{}: a guard needs the floor", spec.name);
            assert!(spec.rounds > 0 && spec.seconds > 0.0);
        }
    }

    #[test]
    fn the_quick_form_guards_its_six_rows() {
        let guarded: BTreeSet<u32> =
            all().iter().map(|case| case.spec()).filter(|spec| spec.guard.is_some()).map(|spec| spec.row).collect();
        assert_eq!(guarded, BTreeSet::from([1, 2, 4, 10, 12, 18]));
    }
}
