//! A simulated world under one seed: a disk that loses what was not synced, a clock that follows tokio's paused one,
//! seeded randomness, and offloaded work in seeded order.

mod disk;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

pub use disk::SimulatedDisk;

use crate::{Environment, Offload, Randomness, WallClock};

/// A seeded generator (splitmix64). Not for secrets.
#[derive(Debug)]
pub struct SeededRandomness(Mutex<u64>);

impl SeededRandomness {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next number of the sequence.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A wall clock that starts at a fixed day and follows tokio's (paused) clock.
#[derive(Debug)]
pub struct SimulatedClock {
    start: Instant,
}

/// 2026-01-01T00:00Z.
const START_MS: i64 = 1_767_225_600_000;

impl WallClock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        START_MS + i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Runs offloaded work as tasks, each after a seeded while.
#[derive(Debug)]
pub struct SimulatedOffload {
    randomness: Arc<SeededRandomness>,
}

impl Offload for SimulatedOffload {
    fn spawn(&self, work: Box<dyn FnOnce() + Send>) {
        let delay = Duration::from_micros(self.randomness.next() % 2000);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            work();
        });
    }
}

/// A world under `seed` around `disk`. Call it inside a tokio runtime with a paused clock.
#[must_use]
pub fn world(seed: u64, disk: Arc<SimulatedDisk>) -> Environment {
    let randomness = Arc::new(SeededRandomness::new(seed));
    let runtime = tokio::runtime::Handle::current();
    Environment {
        disk,
        clock: Arc::new(SimulatedClock { start: Instant::now() }),
        randomness: Arc::clone(&randomness) as Arc<dyn Randomness>,
        offload: Arc::new(SimulatedOffload { randomness }),
        data_runtime: runtime.clone(),
        control_runtime: runtime,
    }
}
