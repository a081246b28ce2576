//! The seams between the broker and the world: disk, time, randomness, offloaded work.
//!
//! Everything outside this crate, the network's TCP code and the binary reaches the world through the traits
//! here, so that a whole broker runs under one seed with a simulated disk and a paused clock (`simulated`).
//! Monotonic time is tokio's, which a simulation pauses. Streams have their seam in `dohle-network`.

pub mod clock;
pub mod disk;
pub mod live;
pub mod offload;
pub mod randomness;
pub mod simulated;

use std::sync::Arc;

pub use clock::WallClock;
pub use disk::{DirectoryEntry, Disk, DiskFile, DiskLock, DiskSpace, FileFacts, OpenMode};
pub use offload::{Offload, OffloadExt};
pub use randomness::{Randomness, RandomnessExt};

/// Everything that a node needs from outside, handed in once at start.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Files and folders.
    pub disk: Arc<dyn Disk>,
    /// Wall-clock time, for timestamps that others see. Time-outs use tokio's monotonic clock.
    pub clock: Arc<dyn WallClock>,
    /// Uuids, jitter.
    pub randomness: Arc<dyn Randomness>,
    /// Work that may block: fsync, cold reads, recovery, deletion.
    pub offload: Arc<dyn Offload>,
    /// Where connections, produce and fetch run.
    pub data_runtime: tokio::runtime::Handle,
    /// Where quorum, heartbeats and lifecycle run, so that a write stalled by the kernel costs no election.
    /// In a simulation it is the same runtime.
    pub control_runtime: tokio::runtime::Handle,
}
