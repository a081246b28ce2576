//! What there is to tell of the log directories: which replicas lie in each, how large they are, how much room is left.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_model::TopicPartition;
use dohle_protocol::ErrorCode;
use dohle_seams::{DiskSpace, OffloadExt};

use crate::hosted_directory::HostedDirectory;
use crate::partition::Partition;
use crate::replica_manager::{ReplicaManager, UnopenedDirectory};

/// One log directory.
#[derive(Clone, Debug)]
pub struct DirectoryDescription {
    /// Where it is, from the root on.
    pub path: PathBuf,
    /// Whether it is given no new partitions.
    pub is_cordoned: bool,
    /// What it holds; why nobody knows, where its disk has failed.
    pub content: Result<DirectoryContent, Arc<str>>,
}

/// What a log directory that is online holds.
#[derive(Clone, Debug)]
pub struct DirectoryContent {
    /// The file system that it lies on.
    pub space: DiskSpace,
    /// In order of topic and partition.
    pub replicas: Vec<ReplicaDescription>,
}

/// Why there is no log directory at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// None is configured there.
    #[error("no log directory is configured there")]
    Unknown,
    /// It is offline.
    #[error("the log directory is offline")]
    Offline,
}

impl DirectoryError {
    /// The error that the client gets.
    #[must_use]
    pub fn error_code(self) -> ErrorCode {
        match self {
            Self::Unknown => ErrorCode::LogDirNotFound,
            Self::Offline => ErrorCode::KafkaStorageError,
        }
    }
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaDescription {
    /// Of which partition.
    pub topic_partition: TopicPartition,
    /// Bytes of all its segments.
    pub size_bytes: u64,
    /// How many records the replica lacks that are committed.
    pub offset_lag: i64,
}

impl ReplicaManager {
    /// Describes every log directory, in the order in which they are configured.
    pub async fn describe_directories(self: &Arc<Self>) -> Vec<DirectoryDescription> {
        let manager = Arc::clone(self);
        let describe = move || {
            let describe = |directory: &Arc<HostedDirectory>| DirectoryDescription {
                path: manager.absolute(directory.path()),
                is_cordoned: manager.is_cordoned(directory),
                content: manager.content_of(directory),
            };
            let mut described: Vec<_> = manager.directories().iter().map(describe).collect();
            // In ascending order of their positions, so that each comes to stand at its own.
            for UnopenedDirectory { position, path, reason } in manager.unopened_directories() {
                let (path, content) = (manager.absolute(path), Err(Arc::clone(reason)));
                let offline = DirectoryDescription { path, is_cordoned: false, content };
                described.insert((*position).min(described.len()), offline);
            }
            described
        };
        self.environment().offload.run(describe).await
    }

    fn content_of(&self, directory: &Arc<HostedDirectory>) -> Result<DirectoryContent, Arc<str>> {
        let path = directory.path();
        let space = self.environment().disk.space(path);
        // A disk that cannot tell is not given up for it: the next write shows whether it has failed.
        let space = space.map_err(|error| Arc::from(error.to_string()));
        if let Some(reason) = directory.failure() {
            return Err(Arc::clone(reason));
        }
        let replicas = self.partitions_in(directory).iter().map(|partition| describe_replica(partition)).collect();
        Ok(DirectoryContent { space: space?, replicas })
    }

    /// A path from the root on.
    fn absolute(&self, path: &Path) -> PathBuf {
        self.environment().disk.absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    /// The log directory at a path, which must be written as it is described.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub fn directory_at(&self, path: &str) -> Result<&Arc<HostedDirectory>, DirectoryError> {
        let is_it = |known: &Path| self.absolute(known).to_str() == Some(path);
        match self.directories().iter().find(|directory| is_it(directory.path())) {
            Some(directory) if directory.failure().is_some() => Err(DirectoryError::Offline),
            Some(directory) => Ok(directory),
            None if self.unopened_directories().iter().any(|unopened| is_it(&unopened.path)) => {
                Err(DirectoryError::Offline)
            }
            None => Err(DirectoryError::Unknown),
        }
    }
}

fn describe_replica(partition: &Partition) -> ReplicaDescription {
    let reader = partition.reader();
    ReplicaDescription {
        topic_partition: partition.topic_partition().clone(),
        size_bytes: reader.size_bytes(),
        offset_lag: (partition.high_watermark().0 - reader.log_end_offset().0).max(0),
    }
}
