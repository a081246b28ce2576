//! Leader and follower state of partitions: append queue, high watermark, waiting fetches, the replica manager.
//!
//! A [`Partition`] is one replica hosted here; the [`ReplicaManager`] holds them all and follows the metadata. Nothing
//! here knows a request or a socket.

mod append_completion;
mod append_queue;
mod checkpoints;
mod directory_description;
mod fetch_waiters;
mod hosted_directory;
mod leader_state;
mod log_opening;
mod maintenance;
mod partition;
mod record_deletion;
mod replica_manager;

pub use append_completion::{AppendCompletion, AppendResult, AppendsCompleted, ProduceError};
pub use append_queue::RequiredAcks;
pub use directory_description::{DirectoryContent, DirectoryDescription, DirectoryError, ReplicaDescription};
pub use fetch_waiters::FetchWaiter;
pub use hosted_directory::HostedDirectory;
pub use leader_state::LeaderState;
pub use maintenance::MaintenanceIntervals;
pub use partition::{Partition, PartitionError};
pub use record_deletion::DeleteRecordsError;
pub use replica_manager::{
    HostedTopic, IsCordoned, ReplicaManager, ReplicaManagerOptions, ResolveTopicConfig, StartError, UnopenedDirectory,
};

#[cfg(test)]
mod tests;
