//! What a produce request waits for: the results of its appends, one slot for each partition.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use dohle_log::{AppendError, Appended};
use dohle_protocol::ErrorCode;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// Why a partition did not take or did not commit a batch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProduceError {
    /// The log refused the batch, or failed to write it.
    #[error(transparent)]
    Append(Arc<AppendError>),
    /// This broker does not lead the partition, or no longer does.
    #[error("this broker does not lead the partition")]
    NotLeader,
    /// Too few replicas are in sync for acks=all; nothing was written.
    #[error("{insync} replicas are in sync, {required} are required")]
    NotEnoughReplicas {
        /// How many are.
        insync: usize,
        /// How many must be.
        required: usize,
    },
    /// The time-out passed before enough replicas had the batch.
    #[error("the time-out passed before the batch was committed")]
    TimedOut,
    /// The topic was deleted, or the partition moved away.
    #[error("the partition is no longer hosted here")]
    NotHosted,
    /// The log directory failed.
    #[error("the log directory failed: {0}")]
    Storage(Arc<str>),
}

impl ProduceError {
    /// The error that the producer gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Append(error) => error.error_code(),
            Self::NotLeader => ErrorCode::NotLeaderOrFollower,
            Self::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
            Self::TimedOut => ErrorCode::RequestTimedOut,
            Self::NotHosted => ErrorCode::UnknownTopicOrPartition,
            Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}

/// How one append ended.
pub type AppendResult = Result<Appended, ProduceError>;

/// The appends of one request: filled by partitions in any order, awaited by the request.
#[derive(Debug)]
pub struct AppendCompletion {
    unfinished: AtomicUsize,
    results: Mutex<Vec<Option<AppendResult>>>,
    waker: AtomicWaker,
}

impl AppendCompletion {
    /// Waits for `count` appends.
    #[must_use]
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            unfinished: AtomicUsize::new(count),
            results: Mutex::new(vec![None; count]),
            waker: AtomicWaker::new(),
        })
    }

    /// Fills slot `index` (below the count). A slot that is filled already keeps its first result; one whose result was
    /// taken takes no other.
    pub fn complete(&self, index: usize, result: AppendResult) {
        {
            let mut results = self.results.lock();
            match results.get_mut(index) {
                Some(slot) if slot.is_none() => *slot = Some(result),
                // Whoever waited has given up and gone.
                _ => return,
            }
        }
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }

    /// Fills every empty slot with [`ProduceError::TimedOut`].
    pub fn expire(&self) {
        let count = self.results.lock().len();
        for index in 0..count {
            self.complete(index, Err(ProduceError::TimedOut));
        }
    }

    /// Whether every slot is filled.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unfinished.load(Ordering::Acquire) == 0
    }

    /// Resolves once every slot is filled.
    pub fn wait(self: &Arc<Self>) -> AppendsCompleted {
        AppendsCompleted(Arc::clone(self))
    }

    /// Takes the results out, in slot order.
    ///
    /// # Panics
    /// Where a slot is empty: wait first.
    #[must_use]
    pub fn take_results(&self) -> Vec<AppendResult> {
        self.results.lock().drain(..).map(|result| result.expect("every append was completed")).collect()
    }
}

/// Resolves once every append of a request has its result.
#[derive(Debug)]
pub struct AppendsCompleted(Arc<AppendCompletion>);

impl Future for AppendsCompleted {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.is_complete() {
            return Poll::Ready(());
        }
        self.0.waker.register(context.waker());
        // Checked again: a completion between check and registration would otherwise wake nobody.
        if self.0.is_complete() { Poll::Ready(()) } else { Poll::Pending }
    }
}
