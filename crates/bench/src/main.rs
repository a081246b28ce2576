//! The benchmark of Dohle: brokers are measured side by side on one machine, round by round, and judged by ratios within a
//! round, never by absolute figures. What is measured and how lies in `rows`; `load` makes the load, `floor` is the server
//! that costs what the kernel alone costs, `server` starts what is measured, `machine` makes figures comparable, and
//! `report` shows them.

mod admin;
mod command_line;
mod floor;
mod frames;
mod guard;
mod interrupt;
mod latencies;
mod load;
mod machine;
mod progress;
mod report;
mod results;
mod rows;
mod runner;
mod schedule;
mod selection;
mod server;
mod session;
mod statistics;
mod verdict;

use std::process::ExitCode;

use clap::Parser;

use crate::command_line::{Command, CommandLine};

fn main() -> anyhow::Result<ExitCode> {
    match CommandLine::parse().command {
        Command::Run(options) => runner::run(&options),
        Command::Report(options) => report::write(&options).map(|()| ExitCode::SUCCESS),
        Command::Rows => report::list_rows().map(|()| ExitCode::SUCCESS),
        Command::Floor(options) => floor::serve(options.listen, options.data).map(|()| ExitCode::SUCCESS),
    }
}
