//! How a coordinator reaches the log of its internal topic.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Why the log of a partition did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogAccessError {
    /// This broker does not lead the partition, or stopped leading it meanwhile.
    #[error("this broker does not lead the partition")]
    NotLeader,
    /// There is no such partition.
    #[error("the partition does not exist")]
    UnknownPartition,
    /// Too few replicas are in sync; nothing was written.
    #[error("too few replicas are in sync")]
    NotEnoughReplicas,
    /// The batch exceeds the topic's `max.message.bytes`; nothing was written.
    #[error("the batch is too large")]
    TooLarge,
    /// A time-out of the implementation passed.
    #[error("the time-out passed")]
    TimedOut,
    /// The log directory failed.
    #[error("the log failed: {0}")]
    Storage(String),
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedRange {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record, inclusive.
    pub last_offset: i64,
}

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The first offset that can be read.
    pub log_start_offset: i64,
    /// The offset that the next record gets.
    pub log_end_offset: i64,
}

/// The partitions of one internal topic; implemented by the broker over its replicas.
///
/// A shard calls it from its own task, one call at a time, so appends of one partition never overtake each other.
pub trait PartitionLogs: Send + Sync + 'static {
    /// Appends one batch as the partition's leader; resolves when it is in the leader's log, committed or not.
    ///
    /// # Errors
    /// Nothing of the batch was written, and nothing of it will be.
    fn append(&self, partition: i32, batch: Bytes) -> BoxFuture<'_, Result<AppendedRange, LogAccessError>>;

    /// Resolves when the partition's high watermark is at least `end_offset`.
    ///
    /// # Errors
    /// Leadership was lost. The runtime has a time-out of its own.
    fn committed(&self, partition: i32, end_offset: i64) -> BoxFuture<'_, Result<(), LogAccessError>>;

    /// The partition's high watermark at this moment, exclusive; `None` where this broker does not lead it. Cheap: it
    /// is asked after every turn, and spares the wait in the common case.
    fn high_watermark(&self, partition: i32) -> Option<i64>;

    /// The largest batch that the partition takes, in bytes, as its topic is set now (`max.message.bytes`); `None` where
    /// nothing is known of it.
    fn batch_bytes_max(&self, _partition: i32) -> Option<usize> {
        None
    }

    /// Where the partition's log starts and ends (not its high watermark).
    ///
    /// # Errors
    /// Where this broker does not lead the partition.
    fn bounds(&self, partition: i32) -> Result<LogBounds, LogAccessError>;

    /// Reads whole batches, from the one that holds `offset` on, about `max_bytes` of them but at least one; empty at
    /// the log's end. Not limited by the high watermark.
    ///
    /// # Errors
    /// Where the log cannot be read or this broker does not lead the partition.
    fn read(&self, partition: i32, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Bytes, LogAccessError>>;
}
