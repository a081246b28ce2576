//! Appending: batches that wait together are written together, one gathered write for each segment they go to.
//!
//! Everything is decided before the write and takes effect after it: where the disk refuses, the log, its indexes and what
//! is remembered of producers stand where they stood.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dohle_model::{LeaderEpoch, Offset, ProducerId};
use dohle_protocol::record_batch::BatchHeader;
use dohle_protocol::validation::ValidatedBatch;

use crate::error::AppendError;
use crate::partition_log::PartitionLog;
use crate::producer_state::{ProducerEntry, SequenceCheck};
use crate::segment::{BatchPosition, Gathered, NextBatch, RollReason, Segment};

/// Where a batch landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// The broker's time in its records, -1 where they carry the producer's.
    pub log_append_time_ms: i64,
    /// The first offset of the log.
    pub log_start_offset: Offset,
    /// Whether it was there already, sent before by the same producer.
    pub duplicate: bool,
}

type AppendResult = Result<Appended, AppendError>;

/// One gathered write in the making.
struct GatheredWrite {
    segment: Arc<Segment>,
    next_offset: Offset,
    gathered: Gathered,
    /// Index among the batches, and the header with the offsets given.
    pending: Vec<(usize, BatchHeader)>,
    /// Batches that were there already, or come twice in this write.
    duplicates: Vec<usize>,
    /// What was remembered of producers before this write.
    undo: Vec<(ProducerId, Option<ProducerEntry>)>,
    /// Set: the disk refused, and nothing more is written.
    failure: Option<Arc<io::Error>>,
}

impl GatheredWrite {
    fn new(log: &PartitionLog) -> Self {
        Self {
            segment: log.active(),
            next_offset: log.reader.log_end_offset(),
            gathered: Gathered::default(),
            pending: Vec::new(),
            duplicates: Vec::new(),
            undo: Vec::new(),
            failure: None,
        }
    }
}

impl PartitionLog {
    /// Appends all batches, in order, with one gathered write for each segment they go to. Each gets its own result: a
    /// batch that does not fit its producer's sequence is refused alone; where the disk fails, all batches of that write
    /// and behind it fail, and neither the log nor what is remembered of producers has moved by them.
    pub fn append_as_leader(
        &mut self,
        batches: &[&ValidatedBatch],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Vec<AppendResult> {
        let mut results: Vec<Option<AppendResult>> = vec![None; batches.len()];
        if self.unflushed_records == 0 {
            self.unflushed_since_ms = now_ms;
        }
        let mut write = GatheredWrite::new(self);
        for (index, batch) in batches.iter().enumerate() {
            if let Some(error) = &write.failure {
                // It may have been sent as the next of what was not written.
                results[index] = Some(Err(AppendError::Storage(Arc::clone(error))));
                continue;
            }
            if let Some(known) = self.check_sequence(batch) {
                if known.is_ok() {
                    write.duplicates.push(index);
                }
                results[index] = Some(known);
                continue;
            }
            if let Err(error) = self.make_room(&mut write, batches, &mut results, batch, leader_epoch, now_ms) {
                results[index] = Some(Err(AppendError::Storage(Arc::clone(&error))));
                write.failure = Some(error);
                continue;
            }
            let header = BatchHeader { base_offset: write.next_offset.0, ..batch.header };
            if header.has_producer_id() {
                let before = self.producers.update(&header, write.next_offset);
                write.undo.push((ProducerId(header.producer_id), before));
            }
            write.next_offset = Offset(header.last_offset() + 1);
            write.gathered.size_bytes += batch.bytes.len();
            write.gathered.batch_count += 1;
            write.gathered.first_timestamp.get_or_insert(header.max_timestamp);
            write.pending.push((index, header));
        }
        self.finish_write(&mut write, batches, &mut results, leader_epoch);
        results.into_iter().map(|result| result.expect("every batch was written or refused")).collect()
    }

    /// The answer to a batch that is not to be written; `None` where it is.
    fn check_sequence(&self, batch: &ValidatedBatch) -> Option<AppendResult> {
        if !batch.header.has_producer_id() {
            return None;
        }
        match self.producers.check(&batch.header) {
            Ok(SequenceCheck::Append) => None,
            Ok(SequenceCheck::Duplicate(known)) => Some(Ok(Appended {
                base_offset: known.first_offset(),
                last_offset: known.last_offset,
                // As in Kafka, whoever set it.
                log_append_time_ms: known.timestamp,
                log_start_offset: self.reader.log_start_offset(),
                duplicate: true,
            })),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Writes what is gathered and goes on in a new segment, where `batch` must not follow in the same one.
    fn make_room(
        &mut self,
        write: &mut GatheredWrite,
        batches: &[&ValidatedBatch],
        results: &mut [Option<AppendResult>],
        batch: &ValidatedBatch,
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<(), Arc<io::Error>> {
        let limits = self.roll_limits(&write.segment);
        loop {
            let next = NextBatch {
                size_bytes: batch.bytes.len(),
                max_timestamp: batch.header.max_timestamp,
                last_offset: write.next_offset.plus(i64::from(batch.header.last_offset_delta)),
            };
            let Some(reason) = write.segment.must_roll_before(write.gathered, next, &limits, now_ms) else {
                return Ok(());
            };
            self.finish_write(write, batches, results, leader_epoch);
            if let Some(error) = &write.failure {
                return Err(Arc::clone(error));
            }
            *write = GatheredWrite::new(self);
            if reason != RollReason::IndexMayBeFull {
                self.roll(now_ms).map_err(Arc::new)?;
                *write = GatheredWrite::new(self);
                return Ok(());
            }
        }
    }

    fn finish_write(
        &mut self,
        write: &mut GatheredWrite,
        batches: &[&ValidatedBatch],
        results: &mut [Option<AppendResult>],
        leader_epoch: LeaderEpoch,
    ) {
        let Some((_, first)) = write.pending.first() else { return };
        let start = write.segment.size_bytes();
        if self.reader.latest_epoch().is_none_or(|latest| latest < leader_epoch) {
            self.assign_leader_epoch(leader_epoch, Offset(first.base_offset));
        }
        if let Err(error) = write_batches(&write.segment, start, &write.pending, batches, leader_epoch) {
            let error = Arc::new(error);
            self.undo_write(write, results, start, &error);
            write.failure = Some(error);
            return;
        }
        let log_start_offset = self.reader.log_start_offset();
        let mut end = start;
        let mut positions = Vec::with_capacity(write.pending.len());
        for (index, header) in write.pending.drain(..) {
            let position = BatchPosition::new(&header, end);
            end += position.size_bytes as u64;
            self.unflushed_records += i64::from(header.record_count);
            results[index] = Some(Ok(Appended {
                base_offset: position.base_offset,
                last_offset: position.last_offset,
                log_append_time_ms: batches[index].log_append_time_ms,
                log_start_offset,
                duplicate: false,
            }));
            positions.push(position);
        }
        write.segment.append(&positions, self.index_interval_bytes());
        if let Err(error) = write.segment.write_index() {
            // Only a matter of speed: the index file is completed later or made anew.
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not write index entries");
        }
        write.segment.publish(end);
        self.reader.log_end_offset.store(write.next_offset.0, Ordering::Release);
    }

    /// The disk refused: forget all that this write was to bring.
    fn undo_write(
        &mut self,
        write: &mut GatheredWrite,
        results: &mut [Option<AppendResult>],
        start: u64,
        error: &Arc<io::Error>,
    ) {
        tracing::error!(topic_partition = %self.topic_partition, %error, "could not append to the log");
        for (producer_id, before) in write.undo.drain(..).rev() {
            self.producers.restore(producer_id, before);
        }
        if let Err(error) = write.segment.file().and_then(|file| file.set_size(start)) {
            // What is left behind the end is overwritten by the next append, or cut by recovery.
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not cut a failed append");
        }
        // A duplicate of a batch in this very write is not there either.
        let end = self.reader.log_end_offset();
        for index in write.duplicates.drain(..) {
            if matches!(&results[index], Some(Ok(appended)) if appended.base_offset >= end) {
                results[index] = Some(Err(AppendError::Storage(Arc::clone(error))));
            }
        }
        for (index, _) in write.pending.drain(..) {
            results[index] = Some(Err(AppendError::Storage(Arc::clone(error))));
        }
    }
}

/// Writes batches one behind the other, each with the offset and epoch that the leader gives it.
fn write_batches(
    segment: &Segment,
    start: u64,
    pending: &[(usize, BatchHeader)],
    batches: &[&ValidatedBatch],
    leader_epoch: LeaderEpoch,
) -> io::Result<()> {
    let file = segment.file()?;
    if let [(index, header)] = pending {
        // Nearly always there is one.
        let prefix = header.patched_prefix(header.base_offset, leader_epoch.0);
        let rest = &batches[*index].bytes[BatchHeader::PREFIX_BYTES..];
        return file.write_vectored_at(&[IoSlice::new(&prefix), IoSlice::new(rest)], start);
    }
    let prefixes: Vec<[u8; BatchHeader::PREFIX_BYTES]> =
        pending.iter().map(|(_, header)| header.patched_prefix(header.base_offset, leader_epoch.0)).collect();
    let mut parts = Vec::with_capacity(2 * prefixes.len());
    for (prefix, (index, _)) in prefixes.iter().zip(pending) {
        parts.push(IoSlice::new(prefix));
        parts.push(IoSlice::new(&batches[*index].bytes[BatchHeader::PREFIX_BYTES..]));
    }
    file.write_vectored_at(&parts, start)
}
