//! The table that a run prints.

use super::figures;
use crate::results::{CaseResult, Results};
use crate::rows::spec::Metric;
use crate::server::Role;
use crate::verdict::{Judged, Verdict};

/// The table: for each case what it is judged by, then every goal, then what was left out and what failed.
pub(super) fn table(results: &Results) -> String {
    let mut lines = vec![header(results)];
    for case in &results.cases {
        for metric in shown(case) {
            lines.push(line(results, case, metric));
        }
    }
    let mut text = aligned(&lines);
    text += "~ the quartiles lie more than a fifth of the median apart: the figure is unstable\n\n";
    text += &aligned(&goals(results));
    for left_out in &results.left_out {
        text += &format!("left out: row {}, {}\n", left_out.row, left_out.reason);
    }
    for case in &results.cases {
        for (server, failure) in &case.failures {
            text += &format!("FAILED: {server} in {}: {failure}\n", case.spec.name);
        }
    }
    if results.scale < 1.0 && !results.quick {
        text += &format!("in miniature ({} of full length): the figures mean little\n", results.scale);
    }
    text
}

/// The first metric, and those of goals and guards.
fn shown(case: &CaseResult) -> impl Iterator<Item = &Metric> {
    let spec = &case.spec;
    spec.metrics.iter().enumerate().filter_map(move |(index, metric)| {
        let wanted = spec.goals.iter().map(|goal| &goal.metric).chain(spec.guard.iter().map(|guard| &guard.metric));
        (index == 0 || wanted.into_iter().any(|name| *name == metric.name)).then_some(metric)
    })
}

fn header(results: &Results) -> Vec<String> {
    let mut cells = vec!["row".to_owned(), "case".to_owned(), "metric".to_owned()];
    cells.extend(results.servers.iter().map(|server| server.name.clone()));
    cells.push("vs floor".to_owned());
    cells.extend(others(results).map(|name| format!("vs {name}")));
    cells
}

fn line(results: &Results, case: &CaseResult, metric: &Metric) -> Vec<String> {
    let judged = Judged::new(results, case);
    let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
    let mut cells = vec![case.spec.row.to_string(), case.spec.name.to_string(), format!("{}{unit}", metric.label)];
    cells.extend(results.servers.iter().map(|server| figures::median(judged.figures(metric, &server.name))));
    cells.push(figures::ratio(judged.over_floor(metric)));
    cells.extend(others(results).map(|name| figures::ratio(judged.times_better(metric, name))));
    cells
}

fn others(results: &Results) -> impl Iterator<Item = &str> {
    let others = results.servers.iter().filter(|server| matches!(server.role, Role::Kafka | Role::Peer));
    others.map(|server| server.name.as_str())
}

fn goals(results: &Results) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for case in &results.cases {
        let judged = Judged::new(results, case);
        for goal in &case.spec.goals {
            let verdict = judged.verdict(goal);
            let (word, mut found) = figures::verdict(verdict);
            let first = case.spec.metrics.first().is_some_and(|metric| metric.name == goal.metric);
            if verdict == Verdict::NotMeasured
                && first
                && matches!(goal.wanted, crate::rows::spec::Wanted::TimesKafka(_))
                && let Some(times) = judged.recorded_times_kafka()
            {
                found = format!("{}x by the recorded ratio of Kafka to the floor", figures::number(times));
            }
            let label = case.spec.metric(&goal.metric).map_or(String::new(), |metric| metric.label.to_string());
            lines.push(vec![
                format!("goal {}", case.spec.row),
                case.spec.name.to_string(),
                format!("{label}: {}", figures::goal(goal)),
                word.to_owned(),
                found,
            ]);
        }
    }
    lines
}

/// Lines with their columns as wide as their widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let shown = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::LeftOut;
    use crate::results::tests::results;

    #[test]
    fn the_table_shows_figures_ratios_and_goals() {
        let mut results = results(&[(1.0, 2.0, 12.0)]);
        results.left_out.push(LeftOut { row: 8, reason: "three brokers".to_owned() });
        results.cases[0].failures.insert("kafka".to_owned(), "it ended".to_owned());
        let text = table(&results);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "row  case  metric   floor  dohle  kafka  vs floor  vs kafka");
        assert_eq!(lines[1], "1    case  CPU, us  1.00   2.00   12.0   2.00x     6.00x");
        assert!(text.contains("goal 1  case  CPU: 5x better than Kafka      met     6.00x\n"));
        assert!(text.contains("goal 1  case  CPU: within 1.3x of the floor  missed  2.00x\n"));
        assert!(text.contains("left out: row 8, three brokers\n"));
        assert!(text.contains("FAILED: kafka in case: it ended\n"));
    }

    #[test]
    fn without_kafka_its_record_is_shown_as_such() {
        let mut results = results(&[(1.0, 2.0, 12.0)]);
        results.servers.pop();
        results.cases[0].spec.recorded_kafka_over_floor = Some(9.0);
        let text = table(&results);
        assert!(text.contains("not measured  4.50x by the recorded ratio of Kafka to the floor"), "{text}");
    }
}
