//! Every target with its seeds, what fuzzers have found on this machine, seeds cut at every byte, and seeded mutations.
//!
//! `DOHLE_FUZZ_RUNS` sets how many mutations the cheapest target gets, `DOHLE_FUZZ_SEED` which: `README.md` of `fuzz` tells how
//! to run for longer.

#![expect(clippy::disallowed_methods, reason = "the corpus is a folder of the checkout, not data of a node")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use dohle_fuzzing::mutation::Mutator;
use dohle_fuzzing::{TARGETS, Target};

/// A few seconds for all targets together.
const RUNS: usize = 60_000;
const SEED: u64 = 1;
/// Every how many bytes long seeds are cut.
const CUTS_MAX: usize = 500;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")),
        Err(_) => default,
    }
}

fn give(target: &Target, what: &str, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("{}-failing-input", target.name));
        let kept = std::fs::write(&file, input);
        panic!("{} fails on {what}; the input is in {}: {kept:?}", target.name, file.display());
    }
}

/// What a fuzzer has found here, and what has come up in tests before.
fn found(target: &Target) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("../../fuzz/corpus").join(target.name)];
    if target.name == "record_batches" {
        folders.push(root.join("../protocol/tests/batches"));
    }
    let mut inputs = Vec::new();
    for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten() {
        let path = entry.expect("a folder that can be listed").path();
        inputs.push(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
    inputs.sort();
    inputs
}

fn play(target: &Target) {
    let mut inputs = (target.seeds)();
    assert!(!inputs.is_empty(), "{} has no seeds", target.name);
    for (number, seed) in inputs.iter().enumerate() {
        give(target, &format!("its seed {number}"), seed);
    }
    for (number, seed) in inputs.iter().enumerate() {
        for length in (0..seed.len()).step_by(seed.len().div_ceil(CUTS_MAX).max(1) * inputs.len().div_ceil(50)) {
            give(target, &format!("{length} bytes of its seed {number}"), &seed[..length]);
        }
    }
    let found = found(target);
    for (number, input) in found.iter().enumerate() {
        give(target, &format!("found input {number}"), input);
    }
    inputs.extend(found);
    let seed = number("DOHLE_FUZZ_SEED", SEED);
    let mutator = Mutator::new(seed);
    let runs = number("DOHLE_FUZZ_RUNS", RUNS as u64) / target.cost as u64;
    for run in 0..runs {
        give(target, &format!("mutation {run} of seed {seed}"), &mutator.mutate(&inputs));
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                play(TARGETS.iter().find(|target| target.name == name).expect("a target of this name"));
            }
        )*

        #[test]
        fn every_target_is_tested() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
        }
    };
}

tests! {
    frames
    requests
    produce_view
    responses_of_fetch
    record_batches
    group_metadata
    log_opening
}
