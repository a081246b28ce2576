//! Wall-clock time.

use std::fmt::Debug;

/// Tells the time of day. It may jump in both directions: never measure a duration with it.
pub trait WallClock: Send + Sync + Debug {
    /// Milliseconds since 1970-01-01T00:00Z.
    fn now_ms(&self) -> i64;
}
