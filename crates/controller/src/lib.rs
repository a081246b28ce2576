//! The controller's decisions, pure: image, sessions, time and request in, records and response out. No async, no IO.
//!
//! Whoever runs the [`Controller`] (one actor, on the leader of the quorum) decides requests one after another, proposes
//! the records of all of them as one entry, and answers when that is committed. What an entry holds is decided, so
//! replay needs neither clock nor randomness. Errors and their messages are Kafka's, word for word.

mod bootstrap;
mod config_changes;
mod controller;
mod create_partitions;
mod create_topics;
mod decision;
mod delete_topics;
mod elect_leaders;
mod heartbeat;
mod leadership;
mod new_partition;
mod partition_change;
mod partition_reassignments;
mod producer_ids;
mod registration;
mod replica_placement;
mod sessions;
mod update_features;

#[cfg(test)]
mod tests;

pub use controller::{Controller, ControllerSettings};
pub use registration::Registrant;
