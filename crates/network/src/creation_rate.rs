//! Spaces new connections out (`max.connection.creation.rate`).

use std::time::Duration;

use tokio::time::Instant;

/// What may be caught up on after a pause: a second's connections may come at once.
const BURST: Duration = Duration::from_secs(1);

/// When the next connection may be taken.
#[derive(Debug, Default)]
pub(crate) struct CreationRate {
    next: Option<Instant>,
}

impl CreationRate {
    /// Takes a place at `now` for a connection, at `rate` of them in a second: until when it has to wait.
    pub(crate) fn take(&mut self, rate: u32, now: Instant) -> Instant {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let at = self.next.map_or(earliest, |next| next.max(earliest));
        self.next = Some(at + Duration::from_secs(1) / rate.max(1));
        at.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_connections_are_spaced_out() {
        let now = Instant::now() + Duration::from_secs(10);
        let mut rate = CreationRate::default();
        for _ in 0..4 {
            assert_eq!(rate.take(4, now), now);
        }
        assert_eq!(rate.take(4, now), now, "the place after the burst is now");
        assert_eq!(rate.take(4, now), now + Duration::from_millis(250));
        assert_eq!(rate.take(4, now), now + Duration::from_millis(500));
        let later = now + Duration::from_secs(60);
        assert_eq!(rate.take(4, later), later);
    }
}
