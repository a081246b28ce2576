//! Charts of lines: latency distributions, and how cost grows.

use super::figures::number;
use super::svg::{Anchor, LogScale, Svg};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 80.0;
const GRID: &str = "#e3e6ea";

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Whose it is.
    pub(super) name: String,
    /// Its color.
    pub(super) color: &'static str,
    /// Its points, from left to right.
    pub(super) points: Vec<(f64, f64)>,
}

/// Labels along the horizontal axis.
pub(super) type Ticks = Vec<(f64, String)>;

/// Draws lines on scales that are logarithmic both ways. The vertical one begins at the lowest point.
pub(super) fn lines(title: &str, axes: (&str, &str), ticks: &Ticks, lines: &[Line]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, title);
    let points = || lines.iter().flat_map(|line| &line.points);
    let range = |part: fn(&(f64, f64)) -> f64| {
        let values = || points().map(part);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    let across = LogScale::new(left, right, LEFT, WIDTH - RIGHT);
    let up = LogScale::new(low * 0.8, high * 1.2, HEIGHT - BOTTOM, TOP);
    for tick in up.ticks() {
        let y = up.place(tick);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
        svg.text((LEFT - 8.0, y + 4.0), Anchor::End, &number(tick));
    }
    for (value, label) in ticks {
        let x = across.place(*value);
        svg.line((x, TOP), (x, HEIGHT - BOTTOM), GRID, 1.0);
        svg.text((x, HEIGHT - BOTTOM + 18.0), Anchor::Middle, label);
    }
    svg.text(((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + 38.0), Anchor::Middle, axes.0);
    svg.text((LEFT, TOP - 8.0), Anchor::End, axes.1);
    for line in lines {
        let placed: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| (across.place(*x), up.place(*y))).collect();
        svg.polyline(&placed, line.color);
    }
    let legend: Vec<(String, &str)> = lines.iter().map(|line| (line.name.clone(), line.color)).collect();
    svg.legend(&legend);
    svg.finish()
}
