//! Whether the machine does something else: what `/proc/stat` says over a moment.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::interrupt::pause;

/// A round is measured on a machine of which so much is idle.
const IDLE_SHARE: f64 = 0.9;
const MOMENT: Duration = Duration::from_millis(350);

/// Waits until the machine is idle for a moment, no longer than `limit`. Gives back the share that was idle last.
///
/// # Errors
/// `/proc/stat` cannot be read, or a signal has come.
pub(crate) fn wait_until_idle(limit: Duration) -> Result<f64> {
    let end = Instant::now() + limit;
    loop {
        let before = Ticks::now()?;
        pause(MOMENT)?;
        let share = Ticks::now()?.idle_share_since(before);
        if share >= IDLE_SHARE || Instant::now() > end {
            return Ok(share);
        }
    }
}

/// Ticks since boot, summed over all CPUs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    idle: u64,
    all: u64,
}

impl Ticks {
    fn now() -> Result<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat")?).context("/proc/stat is not as expected")
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let numbers: Vec<u64> = line.split_whitespace().map_while(|number| number.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; what follows is part of user and nice.
        Some(Self { idle: numbers.get(3)? + numbers.get(4)?, all: numbers.iter().take(8).sum() })
    }

    fn idle_share_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        if all == 0 { 1.0 } else { self.idle.saturating_sub(before.idle) as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_idle_and_waiting_for_disks() {
        let before = Ticks::parse("cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 2 3\n").unwrap();
        assert_eq!(before, Ticks { idle: 850, all: 1000 });
        let after = Ticks::parse("cpu  105 0 55 880 60 0 0 0 9 9\n").unwrap();
        assert!((after.idle_share_since(before) - 0.9).abs() < 1e-9);
        assert_eq!(Ticks::parse("intr 1"), None);
    }
}
