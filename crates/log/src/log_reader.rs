//! What readers share of a log: its bounds, its segments, its leader epochs. Never waits for an append.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use dohle_model::{LeaderEpoch, Offset};
use dohle_protocol::record_batch::{BatchHeader, find_by_timestamp};
use dohle_seams::DiskFile;
use parking_lot::RwLock;

use crate::error::ReadError;
use crate::leader_epochs::LeaderEpochs;
use crate::segment::Segment;

/// Whole batches in one file, the last perhaps cut off by a limit.
#[derive(Clone, Debug)]
pub struct LogSlice {
    /// The file; it stays readable however the log changes.
    pub file: Arc<dyn DiskFile>,
    /// Where the first batch starts, in bytes.
    pub position: u64,
    /// How many bytes there are; 0 where there is nothing to read yet.
    pub size_bytes: usize,
    /// Whether later segments hold records below the bound too: a reader that waits for more need not.
    pub more_follows: bool,
    /// Whether it lies near the end of the log, where what was just written is still in memory.
    pub is_recent: bool,
}

/// What is so near to the end of a log is taken for recent.
const RECENT_BYTES: u64 = 1024 * 1024;

/// The shared, readable side of a log.
#[derive(Debug)]
pub struct LogReader {
    pub(crate) segments: ArcSwap<Vec<Arc<Segment>>>,
    pub(crate) log_start_offset: AtomicI64,
    pub(crate) log_end_offset: AtomicI64,
    pub(crate) epochs: RwLock<LeaderEpochs>,
}

impl LogReader {
    pub(crate) fn new(
        segments: Vec<Arc<Segment>>,
        epochs: LeaderEpochs,
        log_start_offset: Offset,
        log_end_offset: Offset,
    ) -> Self {
        Self {
            segments: ArcSwap::from_pointee(segments),
            log_start_offset: AtomicI64::new(log_start_offset.0),
            log_end_offset: AtomicI64::new(log_end_offset.0),
            epochs: RwLock::new(epochs),
        }
    }

    /// The first readable offset.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        Offset(self.log_start_offset.load(Ordering::Acquire))
    }

    /// Where the first segment begins: at the log's start, or before it where `DeleteRecords` has moved the start into a
    /// segment.
    #[must_use]
    pub fn first_base_offset(&self) -> Offset {
        self.segments.load().first().map_or_else(|| self.log_start_offset(), |segment| segment.base_offset())
    }

    /// One past the last record: the next to be written.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        Offset(self.log_end_offset.load(Ordering::Acquire))
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.size_bytes()).sum()
    }

    /// The latest leader epoch that this log knows.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.read().latest()
    }

    /// The leader epoch in force at an offset.
    #[must_use]
    pub fn leader_epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.read().at(offset)
    }

    /// The largest epoch not above `epoch`, and the offset at which it ends (exclusive); `None` where none is known
    /// (KIP-101).
    #[must_use]
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.read().end_of(epoch, self.log_end_offset())
    }

    /// Batches from the one that holds `offset` on, below `upper_bound` (exclusive), at most `max_bytes` of them; with
    /// `at_least_one_batch` the first comes whole however large it is. In a gap that compaction left, the next batch is
    /// the first. At or above `upper_bound` there is nothing to read yet.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`], or the disk's error.
    pub fn read(
        &self,
        offset: Offset,
        max_bytes: usize,
        upper_bound: Offset,
        at_least_one_batch: bool,
    ) -> Result<LogSlice, ReadError> {
        self.unless_deleted(offset, || self.try_read(offset, max_bytes, upper_bound, at_least_one_batch))
    }

    /// Retention may take a segment's files away after it was chosen: then the log starts behind it, and `read` is asked
    /// again to say so.
    fn unless_deleted<T>(&self, offset: Offset, read: impl Fn() -> Result<T, ReadError>) -> Result<T, ReadError> {
        match read() {
            Err(ReadError::Storage(error)) if error.kind() == io::ErrorKind::NotFound => {
                if offset < self.log_start_offset() { read() } else { Err(ReadError::Storage(error)) }
            }
            other => other,
        }
    }

    fn try_read(
        &self,
        offset: Offset,
        max_bytes: usize,
        upper_bound: Offset,
        at_least_one_batch: bool,
    ) -> Result<LogSlice, ReadError> {
        let (start, end) = (self.log_start_offset(), self.log_end_offset());
        if offset < start || offset > end {
            return Err(ReadError::OutOfRange { requested: offset, log_start_offset: start, log_end_offset: end });
        }
        let segments = self.segments.load();
        if offset < upper_bound {
            let first = segments.partition_point(|segment| segment.base_offset() <= offset).saturating_sub(1);
            for segment in &segments[first..] {
                // In this order: what is appended in between then lies behind the size, not before the bound.
                let size = segment.size_bytes();
                let all_below_bound = segment.next_offset() <= upper_bound;
                let Some(batch) = segment.find(offset)? else { continue };
                let limit = if all_below_bound {
                    size
                } else {
                    segment.find(upper_bound)?.map_or(size, |bound| bound.position.min(size))
                };
                let available = usize::try_from(limit.saturating_sub(batch.position)).unwrap_or(usize::MAX);
                let size_bytes = if batch.size_bytes <= max_bytes {
                    available.min(max_bytes)
                } else if at_least_one_batch {
                    batch.size_bytes.min(available)
                } else {
                    0
                };
                let more_follows = segment.next_offset() < upper_bound;
                let is_recent = !more_follows && size.saturating_sub(batch.position) <= RECENT_BYTES;
                return Ok(LogSlice {
                    file: segment.file()?,
                    position: batch.position,
                    size_bytes,
                    more_follows,
                    is_recent,
                });
            }
        }
        // The active segment's file is open in any case.
        let file = segments.last().expect("a log has a segment at least").file()?;
        Ok(LogSlice { file, position: 0, size_bytes: 0, more_follows: false, is_recent: true })
    }

    /// The first record at or after `timestamp` below `upper_bound` (exclusive): its offset, its timestamp and the epoch of
    /// its leader.
    ///
    /// # Errors
    /// The disk's error.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        upper_bound: Offset,
    ) -> Result<Option<(Offset, i64, LeaderEpoch)>, ReadError> {
        self.unless_deleted(self.log_start_offset(), || {
            self.try_offset_for_timestamp(timestamp, self.log_start_offset(), upper_bound)
        })
    }

    fn try_offset_for_timestamp(
        &self,
        timestamp: i64,
        start: Offset,
        upper_bound: Offset,
    ) -> Result<Option<(Offset, i64, LeaderEpoch)>, ReadError> {
        for segment in self.segments.load().iter() {
            if segment.max_timestamp().0 < timestamp || segment.next_offset() <= start {
                continue;
            }
            let mut from = start;
            while let Some(batch) = segment.find_timestamp(timestamp, from)? {
                if batch.base_offset >= upper_bound {
                    return Ok(None);
                }
                let bytes = segment.read_batch(&batch)?;
                let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
                let epoch = BatchHeader::decode(&bytes).map_err(invalid)?.partition_leader_epoch;
                if let Some((offset, found)) = find_by_timestamp(&bytes, start.0, timestamp).map_err(invalid)? {
                    let offset = Offset(offset);
                    return Ok((offset < upper_bound).then_some((offset, found, LeaderEpoch(epoch))));
                }
                // All that is late enough in this batch lies before the log's start: go on behind it.
                from = batch.last_offset.plus(1);
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp in the log's segments, if it lies below `upper_bound` (exclusive). As in
    /// Kafka, that may be one before the log's start, as long as its segment is there.
    ///
    /// # Errors
    /// The disk's error.
    pub fn max_timestamp(&self, upper_bound: Offset) -> Result<Option<(Offset, i64, LeaderEpoch)>, ReadError> {
        self.unless_deleted(self.log_start_offset(), || {
            let segments = self.segments.load();
            let largest = segments.iter().map(|segment| segment.max_timestamp().0).max().unwrap_or(-1);
            if largest < 0 {
                return Ok(None);
            }
            self.try_offset_for_timestamp(largest, self.first_base_offset(), upper_bound)
        })
    }
}
