//! What a case measures with: the server, and how long to take.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::load::drive::{Closed, Ending, Outcome, Plan, Scheduled};
use crate::load::exchange::Exchange;
use crate::load::meter::Window;
use crate::machine::memory;
use crate::server::{Launcher, Running};

/// More new data than this meets memory that was not primed.
const BYTES_MAX: u64 = 1_500_000_000;
const PRIMING_BYTES: u64 = 1_600_000_000;
const WARM: Duration = Duration::from_millis(200);
/// On a schedule, the last requests meet the same load as the first.
const COOL: Duration = Duration::from_secs(1);

/// A server in a round.
pub(crate) struct Context<'a> {
    /// How such a server is started: for cases that need one of their own.
    pub(crate) launcher: &'a dyn Launcher,
    /// The server that cases share.
    pub(crate) running: &'a Running,
    /// The folder of the shared server.
    pub(crate) folder: &'a Path,
    /// A folder for servers of a case's own.
    pub(crate) work: &'a Path,
    /// Where servers of a case's own listen.
    pub(crate) own_address: SocketAddr,
    /// Number of the round, from 0.
    pub(crate) round: usize,
    /// 1 for full length; less makes everything shorter and smaller.
    pub(crate) scale: f64,
    /// The program that drives real clients, where it was built.
    pub(crate) real_client: Option<&'a Path>,
}

impl Context<'_> {
    /// A length of time, scaled.
    pub(crate) fn seconds(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scale)
    }

    /// A number of things or bytes, scaled; at least `least`.
    pub(crate) fn count(&self, count: u64, least: u64) -> u64 {
        ((count as f64 * self.scale) as u64).max(least)
    }

    /// A window of so many seconds, scaled.
    pub(crate) fn window(&self, seconds: f64) -> Window {
        Window { warm: WARM, length: self.seconds(seconds), cool: Duration::ZERO, bytes_max: self.count(BYTES_MAX, 1) }
    }

    /// The same for load on a schedule.
    pub(crate) fn scheduled_window(&self, seconds: f64) -> Window {
        Window { cool: COOL, bytes_max: u64::MAX, ..self.window(seconds) }
    }

    /// Recycles memory for about as much new data as a window brings.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn prime(&self) -> Result<()> {
        memory::prime(self.work, self.count(PRIMING_BYTES, 1 << 20))
    }

    /// Whether this is the broker that goals are judged against, or another peer: such are spared the largest sizes.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self.launcher.role(), crate::server::Role::Kafka | crate::server::Role::Peer)
    }

    /// Creates a topic, calls `measure` with its name, and deletes it.
    ///
    /// # Errors
    /// The broker fails, or `measure` does.
    pub(crate) fn with_topic<T>(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
        measure: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        let topic = format!("{name}-{}", self.round);
        self.running.admin()?.create_topic(&topic, partitions, configs)?;
        let outcome = measure(&topic)?;
        self.running.admin()?.delete_topic(&topic)?;
        Ok(outcome)
    }

    /// Runs closed loops against the shared server.
    ///
    /// # Errors
    /// The broker fails, or a signal has come.
    pub(crate) fn run_closed(
        &self,
        window: Window,
        in_flight: usize,
        exchanges: &mut [Box<dyn Exchange>],
    ) -> Result<Outcome> {
        let closed = exchanges
            .iter_mut()
            .map(|exchange| Closed { exchange: exchange.as_mut(), in_flight, ending: Ending::Drained })
            .collect();
        self.plan(window, closed, None).run()
    }

    /// A plan for the shared server.
    pub(crate) fn plan<'a>(
        &self,
        window: Window,
        closed: Vec<Closed<'a>>,
        scheduled: Option<Scheduled<'a>>,
    ) -> Plan<'a> {
        Plan { address: self.running.address(), cpu: self.running.cpu(), window, closed, scheduled }
    }

    /// The folder of a partition of the shared server.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn partition_folder(&self, topic: &str, partition: i32) -> Result<PathBuf> {
        let folder = self.launcher.data(self.folder).join(format!("{topic}-{partition}"));
        anyhow::ensure!(folder.is_dir(), "no folder {}", folder.display());
        Ok(folder)
    }

    /// Starts a server of the case's own, on an empty folder that is ready for its first start.
    ///
    /// # Errors
    /// That fails.
    pub(crate) fn own_folder(&self) -> Result<PathBuf> {
        let folder = self.work.join("own");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        self.launcher.format(&folder, self.own_address).context("make a folder ready")?;
        Ok(folder)
    }
}
