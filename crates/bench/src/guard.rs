//! The limits of the short form: ratios to the floor that a change must not cross.

use crate::results::{CaseResult, Results};
use crate::verdict::Judged;

/// Says what is wrong, each thing in one sentence: limits that are crossed, and cases that say nothing about theirs.
pub(crate) fn crossed(results: &Results) -> Vec<String> {
    results.cases.iter().filter_map(|case| crossed_by(results, case)).collect()
}

/// The same of one case.
pub(crate) fn crossed_by(results: &Results, case: &CaseResult) -> Option<String> {
    let guard = case.spec.guard.as_ref()?;
    let metric = case.spec.metric(&guard.metric)?;
    let name = &case.spec.name;
    match Judged::new(results, case).over_floor(metric) {
        None => Some(format!("{name}: {} was not measured", metric.label)),
        Some(summary) if summary.median > guard.ratio_max => Some(format!(
            "{name}: {} is {:.2} times the floor's, the limit is {}",
            metric.label, summary.median, guard.ratio_max
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;
    use crate::rows::spec::Guard;

    #[test]
    fn a_ratio_beyond_its_limit_is_named() {
        let mut results = results(&[(1.0, 1.8, 9.0), (1.0, 2.6, 9.0), (1.0, 2.5, 9.0)]);
        assert_eq!(crossed(&results), Vec::<String>::new(), "no limit");
        results.cases[0].spec.guard = Some(Guard { metric: "cpu".into(), ratio_max: 2.5 });
        assert_eq!(crossed(&results), Vec::<String>::new(), "one bad round is noise");
        results.cases[0].spec.guard = Some(Guard { metric: "cpu".into(), ratio_max: 2.4 });
        assert_eq!(crossed(&results), ["case: CPU is 2.50 times the floor's, the limit is 2.4"]);
        results.cases[0].rounds.clear();
        assert_eq!(crossed(&results), ["case: CPU was not measured"]);
    }
}
