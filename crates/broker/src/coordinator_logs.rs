//! The partitions of an internal topic as a coordinator sees them.

use std::sync::Arc;

use bytes::Bytes;
use dohle_coordinator_runtime::{AppendedRange, LogAccessError, LogBounds, PartitionLogs};
use dohle_log::ReadError;
use dohle_model::{Offset, PartitionIndex};
use dohle_protocol::record_batch::BatchHeader;
use dohle_protocol::validation::ValidatedBatch;
use dohle_replication::{
    AppendCompletion, FetchWaiter, Partition, PartitionError, ProduceError, ReplicaManager, RequiredAcks,
};
use dohle_seams::{Environment, OffloadExt};
use futures_util::future::BoxFuture;

/// The hosted partitions of one internal topic.
#[derive(Debug)]
pub(crate) struct CoordinatorLogs {
    topic: &'static str,
    replicas: Arc<ReplicaManager>,
    environment: Environment,
}

/// Watches a partition for as long as it lives.
struct Watching<'a> {
    partition: &'a Partition,
    waiter: Arc<FetchWaiter>,
}

impl<'a> Watching<'a> {
    fn new(partition: &'a Partition) -> Self {
        let waiter = FetchWaiter::new();
        partition.watch(&waiter);
        Self { partition, waiter }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.partition.unwatch(&self.waiter);
    }
}

impl CoordinatorLogs {
    pub(crate) fn new(topic: &'static str, replicas: Arc<ReplicaManager>, environment: Environment) -> Self {
        Self { topic, replicas, environment }
    }

    fn partition(&self, index: i32) -> Result<Arc<Partition>, LogAccessError> {
        let topic = self.replicas.topic(self.topic).ok_or(LogAccessError::UnknownPartition)?;
        topic.partition(PartitionIndex(index)).cloned().ok_or(LogAccessError::NotLeader)
    }

    fn led_partition(&self, index: i32) -> Result<Arc<Partition>, LogAccessError> {
        let partition = self.partition(index)?;
        partition.check_leadership(None).map_err(|error| access_error(&error))?;
        Ok(partition)
    }
}

fn access_error(error: &PartitionError) -> LogAccessError {
    match error {
        PartitionError::NotLeader
        | PartitionError::FencedLeaderEpoch { .. }
        | PartitionError::UnknownLeaderEpoch { .. } => LogAccessError::NotLeader,
        PartitionError::NotHosted => LogAccessError::UnknownPartition,
        PartitionError::Offline(reason) => LogAccessError::Storage(reason.to_string()),
        PartitionError::Read(error) => LogAccessError::Storage(error.to_string()),
    }
}

fn append_error(error: &ProduceError) -> LogAccessError {
    match error {
        ProduceError::NotLeader => LogAccessError::NotLeader,
        ProduceError::NotHosted => LogAccessError::UnknownPartition,
        ProduceError::NotEnoughReplicas { .. } => LogAccessError::NotEnoughReplicas,
        ProduceError::TimedOut { .. } => LogAccessError::TimedOut,
        ProduceError::Append(error) => LogAccessError::Storage(error.to_string()),
        ProduceError::Storage(reason) => LogAccessError::Storage(reason.to_string()),
    }
}

fn read_error(error: &ReadError) -> LogAccessError {
    LogAccessError::Storage(error.to_string())
}

impl PartitionLogs for CoordinatorLogs {
    fn append(&self, partition: i32, batch: Bytes) -> BoxFuture<'_, Result<AppendedRange, LogAccessError>> {
        Box::pin(async move {
            let partition = self.led_partition(partition)?;
            if batch.len() > usize::try_from(partition.config().max_message_bytes).unwrap_or(0) {
                return Err(LogAccessError::TooLarge);
            }
            // The coordinator built it a moment ago: there is nothing to check but that it is a batch.
            let header = BatchHeader::decode(&batch).map_err(|error| LogAccessError::Storage(error.to_string()))?;
            let batch = ValidatedBatch { header, bytes: batch, log_append_time_ms: -1 };
            let completion = AppendCompletion::new(1);
            partition.enqueue_append(batch, RequiredAcks::AllToldEarly, &completion, 0);
            partition.drain_appends();
            completion.wait().await;
            match completion.take_results().remove(0) {
                Ok(appended) => {
                    Ok(AppendedRange { base_offset: appended.base_offset.0, last_offset: appended.last_offset.0 })
                }
                Err(error) => Err(append_error(&error)),
            }
        })
    }

    fn committed(&self, partition: i32, end_offset: i64) -> BoxFuture<'_, Result<(), LogAccessError>> {
        Box::pin(async move {
            let partition = self.partition(partition)?;
            let watching = Watching::new(&partition);
            loop {
                partition.check_leadership(None).map_err(|error| access_error(&error))?;
                if partition.high_watermark().0 >= end_offset {
                    return Ok(());
                }
                watching.waiter.woken().await;
            }
        })
    }

    fn high_watermark(&self, partition: i32) -> Option<i64> {
        self.led_partition(partition).ok().map(|partition| partition.high_watermark().0)
    }

    fn batch_bytes_max(&self, partition: i32) -> Option<usize> {
        let partition = self.partition(partition).ok()?;
        usize::try_from(partition.config().max_message_bytes).ok()
    }

    fn bounds(&self, partition: i32) -> Result<LogBounds, LogAccessError> {
        let partition = self.led_partition(partition)?;
        let reader = partition.reader();
        Ok(LogBounds { log_start_offset: reader.log_start_offset().0, log_end_offset: reader.log_end_offset().0 })
    }

    fn read(&self, partition: i32, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Bytes, LogAccessError>> {
        Box::pin(async move {
            let partition = self.led_partition(partition)?;
            let read = move || {
                let reader = partition.reader();
                let slice = reader
                    .read(Offset(offset), max_bytes, reader.log_end_offset(), true)
                    .map_err(|error| read_error(&error))?;
                let mut buffer = vec![0; slice.size_bytes];
                let count = slice
                    .file
                    .read_at(&mut buffer, slice.position)
                    .map_err(|error| LogAccessError::Storage(error.to_string()))?;
                buffer.truncate(count);
                Ok(Bytes::from(buffer))
            };
            self.environment.offload.run(read).await
        })
    }
}
