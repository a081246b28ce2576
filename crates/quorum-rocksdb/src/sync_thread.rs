//! The one thread that makes changes durable and says so, in the order in which they were written.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use dohle_quorum::WhenDurable;
use rocksdb::DB;

use crate::store::to_io_error;

/// It only waits for the disk and calls back.
const STACK_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct SyncThread {
    waiting: Sender<WhenDurable>,
    thread: JoinHandle<()>,
}

impl SyncThread {
    pub(crate) fn start(database: Arc<DB>) -> io::Result<Self> {
        let (waiting, queue) = channel();
        let builder = Builder::new().name("dohle-quorum-sync".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn(move || run(&database, &queue))?;
        Ok(Self { waiting, thread })
    }

    /// Has `when_durable` called once everything written so far is durable.
    pub(crate) fn sync(&self, when_durable: WhenDurable) {
        if let Err(unsent) = self.waiting.send(when_durable) {
            unsent.0(Err(io::Error::other("the thread that syncs the metadata log has ended")));
        }
    }

    /// Waits until everybody was called.
    pub(crate) fn finish(self) {
        drop(self.waiting);
        if self.thread.join().is_err() {
            tracing::error!("the thread that syncs the metadata log panicked");
        }
    }
}

fn run(database: &DB, queue: &Receiver<WhenDurable>) {
    // An error is final: what a disk that has failed once says later is worth nothing.
    let mut failed: Option<(io::ErrorKind, String)> = None;
    while let Ok(first) = queue.recv() {
        let group: Vec<WhenDurable> = std::iter::once(first).chain(queue.try_iter()).collect();
        if failed.is_none()
            && let Err(error) = database.flush_wal(true)
        {
            let error = to_io_error(error);
            failed = Some((error.kind(), error.to_string()));
        }
        for when_durable in group {
            when_durable(match &failed {
                None => Ok(()),
                Some((kind, reason)) => Err(io::Error::new(*kind, reason.clone())),
            });
        }
    }
}
