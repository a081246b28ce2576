//! Commits what the controller decides: a replica of the metadata log, the one controller actor, snapshots.
//!
//! An entry of the log holds decided metadata records, and applying one is replaying them. The consensus library is named
//! in this crate alone; what it keeps on disk is in our own bytes, in a store behind [`MetadataLogStore`].
//!
//! Invariants: nothing is answered before it is committed and applied here; what a subscription shows is committed; a
//! replica that has lost what was once durable, or meets an entry that it cannot replay, stops for good.

mod batch;
mod codec;
pub mod conformance;
mod controller_actor;
mod controller_handle;
mod error;
mod file_store;
mod log_store;
mod network;
mod operation;
mod quorum;
mod quorum_state;
mod replica;
mod snapshot;
mod snapshot_trigger;
mod state_machine;
mod store;
mod subscription;
mod synced_end;
mod types;

#[cfg(test)]
mod tests;

pub use controller_handle::ControllerHandle;
pub use error::{QuorumError, QuorumFailure};
pub use file_store::FileStore;
pub use quorum::{Quorum, QuorumOptions};
pub use quorum_state::{QuorumState, ReplicaState};
pub use replica::{Endpoint, Endpoints, ReplicaKey};
pub use store::{Change, MetadataLogStore, OpenStore, StoredValue, WhenDurable};
pub use subscription::DeltaSubscription;
