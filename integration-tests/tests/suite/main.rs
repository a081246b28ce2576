//! The scenarios: what clients and Kafka's tools are to see. `README.md` of the folder tells how they are run.

mod admin;
mod cluster_tools;
mod cold_reads;
mod command_line;
mod configs;
mod consuming;
mod data_tools;
mod dump_log;
mod example;
mod group_members;
mod group_takeover;
mod hostile_bytes;
mod kills;
mod large_records;
mod limits;
mod partitioning;
mod payloads;
mod producing;
mod raw_connection;
mod refusals;
mod restart;
mod scale;
mod scenario;
mod seeking;
mod stage;
mod tools;
mod topics;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dohle_integration_tests::families::families;
use libtest_mimic::{Arguments, Trial};

use crate::stage::Suite;

/// Tests side by side where nothing else is asked for. Those with a JVM wait for their turn; the others use the time.
const TESTS_AT_ONCE: usize = 4;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TESTS_AT_ONCE);
    let suite = Arc::new(Suite::new(families(Path::new(env!("CARGO_BIN_EXE_librdkafka-driver")))));
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(example::trials(&suite));
    trials.extend(scenario::trials(&suite)?);
    trials.extend(tools::trials(&suite));
    trials.extend(cluster_tools::trials(&suite));
    trials.extend(data_tools::trials(&suite));
    trials.extend(dump_log::trials(&suite));
    trials.extend(restart::trials(&suite));
    trials.extend(hostile_bytes::trials(&suite));
    trials.extend(cold_reads::trials());
    trials.extend(limits::trials(&suite));
    trials.extend(scale::trials(&suite));
    trials.extend(command_line::trials(&suite));
    trials.extend(configs::trials(&suite));
    let conclusion = libtest_mimic::run(&arguments, trials);
    suite.end();
    Ok(conclusion.exit_code())
}
