//! The servers of a run: started when first needed, restarted where a case wants fresh ones, and gone in the end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::machine::idle::wait_until_idle;
use crate::rows::context::Context;
use crate::rows::warming::warm;
use crate::server::{Launcher, Running};

/// Seconds of warming a server that wants it.
pub(crate) const WARMING_SECONDS: f64 = 25.0;
/// Before cases that need fresh servers, which measure less of what is hot.
pub(crate) const SHORT_WARMING_SECONDS: f64 = 9.0;
/// One to listen on, one for its controller, and two for servers of a case's own.
const PORTS_PER_SERVER: u16 = 4;

/// One server of the run.
pub(crate) struct Slot {
    /// How it is started.
    pub(crate) launcher: Box<dyn Launcher>,
    folder: PathBuf,
    work: PathBuf,
    address: SocketAddr,
    own_address: SocketAddr,
    running: Option<Running>,
}

/// What all measurements of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions<'a> {
    /// 1 for full length.
    pub(crate) scale: f64,
    /// How long to wait for an idle machine.
    pub(crate) idle_wait: std::time::Duration,
    /// The program that drives real clients.
    pub(crate) real_client: Option<&'a Path>,
}

impl Slot {
    /// Number `number` of the servers, with a folder in `work` and ports from `base_port` on.
    ///
    /// # Errors
    /// There are not so many ports, or the folder cannot be made.
    pub(crate) fn new(launcher: Box<dyn Launcher>, number: usize, work: &Path, base_port: u16) -> Result<Self> {
        let port = u16::try_from(number)?
            .checked_mul(PORTS_PER_SERVER)
            .and_then(|offset| base_port.checked_add(offset))
            .filter(|port| port.checked_add(PORTS_PER_SERVER).is_some())
            .context("no ports are left for so many servers")?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let work = work.join(launcher.name());
        std::fs::create_dir_all(&work)?;
        let folder = work.join("shared");
        Ok(Self { launcher, folder, work, address: address(port), own_address: address(port + 2), running: None })
    }

    /// Starts it if it does not run, on an empty folder. Says whether it was started.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn ensure_running(&mut self) -> Result<bool> {
        if self.running.is_some() {
            return Ok(false);
        }
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        std::fs::create_dir_all(&self.folder)?;
        self.launcher.format(&self.folder, self.address)?;
        let mut running = self.launcher.start(&self.folder, self.address)?;
        running.await_ready()?;
        self.running = Some(running);
        Ok(true)
    }

    /// Ends it; its data is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn discard(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.kill()?;
        }
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }

    /// Warms it for so many seconds.
    ///
    /// # Errors
    /// It fails, or a signal has come.
    pub(crate) fn warm(&self, conditions: Conditions<'_>, seconds: f64) -> Result<()> {
        warm(&self.context(0, conditions)?, seconds)
    }

    /// What a case measures with.
    ///
    /// # Errors
    /// The server does not run.
    pub(crate) fn context<'a>(&'a self, round: usize, conditions: Conditions<'a>) -> Result<Context<'a>> {
        Ok(Context {
            launcher: self.launcher.as_ref(),
            running: self.running.as_ref().context("the server is not running")?,
            folder: &self.folder,
            work: &self.work,
            own_address: self.own_address,
            round,
            scale: conditions.scale,
            real_client: conditions.real_client,
        })
    }

    /// Waits until the machine is idle. Gives back the share that is.
    ///
    /// # Errors
    /// A signal has come.
    pub(crate) fn await_idle(conditions: Conditions<'_>) -> Result<f64> {
        wait_until_idle(conditions.idle_wait)
    }

    /// The end of what the server says, where one runs.
    pub(crate) fn last_words(&self) -> String {
        self.running.as_ref().map_or_else(String::new, Running::last_words)
    }
}
