//! Work that may block a thread, taken off the workers that serve connections.

use std::fmt::Debug;
use std::future::Future;

/// Runs blocking work elsewhere: on a pool live, in seeded order in a simulation.
pub trait Offload: Send + Sync + Debug {
    /// Queues `work`. Jobs may run in any order and in parallel.
    fn spawn(&self, work: Box<dyn FnOnce() + Send>);
}

/// The form with a result.
pub trait OffloadExt: Offload {
    /// Queues `work` and waits for what it returns.
    ///
    /// # Panics
    /// Where the work itself panicked, or the pool was shut down under it.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> + Send {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.spawn(Box::new(move || {
            // A receiver that has gone no longer wants the result.
            let _ = sender.send(work());
        }));
        async move { receiver.await.expect("offloaded work ran to its end") }
    }
}

impl<O: Offload + ?Sized> OffloadExt for O {}
