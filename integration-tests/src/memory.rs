//! What memory a process takes, as the kernel counts it.

use anyhow::{Context, Result};

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What it holds now that is no file's (`RssAnon`).
    pub own: u64,
    /// The most that it ever held, files included (`VmHWM`).
    pub peak: u64,
}

impl Memory {
    /// That of a process that runs.
    ///
    /// # Errors
    /// There is no such process, or the kernel does not tell.
    pub fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let status = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        Ok(Self { own: field(&status, "RssAnon")?, peak: field(&status, "VmHWM")? })
    }
}

/// `NAME:   123 kB`
fn field(status: &str, name: &str) -> Result<u64> {
    let find = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<u64>().ok();
    status.lines().find_map(find).map(|kibibytes| kibibytes * 1024).with_context(|| format!("no {name} in {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let memory = Memory::of(std::process::id()).expect("it runs");
        assert!(memory.own > 0 && memory.own <= memory.peak, "{memory:?}");
        Memory::of(u32::MAX).expect_err("no process has this id");
    }
}
