//! The page `docs/benchmarks.md`, from results.

use std::fmt::Write as _;

use super::charts::Named;
use super::figures;
use crate::results::{CaseResult, Results};
use crate::rows::spec::Metric;
use crate::server::Role;
use crate::verdict::{Judged, Verdict};

/// The page.
pub(super) fn document(results: &Results, charts: &[Named]) -> String {
    let mut page = String::new();
    page += "# Benchmarks\n\n";
    page += "Written by `dohle-bench report` from the results of a run; not by hand.\n\n";
    page += "What counts are ratios between servers that were measured in turns, in the same minute, on the same machine. \
             Absolute figures are shown so that ratios can be checked; on another machine they are others. *CPU* is the CPU \
             time of the broker's process. *The floor* is a server that makes the same system calls and does nothing else: \
             what the kernel alone costs. `~` marks a figure whose quartiles lie more than a fifth of its median apart.\n\n";
    if !results.finished || results.scale < 1.0 {
        page += "**This was no full run: its figures mean little.**\n\n";
    }
    page += &goals(results);
    page += &losing(results);
    for chart in charts {
        let _ = write!(page, "![{}](benchmarks/{})\n\n", chart.title, chart.file);
    }
    page += &rows(results);
    page += &conditions(results);
    page += REPEAT;
    page
}

fn goals(results: &Results) -> String {
    let mut text = "## Goals\n\n| Row | Case | Goal | Found | Verdict |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for case in &results.cases {
        let judged = Judged::new(results, case);
        for goal in &case.spec.goals {
            let (word, found) = figures::verdict(judged.verdict(goal));
            let label = case.spec.metric(&goal.metric).map_or("", |metric| &metric.label);
            let word = if word == "missed" { "**missed**" } else { word };
            let (row, name, wanted) = (case.spec.row, &case.spec.name, figures::goal(goal));
            let _ = writeln!(text, "| {row} | {name} | {label}: {wanted} | {found} | {word} |");
        }
    }
    text + "\n"
}

/// What is missed, and where somebody else is ahead, goal or not.
fn losing(results: &Results) -> String {
    let mut lines = String::new();
    for case in &results.cases {
        let judged = Judged::new(results, case);
        let name = &case.spec.name;
        for goal in &case.spec.goals {
            if let Verdict::Missed(summary) = judged.verdict(goal) {
                let label = case.spec.metric(&goal.metric).map_or("", |metric| &metric.label);
                let (found, wanted) = (figures::ratio(Some(summary)), figures::goal(goal));
                let _ = writeln!(lines, "- Row {}, {name}, {label}: {found}; the goal is {wanted}.", case.spec.row);
            }
        }
        for server in results.servers.iter().filter(|server| matches!(server.role, Role::Kafka | Role::Peer)) {
            for metric in &case.spec.metrics {
                if let Some(times) = judged.times_better(metric, &server.name)
                    && times.median < 1.0
                {
                    let (label, other, row) = (&metric.label, &server.name, case.spec.row);
                    let worse = figures::number(1.0 / times.median);
                    let _ = writeln!(lines, "- Row {row}, {name}, {label}: {other} is {worse} times better.");
                }
            }
        }
        for (server, failure) in &case.failures {
            let _ = writeln!(lines, "- Row {}, {name}: {server} failed: {failure}", case.spec.row);
        }
    }
    if lines.is_empty() {
        lines += "Nothing: every goal that was measured is met, and nobody is ahead in any figure.\n";
    }
    format!("## Where we lose\n\n{lines}\n")
}

fn rows(results: &Results) -> String {
    let mut text = "## Every figure\n\n".to_owned();
    for case in &results.cases {
        let spec = &case.spec;
        let _ = write!(text, "### Row {}: {}\n\n{}.\n\n", spec.row, spec.name, spec.about);
        let names: Vec<&str> = results.servers.iter().map(|server| server.name.as_str()).collect();
        let others: Vec<&str> = results
            .servers
            .iter()
            .filter(|server| matches!(server.role, Role::Kafka | Role::Peer))
            .map(|server| server.name.as_str())
            .collect();
        let vs: String = others.iter().map(|name| format!(" better than {name} |")).collect();
        let rule = " --- |".repeat(2 + names.len() + others.len());
        let _ = writeln!(text, "| | {} | times the floor |{vs}\n|{rule}", names.join(" | "));
        for metric in &spec.metrics {
            text += &figure(results, case, metric, &names, &others);
        }
        text += "\n";
    }
    for left_out in &results.left_out {
        let _ = write!(text, "Row {} was left out: {}.\n\n", left_out.row, left_out.reason);
    }
    text
}

fn figure(results: &Results, case: &CaseResult, metric: &Metric, names: &[&str], others: &[&str]) -> String {
    let judged = Judged::new(results, case);
    let own: Vec<String> = names.iter().map(|name| figures::median(judged.figures(metric, name))).collect();
    let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
    let floor = figures::ratio(judged.over_floor(metric));
    let vs: String =
        others.iter().map(|name| format!(" {} |", figures::ratio(judged.times_better(metric, name)))).collect();
    format!("| {}{unit} | {} | {floor} |{vs}\n", metric.label, own.join(" | "))
}

fn conditions(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = "## The machine\n\n".to_owned();
    let _ = writeln!(
        text,
        "- {}, {} CPUs, {:.0} GiB",
        machine.processor,
        machine.cpus,
        machine.memory_bytes as f64 / (1_u64 << 30) as f64
    );
    let _ = writeln!(text, "- Linux {}, {}", machine.kernel, machine.file_system);
    let _ = writeln!(text, "- network: {}", machine.network);
    let optional = [("Java", &machine.java), ("commit", &machine.commit)];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = writeln!(text, "- {name}: {value}");
        }
    }
    let _ = writeln!(text, "- {} UTC, {:.0} minutes", machine.began, results.seconds / 60.0);
    text += "\nThe servers:\n\n";
    for server in &results.servers {
        let _ = writeln!(text, "- {}: `{}`", server.name, server.description);
    }
    text + "\n"
}

const REPEAT: &str = "\
## How to repeat it

```text
make bench          everything, beside a live Apache Kafka; about twenty minutes
make bench-report   this page and its charts, from those results
make bench-quick    six rows beside the floor; fails where a ratio crosses its limit
```

As root the benchmark has a network namespace of its own, with reno: other congestion controls, above all BBR, cost twice as
much on loopback and hide every difference. It waits for an idle machine before each measurement, and recycles memory first,
as pages that a virtual machine gets anew cost ten times as much. Kafka is warmed for 25 seconds. Each round measures every
server once, another one first each time; a ratio is taken within a round, and the median over rounds is shown with its
quartiles. `dohle-bench run --help` names the options: rows, rounds, other brokers (`--peer NAME=COMMAND`), a Kafka of one's
own (`--kafka-home`), or none (`--without-kafka`).
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn what_is_lost_is_said() {
        let page = document(&results(&[(1.0, 2.0, 1.0)]), &[]);
        assert!(page.contains("| 1 | case | CPU: 5x better than Kafka | 0.500x | **missed** |"), "{page}");
        assert!(page.contains("- Row 1, case, CPU: kafka is 2.00 times better."));
        assert!(page.contains("| CPU, us | 1.00 | 2.00 | 1.00 | 2.00x | 0.500x |"));
    }

    #[test]
    fn what_is_won_is_not_called_lost() {
        let charts = [Named { file: "vs-kafka.svg".to_owned(), title: "t".to_owned() }];
        let page = document(&results(&[(1.0, 1.1, 9.0)]), &charts);
        assert!(page.contains("Nothing: every goal that was measured is met"));
        assert!(page.contains("![t](benchmarks/vs-kafka.svg)"));
    }

    #[test]
    fn a_run_that_is_not_whole_is_called_so() {
        let mut results = results(&[(1.0, 1.1, 9.0)]);
        assert!(!document(&results, &[]).contains("no full run"));
        results.scale = 0.1;
        assert!(document(&results, &[]).contains("no full run"));
    }
}
