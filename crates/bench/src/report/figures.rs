//! Figures as people read them.

use crate::rows::spec::{Goal, Wanted};
use crate::statistics::Summary;
use crate::verdict::Verdict;

/// Three digits, however large or small.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A median, marked with `~` where the quartiles lie far apart; a dash where there is none.
pub(super) fn median(summary: Option<Summary>) -> String {
    let Some(summary) = summary else { return "-".to_owned() };
    format!("{}{}", number(summary.median), if summary.is_unstable() { "~" } else { "" })
}

/// A ratio with its quartiles.
pub(super) fn ratio(summary: Option<Summary>) -> String {
    match summary {
        None => "-".to_owned(),
        Some(summary) if summary.count == 1 => format!("{}x", number(summary.median)),
        Some(summary) => format!(
            "{}x ({} to {}){}",
            number(summary.median),
            number(summary.lower_quartile),
            number(summary.upper_quartile),
            if summary.is_unstable() { " ~" } else { "" }
        ),
    }
}

/// A goal in words.
pub(super) fn goal(goal: &Goal) -> String {
    match goal.wanted {
        Wanted::TimesKafka(times) => format!("{times}x better than Kafka"),
        Wanted::WithinFloor(times) => format!("within {times}x of the floor"),
        Wanted::AtMost(limit) => format!("at most {limit}"),
        Wanted::AtLeast(limit) => format!("at least {limit}"),
    }
}

/// A verdict in words, and what it is by.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, String) {
    match verdict {
        Verdict::Met(summary) => ("met", ratio(Some(summary))),
        Verdict::Missed(summary) => ("missed", ratio(Some(summary))),
        Verdict::NotMeasured => ("not measured", "-".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases =
            [(0.0, "0"), (0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234"), (-2.0, "-2.00")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn what_is_unstable_is_marked() {
        assert_eq!(median(Summary::of([1.0, 1.0, 1.0])), "1.00");
        assert_eq!(median(Summary::of([1.0, 2.0, 3.0])), "2.00~");
        assert_eq!(ratio(Summary::of([1.0, 2.0, 3.0])), "2.00x (1.50 to 2.50) ~");
        assert_eq!(ratio(None), "-");
    }
}
