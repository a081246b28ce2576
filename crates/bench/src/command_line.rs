//! What the program can be asked for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::selection::Selection;
use crate::server::peer::Peer;

/// Measures brokers side by side.
#[derive(Debug, Parser)]
#[command(name = "dohle-bench")]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure, print a table, write results.json and charts.
    Run(RunOptions),
    /// Write a page and its charts from a results.json.
    Report(ReportOptions),
    /// List the rows.
    Rows,
    /// Run the floor server in the foreground.
    Floor(FloorOptions),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The broker's binary.
    #[arg(long, value_name = "FILE")]
    pub(crate) dohle: PathBuf,
    /// The short form: six rows, Dohle and the floor, three rounds; fails where a ratio to the floor crosses its limit
    /// twice.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Leave out Apache Kafka; its recorded ratios to the floor are shown instead.
    #[arg(long)]
    pub(crate) without_kafka: bool,
    /// An unpacked distribution of Apache Kafka, instead of jars fetched by Maven.
    #[arg(long, value_name = "FOLDER", env = "KAFKA_HOME")]
    pub(crate) kafka_home: Option<PathBuf>,
    /// Another broker: a command that runs it in the foreground, where {port} and {data} stand for the port to listen on and
    /// the folder to use. May be given several times.
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    pub(crate) peers: Vec<Peer>,
    /// Rows to measure, such as 1,4-7; or names of cases.
    #[arg(long, value_name = "ROWS", default_value = "1-20")]
    pub(crate) rows: Selection,
    /// How many rounds, instead of each row's own number.
    #[arg(long, value_name = "COUNT")]
    pub(crate) rounds: Option<usize>,
    /// Makes everything shorter and smaller by this factor. Less than 1 shows that all works; its figures mean little.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Where results go.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Where brokers keep their data; a folder in it is made, and removed in the end. On a disk, not in memory.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) work: Option<PathBuf>,
    /// The first of the ports on which brokers listen.
    #[arg(long, value_name = "PORT", default_value_t = 22_000)]
    pub(crate) base_port: u16,
    /// How long to wait before each measurement until the machine does nothing else, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle_wait: Option<u64>,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportOptions {
    /// The results to show.
    #[arg(long, value_name = "FILE", default_value = "target/bench/results.json")]
    pub(crate) results: PathBuf,
    /// Where benchmarks.md, and a folder benchmarks with its charts, are written.
    #[arg(long, value_name = "FOLDER", default_value = "docs")]
    pub(crate) docs: PathBuf,
}

/// Options of `floor`.
#[derive(Debug, Args)]
pub(crate) struct FloorOptions {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where to keep data.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: PathBuf,
}
