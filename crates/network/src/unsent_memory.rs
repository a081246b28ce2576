//! Memory for responses that peers have not taken yet, of all connections together.
//!
//! A peer that reads slowly is served at its own speed. One that takes nothing while others need the memory is not waited
//! for as long as an idle one is: otherwise a few requests with large answers on each of many connections would cost more
//! memory than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long a peer may take nothing while there is more in memory than there should be.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all connections of a server hold.
#[derive(Debug)]
pub(crate) struct UnsentMemory {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

impl UnsentMemory {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, held_bytes: AtomicUsize::new(0) }
    }

    /// How long a peer that takes nothing is waited for: `None` while there is memory enough, not at all where there is
    /// twice as much as there should be.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let held_bytes = self.held_bytes.load(Ordering::Relaxed);
        if held_bytes <= self.limit_bytes {
            None
        } else if held_bytes <= self.limit_bytes.saturating_mul(2) {
            Some(PATIENCE)
        } else {
            Some(Duration::ZERO)
        }
    }
}

/// What one connection holds of it; given back when the connection ends in whatever way.
#[derive(Debug)]
pub(crate) struct UnsentShare {
    memory: Arc<UnsentMemory>,
    held_bytes: usize,
}

impl UnsentShare {
    pub(crate) fn new(memory: Arc<UnsentMemory>) -> Self {
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

    /// See [`UnsentMemory::patience`].
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.memory.patience()
    }
}

impl Drop for UnsentShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_where_memory_does() {
        let memory = Arc::new(UnsentMemory::new(100));
        let mut first = UnsentShare::new(Arc::clone(&memory));
        let mut second = UnsentShare::new(Arc::clone(&memory));
        first.set(100);
        assert_eq!(second.patience(), None);
        second.set(1);
        assert_eq!(first.patience(), Some(PATIENCE));
        second.set(101);
        assert_eq!(first.patience(), Some(Duration::ZERO));
        drop(second);
        first.set(40);
        assert_eq!(first.patience(), None);
        assert_eq!(memory.held_bytes.load(Ordering::Relaxed), 40);
    }
}
