//! Partition logs in memory, for tests and simulations of coordinators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use dohle_protocol::record_batch::{BatchHeader, Record, records};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::{AppendedRange, LogAccessError, LogBounds, PartitionLogs};

#[derive(Debug, Default)]
struct MemoryLog {
    batches: Vec<Bytes>,
    end_offset: i64,
    high_watermark: i64,
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<i32, MemoryLog>,
    commits_at_once: bool,
    append_failures: Vec<LogAccessError>,
}

/// Logs of any number of partitions, all led here. Appends can be held back or made to fail, and the high watermark can
/// be made to lag.
#[derive(Debug)]
pub struct MemoryLogs {
    state: Mutex<State>,
    /// Whether appends may go through.
    open: watch::Sender<bool>,
    /// Counts changes of high watermarks.
    advanced: watch::Sender<u64>,
}

impl Default for MemoryLogs {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { commits_at_once: true, ..State::default() }),
            open: watch::Sender::new(true),
            advanced: watch::Sender::new(0),
        }
    }
}

impl MemoryLogs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether appends commit at once, as they do at first; otherwise [`Self::commit_all`] commits.
    pub fn set_commits_at_once(&self, commits_at_once: bool) {
        self.state().commits_at_once = commits_at_once;
    }

    /// Moves every high watermark to its log's end.
    pub fn commit_all(&self) {
        for log in self.state().logs.values_mut() {
            log.high_watermark = log.end_offset;
        }
        self.advanced.send_modify(|count| *count += 1);
    }

    /// Lets appends wait, or lets them through again.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// Makes one append fail, after those that were made to fail before.
    pub fn fail_next_append(&self, error: LogAccessError) {
        self.state().append_failures.push(error);
    }

    /// The batches of a partition.
    #[must_use]
    pub fn batches(&self, partition: i32) -> Vec<Bytes> {
        self.state().logs.get(&partition).map(|log| log.batches.clone()).unwrap_or_default()
    }

    /// The records of a partition.
    ///
    /// # Panics
    /// Where a batch is malformed.
    #[must_use]
    pub fn records(&self, partition: i32) -> Vec<Record> {
        let batches = self.batches(partition);
        batches.iter().flat_map(|batch| records(batch).expect("batches were checked when appended")).collect()
    }

    /// Puts a batch at a partition's end, whoever leads it; returns where it went.
    ///
    /// # Panics
    /// Where the batch is malformed.
    pub fn append_now(&self, partition: i32, batch: &Bytes) -> AppendedRange {
        let mut state = self.state();
        let commits_at_once = state.commits_at_once;
        let log = state.logs.entry(partition).or_default();
        let header = BatchHeader::decode(batch).expect("appended batches are well formed");
        let mut bytes = BytesMut::from(&batch[..]);
        bytes[..BatchHeader::PREFIX_BYTES].copy_from_slice(&header.patched_prefix(log.end_offset, 0));
        log.batches.push(bytes.freeze());
        let range = AppendedRange {
            base_offset: log.end_offset,
            last_offset: log.end_offset + i64::from(header.last_offset_delta),
        };
        log.end_offset = range.last_offset + 1;
        if commits_at_once {
            log.high_watermark = log.end_offset;
        }
        range
    }
}

impl PartitionLogs for MemoryLogs {
    fn append(&self, partition: i32, batch: Bytes) -> BoxFuture<'_, Result<AppendedRange, LogAccessError>> {
        async move {
            let mut open = self.open.subscribe();
            // The sender is a field of this value: it cannot be gone.
            let _ = open.wait_for(|open| *open).await;
            {
                let mut state = self.state();
                if !state.append_failures.is_empty() {
                    return Err(state.append_failures.remove(0));
                }
            }
            Ok(self.append_now(partition, &batch))
        }
        .boxed()
    }

    fn committed(&self, partition: i32, end_offset: i64) -> BoxFuture<'_, Result<(), LogAccessError>> {
        async move {
            let mut advanced = self.advanced.subscribe();
            // As above.
            let _ = advanced.wait_for(|_| self.high_watermark(partition) >= Some(end_offset)).await;
            Ok(())
        }
        .boxed()
    }

    fn high_watermark(&self, partition: i32) -> Option<i64> {
        Some(self.state().logs.get(&partition).map_or(0, |log| log.high_watermark))
    }

    fn bounds(&self, partition: i32) -> Result<LogBounds, LogAccessError> {
        let state = self.state();
        let log_end_offset = state.logs.get(&partition).map_or(0, |log| log.end_offset);
        Ok(LogBounds { log_start_offset: 0, log_end_offset })
    }

    fn read(&self, partition: i32, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Bytes, LogAccessError>> {
        let mut bytes = BytesMut::new();
        for batch in self.batches(partition) {
            let header = BatchHeader::decode(&batch).expect("batches were checked when appended");
            if header.last_offset() >= offset && (bytes.is_empty() || bytes.len() + batch.len() <= max_bytes) {
                bytes.extend_from_slice(&batch);
            }
        }
        async move { Ok(bytes.freeze()) }.boxed()
    }
}
