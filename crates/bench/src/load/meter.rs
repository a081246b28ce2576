//! The stretch of time in which is counted, with the broker's CPU time at both ends.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::exchange::Moved;
use crate::latencies::Latencies;
use crate::machine::process::CpuClock;

/// How long load runs, and how much of that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Before: load runs, nothing counts.
    pub(crate) warm: Duration,
    /// Counts.
    pub(crate) length: Duration,
    /// After: load goes on, so that what was sent at the end meets the same conditions.
    pub(crate) cool: Duration,
    /// The window ends early when so many bytes have been moved.
    pub(crate) bytes_max: u64,
}

/// What a group of connections did.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests answered within the window.
    pub(crate) requests: u64,
    /// What they moved.
    pub(crate) moved: Moved,
    /// How long they took: from when they were due, or else from when they were sent.
    pub(crate) latencies: Latencies,
    /// What was moved from first to last, outside of the window too.
    pub(crate) moved_in_all: Moved,
}

/// Where a measurement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing counts yet.
    Warm,
    /// The window.
    Counting,
    /// Load goes on.
    Cool,
    /// Load ends.
    Over,
}

/// Moves from phase to phase, and reads the CPU clock where the window begins and ends.
#[derive(Debug)]
pub(crate) struct Meter {
    window: Window,
    cpu: CpuClock,
    phase: Phase,
    /// When the present phase ends.
    phase_end: Instant,
    counted: Option<(Instant, Instant)>,
    cpu_used: Duration,
}

impl Meter {
    /// A measurement that begins now.
    pub(crate) fn new(window: Window, cpu: CpuClock) -> Self {
        let phase_end = Instant::now() + window.warm;
        Self { window, cpu, phase: Phase::Warm, phase_end, counted: None, cpu_used: Duration::ZERO }
    }

    /// Moves on if it is time, or enough `bytes` have been moved. Gives back the phase.
    ///
    /// # Errors
    /// The broker has ended.
    pub(crate) fn advance(&mut self, now: Instant, bytes: u64) -> Result<Phase> {
        match self.phase {
            Phase::Warm if now >= self.phase_end => {
                self.phase = Phase::Counting;
                self.cpu_used = self.cpu.now()?;
                self.counted = Some((now, now));
                self.phase_end = now + self.window.length;
            }
            Phase::Counting if now >= self.phase_end || bytes >= self.window.bytes_max => {
                self.phase = Phase::Cool;
                self.cpu_used = self.cpu.now()?.saturating_sub(self.cpu_used);
                self.counted = self.counted.map(|(begin, _)| (begin, now));
                self.phase_end = now + self.window.cool;
            }
            Phase::Cool if now >= self.phase_end => self.phase = Phase::Over,
            _ => {}
        }
        Ok(self.phase)
    }

    /// When [`advance`](Self::advance) will have something to do.
    pub(crate) fn next_change(&self) -> Instant {
        self.phase_end
    }

    /// The phase.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether what was due at `due` counts; at the time of asking, that must be over or present.
    pub(crate) fn covers(&self, due: Instant) -> bool {
        match (self.phase, self.counted) {
            (Phase::Counting, Some((begin, _))) => due >= begin,
            (Phase::Cool | Phase::Over, Some((begin, end))) => (begin..end).contains(&due),
            _ => false,
        }
    }

    /// Seconds of the window, and seconds of CPU that the broker used in it.
    pub(crate) fn used(&self) -> (f64, f64) {
        let seconds = self.counted.map_or(0.0, |(begin, end)| (end - begin).as_secs_f64());
        (seconds, self.cpu_used.as_secs_f64())
    }

    /// From when to when was counted; an empty span before there was a window.
    pub(crate) fn counted(&self) -> (Instant, Instant) {
        self.counted.unwrap_or((self.phase_end, self.phase_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(bytes_max: u64) -> (Meter, Instant) {
        let second = Duration::from_secs(1);
        let window = Window { warm: second, length: second, cool: second, bytes_max };
        let meter = Meter::new(window, CpuClock::of(std::process::id()).unwrap());
        let start = meter.next_change() - second;
        (meter, start)
    }

    #[test]
    fn a_window_lies_between_warming_and_cooling() {
        let (mut meter, start) = meter(u64::MAX);
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(meter.advance(at(500), 0).unwrap(), Phase::Warm);
        assert_eq!(meter.advance(at(1100), 0).unwrap(), Phase::Counting);
        assert!(meter.covers(at(1100)) && !meter.covers(at(1000)), "what was due before it began does not count");
        assert_eq!(meter.advance(at(2050), 0).unwrap(), Phase::Counting);
        assert_eq!(meter.advance(at(2100), 0).unwrap(), Phase::Cool);
        assert!(meter.covers(at(2099)) && !meter.covers(at(2100)));
        assert!((meter.used().0 - 1.0).abs() < 1e-9);
        assert_eq!(meter.advance(at(3100), 0).unwrap(), Phase::Over);
    }

    #[test]
    fn a_window_ends_with_its_bytes() {
        let (mut meter, start) = meter(100);
        meter.advance(start + Duration::from_secs(1), 0).unwrap();
        assert_eq!(meter.advance(start + Duration::from_millis(1200), 99).unwrap(), Phase::Counting);
        assert_eq!(meter.advance(start + Duration::from_millis(1500), 100).unwrap(), Phase::Cool);
        assert!((meter.used().0 - 0.5).abs() < 1e-9);
    }
}
