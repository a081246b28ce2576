//! What a node writes down of its partitions: from time to time, when some are removed, and when it stops.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use dohle_seams::OffloadExt;

use crate::hosted_directory::{Checkpoint, CheckpointOffsets, HostedDirectory};
use crate::partition::Partition;
use crate::replica_manager::ReplicaManager;

impl ReplicaManager {
    /// Writes a checkpoint of every directory that is online.
    pub(crate) async fn write_checkpoints(self: &Arc<Self>, checkpoint: Checkpoint) {
        for directory in self.directories() {
            let due = match checkpoint {
                Checkpoint::HighWatermarks => directory.take_high_watermarks_moved(),
                Checkpoint::RecoveryPoints | Checkpoint::LogStartOffsets => true,
            };
            if due && directory.failure().is_none() {
                let (manager, directory) = (Arc::clone(self), Arc::clone(directory));
                let write = move || manager.write_checkpoint(&directory, checkpoint);
                // A failure has taken the directory offline, which is told there.
                let _ = self.environment().offload.run(write).await;
            }
        }
    }

    /// Writes one checkpoint of one directory. Blocks.
    pub(crate) fn write_checkpoint(&self, directory: &Arc<HostedDirectory>, checkpoint: Checkpoint) -> io::Result<()> {
        directory.write_checkpoint(checkpoint, || self.offsets_in(directory, checkpoint))
    }

    /// Writes anew those checkpoints that tell more of a partition than is there: they are of a log that was set aside, and
    /// must not be taken for the next of the same name.
    pub(crate) async fn replace_stale_checkpoints(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let replace = move || {
            for directory in manager.directories() {
                for checkpoint in Checkpoint::ALL {
                    if directory.failure().is_none() && manager.is_stale(directory, checkpoint) {
                        // A failure has taken the directory offline, which is told there.
                        let _ = manager.write_checkpoint(directory, checkpoint);
                    }
                }
            }
        };
        self.environment().offload.run(replace).await;
    }

    fn is_stale(&self, directory: &Arc<HostedDirectory>, checkpoint: Checkpoint) -> bool {
        let log_directory = directory.log_directory();
        let found = match checkpoint {
            Checkpoint::RecoveryPoints => log_directory.found_recovery_points(),
            Checkpoint::LogStartOffsets => log_directory.found_log_start_offsets(),
            Checkpoint::HighWatermarks => log_directory.found_high_watermarks(),
        };
        if found.is_empty() {
            return false;
        }
        let now: BTreeMap<_, _> = self.offsets_in(directory, checkpoint).into_iter().collect();
        found.iter().any(|(partition, offset)| now.get(partition).is_none_or(|now| now < offset))
    }

    fn offsets_in(&self, directory: &Arc<HostedDirectory>, checkpoint: Checkpoint) -> CheckpointOffsets {
        let offset = |partition: &Partition| match checkpoint {
            Checkpoint::RecoveryPoints => Some(partition.recovery_point()),
            // A log without an entry starts with its first segment.
            Checkpoint::LogStartOffsets => {
                let start = partition.reader().log_start_offset();
                Some(start).filter(|start| *start > partition.reader().first_base_offset())
            }
            Checkpoint::HighWatermarks => Some(partition.high_watermark()),
        };
        self.partitions_in(directory)
            .iter()
            .filter_map(|partition| Some((partition.topic_partition().clone(), offset(partition)?)))
            .collect()
    }

    pub(crate) fn partitions_in(&self, directory: &Arc<HostedDirectory>) -> Vec<Arc<Partition>> {
        let mut partitions = self.partitions();
        partitions.retain(|partition| Arc::ptr_eq(partition.directory(), directory));
        partitions
    }

    /// Stops serving and closes every log in order. A directory whose logs could all be closed gets the mark that lets
    /// the next start trust them; `broker_epoch` goes into it (KIP-966).
    pub async fn shutdown(self: &Arc<Self>, broker_epoch: i64) {
        self.stop_maintenance();
        let closing: Vec<_> = self
            .directories()
            .iter()
            .map(|directory| {
                let (manager, directory) = (Arc::clone(self), Arc::clone(directory));
                async move { manager.close_directory(&directory, broker_epoch).await }
            })
            .collect();
        futures_util::future::join_all(closing).await;
    }

    async fn close_directory(self: &Arc<Self>, directory: &Arc<HostedDirectory>, broker_epoch: i64) {
        let partitions = self.partitions_in(directory);
        let share = partitions.len().div_ceil(self.recovery_threads_per_directory()).max(1);
        let jobs: Vec<_> = partitions
            .chunks(share)
            .map(|chunk| {
                let chunk = chunk.to_vec();
                self.environment()
                    .offload
                    .run(move || chunk.iter().filter(|partition| close_or_tell(partition).is_err()).count())
            })
            .collect();
        let unclosed: usize = futures_util::future::join_all(jobs).await.into_iter().sum();
        let path = directory.log_directory().path().display().to_string();
        if unclosed > 0 || directory.failure().is_some() {
            tracing::warn!(
                directory = path,
                "a log directory was not closed in order; it is recovered at the next start"
            );
            return;
        }
        let (manager, directory) = (Arc::clone(self), Arc::clone(directory));
        let finish = move || {
            for checkpoint in Checkpoint::ALL {
                manager.write_checkpoint(&directory, checkpoint)?;
            }
            directory.log_directory().mark_clean_shutdown(broker_epoch)
        };
        if let Err(error) = self.environment().offload.run(finish).await {
            tracing::error!(directory = path, %error, "cannot write down how a log directory was closed");
        }
    }
}

fn close_or_tell(partition: &Partition) -> io::Result<()> {
    if partition.directory().failure().is_some() {
        // The directory is not marked as closed in order anyway.
        return Ok(());
    }
    partition.close_log().inspect_err(|error| {
        tracing::error!(topic_partition = %partition.topic_partition(), %error, "cannot close a log in order");
    })
}
