//! Groups and committed offsets (classic protocol).
//!
//! [`GroupCoordinator`] takes the generated requests and gives complete responses, errors in the form of the request's
//! version included. Behind it stands a shard for each partition of `__consumer_offsets`; a shard's rules are pure: a
//! request, timer or completion and the time go in, records, replies and timers come out.
//!
//! Offsets change when their records are in the log, and only so. A classic group's members and phases live in memory
//! while it rebalances; the log holds a picture of each generation that was assigned, of each empty group, and of each
//! static member that was replaced, and a coordinator that loads it goes on from the last one: groups with members are
//! `Stable`, members that were joining ask again.
//!
//! Records of the other group types (3 to 23) are ignored on load, with a warning once for each type: a log that a
//! cluster with consumer, share or streams groups wrote keeps their committed offsets, which are of type 1, but not
//! their members.

mod commit;
mod config;
mod describe;
mod expiry;
mod fetch;
mod group;
mod heartbeat;
mod join;
mod leave;
mod member;
mod offsets;
mod records;
mod service;
mod session;
mod shard;
mod sync;
#[cfg(test)]
mod tests;
mod topic_index;
mod transactions;

pub use config::GroupCoordinatorConfig;
pub use service::{GroupCoordinator, RequestInfo};
pub use topic_index::TopicIndex;
