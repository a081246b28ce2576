//! What the log says of connections that go wrong: one line for each, and no more lines than a disk can bear.
//!
//! Whoever sends garbage decides how often. So each kind of line has an allowance, and what is held back is counted in the
//! next line of its kind.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::response::CloseReason;

/// Lines of one kind that may come at once.
const BURST: u32 = 20;
/// One more line of a kind in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// The lines of one server about its connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLog {
    misbehaved: LineAllowance,
    idle: LineAllowance,
    not_reading: LineAllowance,
    unanswered: LineAllowance,
    failed: LineAllowance,
    refused: LineAllowance,
    waiting: LineAllowance,
    ended: LineAllowance,
    accept: LineAllowance,
}

impl ConnectionLog {
    /// A connection was closed by us, or by the other end.
    pub(crate) fn closed(&self, listener: &str, peer: SocketAddr, reason: &CloseReason) {
        match reason {
            CloseReason::Malformed(_) | CloseReason::UnsupportedVersion(_) | CloseReason::InvalidFrameSize { .. } => {
                self.misbehaved.line(|held_back| {
                    tracing::warn!(listener, %peer, %reason, held_back, "closed a connection");
                });
            }
            CloseReason::IdleInRequest { .. } | CloseReason::Sluggish { .. } => self.idle.line(|held_back| {
                tracing::warn!(listener, %peer, %reason, held_back, "closed a connection");
            }),
            CloseReason::IdleInResponse { .. } | CloseReason::NotReading { .. } => self.not_reading.line(|held_back| {
                tracing::warn!(listener, %peer, %reason, held_back, "closed a connection");
            }),
            CloseReason::UnansweredFailure => self.unanswered.line(|held_back| {
                tracing::info!(listener, %peer, %reason, held_back, "closed a connection");
            }),
            CloseReason::RegionFailed(_) | CloseReason::ResponseTooLarge { .. } => self.failed.line(|held_back| {
                tracing::error!(listener, %peer, %reason, held_back, "closed a connection");
            }),
            CloseReason::PeerClosed
            | CloseReason::AfterResponse
            | CloseReason::Idle
            | CloseReason::ShuttingDown
            | CloseReason::Failed(_) => tracing::debug!(listener, %peer, %reason, "closed a connection"),
        }
    }

    /// The task of a connection has panicked.
    pub(crate) fn panicked(&self, listener: &str, peer: IpAddr) {
        self.failed.line(|held_back| {
            tracing::error!(listener, %peer, held_back, "closed a connection: the broker failed while it served a request");
        });
    }

    /// A connection was refused, as its address has this many already.
    pub(crate) fn refused(&self, listener: &str, peer: IpAddr, address_max: usize) {
        self.refused.line(|held_back| {
            tracing::info!(listener, %peer, address_max, held_back, "refused a connection: its address has too many");
        });
    }

    /// New connections wait, as there are as many as there may be.
    pub(crate) fn waiting(&self, listener: &str) {
        self.waiting.line(|held_back| {
            tracing::warn!(listener, held_back, "there are as many connections as there may be: new ones wait");
        });
    }

    /// A connection of another listener was ended for the sake of one of `listener`.
    pub(crate) fn ended_quietest(&self, listener: &str, connections_max: usize) {
        self.ended.line(|held_back| {
            tracing::warn!(listener, connections_max, held_back, "too many connections: ended one of another listener");
        });
    }

    /// Accepting failed, for want of files for example.
    pub(crate) fn cannot_accept(&self, listener: &str, error: &io::Error) {
        self.accept.line(|held_back| {
            tracing::warn!(listener, %error, held_back, "cannot accept connections; trying again");
        });
    }
}

/// How often a line of one kind may be written.
#[derive(Debug, Default)]
struct LineAllowance(Mutex<Allowance>);

#[derive(Debug, Default)]
struct Allowance {
    /// Lines written that no passing of time has made up for yet.
    owed: u32,
    /// Until when time was counted.
    counted: Option<Instant>,
    held_back: u64,
}

impl LineAllowance {
    /// Writes the line unless there were too many; it is told how many were held back since the last one, where there are
    /// any.
    fn line(&self, write: impl FnOnce(Option<u64>)) {
        let held_back = self.0.lock().take(Instant::now());
        if let Some(held_back) = held_back {
            write((held_back > 0).then_some(held_back));
        }
    }
}

impl Allowance {
    /// Whether a line may be written at `now`, and then how many were held back before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let counted = *self.counted.get_or_insert(now);
        let passed = now.saturating_duration_since(counted).as_nanos() / INTERVAL.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX).min(self.owed);
        self.owed -= passed;
        self.counted = Some(if self.owed == 0 { now } else { counted + INTERVAL * passed });
        if self.owed == BURST {
            self.held_back += 1;
            return None;
        }
        self.owed += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_a_burst_and_then_one_by_one() {
        let start = Instant::now();
        let mut allowance = Allowance::default();
        for _ in 0..BURST {
            assert_eq!(allowance.take(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(allowance.take(start), None);
        }
        assert_eq!(allowance.take(start + INTERVAL / 2), None);
        assert_eq!(allowance.take(start + INTERVAL), Some(1001), "what was held back is told");
        assert_eq!(allowance.take(start + INTERVAL), None);
        assert_eq!(allowance.take(start + INTERVAL * 5 / 2), Some(1));
        assert_eq!(allowance.take(start + INTERVAL * 3), Some(0), "no part of the time is lost");
        let later = start + INTERVAL * 1000;
        for _ in 0..BURST {
            assert_eq!(allowance.take(later), Some(0), "a quiet time earns a burst and no more");
        }
        assert_eq!(allowance.take(later), None);
    }
}
