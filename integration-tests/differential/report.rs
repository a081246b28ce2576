//! What came out of it, for people.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::compare::Difference;
use crate::schema::Versions;

/// Deviations, those of the same kind together.
#[derive(Debug, Default)]
pub(crate) struct Report {
    cases: usize,
    not_served: Vec<String>,
    other_versions: Vec<String>,
    slow: Vec<String>,
    unseen: Vec<String>,
    unlisted: BTreeMap<Kind, Vec<String>>,
    listed: BTreeMap<(Kind, String), Vec<String>>,
}

/// A deviation, wherever it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    api: String,
    field: String,
    kafka: String,
    dohle: String,
}

impl Kind {
    fn new(api: &str, difference: Difference) -> Self {
        let Difference { field, kafka, dohle } = difference;
        Self { api: api.to_owned(), field, kafka, dohle }
    }
}

/// Tells what takes so long at first.
pub(crate) fn starting() {
    eprintln!("starting Apache Kafka and Dohle");
}

/// Tells how far it is.
pub(crate) fn progress(done: usize, all: usize, elapsed: Duration, case: &str) {
    let left = elapsed.as_secs_f64() / f64::from(u32::try_from(done.max(1)).unwrap_or(u32::MAX))
        * f64::from(u32::try_from(all - done).unwrap_or(u32::MAX));
    eprintln!("{done} of {all} cases, about {left:.0} s left; now {case}");
}

impl Report {
    pub(crate) fn case(&mut self) {
        self.cases += 1;
    }

    pub(crate) fn slow(&mut self, case: &str, took: Duration) {
        eprintln!("{:.1} s: {case}", took.as_secs_f64());
        self.slow.push(format!("{:.1} s: {case}", took.as_secs_f64()));
    }

    pub(crate) fn not_served(&mut self, api: String) {
        self.not_served.push(api);
    }

    pub(crate) fn other_versions(&mut self, api: String, kafka: Versions, dohle: Versions) {
        self.other_versions
            .push(format!("{api}: Kafka {}-{}, Dohle {}-{}", kafka.min, kafka.max, dohle.min, dohle.max));
    }

    pub(crate) fn listed(&mut self, api: &str, case: &str, difference: Difference, reason: String) {
        self.listed.entry((Kind::new(api, difference), reason)).or_default().push(case.to_owned());
    }

    pub(crate) fn unlisted(&mut self, api: &str, case: &str, difference: Difference) {
        self.unlisted.entry(Kind::new(api, difference)).or_default().push(case.to_owned());
    }

    /// What is listed and was not seen though everything was asked for.
    pub(crate) fn unseen(&mut self, places: Vec<String>) {
        self.unseen = places;
    }

    /// Whether every deviation is listed, and nothing else is.
    pub(crate) fn is_clean(&self) -> bool {
        self.unlisted.is_empty() && self.unseen.is_empty()
    }

    pub(crate) fn print(&self, verbose: bool) {
        println!("{} cases", self.cases);
        println!("advertised by Kafka only: {}", self.not_served.join(", "));
        self.other_versions.iter().for_each(|line| println!("other versions: {line}"));
        self.slow.iter().for_each(|line| println!("slow: {line}"));
        let cases: usize = self.listed.values().map(Vec::len).sum();
        println!("deviations that are listed: {} in {cases} places", self.listed.len());
        if verbose {
            for ((kind, reason), cases) in &self.listed {
                print_kind(kind, cases, verbose);
                println!("    listed: {reason}");
            }
        }
        self.unseen.iter().for_each(|place| println!("listed and not seen: {place}"));
        let cases: usize = self.unlisted.values().map(Vec::len).sum();
        println!("deviations that are not listed: {} in {cases} places", self.unlisted.len());
        for (kind, cases) in &self.unlisted {
            print_kind(kind, cases, verbose);
        }
    }
}

fn print_kind(kind: &Kind, cases: &[String], verbose: bool) {
    println!("\n{} {}\n    kafka: {}\n    dohle: {}", kind.api, kind.field, kind.kafka, kind.dohle);
    let shown = if verbose { cases.len() } else { 2 };
    cases.iter().take(shown).for_each(|case| println!("    in {case}"));
    if cases.len() > shown {
        println!("    and {} more", cases.len() - shown);
    }
}
