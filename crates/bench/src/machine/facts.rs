//! What the machine is, for whoever reads the figures.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine and the conditions of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Processor model.
    pub(crate) processor: String,
    /// CPUs that may be used.
    pub(crate) cpus: usize,
    /// Memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// Kernel release.
    pub(crate) kernel: String,
    /// File system and device of the folder in which brokers keep their data.
    pub(crate) file_system: String,
    /// Namespace and congestion control.
    pub(crate) network: String,
    /// The first line of `java -version`, where there is a Java.
    pub(crate) java: Option<String>,
    /// The commit of the checkout, where there is one, marked where files differ from it.
    pub(crate) commit: Option<String>,
    /// When the run began, UTC.
    pub(crate) began: String,
}

impl Facts {
    /// Looks at the machine. `work` is where brokers will keep their data.
    pub(crate) fn gather(work: &Path, network: String) -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&text("/proc/meminfo"), "MemTotal");
        Self {
            processor: field(&text("/proc/cpuinfo"), "model name"),
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024,
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: first_line(Command::new("df").args(["--output=fstype,source"]).arg(work), |line| {
                !line.starts_with("Type")
            })
            .map_or_else(String::new, |line| line.split_whitespace().collect::<Vec<_>>().join(" on ")),
            network,
            java: first_line(Command::new("java").arg("-version"), |_| true),
            commit: first_line(Command::new("git").args(["describe", "--always", "--dirty"]), |_| true),
            began: first_line(Command::new("date").args(["--utc", "+%Y-%m-%d %H:%M"]), |_| true).unwrap_or_default(),
        }
    }
}

/// The first line that `wanted` accepts of what a program says, if it ends well.
fn first_line(command: &mut Command, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().find(|line| wanted(line)).map(|line| line.trim().to_owned())
}
