//! The options. Those of `storage` are those of `kafka-storage.sh`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A broker that speaks Kafka's protocol: one binary, no JVM.
///
/// `dohle server` alone starts a node on localhost:9092 that keeps its data in ./data.
#[derive(Debug, Parser)]
#[command(name = "dohle", version, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a node
    Server(ServerOptions),
    /// Prepare and inspect the folders that hold a node's data
    #[command(subcommand)]
    Storage(StorageCommand),
}

/// Start a node.
///
/// Without --config the node is broker and controller in one, listens on localhost:9092 alone, and formats ./data when it
/// first starts. With --config nothing is assumed, and the folders must have been formatted (`dohle storage format`).
///
/// Logs go to stderr; DOHLE_LOG chooses what is logged: `debug`, `warn,dohle_log=debug`. SIGTERM and SIGINT stop the node
/// in order, a second one at once.
#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// Settings: a Kafka server.properties, or YAML if the name ends in .yaml or .yml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where to listen instead of localhost:9092; 0.0.0.0 or an empty host opens all interfaces
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "config")]
    pub(crate) listen: Option<String>,

    /// Where to keep the data instead of ./data
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    pub(crate) data: Option<PathBuf>,

    /// Set a property, over what the file says; may be repeated
    #[arg(long = "override", value_name = "NAME=VALUE")]
    pub(crate) overrides: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Make the log directories of a node ready for use
    Format(FormatOptions),
    /// Show the log directories of a node and whose they are
    Info(InfoOptions),
    /// Print a new id, for a cluster or a directory
    RandomUuid,
}

#[derive(Debug, Args)]
pub(crate) struct FormatOptions {
    /// The node's settings
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The cluster that the node belongs to; `dohle storage random-uuid` makes an id for a new one
    #[arg(long, short = 't', value_name = "ID")]
    pub(crate) cluster_id: String,

    /// Leave directories alone that are formatted already, instead of failing
    #[arg(long, short = 'g')]
    pub(crate) ignore_formatted: bool,

    /// The node is the only voter of its metadata quorum
    #[arg(long, short, conflicts_with_all = ["no_initial_controllers", "initial_controllers"])]
    pub(crate) standalone: bool,

    /// The node joins a metadata quorum later (not served yet)
    #[arg(long, short = 'N', conflicts_with = "initial_controllers")]
    pub(crate) no_initial_controllers: bool,

    /// The voters of the metadata quorum, as id@host:port:directory-id entries; one, so far: this node
    #[arg(long, short = 'I', value_name = "VOTERS")]
    pub(crate) initial_controllers: Option<String>,

    /// The release whose features the cluster starts with; 4.3
    #[arg(long, short, value_name = "VERSION")]
    pub(crate) release_version: Option<String>,

    /// The level that a feature starts with, as NAME=LEVEL; may be repeated
    #[arg(long, short, value_name = "NAME=LEVEL")]
    pub(crate) feature: Vec<String>,

    /// SCRAM credentials that the cluster starts with (not served yet)
    #[arg(long, short = 'S', value_name = "CREDENTIAL")]
    pub(crate) add_scram: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InfoOptions {
    /// The node's settings
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn kafkas_short_options() {
        let line =
            ["dohle", "storage", "format", "-t", "a", "-c", "f", "-g", "-s", "-r", "4.3", "-f", "metadata.version=30"];
        let parsed = CommandLine::try_parse_from(line).unwrap();
        let Command::Storage(StorageCommand::Format(options)) = parsed.command else { panic!("{parsed:?}") };
        assert!(options.standalone && options.ignore_formatted && options.cluster_id == "a");
        assert!(CommandLine::try_parse_from(["dohle", "storage", "format", "-t", "a", "-c", "f", "-s", "-N"]).is_err());
        assert!(CommandLine::try_parse_from(["dohle", "server", "--listen", ":1", "--config", "f"]).is_err());
    }
}
