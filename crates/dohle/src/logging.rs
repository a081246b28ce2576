//! Logs: lines for people, on stderr. The levels of loggers can be changed while the node runs (KIP-412).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use dohle_broker::{LogLevel, Loggers};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use crate::log_levels::LogLevels;

/// Chooses what is logged, in the form of `RUST_LOG`.
const VARIABLE: &str = "DOHLE_LOG";

/// The crates that log, and so are loggers from the start; what lies below them is one once it has logged something.
const CRATES: [&str; 12] = [
    "dohle",
    "dohle_broker",
    "dohle_controller",
    "dohle_coordinator_runtime",
    "dohle_group_coordinator",
    "dohle_log",
    "dohle_network",
    "dohle_quorum",
    "dohle_quorum_rocksdb",
    "dohle_replication",
    "dohle_seams",
    // It tells its inner life at `info`.
    "openraft",
];

/// Starts logging: what `DOHLE_LOG` asks for, or from `info` on. Gives the way to change that.
///
/// # Errors
/// `DOHLE_LOG` cannot be understood.
pub(crate) fn start() -> anyhow::Result<Arc<dyn Loggers>> {
    let directives = std::env::var(VARIABLE).unwrap_or_default();
    let directives = if directives.is_empty() { "info,openraft=warn".to_owned() } else { directives };
    let filter = EnvFilter::try_new(&directives).with_context(|| format!("{VARIABLE}={directives}"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        // Last: its type holds those of the others.
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    let seen = Seen::default();
    subscriber.finish().with(seen.clone()).init();
    Ok(Arc::new(ReloadedLoggers {
        levels: Mutex::new(LogLevels::of_directives(&directives)),
        seen,
        reload: Box::new(move |filter| handle.reload(filter)),
    }))
}

/// What is behind these locks is whole whenever they are given up, also by a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The modules that have had something to log so far.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<BTreeSet<&'static str>>>);

impl<S: Subscriber> Layer<S> for Seen {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        locked(&self.0).insert(metadata.target());
        // What is logged is for the filter to say.
        Interest::always()
    }
}

/// The loggers of this process.
struct ReloadedLoggers {
    levels: Mutex<LogLevels>,
    seen: Seen,
    reload: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
}

impl fmt::Debug for ReloadedLoggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadedLoggers").field("levels", &self.levels).finish_non_exhaustive()
    }
}

impl ReloadedLoggers {
    fn change(&self, change: impl FnOnce(&mut LogLevels)) {
        let mut levels = locked(&self.levels);
        change(&mut levels);
        let directives = levels.directives();
        let reloaded = EnvFilter::try_new(&directives).map_err(|error| error.to_string());
        if let Err(error) = reloaded.and_then(|filter| (self.reload)(filter).map_err(|error| error.to_string())) {
            drop(levels);
            tracing::error!(directives, error, "cannot change what is logged");
        }
    }
}

impl Loggers for ReloadedLoggers {
    fn levels(&self) -> BTreeMap<String, LogLevel> {
        let seen: Vec<&str> = locked(&self.seen.0).iter().copied().collect();
        locked(&self.levels).of_all(CRATES.into_iter().chain(seen))
    }

    fn set(&self, logger: &str, level: LogLevel) {
        if self.levels().contains_key(logger) {
            self.change(|levels| levels.set(logger, level));
        }
    }

    fn unset(&self, logger: &str) {
        self.change(|levels| levels.unset(logger));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_logs_is_a_logger() {
        // Asked while it runs: another clone may have compiled this.
        let crates = format!("{}/..", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        for entry in std::fs::read_dir(crates).unwrap() {
            let path = entry.unwrap().path();
            let Ok(manifest) = std::fs::read_to_string(path.join("Cargo.toml")) else { continue };
            if manifest.lines().any(|line| line.starts_with("tracing.")) {
                let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
                let name = name.trim_matches('"').replace('-', "_");
                assert!(CRATES.contains(&name.as_str()), "{name}");
            }
        }
    }
}
