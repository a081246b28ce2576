//! What a coordinator must be for the runtime to run it.

use bytes::Bytes;
use dohle_protocol::{DecodeError, Writer};
use tokio::time::Instant;

use crate::{CoordinatorError, Effects};

/// Names a request until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The time of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic time, for timers.
    pub instant: Instant,
    /// Milliseconds since 1970, for timestamps in records.
    pub wall_ms: i64,
}

/// What a shard gives its coordinator to decide.
#[derive(Debug)]
pub enum Input<C: Coordinator> {
    /// The log has been replayed; the shard begins to serve.
    Loaded,
    /// A request; `reply` with its ticket now or later.
    Request(Ticket, C::Request),
    /// A timer expired.
    Timer(C::Timer),
    /// The records of an earlier decision are committed, or failed.
    Completed(C::Completion, Result<(), CoordinatorError>),
}

/// Where a record stands that is being replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayPosition {
    /// Its offset.
    pub offset: i64,
    /// The producer whose transaction it belongs to; what it says counts only once that is committed.
    pub transactional_producer_id: Option<i64>,
}

/// Why a record cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The record is of a kind that this release does not know; it is left out, with a warning once for each kind.
    #[error("records of type {0} are not known")]
    UnknownType(i16),
    /// The record's bytes are not what its type says; the load fails.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

/// The state of one shard, and how it decides. It never sees a log, a clock or a connection.
pub trait Coordinator: Sized + Send + 'static {
    /// What callers ask.
    type Request: Send + 'static;
    /// What they are answered.
    type Reply: Send + 'static;
    /// What goes into the log.
    type Record: Send + 'static;
    /// Names a timer.
    type Timer: Clone + Ord + Send + 'static;
    /// What a decision wants to be reminded of when its records are committed.
    type Completion: Send + 'static;

    /// Writes a record's key and value; `false` makes it a tombstone, whatever was written as value.
    fn encode(record: &Self::Record, key: &mut Writer, value: &mut Writer) -> bool;

    /// Takes in a record of the log while loading.
    ///
    /// # Errors
    /// See [`ReplayError`].
    fn replay(&mut self, position: ReplayPosition, key: &Bytes, value: Option<&Bytes>) -> Result<(), ReplayError>;

    /// Takes in the end of a transaction while loading.
    fn replay_end_transaction(&mut self, producer_id: i64, committed: bool);

    /// Whether the input may be decided only when the records of all earlier decisions are applied, and no other before
    /// its own are. See the crate's notes.
    fn needs_settled_state(&self, input: &Input<Self>) -> bool;

    /// Decides what an input causes. Changes nothing of what records say.
    fn decide(&mut self, input: Input<Self>, now: Now, effects: &mut Effects<Self>);

    /// Takes in a record of its own that is now in the log at `offset`.
    fn apply(&mut self, record: Self::Record, offset: i64);
}
