//! Memory for requests of all connections together (`queued.max.request.bytes`).

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

#[derive(Debug)]
struct State {
    /// Below 0 where the last reservation exceeded the limit.
    available: i64,
    waiting: BTreeMap<u64, Waker>,
}

/// A budget. A reservation is granted whole while anything is left, as in Kafka: so no request is too large ever to be
/// read, and whoever waits holds nothing.
#[derive(Debug)]
pub(crate) struct RequestMemory(Mutex<State>);

impl RequestMemory {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        let available = i64::try_from(limit_bytes).unwrap_or(i64::MAX);
        Self(Mutex::new(State { available, waiting: BTreeMap::new() }))
    }

    /// Takes `size_bytes` for a connection, or has its task woken when there is something left.
    pub(crate) fn poll_reserve(&self, connection_id: u64, size_bytes: usize, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.available > 0 {
            state.available -= signed(size_bytes);
            state.waiting.remove(&connection_id);
            return Poll::Ready(());
        }
        state.waiting.insert(connection_id, context.waker().clone());
        Poll::Pending
    }

    /// Gives bytes back.
    pub(crate) fn release(&self, size_bytes: usize) {
        let mut state = self.0.lock();
        state.available += signed(size_bytes);
        if state.available > 0 {
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_values().for_each(Waker::wake);
        }
    }

    /// The connection no longer waits.
    pub(crate) fn forget(&self, connection_id: u64) {
        self.0.lock().waiting.remove(&connection_id);
    }
}

fn signed(size_bytes: usize) -> i64 {
    i64::try_from(size_bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_granted_while_anything_is_left() {
        let memory = RequestMemory::new(100);
        let mut context = Context::from_waker(Waker::noop());
        assert!(memory.poll_reserve(1, 99, &mut context).is_ready());
        assert!(memory.poll_reserve(2, 1000, &mut context).is_ready());
        assert!(memory.poll_reserve(3, 1, &mut context).is_pending());
        memory.release(99);
        assert!(memory.poll_reserve(3, 1, &mut context).is_pending());
        memory.release(1000);
        assert!(memory.poll_reserve(3, 1, &mut context).is_ready());
    }
}
