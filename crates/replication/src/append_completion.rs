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
    TimedOut {
        /// Where it is in the leader's log, if it got there.
        appended: Option<Appended>,
    },
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
            Self::TimedOut { .. } => ErrorCode::RequestTimedOut,
            Self::NotHosted => ErrorCode::UnknownTopicOrPartition,
            Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}

/// How one append ended.
pub type AppendResult = Result<Appended, ProduceError>;

/// One append of a request.
#[derive(Clone, Debug)]
enum Slot {
    /// Under way; where it is, once the leader has it.
    Waiting(Option<Appended>),
    /// Ended.
    Done(AppendResult),
}

/// The appends of one request: filled by partitions in any order, awaited by the request.
#[derive(Debug)]
pub struct AppendCompletion {
    unfinished: AtomicUsize,
    slots: Mutex<Vec<Slot>>,
    waker: AtomicWaker,
}

impl AppendCompletion {
    /// Waits for `count` appends.
    #[must_use]
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            unfinished: AtomicUsize::new(count),
            slots: Mutex::new(vec![Slot::Waiting(None); count]),
            waker: AtomicWaker::new(),
        })
    }

    /// Fills slot `index` (below the count). A slot that is filled already keeps its first result; one whose result was
    /// taken takes no other.
    pub fn complete(&self, index: usize, result: AppendResult) {
        {
            let mut slots = self.slots.lock();
            match slots.get_mut(index) {
                Some(slot @ Slot::Waiting(_)) => *slot = Slot::Done(result),
                // Whoever waited has given up and gone.
                _ => return,
            }
        }
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }

    /// The append of slot `index` is in the leader's log, and waits for others.
    pub(crate) fn note_appended(&self, index: usize, appended: &Appended) {
        if let Some(Slot::Waiting(known)) = self.slots.lock().get_mut(index) {
            *known = Some(*appended);
        }
    }

    /// Fills every empty slot with [`ProduceError::TimedOut`].
    pub fn expire(&self) {
        let slots = self.slots.lock().clone();
        for (index, slot) in slots.into_iter().enumerate() {
            if let Slot::Waiting(appended) = slot {
                self.complete(index, Err(ProduceError::TimedOut { appended }));
            }
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
        let result = |slot| match slot {
            Slot::Done(result) => result,
            Slot::Waiting(_) => panic!("an append was not completed"),
        };
        self.slots.lock().drain(..).map(result).collect()
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
