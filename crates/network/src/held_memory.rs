//! Memory that peers make us hold, of all connections together: responses that they do not take, and requests that they do
//! not finish.
//!
//! A peer that is slow is served at its own speed. One that holds much while there is more in memory than there should be is
//! not waited for as long as an idle one is: otherwise a few requests with large answers, or large requests that never end,
//! on each of many connections would cost more memory than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much more is in memory than there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shortage {
    /// Nothing.
    None,
    /// More than there should be.
    Some,
    /// Twice as much.
    Severe,
    /// Four times as much.
    Extreme,
}

/// What all connections of a server hold.
#[derive(Debug)]
pub(crate) struct HeldMemory {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

impl HeldMemory {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, held_bytes: AtomicUsize::new(0) }
    }

    fn shortage(&self) -> Shortage {
        let held_bytes = self.held_bytes.load(Ordering::Relaxed);
        if held_bytes <= self.limit_bytes {
            Shortage::None
        } else if held_bytes <= self.limit_bytes.saturating_mul(2) {
            Shortage::Some
        } else if held_bytes <= self.limit_bytes.saturating_mul(4) {
            Shortage::Severe
        } else {
            Shortage::Extreme
        }
    }
}

/// What one connection holds of it; given back when the connection ends in whatever way.
#[derive(Debug)]
pub(crate) struct HeldShare {
    memory: Arc<HeldMemory>,
    held_bytes: usize,
}

impl HeldShare {
    pub(crate) fn new(memory: Arc<HeldMemory>) -> Self {
        Self { memory, held_bytes: 0 }
    }

    /// Tells what the connection holds now.
    pub(crate) fn set(&mut self, held_bytes: usize) {
        let total = &self.memory.held_bytes;
        if held_bytes > self.held_bytes {
            total.fetch_add(held_bytes - self.held_bytes, Ordering::Relaxed);
        } else if held_bytes < self.held_bytes {
            total.fetch_sub(self.held_bytes - held_bytes, Ordering::Relaxed);
        }
        self.held_bytes = held_bytes;
    }

    /// What all connections hold together, judged.
    pub(crate) fn shortage(&self) -> Shortage {
        self.memory.shortage()
    }
}

impl Drop for HeldShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortage_grows_with_what_all_hold() {
        let memory = Arc::new(HeldMemory::new(100));
        let mut first = HeldShare::new(Arc::clone(&memory));
        let mut second = HeldShare::new(Arc::clone(&memory));
        first.set(100);
        assert_eq!(second.shortage(), Shortage::None);
        second.set(1);
        assert_eq!(first.shortage(), Shortage::Some);
        second.set(101);
        assert_eq!(first.shortage(), Shortage::Severe);
        second.set(301);
        assert_eq!(first.shortage(), Shortage::Extreme);
        drop(second);
        first.set(40);
        assert_eq!(first.shortage(), Shortage::None);
        assert_eq!(memory.held_bytes.load(Ordering::Relaxed), 40);
    }
}
