//! A broker process of the suite's own, with its own folder and port.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::memory::Memory;
use crate::ports::{free_port, is_free};
use crate::process::Running;
use crate::waiting::{PATIENCE, wait_for};

/// How a broker is started.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    /// Properties that differ from the defaults, as `name=value`.
    pub overrides: Vec<String>,
    /// Start it with no option at all, in an empty working folder: it listens on localhost:9092.
    pub without_options: bool,
    /// How many files it may have open, where it is not what this process may have.
    pub open_files_max: Option<u32>,
}

impl BrokerOptions {
    /// Groups that settle at once instead of after the three seconds in which more members may come, and members that
    /// may be given up after a second.
    #[must_use]
    pub fn with_quick_groups() -> Self {
        Self::with(&["group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1000"])
    }

    /// These properties, as `name=value`.
    #[must_use]
    pub fn with(overrides: &[&str]) -> Self {
        Self { overrides: overrides.iter().map(ToString::to_string).collect(), ..Self::default() }
    }
}

/// A broker. Dropped, it is killed and its data is gone.
pub struct Broker {
    options: BrokerOptions,
    port: u16,
    folder: TempDir,
    process: Option<Running>,
}

impl Broker {
    /// Starts a broker and waits until it can be connected to.
    ///
    /// # Errors
    /// There is no binary, or it ends or does not listen in time; shows the end of its log.
    pub fn start(options: BrokerOptions) -> Result<Self> {
        let port = if options.without_options { 9092 } else { free_port() };
        let folder = TempDir::with_prefix("dohle-test-").context("folder for a broker")?;
        let mut broker = Self { options, port, folder, process: None };
        broker.start_again()?;
        Ok(broker)
    }

    /// Starts it once more, with the data it has. It must not be running.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<()> {
        let program = binary()?;
        let mut command = match self.options.open_files_max {
            Some(max) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {max} && exec \"$0\" \"$@\"")]).arg(&program);
                shell
            }
            None => Command::new(&program),
        };
        command.arg("server").current_dir(self.folder.path());
        if !self.options.without_options {
            command.args(["--listen", &self.bootstrap()]).arg("--data").arg(self.data());
        }
        for name_and_value in &self.options.overrides {
            command.args(["--override", name_and_value]);
        }
        if !is_free(self.port) {
            bail!("port {} is taken by another program", self.port);
        }
        let mut process = Running::start(format!("broker on port {}", self.port), command)?;
        wait_until_listening(&mut process, self.port)?;
        self.process = Some(process);
        Ok(())
    }

    /// Where clients find it: `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its log directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for files of the test, gone with the broker.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        // Dropped is killed.
        self.process = None;
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// It does not end in time, or not with exit code 0.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the broker is not running")?;
        process.terminate();
        let status = process.wait(PATIENCE)?;
        // 143 is what a JVM calls an end by SIGTERM that went well.
        if !status.success() && status.code() != Some(143) {
            bail!("the broker stopped with {status}\n{}", process.last_words());
        }
        Ok(())
    }

    /// Whether the process lives.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Running::is_running)
    }

    /// Waits until a line of its log has all of these words, and gives it.
    ///
    /// # Errors
    /// It does not come in time, or the broker is not running.
    pub fn wait_for_log(&self, words: &[&str]) -> Result<String> {
        self.process.as_ref().context("the broker is not running")?.wait_for_error(words, PATIENCE)
    }

    /// The lines of its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process.as_ref().map_or_else(Vec::new, Running::errors)
    }

    /// Its memory.
    ///
    /// # Errors
    /// It is not running.
    pub fn memory(&self) -> Result<Memory> {
        Memory::of(self.process.as_ref().context("the broker is not running")?.id())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Running::last_words)
    }
}

/// Waits until a broker that was started listens on this port of the loopback address.
///
/// # Errors
/// It ends, or does not listen in time; shows the end of its log.
pub fn wait_until_listening(broker: &mut Running, port: u16) -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let outcome = wait_for("the broker listens", PATIENCE, || {
        if !broker.is_running() {
            return Some(Err(()));
        }
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok().then_some(Ok(()))
    });
    if !matches!(outcome, Ok(Ok(()))) {
        bail!("the broker does not serve port {port}\n{}", broker.last_words());
    }
    Ok(())
}

/// The binary under test: `DOHLE_BIN`, or the one that `make build` has put into the target folder of the running program.
///
/// # Errors
/// There is none.
pub fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os("DOHLE_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let running = std::env::current_exe().context("path of the running program")?;
            // A test lies one folder deeper than a program.
            let built = running.ancestors().skip(2).take(2).map(|target| target.join("dist").join("dohle"));
            built.clone().find(|path| path.is_file()).or_else(|| built.last()).context("it lies in a target folder")?
        }
    };
    if !path.is_file() {
        bail!("no broker at {}: build it first (`make build`), or name one with DOHLE_BIN", path.display());
    }
    Ok(path)
}
