//! Dohle: a broker that speaks Kafka's protocol. This binary is the server and the storage tool.
//!
//! Here are the command line, the folders that a start may format, TCP, the runtimes and the signals: what a simulation has
//! no use for. How a node starts, serves and stops is `dohle_broker::Node`; no decision about the cluster is made here.

mod command_line;
mod configuration;
mod log_directories;
mod log_levels;
mod logging;
mod server;
mod storage_tool;
mod tcp_network;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::command_line::{Command, CommandLine};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = tokio::time::Instant::now();
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            // A closed pipe is no reason to fail: the reader has seen enough.
            let _ = error.print();
            // As Kafka's tools: 1 for a wrong option, not 2.
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            };
        }
    };
    let result = match &command_line.command {
        Command::Server(options) => server::run(options, started),
        Command::Storage(command) => storage_tool::run(command, &mut std::io::stdout().lock()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes. Some errors name their cause themselves: nothing is said twice.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = io::Error::other("no disk");
        let telling = anyhow::Error::new(cause).context("cannot read x: no disk").context("cannot start");
        assert_eq!(explain(&telling), "cannot start: cannot read x: no disk");
        let plain = anyhow::Error::new(io::Error::other("no disk")).context("cannot start");
        assert_eq!(explain(&plain), "cannot start: no disk");
    }
}
