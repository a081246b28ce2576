//! A server process: what it has used, and how it ends. Dropped, it is killed.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::admin::Admin;
use crate::interrupt::wait_for;
use crate::machine::process::{CpuClock, resident_bytes};

const READY_LIMIT: Duration = Duration::from_secs(300);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(1);
const LOG: &str = "output.log";
const SHOWN_LINES: usize = 20;

/// A server process.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    cpu: CpuClock,
    started: Instant,
}

impl Running {
    /// Starts `command`, whose output goes to a file in `folder`.
    ///
    /// # Errors
    /// The program does not start.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path, address: SocketAddr) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join(LOG);
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A group of its own: Ctrl-C is for the benchmark, which then stops its servers.
        command.process_group(0);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("start {name}: {:?}", command.get_program()))?;
        let cpu = CpuClock::of(child.id())?;
        Ok(Self { name: name.to_owned(), child, address, log, cpu, started })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its CPU time.
    pub(crate) fn cpu(&self) -> CpuClock {
        self.cpu
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Its memory that is resident, in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        resident_bytes(self.child.id()).with_context(|| format!("memory of {}", self.name))
    }

    /// A connection for requests one after the other.
    ///
    /// # Errors
    /// It does not listen.
    pub(crate) fn admin(&self) -> Result<Admin> {
        Admin::connect(self.address)
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// It ends, or does not answer in time; shows the end of its output.
    pub(crate) fn await_ready(&mut self) -> Result<Admin> {
        let what = format!("{} answers", self.name);
        let outcome = wait_for(&what, READY_LIMIT, ASK_EVERY, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} has ended with {status}", self.name);
            }
            let Ok(mut admin) = Admin::connect(self.address) else { return Ok(None) };
            Ok(admin.api_versions().is_ok().then_some(admin))
        });
        outcome.map_err(|error| self.explained(&error))
    }

    /// Asks it to end (SIGTERM), waits for that, and gives back how long it took.
    ///
    /// # Errors
    /// It does not end in time.
    pub(crate) fn stop(mut self) -> Result<Duration> {
        let began = Instant::now();
        self.signal(Signal::TERM)?;
        wait_for(&format!("end of {}", self.name), STOP_LIMIT, ASK_EVERY, || Ok(self.child.try_wait()?))
            .map_err(|error| self.explained(&error))?;
        Ok(began.elapsed())
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What failed, and below it the end of what the server says.
    pub(crate) fn explained(&self, error: &anyhow::Error) -> anyhow::Error {
        anyhow::anyhow!("{error:#}\n{}", self.last_words())
    }

    /// The end of its output.
    pub(crate) fn last_words(&self) -> String {
        let text =
            std::fs::read(&self.log).map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into());
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        format!("the end of what {} says:\n{shown}", self.name)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
