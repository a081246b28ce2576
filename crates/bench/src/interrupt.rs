//! Ctrl-C: noted by a handler, and seen by whatever loops, so that brokers are stopped and data is removed on the way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Catches SIGINT, SIGTERM and SIGHUP from now on, however many come: `timeout` and terminals send some twice. SIGQUIT still ends
/// the program on the spot, and leaves its servers running.
///
/// # Errors
/// The system refuses.
pub(crate) fn catch() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Fails once a signal has come.
///
/// # Errors
/// A signal has come.
pub(crate) fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// Waits for `length`, or until a signal comes.
///
/// # Errors
/// A signal has come.
pub(crate) fn pause(length: Duration) -> Result<()> {
    let end = Instant::now() + length;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Asks every `interval` until there is an answer, no longer than `limit`.
///
/// # Errors
/// `what` has not come in time, asking fails, or a signal has come.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    interval: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > end {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        pause(interval)?;
    }
}
