//! What fuzzers run: each [`Target`] takes any bytes and panics where we do what we must not with them.
//!
//! The targets have two users. `fuzz/` gives them to libFuzzer, for as long as one likes. The test of this crate gives them
//! their seeds, what a fuzzer has found on this machine, and [mutations](mutation) of both under a seed, in seconds and with
//! the compiler that builds everything else.
#![expect(clippy::missing_panics_doc, reason = "to panic is what targets are for")]

pub mod frames;
pub mod group_metadata;
pub mod log_opening;
pub mod mutation;
pub mod produce_view;
pub mod record_batches;
pub mod requests;
pub mod responses_of_fetch;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Runs it; panics where something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that get far.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What one run costs: how many runs of the cheapest target take the time of one of this.
    pub cost: usize,
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "frames", run: frames::run, seeds: frames::seeds, cost: 8 },
    Target { name: "requests", run: requests::run, seeds: requests::seeds, cost: 1 },
    Target { name: "produce_view", run: produce_view::run, seeds: produce_view::seeds, cost: 1 },
    Target { name: "responses_of_fetch", run: responses_of_fetch::run, seeds: responses_of_fetch::seeds, cost: 1 },
    Target { name: "record_batches", run: record_batches::run, seeds: record_batches::seeds, cost: 8 },
    Target { name: "group_metadata", run: group_metadata::run, seeds: group_metadata::seeds, cost: 30 },
    Target { name: "log_opening", run: log_opening::run, seeds: log_opening::seeds, cost: 8 },
];
