//! What a connection's task and the server know of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// Bytes of all connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
}

/// One for each connection, shared by its task and the server.
#[derive(Debug)]
pub(crate) struct ConnectionControl {
    draining: AtomicBool,
    waker: AtomicWaker,
    traffic: Arc<Traffic>,
    opened: Instant,
    /// Milliseconds from `opened` to when bytes last came or went.
    last_active_ms: AtomicU64,
}

impl ConnectionControl {
    pub(crate) fn new(traffic: Arc<Traffic>) -> Self {
        Self {
            draining: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            traffic,
            opened: Instant::now(),
            last_active_ms: AtomicU64::new(0),
        }
    }

    /// Lets the connection finish what it has started and end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The same, and the task is woken when it changes.
    pub(crate) fn poll_draining(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.is_draining()
    }

    pub(crate) fn received(&self, size_bytes: usize, now: Instant) {
        self.traffic.received_bytes.fetch_add(size_bytes as u64, Ordering::Relaxed);
        self.touch(now);
    }

    pub(crate) fn sent(&self, size_bytes: usize, now: Instant) {
        self.traffic.sent_bytes.fetch_add(size_bytes as u64, Ordering::Relaxed);
        self.touch(now);
    }

    fn touch(&self, now: Instant) {
        let since_opened = now.duration_since(self.opened).as_millis();
        self.last_active_ms.store(u64::try_from(since_opened).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When bytes last came or went.
    pub(crate) fn last_active(&self) -> Instant {
        self.opened + std::time::Duration::from_millis(self.last_active_ms.load(Ordering::Relaxed))
    }
}
