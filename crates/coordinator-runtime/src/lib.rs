//! Shards over an internal topic: decide, append, apply, reply when committed.
//!
//! One runtime serves group, transaction and share coordinators. Each partition of the internal topic that this broker
//! leads is a shard: one owner task, one bounded mailbox, one [`Coordinator`] that decides.
//!
//! # One turn of a shard
//! Everything that waits in the mailbox is decided, one input after the other; the records of all these decisions go
//! into one batch; the batch is appended; then its records are applied. While the append runs, the next inputs gather in
//! the mailbox: under load batches grow, idle shards answer at once.
//!
//! # Why nothing has to be rolled back
//! What records say changes through [`Coordinator::apply`] alone, and only when they are in the log. So a decision of a
//! turn does not see the records of earlier decisions of that turn: as if the later request had come first, which is a
//! legal order, because none of them has been answered. An input that writes *because of* what it reads (expiry,
//! deletion) cannot be reordered so; it says so in [`Coordinator::needs_settled_state`] and gets a turn of its own.
//! State that no record holds (a member that waits for a rebalance) changes while deciding; where it rests on a record,
//! the decision asks to hear of its fate with [`Effects::when_committed`].
//!
//! # When a reply leaves
//! Every reply, reads included, waits until the high watermark covers the shard's end after the turn that made it.
//! A failed append, lost leadership or the commit time-out turn all waiting replies into errors.

mod coordinator;
mod effects;
mod error;
mod key_hash;
mod loader;
pub mod memory_logs;
mod partition_logs;
mod runtime;
mod shard;
#[cfg(test)]
mod tests;

pub use coordinator::{Coordinator, Input, Now, ReplayError, ReplayPosition, Ticket};
pub use effects::{Effects, TimerChange};
pub use error::CoordinatorError;
pub use key_hash::partition_for;
pub use partition_logs::{AppendedRange, LogAccessError, LogBounds, PartitionLogs};
pub use runtime::{CoordinatorRuntime, RuntimeConfig};
