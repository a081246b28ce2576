//! The seam to the loggers of the process, whose levels can be asked for and changed (KIP-412).

use std::collections::BTreeMap;
use std::fmt::Debug;

use parking_lot::Mutex;

/// The logger that all others take their level from where neither they nor those between have one.
pub const ROOT: &str = "root";

/// What a logger lets through: events of this level and graver ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What ends the process.
    Fatal,
    /// Errors.
    Error,
    /// Warnings.
    Warn,
    /// Changes of state.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The levels that can be set, by name.
    pub const SETTABLE: [Self; 6] = [Self::Debug, Self::Error, Self::Fatal, Self::Info, Self::Trace, Self::Warn];

    /// Kafka's name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// The level of that name that can be set; capitals matter, as in Kafka.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::SETTABLE.into_iter().find(|level| level.name() == name)
    }
}

/// The loggers of a process. What is changed lasts until it ends.
pub trait Loggers: Send + Sync + Debug {
    /// The level that holds for each logger, by name; [`ROOT`] is among them.
    fn levels(&self) -> BTreeMap<String, LogLevel>;

    /// Gives a logger a level of its own. One that is not there is left alone.
    fn set(&self, logger: &str, level: LogLevel);

    /// Has a logger follow the next one above it that has a level of its own. [`ROOT`] is left alone.
    fn unset(&self, logger: &str);
}

/// Loggers that only remember their levels: for processes that log nothing.
#[derive(Debug)]
pub struct RememberedLevels {
    names: Vec<String>,
    root: Mutex<LogLevel>,
    own: Mutex<BTreeMap<String, LogLevel>>,
}

impl RememberedLevels {
    /// The root at `root`, and below it loggers of these names.
    #[must_use]
    pub fn new(root: LogLevel, names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { names, root: Mutex::new(root), own: Mutex::default() }
    }
}

impl Loggers for RememberedLevels {
    fn levels(&self) -> BTreeMap<String, LogLevel> {
        let (root, own) = (*self.root.lock(), self.own.lock());
        let below = self.names.iter().map(|name| (name.clone(), own.get(name).copied().unwrap_or(root)));
        below.chain([(ROOT.to_owned(), root)]).collect()
    }

    fn set(&self, logger: &str, level: LogLevel) {
        if logger == ROOT {
            *self.root.lock() = level;
        } else if self.names.iter().any(|name| name == logger) {
            self.own.lock().insert(logger.to_owned(), level);
        }
    }

    fn unset(&self, logger: &str) {
        self.own.lock().remove(logger);
    }
}
