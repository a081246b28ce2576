//! Fetches that wait for a partition to move: registered on every partition they ask for, woken by the first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// One waiting fetch, shared by the partitions it watches.
#[derive(Debug)]
pub struct FetchWaiter {
    id: u64,
    notify: Notify,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl FetchWaiter {
    /// A fetch that has not registered anywhere yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), notify: Notify::new() })
    }

    /// Waits until a watched partition has moved since the last call.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }

    fn wake(&self) {
        self.notify.notify_one();
    }
}

/// The fetches that watch one partition.
#[derive(Debug, Default)]
pub(crate) struct FetchWaiters {
    /// Whether `waiting` may hold anything, so that a partition nobody waits for costs one load.
    any: AtomicBool,
    waiting: Mutex<BTreeMap<u64, Arc<FetchWaiter>>>,
}

impl FetchWaiters {
    pub(crate) fn register(&self, waiter: &Arc<FetchWaiter>) {
        let mut waiting = self.waiting.lock();
        waiting.insert(waiter.id, Arc::clone(waiter));
        self.any.store(true, Ordering::SeqCst);
    }

    pub(crate) fn deregister(&self, waiter: &FetchWaiter) {
        let mut waiting = self.waiting.lock();
        waiting.remove(&waiter.id);
        if waiting.is_empty() {
            self.any.store(false, Ordering::SeqCst);
        }
    }

    /// Wakes every watching fetch. They stay registered: each looks again and goes on waiting or leaves.
    pub(crate) fn wake_all(&self) {
        if self.any.load(Ordering::SeqCst) {
            for waiter in self.waiting.lock().values() {
                waiter.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_wake_between_check_and_wait_is_not_lost() {
        let waiters = FetchWaiters::default();
        let waiter = FetchWaiter::new();
        waiters.register(&waiter);
        waiters.wake_all();
        timeout(Duration::from_secs(1), waiter.woken()).await.expect("woken by the earlier wake");
        waiters.deregister(&waiter);
        waiters.wake_all();
        timeout(Duration::from_secs(1), waiter.woken()).await.expect_err("no longer registered");
    }
}
