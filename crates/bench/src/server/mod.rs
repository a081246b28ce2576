//! The brokers that are measured: how each is started, and a running one.

pub(crate) mod dohle;
pub(crate) mod floor;
pub(crate) mod kafka;
pub(crate) mod peer;
pub(crate) mod running;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub(crate) use running::Running;

/// What a server is to the verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// The physical limit.
    Floor,
    /// The broker under test.
    Ours,
    /// The broker that the goals are about.
    Kafka,
    /// Another broker.
    Peer,
}

/// A way to start a server.
pub(crate) trait Launcher {
    /// What it is called.
    fn name(&self) -> &str;

    /// What it is to the verdicts.
    fn role(&self) -> Role;

    /// How it is started, for the report.
    fn description(&self) -> String;

    /// Makes a new folder ready, where the server needs that before its first start. Not part of its start.
    ///
    /// # Errors
    /// That fails.
    fn format(&self, folder: &Path, address: SocketAddr) -> Result<()> {
        let _ = (folder, address);
        Ok(())
    }

    /// Starts the server with its data in `folder`, listening on `address`. Does not wait until it is ready.
    ///
    /// # Errors
    /// The program does not start.
    fn start(&self, folder: &Path, address: SocketAddr) -> Result<Running>;

    /// Where under `folder` the server keeps the folders of its partitions.
    fn data(&self, folder: &Path) -> std::path::PathBuf {
        folder.join("data")
    }

    /// Whether it gets better by being used, as a JVM does.
    fn wants_warming(&self) -> bool {
        false
    }
}

/// Settings that differ from the defaults, the same for all brokers. Data of deleted topics goes at once: otherwise it would
/// go a minute later, in the middle of another measurement. Groups do not wait three seconds for more members, which would
/// hide what forming them takes.
pub(crate) const COMMON_SETTINGS: [(&str, &str); 2] =
    [("log.segment.delete.delay.ms", "500"), ("group.initial.rebalance.delay.ms", "0")];
