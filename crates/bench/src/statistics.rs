//! Medians, quartiles, and ratios between servers that were measured in the same round.

use serde::{Deserialize, Serialize};

/// Beyond this share of the median between the quartiles, a figure is called unstable.
pub(crate) const UNSTABLE_BEYOND: f64 = 0.2;

/// The middle of some figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// A quarter of the figures lie below.
    pub(crate) lower_quartile: f64,
    /// Half of the figures lie below.
    pub(crate) median: f64,
    /// A quarter of the figures lie above.
    pub(crate) upper_quartile: f64,
    /// How many figures there are.
    pub(crate) count: usize,
}

impl Summary {
    /// The summary of `figures`; `None` where there are none. What is not a number is left out.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() {
            return None;
        }
        Some(Self {
            lower_quartile: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            upper_quartile: quantile(&sorted, 0.75),
            count: sorted.len(),
        })
    }

    /// Whether the quartiles lie so far apart that the median says little.
    pub(crate) fn is_unstable(&self) -> bool {
        self.upper_quartile - self.lower_quartile > UNSTABLE_BEYOND * self.median.abs()
    }
}

/// The quantile of ascending figures, between two of them by their distance.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

/// The summary of `numerator / denominator`, round by round; rounds without either are left out.
pub(crate) fn ratios<'a>(rounds: impl IntoIterator<Item = (Option<&'a f64>, Option<&'a f64>)>) -> Option<Summary> {
    Summary::of(rounds.into_iter().filter_map(|(numerator, denominator)| Some(numerator? / denominator?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_figures() {
        let summary = Summary::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.lower_quartile, summary.median, summary.upper_quartile), (1.75, 2.5, 3.25));
        let one = Summary::of([7.0]).unwrap();
        assert_eq!((one.lower_quartile, one.median, one.upper_quartile, one.count), (7.0, 7.0, 7.0, 1));
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn a_figure_is_unstable_when_the_quartiles_are_a_fifth_apart() {
        assert!(!Summary::of([95.0, 100.0, 105.0]).unwrap().is_unstable());
        assert!(Summary::of([70.0, 100.0, 130.0]).unwrap().is_unstable());
    }

    #[test]
    fn ratios_pair_what_was_measured_in_one_round() {
        // A machine that becomes twice as slow in the second round changes no ratio.
        let ours = [1.0, 2.0, 1.0];
        let theirs = [3.0, 6.0, 3.0];
        let summary = ratios(theirs.iter().map(Some).zip(ours.iter().map(Some))).unwrap();
        assert_eq!((summary.median, summary.lower_quartile), (3.0, 3.0));
        assert_eq!(ratios([(Some(&1.0), None), (Some(&6.0), Some(&2.0))]).unwrap().count, 1);
        assert_eq!(ratios([(None, Some(&1.0))]), None);
    }
}
