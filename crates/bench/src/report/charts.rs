//! Which charts there are, and what is in them.

use std::collections::BTreeMap;

use super::bars::{Bar, bars};
use super::lines::{Line, Ticks, lines};
use crate::latencies::CurvePoint;
use crate::results::{CaseResult, Results};
use crate::rows::spec::{Better, Metric, Wanted};
use crate::server::Role;
use crate::statistics::Summary;
use crate::verdict::Judged;

/// A chart's file and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The file's name.
    pub(super) file: String,
    /// What it shows.
    pub(super) title: String,
}

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What it is called.
    pub(super) named: Named,
    /// The drawing.
    pub(super) svg: String,
}

impl Chart {
    fn new(file: String, title: &str, svg: String) -> Self {
        Self { named: Named { file, title: title.to_owned() }, svg }
    }
}

/// All charts for which something was measured.
pub(super) fn charts(results: &Results) -> Vec<Chart> {
    let mut charts = Vec::new();
    for server in results.servers.iter().filter(|server| matches!(server.role, Role::Kafka | Role::Peer)) {
        let title = format!("How many times better than {}", server.name);
        let found = bars_of(
            results,
            |judged, metric| judged.times_better(metric, &server.name),
            |wanted| match wanted {
                Wanted::TimesKafka(goal) if server.role == Role::Kafka => Some(goal),
                _ => None,
            },
            Better::Higher,
        );
        if !found.is_empty() {
            charts.push(Chart::new(format!("vs-{}.svg", server.name), &title, bars(&title, &found)));
        }
    }
    let title = "How many times the cost of the floor: the less, the better";
    let found = bars_of(
        results,
        |judged, metric| judged.over_floor(metric),
        |wanted| match wanted {
            Wanted::WithinFloor(goal) => Some(goal),
            _ => None,
        },
        Better::Lower,
    );
    if !found.is_empty() {
        charts.push(Chart::new("vs-floor.svg".to_owned(), title, bars(title, &found)));
    }
    charts.extend(results.cases.iter().filter_map(|case| distribution(results, case)));
    charts.extend(results.cases.iter().flat_map(|case| curves(results, case)));
    charts
}

/// A bar for the first metric of each case.
fn bars_of(
    results: &Results,
    ratio: impl Fn(&Judged<'_>, &Metric) -> Option<Summary>,
    goal: impl Fn(Wanted) -> Option<f64>,
    better: Better,
) -> Vec<Bar> {
    let bar = |case: &CaseResult| {
        let metric = case.spec.metrics.first()?;
        let ratio = ratio(&Judged::new(results, case), metric)?;
        let goals = case.spec.goals.iter().filter(|goal| goal.metric == metric.name);
        let goal = goals.filter_map(|wanted| goal(wanted.wanted)).next();
        let limit = goal.unwrap_or(1.0);
        let good = match better {
            Better::Higher => ratio.median >= limit,
            // Without a limit, what costs more than the floor is what a broker is expected to do.
            Better::Lower => ratio.median <= limit || goal.is_none(),
        };
        Some(Bar { label: case.spec.name.to_string(), ratio, goal, good })
    };
    results.cases.iter().filter_map(bar).collect()
}

/// The latency distribution of a case, of every server the median over the rounds.
fn distribution(results: &Results, case: &CaseResult) -> Option<Chart> {
    let mut drawn = Vec::new();
    for (index, server) in results.servers.iter().enumerate() {
        let mut by_place: BTreeMap<usize, Vec<CurvePoint>> = BTreeMap::new();
        for sample in case.rounds.iter().filter_map(|round| round.samples.get(&server.name)) {
            for (place, point) in sample.latencies.iter().enumerate() {
                by_place.entry(place).or_default().push(*point);
            }
        }
        let points: Vec<(f64, f64)> = by_place
            .values()
            .filter(|points| points[0].percentile < 100.0)
            .filter_map(|points| {
                let micros = Summary::of(points.iter().map(|point| point.micros))?.median;
                Some((one_in(points[0].percentile), micros / 1000.0))
            })
            .collect();
        if !points.is_empty() {
            drawn.push(Line { name: server.name.clone(), color: color(server.role, index), points });
        }
    }
    let ticks: Ticks =
        [0.0, 50.0, 90.0, 99.0, 99.9, 99.99].map(|percentile| (one_in(percentile), format!("{percentile} %"))).into();
    let title = format!("{}: latency distribution", case.spec.name);
    let axes = ("share of the requests that took no longer", "ms");
    let file = format!("{}.svg", case.spec.name);
    (!drawn.is_empty()).then(|| Chart::new(file, &title, lines(&title, axes, &ticks, &drawn)))
}

/// A percentile as one in how many are slower, which gives the tail its room.
fn one_in(percentile: f64) -> f64 {
    100.0 / (100.0 - percentile)
}

/// The curves of a case: metrics `name@number`.
fn curves(results: &Results, case: &CaseResult) -> Vec<Chart> {
    let mut by_name: BTreeMap<&str, Vec<(f64, &Metric)>> = BTreeMap::new();
    for metric in &case.spec.metrics {
        if let Some((name, number)) = metric.name.split_once('@')
            && let Ok(number) = number.parse::<f64>()
        {
            // None at all has a place of its own at the left end.
            by_name.entry(name).or_default().push((number.max(1.0), metric));
        }
    }
    let judged = Judged::new(results, case);
    let mut charts = Vec::new();
    for (name, points) in by_name {
        let mut drawn = Vec::new();
        for (index, server) in results.servers.iter().enumerate() {
            let mut placed: Vec<(f64, f64)> = points
                .iter()
                .filter_map(|(number, metric)| Some((*number, judged.figures(metric, &server.name)?.median)))
                .collect();
            placed.sort_by(|one, other| one.0.total_cmp(&other.0));
            if !placed.is_empty() {
                drawn.push(Line { name: server.name.clone(), color: color(server.role, index), points: placed });
            }
        }
        if drawn.is_empty() {
            continue;
        }
        let label = case.spec.metric(name).map_or(name, |metric| &metric.label);
        let unit = points.first().map_or("", |(_, metric)| &metric.unit);
        let counted = if case.spec.name.starts_with("partitions") { "partitions" } else { "idle connections" };
        let ticks = [1.0, 10.0, 100.0, 1000.0, 10_000.0].map(|number: f64| (number, number.to_string())).into();
        let title = format!("{}: {label}", case.spec.name);
        let file = format!("{}-growth.svg", case.spec.name);
        charts.push(Chart::new(file, &title, lines(&title, (counted, unit), &ticks, &drawn)));
    }
    charts
}

fn color(role: Role, index: usize) -> &'static str {
    const PEERS: [&str; 3] = ["#4e6fae", "#9a6fb0", "#b08a2e"];
    match role {
        Role::Floor => "#8a8f98",
        Role::Ours => "#1a7f5a",
        Role::Kafka => "#c8553d",
        Role::Peer => PEERS[index % PEERS.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;
    use crate::rows::spec::Sample;

    fn names(results: &Results) -> Vec<String> {
        charts(results).into_iter().map(|chart| chart.named.file).collect()
    }

    #[test]
    fn there_are_charts_for_what_was_measured() {
        let mut results = results(&[(1.0, 2.0, 12.0)]);
        assert_eq!(names(&results), ["vs-kafka.svg", "vs-floor.svg"]);
        let sample = results.cases[0].rounds[0].samples.get_mut("dohle").unwrap();
        sample.latencies = vec![
            CurvePoint { percentile: 50.0, micros: 100.0 },
            CurvePoint { percentile: 99.0, micros: 1000.0 },
            CurvePoint { percentile: 100.0, micros: 9000.0 },
        ];
        assert_eq!(names(&results), ["vs-kafka.svg", "vs-floor.svg", "case.svg"]);
        let spec = &mut results.cases[0].spec;
        let mut point = spec.metrics[0].clone();
        point.name = "cpu@10".into();
        spec.metrics.push(point);
        assert_eq!(names(&results).len(), 3, "nothing was measured for the curve");
        let sample = results.cases[0].rounds[0].samples.get_mut("dohle").unwrap();
        *sample = Sample::default().with("cpu", 2.0).with("cpu@10", 3.0);
        assert_eq!(names(&results), ["vs-kafka.svg", "vs-floor.svg", "case-growth.svg"]);
    }

    #[test]
    fn the_tail_has_room() {
        assert!((one_in(0.0) - 1.0).abs() < 1e-9);
        assert!((one_in(99.0) - 100.0).abs() < 1e-9);
        assert!((one_in(99.9) - 1000.0).abs() < 1e-6);
    }
}
