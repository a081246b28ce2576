//! Watching partitions: being woken when one of them moves.

use std::sync::Arc;

use dohle_replication::{FetchWaiter, Partition};

/// Watches partitions for as long as it lives.
pub(crate) struct Watching {
    partitions: Vec<Arc<Partition>>,
    waiter: Arc<FetchWaiter>,
}

impl Watching {
    pub(crate) fn new(partitions: Vec<Arc<Partition>>) -> Self {
        let waiter = FetchWaiter::new();
        for partition in &partitions {
            partition.watch(&waiter);
        }
        Self { partitions, waiter }
    }

    /// Waits until one of the partitions has moved since the last call.
    pub(crate) async fn woken(&self) {
        self.waiter.woken().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.unwatch(&self.waiter);
        }
    }
}
