//! When the requests of an open loop are due: at even distances from a start, whatever the server does meanwhile.

use std::time::{Duration, Instant};

/// Requests at a fixed rate. Latency is counted from the time at which a request was due, not from when it went out: a
/// server that falters delays the requests behind it, and that delay is its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Instant,
    per_second: f64,
}

impl Schedule {
    /// `per_second` requests from `start` on, the first at `start`.
    pub(crate) fn new(start: Instant, per_second: f64) -> Self {
        Self { start, per_second }
    }

    /// When request `number` (from 0) is due.
    pub(crate) fn due(&self, number: u64) -> Instant {
        // From the start each time: rounding does not add up.
        self.start + Duration::from_secs_f64(number as f64 / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_even_distances_for_ever() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 3000.0);
        assert_eq!(schedule.due(0), start);
        assert_eq!(schedule.due(3000), start + Duration::from_secs(1));
        assert_eq!(schedule.due(3_000_000), start + Duration::from_secs(1000), "no drift");
        assert!(schedule.due(1) > start && schedule.due(1) < start + Duration::from_micros(334));
    }
}
