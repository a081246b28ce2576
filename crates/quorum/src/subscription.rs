//! Committed changes on their way to those who act on them.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use dohle_metadata::{Delta, Image};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What one subscriber has not taken yet: changes merge while it is busy, so that it never holds up the log.
#[derive(Debug, Default)]
struct Slot {
    pending: Mutex<Pending>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    delta: Option<Delta>,
    ended: bool,
}

/// The committed image, and those who follow it.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    image: ArcSwap<Image>,
    slots: Mutex<Vec<Weak<Slot>>>,
}

impl Publications {
    pub(crate) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Publishes the next change, which begins at the image that is current.
    pub(crate) fn publish(&self, delta: Delta) {
        // Under the lock, so that a subscriber gets every change after the image it began with, and none before it.
        let mut slots = self.slots.lock();
        self.image.store(Arc::clone(&delta.to));
        slots.retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            let mut pending = slot.pending.lock();
            pending.delta = Some(match pending.delta.take() {
                Some(earlier) => earlier.then(delta.clone()),
                None => delta.clone(),
            });
            slot.ready.notify_one();
            true
        });
    }

    pub(crate) fn subscribe(&self) -> DeltaSubscription {
        let mut slots = self.slots.lock();
        let slot = Arc::new(Slot::default());
        slots.push(Arc::downgrade(&slot));
        DeltaSubscription { image: self.image(), slot }
    }

    /// Ends all subscriptions; what they have not taken yet they still get.
    pub(crate) fn end(&self) {
        for slot in self.slots.lock().drain(..).filter_map(|slot| slot.upgrade()) {
            slot.pending.lock().ended = true;
            slot.ready.notify_one();
        }
    }
}

/// Every committed change from some image on, in order.
#[derive(Debug)]
pub struct DeltaSubscription {
    image: Arc<Image>,
    slot: Arc<Slot>,
}

impl DeltaSubscription {
    /// Where the last change taken has led; before the first one, where the subscription begins.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        Arc::clone(&self.image)
    }

    /// Waits for the next change; those that came while nobody waited are merged into one. `None` once the quorum has
    /// stopped. Nothing is lost where the future is dropped.
    pub async fn next(&mut self) -> Option<Arc<Delta>> {
        loop {
            {
                let mut pending = self.slot.pending.lock();
                if let Some(delta) = pending.delta.take() {
                    self.image = Arc::clone(&delta.to);
                    return Some(Arc::new(delta));
                }
                if pending.ended {
                    return None;
                }
            }
            self.slot.ready.notified().await;
        }
    }
}
