//! What a process has used: CPU by its own clock, memory by `/proc`.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// The CPU time of all threads of one process, exact to the nanosecond, those that have ended included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    /// The clock of the process `pid`.
    ///
    /// # Errors
    /// There is no such process.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        Ok(Self(clock_getcpuclockid(pid).with_context(|| format!("CPU clock of process {pid}"))?))
    }

    /// The CPU time used so far.
    ///
    /// # Errors
    /// The process has ended.
    pub(crate) fn now(&self) -> Result<Duration> {
        Ok(self.0.now().context("the process whose CPU is measured has ended")?.into())
    }
}

/// Memory of a process that is resident, in bytes.
///
/// # Errors
/// There is no such process.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(kibibytes.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_process_counts_its_work() {
        let clock = CpuClock::of(std::process::id()).unwrap();
        let before = clock.now().unwrap();
        let mut sum = 0_u64;
        while clock.now().unwrap() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(clock.now().unwrap() > before);
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000.0);
    }
}
