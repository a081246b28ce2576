//! The log of one partition replica: opening and recovery, appending, rolling, retention.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use dohle_config::TopicConfig;
use dohle_model::{LeaderEpoch, Offset, ProducerId, TopicId, TopicPartition};
use dohle_protocol::record_batch::BatchHeader;
use dohle_protocol::validation::ValidatedBatch;
use dohle_seams::{Disk, DiskFile};
use parking_lot::RwLock;

use crate::error::{AppendError, LogError};
use crate::leader_epochs::LeaderEpochs;
use crate::log_reader::LogReader;
use crate::producer_state::{ProducerEntry, ProducerStates, SequenceCheck};
use crate::segment::{RollLimits, Segment, base_offset_of, segment_path};

/// What opening a log takes.
#[derive(Debug)]
pub struct OpenOptions {
    /// Where files lie.
    pub disk: Arc<dyn Disk>,
    /// The partition's folder, `TOPIC-P`.
    pub directory: PathBuf,
    /// For messages.
    pub topic_partition: TopicPartition,
    /// Must be the one in `partition.metadata`, which is written where it is missing.
    pub topic_id: TopicId,
    /// The topic's settings.
    pub config: Arc<TopicConfig>,
    /// Everything before is on disk for certain.
    pub recovery_point: Offset,
    /// The first offset that may be read, where the checkpoint says more than the segments do.
    pub log_start_offset: Offset,
    /// Whether the log was closed in order; otherwise everything from the recovery point on is checked.
    pub clean_shutdown: bool,
    /// How long a silent producer is remembered, in milliseconds.
    pub producer_id_expiration_ms: i64,
    /// The time of day, in milliseconds.
    pub now_ms: i64,
}

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

/// Files to be synced; made under the log's lock, run without it.
#[derive(Debug)]
pub struct FlushWork {
    files: Vec<Arc<dyn DiskFile>>,
    directory: Option<(Arc<dyn Disk>, PathBuf)>,
    end_offset: Offset,
}

/// What a flush has made durable.
#[derive(Clone, Copy, Debug)]
pub struct Flushed {
    end_offset: Offset,
}

impl FlushWork {
    /// Syncs the files. Blocks.
    ///
    /// # Errors
    /// The disk's error: the log directory must then be given up, as nobody knows what was kept.
    pub fn run(self) -> io::Result<Flushed> {
        for file in self.files {
            file.sync()?;
        }
        if let Some((disk, path)) = self.directory {
            disk.sync_directory(&path)?;
        }
        Ok(Flushed { end_offset: self.end_offset })
    }
}

/// Files that are no longer part of the log, renamed already; to be removed after `file.delete.delay.ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovedFiles(pub Vec<PathBuf>);

/// The log of one partition replica. Its owner calls `&mut self`; readers share [`LogReader`].
#[derive(Debug)]
pub struct PartitionLog {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    topic_partition: TopicPartition,
    config: Arc<TopicConfig>,
    producer_id_expiration_ms: i64,
    reader: Arc<LogReader>,
    producers: ProducerStates,
    recovery_point: Offset,
    unflushed_records: i64,
    last_flush_ms: i64,
    /// Whether files were made or removed since the folder was last synced.
    directory_changed: bool,
    rolled: bool,
}

const PARTITION_METADATA: &str = "partition.metadata";

impl PartitionLog {
    /// Opens a log, making its folder where there is none, and recovers what was not closed in order: batches are checked
    /// from the recovery point on, the log is cut at the first bad one, later segments are dropped.
    ///
    /// # Errors
    /// Where the disk fails or the folder is another topic's.
    pub fn open(options: OpenOptions) -> Result<Self, LogError> {
        let OpenOptions { disk, directory, config, .. } = options;
        let storage = |source| LogError::Storage { path: directory.clone(), source };
        let fresh = disk.facts(&directory).map_err(storage)?.is_none();
        if fresh {
            disk.create_directories(&directory).map_err(storage)?;
        }
        check_partition_metadata(&*disk, &directory, options.topic_id)?;
        if fresh && let Some(parent) = directory.parent() {
            disk.sync_directory(parent).map_err(storage)?;
        }
        let epochs = LeaderEpochs::open(Arc::clone(&disk), &directory).map_err(storage)?;
        let mut log = Self {
            reader: Arc::new(LogReader {
                segments: ArcSwap::default(),
                log_start_offset: AtomicI64::new(0),
                log_end_offset: AtomicI64::new(0),
                epochs: RwLock::new(epochs),
            }),
            disk: Arc::clone(&disk),
            directory: directory.clone(),
            topic_partition: options.topic_partition,
            config,
            producer_id_expiration_ms: options.producer_id_expiration_ms,
            producers: ProducerStates::default(),
            recovery_point: options.recovery_point,
            unflushed_records: 0,
            last_flush_ms: options.now_ms,
            directory_changed: fresh,
            rolled: false,
        };
        log.load(options.log_start_offset, options.clean_shutdown, options.now_ms).map_err(storage)?;
        Ok(log)
    }

    fn index_bytes(&self) -> usize {
        usize::try_from(self.config.segment_index_bytes).unwrap_or(0)
    }

    fn index_interval(&self) -> usize {
        usize::try_from(self.config.index_interval_bytes).unwrap_or(0)
    }

    fn load(&mut self, checkpointed_start: Offset, clean: bool, now_ms: i64) -> io::Result<()> {
        let mut bases = Vec::new();
        for entry in self.disk.list(&self.directory)? {
            if entry.name.ends_with(".deleted") || entry.name.ends_with(".cleaned") {
                self.disk.remove_file(&self.directory.join(&entry.name))?;
            } else if let Some(base) = base_offset_of(&entry.name, "log") {
                bases.push(base);
            }
        }
        // Zero-padded names sort by offset.
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let last = bases.last().copied();
        let mut dropped = Vec::new();
        let mut cut = false;
        for base in bases {
            let next_is = segments.last().map_or(base, |segment| segment.next_offset());
            if cut || base < next_is {
                dropped.push(base);
                continue;
            }
            let sealed = Some(base) != last;
            let trusted = clean || (sealed && self.covered_by_recovery_point(base, &segments));
            let opened = if trusted { Segment::open(&*self.disk, &self.directory, base, now_ms)? } else { None };
            let segment = if let Some(segment) = opened {
                segment
            } else {
                let path = segment_path(&self.directory, base, "log");
                let before = self.disk.facts(&path)?.map_or(0, |facts| facts.size_bytes);
                let (segment, recovered) = Segment::recover(
                    &*self.disk,
                    &self.directory,
                    base,
                    self.index_bytes(),
                    self.index_interval(),
                    now_ms,
                )?;
                for (header, _) in &recovered.headers {
                    let epoch = LeaderEpoch(header.partition_leader_epoch);
                    if epoch.0 >= 0 {
                        self.reader.epochs.write().assign(epoch, Offset(header.base_offset))?;
                    }
                }
                if recovered.valid_bytes < before {
                    cut = true;
                    tracing::warn!(
                        topic_partition = %self.topic_partition,
                        segment = base.0,
                        log_end_offset = segment.next_offset().0,
                        cut_bytes = before - recovered.valid_bytes,
                        "cut an incomplete tail of the log during recovery"
                    );
                }
                segment
            };
            if sealed {
                segment.seal()?;
            }
            segments.push(Arc::new(segment));
        }
        for base in dropped {
            tracing::warn!(topic_partition = %self.topic_partition, segment = base.0, "dropped a segment behind the log's end");
            for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
                remove_if_there(&*self.disk, &segment_path(&self.directory, base, suffix))?;
            }
        }
        let end = segments.last().map(|segment| segment.next_offset());
        if end.is_none_or(|end| end < checkpointed_start) {
            // Nothing, or all of it before the first readable offset: start there.
            for segment in segments.drain(..) {
                for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
                    remove_if_there(&*self.disk, &segment.path(suffix))?;
                }
            }
            segments.push(Arc::new(self.new_segment(checkpointed_start, now_ms)?));
        } else if let Some(active) = segments.last() {
            active.unseal(self.index_bytes())?;
        }
        let start = segments[0].base_offset().max(checkpointed_start);
        let end = segments.last().expect("one at least was pushed").next_offset();
        self.reader.log_start_offset.store(start.0, Ordering::Release);
        self.reader.log_end_offset.store(end.0, Ordering::Release);
        self.reader.segments.store(Arc::new(segments));
        self.recovery_point = self.recovery_point.min(end);
        if !clean {
            // What was just checked may still lie in memory alone.
            self.recovery_point = self.recovery_point.min(self.active().base_offset());
        }
        {
            let mut epochs = self.reader.epochs.write();
            epochs.truncate_to(end)?;
            epochs.trim_to(start)?;
        }
        self.rebuild_producers(end, now_ms)
    }

    /// Whether a sealed segment lies wholly before the recovery point. The segment after it is not known yet, so only
    /// segments whose successor starts at or before the recovery point count; the caller passes those before it.
    fn covered_by_recovery_point(&self, base: Offset, _before: &[Arc<Segment>]) -> bool {
        // Segments are flushed whole when they are rolled, and the recovery point then stands at the next one's base.
        base < self.recovery_point && self.next_base_after(base).is_some_and(|next| next <= self.recovery_point)
    }

    fn next_base_after(&self, base: Offset) -> Option<Offset> {
        let entries = self.disk.list(&self.directory).ok()?;
        entries.iter().filter_map(|entry| base_offset_of(&entry.name, "log")).find(|other| *other > base)
    }

    /// Producer state as of `end`: the newest readable snapshot not beyond it, then the batches since.
    fn rebuild_producers(&mut self, end: Offset, now_ms: i64) -> io::Result<()> {
        let mut snapshots: Vec<Offset> = Vec::new();
        for entry in self.disk.list(&self.directory)? {
            if let Some(offset) = base_offset_of(&entry.name, "snapshot") {
                if offset > end {
                    remove_if_there(&*self.disk, &self.directory.join(&entry.name))?;
                } else {
                    snapshots.push(offset);
                }
            }
        }
        let mut from = self.reader.log_start_offset();
        self.producers = ProducerStates::default();
        for offset in snapshots.into_iter().rev() {
            let path = segment_path(&self.directory, offset, "snapshot");
            if let Some(states) = ProducerStates::decode(&self.disk.read_to_end(&path)?) {
                self.producers = states;
                from = from.max(offset);
                break;
            }
            tracing::warn!(topic_partition = %self.topic_partition, snapshot = offset.0, "removed a damaged producer snapshot");
            remove_if_there(&*self.disk, &path)?;
        }
        for segment in self.reader.segments.load().iter() {
            if segment.next_offset() <= from {
                continue;
            }
            for header in segment.headers_from(from)? {
                if header.base_offset >= from.0 && header.has_producer_id() && !header.is_control() {
                    self.producers.update(&header, Offset(header.base_offset));
                }
            }
        }
        self.producers.expire(now_ms, self.producer_id_expiration_ms);
        Ok(())
    }

    fn new_segment(&mut self, base: Offset, now_ms: i64) -> io::Result<Segment> {
        self.directory_changed = true;
        let reserve = self.config.preallocate.then_some(u64::try_from(self.config.segment_bytes).unwrap_or(0));
        Segment::create(&*self.disk, &self.directory, base, self.index_bytes(), reserve, now_ms)
    }

    fn active(&self) -> Arc<Segment> {
        Arc::clone(self.reader.segments.load().last().expect("a log has a segment at least"))
    }

    /// The shared, readable side.
    #[must_use]
    pub fn reader(&self) -> Arc<LogReader> {
        Arc::clone(&self.reader)
    }

    /// Everything before is on disk for certain.
    #[must_use]
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// The topic's settings have changed.
    pub fn update_config(&mut self, config: Arc<TopicConfig>) {
        self.config = config;
    }

    /// A leader epoch starts at `start_offset`. Earlier or known epochs are ignored.
    pub fn assign_leader_epoch(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if let Err(error) = self.reader.epochs.write().assign(epoch, start_offset) {
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not write the leader epochs");
        }
    }

    /// Appends all batches, in order, with one gathered write for each segment they go to. Each gets its own result: a
    /// batch that does not fit its producer's sequence is refused alone; where the disk fails, all batches of that write
    /// fail, and neither the log nor what is remembered of producers has moved.
    pub fn append_as_leader(
        &mut self,
        batches: &[&ValidatedBatch],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Vec<Result<Appended, AppendError>> {
        let mut results: Vec<Option<Result<Appended, AppendError>>> = vec![None; batches.len()];
        let mut write = GatheredWrite::new(self.reader.log_end_offset(), self.active());
        let limits = RollLimits {
            segment_bytes: u64::try_from(self.config.segment_bytes).unwrap_or(0),
            segment_ms: self.config.segment_ms,
            index_bytes: self.index_bytes(),
        };
        for (index, batch) in batches.iter().enumerate() {
            if batch.header.has_producer_id() {
                match self.producers.check(&batch.header) {
                    Ok(SequenceCheck::Append) => {}
                    Ok(SequenceCheck::Duplicate(known)) => {
                        write.duplicates.push(index);
                        results[index] = Some(Ok(Appended {
                            base_offset: known.first_offset(),
                            last_offset: known.last_offset,
                            log_append_time_ms: if batch.log_append_time_ms >= 0 { known.timestamp } else { -1 },
                            log_start_offset: self.reader.log_start_offset(),
                            duplicate: true,
                        }));
                        continue;
                    }
                    Err(error) => {
                        results[index] = Some(Err(error.into()));
                        continue;
                    }
                }
            }
            let size = batch.bytes.len();
            let last_offset = write.next_offset.plus(i64::from(batch.header.last_offset_delta));
            let fills = write.segment.size_bytes() + (write.bytes + size) as u64 > limits.segment_bytes;
            let roll = (fills && write.segment.size_bytes() + write.bytes as u64 > 0)
                || (write.bytes == 0
                    && write.segment.size_bytes() > 0
                    && write.segment.must_roll_before(size, batch.header.max_timestamp, last_offset, &limits, now_ms));
            if roll {
                self.finish_write(&mut write, batches, &mut results, leader_epoch);
                if let Err(error) = self.roll(now_ms) {
                    results[index] = Some(Err(AppendError::Storage(Arc::new(error))));
                    continue;
                }
                write = GatheredWrite::new(self.reader.log_end_offset(), self.active());
            }
            if batch.header.has_producer_id() {
                let before = self.producers.update(&batch.header, write.next_offset);
                write.undo.push((ProducerId(batch.header.producer_id), before));
            }
            write.pending.push((index, write.next_offset));
            write.next_offset = write.next_offset.plus(i64::from(batch.header.last_offset_delta) + 1);
            write.bytes += size;
        }
        self.finish_write(&mut write, batches, &mut results, leader_epoch);
        results.into_iter().map(|result| result.expect("every batch was written or refused")).collect()
    }

    fn finish_write(
        &mut self,
        write: &mut GatheredWrite,
        batches: &[&ValidatedBatch],
        results: &mut [Option<Result<Appended, AppendError>>],
        leader_epoch: LeaderEpoch,
    ) {
        if write.pending.is_empty() {
            return;
        }
        let start = write.segment.size_bytes();
        let prefixes: Vec<[u8; BatchHeader::PREFIX_BYTES]> = write
            .pending
            .iter()
            .map(|(index, base)| batches[*index].header.patched_prefix(base.0, leader_epoch.0))
            .collect();
        let mut parts = Vec::with_capacity(2 * prefixes.len());
        for (prefix, (index, _)) in prefixes.iter().zip(&write.pending) {
            parts.push(IoSlice::new(prefix));
            parts.push(IoSlice::new(&batches[*index].bytes[BatchHeader::PREFIX_BYTES..]));
        }
        if let Err(error) = write.segment.file.write_vectored_at(&parts, start) {
            self.undo_write(write, results, start, Arc::new(error));
            return;
        }
        let log_start_offset = self.reader.log_start_offset();
        let mut position = start;
        for (index, base_offset) in &write.pending {
            let batch = batches[*index];
            let header = BatchHeader { base_offset: base_offset.0, ..batch.header };
            write.segment.index_before_append(&header, base_offset.0, position, self.index_interval());
            write.segment.note(&header, position, true);
            position += batch.bytes.len() as u64;
            self.unflushed_records += i64::from(header.record_count);
            results[*index] = Some(Ok(Appended {
                base_offset: *base_offset,
                last_offset: Offset(header.last_offset()),
                log_append_time_ms: batch.log_append_time_ms,
                log_start_offset,
                duplicate: false,
            }));
        }
        if let Err(error) = write.segment.write_index(false) {
            // Only a matter of speed: the index file is completed later or made anew.
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not write index entries");
        }
        write.segment.publish(position);
        self.reader.log_end_offset.store(write.next_offset.0, Ordering::Release);
        write.pending.clear();
    }

    /// The disk refused: forget all that this write was to bring.
    fn undo_write(
        &mut self,
        write: &mut GatheredWrite,
        results: &mut [Option<Result<Appended, AppendError>>],
        start: u64,
        error: Arc<io::Error>,
    ) {
        tracing::error!(topic_partition = %self.topic_partition, %error, "could not append to the log");
        for (producer_id, before) in write.undo.drain(..).rev() {
            self.producers.restore(producer_id, before);
        }
        if let Err(error) = write.segment.file.set_size(start) {
            // What is left behind the end is overwritten by the next append, or cut by recovery.
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not cut a failed append");
        }
        // A duplicate of a batch in this very write is not there either.
        let end = self.reader.log_end_offset();
        for index in write.duplicates.drain(..) {
            if matches!(&results[index], Some(Ok(appended)) if appended.base_offset >= end) {
                results[index] = Some(Err(AppendError::Storage(Arc::clone(&error))));
            }
        }
        for (index, _) in write.pending.drain(..) {
            results[index] = Some(Err(AppendError::Storage(Arc::clone(&error))));
        }
    }

    /// Goes on in a new segment; the old one's indexes are completed and a producer snapshot is taken.
    ///
    /// # Errors
    /// The disk's error; the old segment then stays the active one.
    pub fn roll(&mut self, now_ms: i64) -> io::Result<()> {
        let end = self.reader.log_end_offset();
        let active = self.active();
        if active.base_offset() == end {
            return Ok(());
        }
        let fresh = self.new_segment(end, now_ms)?;
        active.seal()?;
        self.write_snapshot(end)?;
        let mut segments = Vec::clone(&self.reader.segments.load());
        segments.push(Arc::new(fresh));
        self.reader.segments.store(Arc::new(segments));
        self.rolled = true;
        Ok(())
    }

    fn write_snapshot(&self, offset: Offset) -> io::Result<()> {
        let path = segment_path(&self.directory, offset, "snapshot");
        let file = self.disk.open(&path, dohle_seams::OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        file.write_vectored_at(&[IoSlice::new(&self.producers.encode())], 0)
    }

    /// Whether a segment was rolled since the last call, and so should be flushed in the background.
    pub fn take_rolled(&mut self) -> bool {
        std::mem::take(&mut self.rolled)
    }

    /// Whether the topic's `flush.messages` or `flush.ms` asks for a flush now.
    #[must_use]
    pub fn needs_flush(&self, now_ms: i64) -> bool {
        self.unflushed_records > 0
            && (self.unflushed_records >= self.config.flush_messages
                || now_ms.saturating_sub(self.last_flush_ms) >= self.config.flush_ms)
    }

    /// What must be synced to make everything that is in the log durable.
    pub fn flush_work(&mut self) -> FlushWork {
        let end_offset = self.reader.log_end_offset();
        let mut files = Vec::new();
        for segment in self.reader.segments.load().iter() {
            if segment.next_offset() > self.recovery_point || segment.next_offset() == segment.base_offset() {
                files.push(Arc::clone(&segment.file));
            }
        }
        self.unflushed_records = 0;
        let directory =
            std::mem::take(&mut self.directory_changed).then(|| (Arc::clone(&self.disk), self.directory.clone()));
        FlushWork { files, directory, end_offset }
    }

    /// A flush is done: the recovery point moves.
    pub fn on_flushed(&mut self, flushed: Flushed) {
        self.recovery_point = self.recovery_point.max(flushed.end_offset);
    }

    /// Closes in order: indexes complete, producer snapshot at the end, everything synced. Blocks.
    ///
    /// # Errors
    /// The disk's error: the next start must then recover.
    pub fn close(&mut self) -> io::Result<()> {
        let active = self.active();
        active.seal()?;
        let end = self.reader.log_end_offset();
        self.write_snapshot(end)?;
        self.directory_changed = true;
        let mut work = self.flush_work();
        work.files.extend(active.index_files());
        let flushed = work.run()?;
        self.on_flushed(flushed);
        self.remove_old_snapshots(end)
    }

    /// Keeps the newest snapshot and those at the base of a segment.
    fn remove_old_snapshots(&self, end: Offset) -> io::Result<()> {
        let segments = self.reader.segments.load();
        for entry in self.disk.list(&self.directory)? {
            let Some(offset) = base_offset_of(&entry.name, "snapshot") else { continue };
            if offset != end && !segments.iter().any(|segment| segment.base_offset() == offset) {
                remove_if_there(&*self.disk, &self.directory.join(&entry.name))?;
            }
        }
        Ok(())
    }

    /// Forgets producers that have been silent for too long.
    pub fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms, self.producer_id_expiration_ms);
    }

    /// Drops the oldest segments by the topic's rules (log start, size, time), never at or above the high watermark; the
    /// active one is rolled first where it goes too. Their files are renamed; removing them is up to the caller.
    ///
    /// # Errors
    /// The disk's error.
    pub fn delete_old_segments(&mut self, high_watermark: Offset, now_ms: i64) -> io::Result<RemovedFiles> {
        let segments = Arc::clone(&self.reader.segments.load());
        let mut total = self.reader.size_bytes();
        let mut count = 0;
        for segment in segments.iter() {
            let below_start = segment.next_offset() <= self.reader.log_start_offset();
            let by_rule = self.config.cleanup_policy.delete && {
                let size = segment.size_bytes();
                let by_size = self.config.retention_bytes >= 0
                    && total.saturating_sub(size) >= u64::try_from(self.config.retention_bytes).unwrap_or(0);
                let newest = segment.max_timestamp().0;
                let by_time = self.config.retention_ms >= 0
                    && newest >= 0
                    && now_ms.saturating_sub(newest) > self.config.retention_ms;
                size > 0 && (by_size || by_time)
            };
            if segment.next_offset() > high_watermark || segment.size_bytes() == 0 || !(below_start || by_rule) {
                break;
            }
            total -= segment.size_bytes();
            count += 1;
        }
        if count == 0 {
            return Ok(RemovedFiles::default());
        }
        if count == segments.len() {
            self.roll(now_ms)?;
        }
        let segments = Arc::clone(&self.reader.segments.load());
        let (gone, kept) = segments.split_at(count);
        let start = kept[0].base_offset();
        self.reader.log_start_offset.fetch_max(start.0, Ordering::AcqRel);
        self.reader.segments.store(Arc::new(kept.to_vec()));
        self.reader.epochs.write().trim_to(start)?;
        self.directory_changed = true;
        let mut removed = RemovedFiles::default();
        for segment in gone {
            tracing::info!(
                topic_partition = %self.topic_partition,
                segment = segment.base_offset().0,
                size_bytes = segment.size_bytes(),
                "deleting a segment by the topic's retention"
            );
            for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
                let path = segment.path(suffix);
                if self.disk.facts(&path)?.is_some() {
                    let mut name = path.clone().into_os_string();
                    name.push(".deleted");
                    self.disk.rename(&path, Path::new(&name))?;
                    removed.0.push(name.into());
                }
            }
        }
        Ok(removed)
    }
}

/// One gathered write in the making.
struct GatheredWrite {
    segment: Arc<Segment>,
    next_offset: Offset,
    bytes: usize,
    /// Index among the batches, and the base offset given.
    pending: Vec<(usize, Offset)>,
    /// Batches that were there already, or come twice in this write.
    duplicates: Vec<usize>,
    /// What was remembered of producers before this write.
    undo: Vec<(ProducerId, Option<ProducerEntry>)>,
}

impl GatheredWrite {
    fn new(next_offset: Offset, segment: Arc<Segment>) -> Self {
        Self { segment, next_offset, bytes: 0, pending: Vec::new(), duplicates: Vec::new(), undo: Vec::new() }
    }
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes `partition.metadata`, synced before any data, or compares the topic id in it.
fn check_partition_metadata(disk: &dyn Disk, directory: &Path, topic_id: TopicId) -> Result<(), LogError> {
    let path = directory.join(PARTITION_METADATA);
    let text = match disk.read_to_end(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return disk
                .replace_file(&path, format!("version: 0\ntopic_id: {topic_id}\n").as_bytes())
                .map_err(LogError::storage(path));
        }
        Err(source) => return Err(LogError::Storage { path, source }),
    };
    let found = text.lines().find_map(|line| line.strip_prefix("topic_id: ")).and_then(|id| id.trim().parse().ok());
    match found {
        Some(found) if TopicId(found) == topic_id => Ok(()),
        Some(found) => Err(LogError::TopicId { path, found: TopicId(found), expected: topic_id }),
        None => Err(LogError::Malformed { path, reason: "it holds no topic id".to_owned() }),
    }
}
