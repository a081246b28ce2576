//! Waiting for conditions. Nothing in the suite waits for time to pass.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take that normally takes well under a second. Generous, for machines with other work to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at that cannot wake its waiter.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `condition` until it gives a value; after `limit`, fails with `what`.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("gave up after {} s: {what}", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
