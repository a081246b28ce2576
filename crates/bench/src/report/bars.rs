//! Charts of ratios: a bar for each case, from 1 to its ratio, with its quartiles and a mark where its goal is.

use super::figures::number;
use super::svg::{Anchor, LogScale, Svg};
use crate::statistics::Summary;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 210.0;
const FIGURES: f64 = 70.0;
const TOP: f64 = 60.0;
const STEP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
const GRID: &str = "#e3e6ea";
const GOOD: &str = "#1a7f5a";
const BAD: &str = "#c8553d";
const GOAL: &str = "#1c1e21";
const QUARTILES: &str = "#5f6670";

/// A bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// What it is about.
    pub(super) label: String,
    /// How long it is.
    pub(super) ratio: Summary,
    /// Where its goal is.
    pub(super) goal: Option<f64>,
    /// Whether it reaches that; or, without a goal, lies on the good side of 1.
    pub(super) good: bool,
}

/// Draws bars on a logarithmic scale.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    let height = TOP + STEP * bars.len() as f64 + BOTTOM;
    let mut svg = Svg::new(WIDTH, height, title);
    let all =
        || bars.iter().flat_map(|bar| [bar.ratio.upper_quartile, bar.ratio.lower_quartile].into_iter().chain(bar.goal));
    let low = all().fold(1.0_f64, f64::min).max(0.001) * 0.9;
    let high = all().fold(1.0_f64, f64::max) * 1.1;
    let scale = LogScale::new(low, high, LABELS, WIDTH - FIGURES);
    let end = height - BOTTOM;
    for tick in scale.ticks() {
        let x = scale.place(tick);
        svg.line((x, TOP - 8.0), (x, end), GRID, 1.0);
        svg.text((x, TOP - 12.0), Anchor::Middle, &format!("{tick}x"));
    }
    let one = scale.place(1.0);
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        let x = scale.place(bar.ratio.median);
        svg.text((LABELS - 8.0, y + 13.0), Anchor::End, &bar.label);
        svg.rectangle(one.min(x), y + 2.0, (x - one).abs().max(1.0), 14.0, if bar.good { GOOD } else { BAD });
        let (lower, upper) = (scale.place(bar.ratio.lower_quartile), scale.place(bar.ratio.upper_quartile));
        svg.line((lower, y + 9.0), (upper, y + 9.0), QUARTILES, 2.0);
        if let Some(goal) = bar.goal {
            let x = scale.place(goal);
            svg.line((x, y - 1.0), (x, y + 19.0), GOAL, 2.0);
        }
        let unstable = if bar.ratio.is_unstable() { " ~" } else { "" };
        svg.text((WIDTH - 12.0, y + 13.0), Anchor::End, &format!("{}x{unstable}", number(bar.ratio.median)));
    }
    svg.line((one, TOP - 8.0), (one, end), QUARTILES, 1.0);
    svg.legend(&[
        ("reaches its goal".to_owned(), GOOD),
        ("does not".to_owned(), BAD),
        ("goal".to_owned(), GOAL),
        ("from quartile to quartile".to_owned(), QUARTILES),
    ]);
    svg.finish()
}
