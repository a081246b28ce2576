//! Logs: lines for people, on stderr.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Chooses what is logged, in the form of `RUST_LOG`.
const VARIABLE: &str = "DOHLE_LOG";

/// Starts logging: what `DOHLE_LOG` asks for, or from `info` on.
///
/// # Errors
/// `DOHLE_LOG` cannot be understood.
pub(crate) fn start() -> anyhow::Result<()> {
    let directives = std::env::var(VARIABLE).unwrap_or_default();
    // The consensus library tells its inner life at `info`.
    let directives = if directives.is_empty() { "info,openraft=warn".to_owned() } else { directives };
    let filter = EnvFilter::try_new(&directives).with_context(|| format!("{VARIABLE}={directives}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}
