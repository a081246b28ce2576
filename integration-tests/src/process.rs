//! A child process whose output is kept and can be waited for. It is killed when dropped.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::ports::LOOKING_OR_STARTING;
use crate::waiting::wait_for;

/// Lines of standard error that a failure shows.
const SHOWN_LINES: usize = 40;

#[derive(Default)]
struct Captured {
    output: Vec<String>,
    errors: Vec<String>,
    output_ended: bool,
}

#[derive(Default)]
struct Shared {
    captured: Mutex<Captured>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a program.
///
/// # Errors
/// It cannot be started.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let _starting = LOOKING_OR_STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Runs a program that asks nothing to its end.
///
/// # Errors
/// It cannot be started, or fails; shows what it said.
pub fn run_to_end(command: Command) -> Result<()> {
    output(command).map(|_| ())
}

/// What a program prints on standard output, such as its version.
///
/// # Errors
/// As [`run_to_end`].
pub fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    output(command)
}

fn output(mut command: Command) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn(&mut command).and_then(Child::wait_with_output);
    let output = output.with_context(|| format!("run {:?}", command.get_program()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{:?}: {}\n{}", command.get_program(), output.status, String::from_utf8_lossy(&said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a process that ended has said.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, by line.
    pub output: Vec<String>,
    /// Its standard error, by line.
    pub errors: Vec<String>,
}

impl Finished {
    /// Standard output and standard error in one text, for looking for words in it.
    #[must_use]
    pub fn text(&self) -> String {
        [self.output.join("\n"), self.errors.join("\n")].join("\n")
    }
}

/// A process that may still run.
pub struct Running {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts `command`. `name` is what failures call it.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(name: impl Into<String>, mut command: Command) -> Result<Self> {
        let name = name.into();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            spawn(&mut command).with_context(|| format!("{name}: cannot start {:?}", command.get_program()))?;
        let shared = Arc::new(Shared::default());
        let output = child.stdout.take().context("standard output is piped")?;
        let errors = child.stderr.take().context("standard error is piped")?;
        let readers = vec![
            read_lines(output, Arc::clone(&shared), |captured, line| match line {
                Some(line) => captured.output.push(line),
                None => captured.output_ended = true,
            }),
            read_lines(errors, Arc::clone(&shared), |captured, line| captured.errors.extend(line)),
        ];
        let stdin = child.stdin.take();
        Ok(Self { name, child, stdin, shared, readers })
    }

    /// Writes `text` to its standard input.
    ///
    /// # Errors
    /// The process has closed its standard input, or this side has.
    pub fn write(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("standard input is closed")?;
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).with_context(|| format!("{}: write", self.name))
    }

    /// Closes its standard input: the driver programs end their work in order when that happens.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until `found` sees in the lines of standard output what it looks for.
    ///
    /// # Errors
    /// `limit` passed, or standard output ended first; both show what the process said.
    pub fn wait_for<T>(&self, what: &str, limit: Duration, found: impl Fn(&[String]) -> Option<T>) -> Result<T> {
        let end = Instant::now() + limit;
        let mut captured = self.shared.lock();
        loop {
            if let Some(value) = found(&captured.output) {
                return Ok(value);
            }
            let left = end.saturating_duration_since(Instant::now());
            if captured.output_ended || left.is_zero() {
                let why = if captured.output_ended { "it ended" } else { "time is over" };
                bail!("{}: {why}, waiting for: {what}\n{}", self.name, shown(&captured));
            }
            captured = self.shared.changed.wait_timeout(captured, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until standard output has `count` lines that begin with `prefix`.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_for_lines(&self, prefix: &str, count: usize, limit: Duration) -> Result<()> {
        // Programs under load print many lines: none is looked at twice.
        let (looked_at, found) = (Cell::new(0), Cell::new(0));
        self.wait_for(&format!("{count} lines that begin with {prefix:?}"), limit, |lines| {
            let new = lines[looked_at.get()..].iter().filter(|line| line.starts_with(prefix)).count();
            looked_at.set(lines.len());
            found.set(found.get() + new);
            (found.get() >= count).then_some(())
        })
    }

    /// Waits until standard output has this line.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_for_line(&self, line: &str, limit: Duration) -> Result<()> {
        let looked_at = Cell::new(0);
        self.wait_for(&format!("the line {line:?}"), limit, |lines| {
            let is_there = lines[looked_at.get()..].iter().any(|found| found == line);
            looked_at.set(lines.len());
            is_there.then_some(())
        })
    }

    /// Waits until a line of standard error has all of these words, and gives it.
    ///
    /// # Errors
    /// `limit` passed; shows what the process said.
    pub fn wait_for_error(&self, words: &[&str], limit: Duration) -> Result<String> {
        let end = Instant::now() + limit;
        let mut captured = self.shared.lock();
        loop {
            let line = captured.errors.iter().find(|line| words.iter().all(|word| line.contains(word)));
            if let Some(line) = line {
                return Ok(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{}: no line with {words:?} on standard error\n{}", self.name, shown(&captured));
            }
            captured = self.shared.changed.wait_timeout(captured, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The lines of standard error so far.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.shared.lock().errors.clone()
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many lines of standard output begin with `prefix` so far.
    #[must_use]
    pub fn count_lines(&self, prefix: &str) -> usize {
        self.shared.lock().output.iter().filter(|line| line.starts_with(prefix)).count()
    }

    /// The lines of standard output so far.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.shared.lock().output.clone()
    }

    /// The last lines of what it said, for a failure to show.
    #[must_use]
    pub fn last_words(&self) -> String {
        shown(&self.shared.lock())
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal that ends it.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // A process that is gone already is what is asked for.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it without a chance to do anything more (SIGKILL) and waits for that.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        wait_for(&format!("end of {name}"), limit, || self.child.try_wait().transpose())
            .with_context(|| self.last_words())?
            .with_context(|| format!("{name}: wait"))
    }

    /// Closes its standard input, waits until it ends, and gives back all it said.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub fn finish(mut self, limit: Duration) -> Result<Finished> {
        self.close_input();
        let status = self.wait(limit)?;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let mut captured = self.shared.lock();
        let (output, errors) = (std::mem::take(&mut captured.output), std::mem::take(&mut captured.errors));
        Ok(Finished { status, output, errors })
    }

    /// As [`finish`](Self::finish), and fails unless the exit code is 0.
    ///
    /// # Errors
    /// It still runs after `limit`, or failed; shows what it said.
    pub fn succeed(self, limit: Duration) -> Result<Finished> {
        let name = self.name.clone();
        let finished = self.finish(limit)?;
        if !finished.status.success() {
            bail!("{name}: {}\n{}", finished.status, finished.text());
        }
        Ok(finished)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(
    source: impl Read + Send + 'static,
    shared: Arc<Shared>,
    keep: fn(&mut Captured, Option<String>),
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        loop {
            line.clear();
            let ended = matches!(source.read_until(b'\n', &mut line), Ok(0) | Err(_));
            let text = (!ended).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
            keep(&mut shared.lock(), text);
            shared.changed.notify_all();
            if ended {
                return;
            }
        }
    })
}

fn shown(captured: &Captured) -> String {
    let tail = |lines: &[String]| lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
    format!("--- standard output\n{}\n--- standard error\n{}", tail(&captured.output), tail(&captured.errors))
}
