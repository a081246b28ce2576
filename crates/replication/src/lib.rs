//! Leader and follower state of partitions: append queue, high watermark, waiting fetches, the replica manager.
//!
//! A [`Partition`] is one replica hosted here; the [`ReplicaManager`] holds them all and follows the metadata. Nothing
//! here knows a request or a socket.

mod append_completion;
mod fetch_waiters;
mod leader_state;
mod maintenance;
mod partition;
mod replica_manager;

pub use append_completion::{AppendCompletion, AppendResult, AppendsCompleted, ProduceError};
pub use fetch_waiters::FetchWaiter;
pub use leader_state::LeaderState;
pub use maintenance::MaintenanceIntervals;
pub use partition::{Partition, PartitionError, RequiredAcks};
pub use replica_manager::{HostedTopic, ReplicaManager, ReplicaManagerOptions, StartError};
