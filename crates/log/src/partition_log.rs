//! The log of one partition replica: opening, rolling, flushing, cutting, closing. Appending and retention have files of
//! their own.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dohle_config::TopicConfig;
use dohle_model::{LeaderEpoch, Offset, TopicId, TopicPartition};
use dohle_seams::{Disk, OpenMode};

use crate::error::LogError;
use crate::flush::{FlushWork, Flushed, files_of_sealed};
use crate::folder::Folder;
use crate::log_loading::{Loaded, load, replay_producers};
use crate::log_reader::LogReader;
use crate::partition_metadata;
use crate::producer_state::{ProducerState, ProducerStates};
use crate::segment::{RollLimits, Segment};

/// What opening a log takes.
#[derive(Clone, Debug)]
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

impl OpenOptions {
    pub(crate) fn index_bytes(&self) -> usize {
        index_bytes(&self.config)
    }

    pub(crate) fn index_interval_bytes(&self) -> usize {
        index_interval_bytes(&self.config)
    }

    pub(crate) fn reserve_bytes(&self) -> Option<u64> {
        reserve_bytes(&self.config)
    }
}

fn index_bytes(config: &TopicConfig) -> usize {
    usize::try_from(config.segment_index_bytes).unwrap_or(0)
}

fn index_interval_bytes(config: &TopicConfig) -> usize {
    usize::try_from(config.index_interval_bytes).unwrap_or(0)
}

fn segment_bytes(config: &TopicConfig) -> u64 {
    u64::try_from(config.segment_bytes).unwrap_or(0)
}

fn reserve_bytes(config: &TopicConfig) -> Option<u64> {
    config.preallocate.then(|| segment_bytes(config))
}

/// The log of one partition replica. Its owner calls `&mut self`; readers share [`LogReader`].
#[derive(Debug)]
pub struct PartitionLog {
    pub(crate) folder: Arc<Folder>,
    pub(crate) topic_partition: TopicPartition,
    topic_id: TopicId,
    pub(crate) config: Arc<TopicConfig>,
    producer_id_expiration_ms: i64,
    pub(crate) reader: Arc<LogReader>,
    pub(crate) producers: ProducerStates,
    recovery_point: Offset,
    pub(crate) unflushed_records: i64,
    /// When the oldest record that waits for a flush was appended.
    pub(crate) unflushed_since_ms: i64,
    /// Whether files were made, renamed or removed since the folder was last synced.
    pub(crate) names_changed: bool,
    /// Where the newest producer snapshot stands, while it is known to be good.
    snapshot_offset: Option<Offset>,
    rolled: bool,
}

impl PartitionLog {
    /// Opens a log, making its folder where there is none, and recovers what was not closed in order: batches are checked
    /// from the recovery point on, the log is cut at the first bad one, later segments are dropped.
    ///
    /// # Errors
    /// Where the disk fails or the folder is another topic's.
    pub fn open(options: OpenOptions) -> Result<Self, LogError> {
        let (disk, directory) = (&options.disk, &options.directory);
        let storage = |source| LogError::Storage { path: directory.clone(), source };
        let fresh = disk.facts(directory).map_err(storage)?.is_none();
        if fresh {
            disk.create_directories(directory).map_err(storage)?;
        }
        partition_metadata::check_or_write(&**disk, directory, options.topic_id)?;
        if fresh && let Some(parent) = directory.parent() {
            disk.sync_directory(parent).map_err(storage)?;
        }
        let folder = Arc::new(Folder { disk: Arc::clone(disk), path: directory.clone() });
        let loaded = load(&folder, &options).map_err(storage)?;
        let Loaded { segments, epochs, log_start_offset, log_end_offset, .. } = loaded;
        Ok(Self {
            folder,
            reader: Arc::new(LogReader::new(segments, epochs, log_start_offset, log_end_offset)),
            producers: loaded.producers,
            recovery_point: options.recovery_point.min(log_end_offset),
            unflushed_records: 0,
            unflushed_since_ms: options.now_ms,
            names_changed: loaded.names_changed,
            snapshot_offset: loaded.has_end_snapshot.then_some(log_end_offset),
            rolled: false,
            topic_partition: options.topic_partition,
            topic_id: options.topic_id,
            config: options.config,
            producer_id_expiration_ms: options.producer_id_expiration_ms,
        })
    }

    pub(crate) fn index_interval_bytes(&self) -> usize {
        index_interval_bytes(&self.config)
    }

    pub(crate) fn roll_limits(&self, segment: &Segment) -> RollLimits {
        let segment_ms = self.config.segment_ms;
        let jitter_max = self.config.segment_jitter_ms.min(segment_ms);
        RollLimits {
            segment_bytes: segment_bytes(&self.config),
            segment_ms: segment_ms - jitter_ms(self.topic_id, &self.topic_partition, segment.base_offset(), jitter_max),
            index_bytes: index_bytes(&self.config),
        }
    }

    pub(crate) fn active(&self) -> Arc<Segment> {
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

    /// What is remembered of idempotent producers, by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerState> {
        self.producers.list()
    }

    /// The topic's settings have changed.
    pub fn update_config(&mut self, config: Arc<TopicConfig>) {
        self.config = config;
    }

    /// A leader epoch starts at `start_offset`. Earlier or known epochs are ignored.
    pub fn assign_leader_epoch(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if let Err(error) = self.reader.epochs.write().assign(epoch, start_offset) {
            // The next flush writes them, or fails.
            tracing::warn!(topic_partition = %self.topic_partition, %error, "could not write the leader epochs");
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
        self.names_changed = true;
        let sealed = active.seal().and_then(|()| self.write_snapshot(end)).and_then(|()| {
            let config = &self.config;
            Segment::create(&self.folder, end, index_bytes(config), reserve_bytes(config), now_ms)
        });
        let fresh = match sealed {
            Ok(fresh) => fresh,
            Err(error) => {
                // What was made of the new segment is in nobody's way; the old one takes batches again.
                if let Err(error) = self.folder.remove_segment(end) {
                    tracing::warn!(topic_partition = %self.topic_partition, %error, "could not remove an unused segment");
                }
                self.snapshot_offset = None;
                if active.unseal(index_bytes(&self.config))?.is_none() {
                    let message = format!("a segment cannot be read back after a failed roll: {error}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                return Err(error);
            }
        };
        let mut segments = Vec::clone(&self.reader.segments.load());
        segments.push(Arc::new(fresh));
        self.reader.segments.store(Arc::new(segments));
        self.rolled = true;
        Ok(())
    }

    fn write_snapshot(&mut self, offset: Offset) -> io::Result<()> {
        self.snapshot_offset = None;
        let file = self.folder.disk.open(&self.folder.file(offset, "snapshot"), OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        file.write_vectored_at(&[IoSlice::new(&self.producers.encode())], 0)?;
        self.names_changed = true;
        self.snapshot_offset = Some(offset);
        Ok(())
    }

    /// Whether a segment was rolled since the last call, and so should be flushed in the background.
    pub fn take_rolled(&mut self) -> bool {
        std::mem::take(&mut self.rolled)
    }

    /// Whether the topic's settings can ask for a flush at all.
    #[must_use]
    pub fn may_need_flushes(&self) -> bool {
        self.config.flush_messages < i64::MAX || self.config.flush_ms < i64::MAX
    }

    /// Whether the topic's `flush.messages` or `flush.ms` asks for a flush now.
    #[must_use]
    pub fn needs_flush(&self, now_ms: i64) -> bool {
        self.unflushed_records > 0
            && (self.unflushed_records >= self.config.flush_messages
                || now_ms.saturating_sub(self.unflushed_since_ms) >= self.config.flush_ms)
    }

    /// What must be synced to make everything that is in the log durable. One such work may be under way at a time.
    pub fn flush_work(&mut self) -> FlushWork {
        let end_offset = self.reader.log_end_offset();
        let segments = self.reader.segments.load();
        let (active, sealed) = segments.split_last().expect("a log has a segment at least");
        let sealed: Vec<_> = sealed.iter().filter(|segment| !segment.is_durable()).cloned().collect();
        let mut epochs_replaced = false;
        let files = (|| {
            let mut files = vec![active.file()?];
            for segment in &sealed {
                files.extend(files_of_sealed(&self.folder, segment)?);
            }
            if let Some(path) = self.reader.epochs.write().file_to_sync()? {
                epochs_replaced = true;
                files.push(self.folder.disk.open(&path, OpenMode::Read)?);
            }
            Ok(files)
        })();
        self.unflushed_records = 0;
        let names_changed = std::mem::take(&mut self.names_changed) || epochs_replaced;
        FlushWork {
            files,
            folder: names_changed.then(|| Arc::clone(&self.folder)),
            flushed: Flushed { end_offset, sealed },
        }
    }

    /// A flush is done: the recovery point moves.
    pub fn on_flushed(&mut self, flushed: Flushed) {
        // A cut that came meanwhile counts for more.
        let end = flushed.end_offset.min(self.reader.log_end_offset());
        self.recovery_point = self.recovery_point.max(end);
        flushed.sealed.iter().for_each(|segment| segment.set_durable());
    }

    /// Closes in order: indexes complete, producer snapshot at the end, everything synced. A log that nobody has written
    /// to costs next to nothing. Blocks.
    ///
    /// # Errors
    /// The disk's error: the next start must then recover.
    pub fn close(&mut self) -> io::Result<()> {
        let end = self.reader.log_end_offset();
        let untouched = self.recovery_point == end && self.snapshot_offset == Some(end) && !self.names_changed;
        let active = self.active();
        active.seal()?;
        // What never held a record is made anew where its files are lost: thousands of such logs cost no syncs.
        if untouched || end == Offset(0) {
            return Ok(());
        }
        self.write_snapshot(end)?;
        let mut work = self.flush_work();
        if let Ok(files) = &mut work.files {
            files.extend(files_of_sealed(&self.folder, &active)?);
        }
        let flushed = work.run()?;
        self.on_flushed(flushed);
        self.remove_old_snapshots(end)
    }

    /// Keeps the newest snapshot and those at the base of a segment.
    fn remove_old_snapshots(&self, end: Offset) -> io::Result<()> {
        let segments = self.reader.segments.load();
        for offset in self.folder.offsets_of("snapshot")? {
            if offset != end && !segments.iter().any(|segment| segment.base_offset() == offset) {
                self.folder.remove_if_there(&self.folder.file(offset, "snapshot"))?;
            }
        }
        Ok(())
    }

    /// `producer.id.expiration.ms` has changed.
    pub fn set_producer_id_expiration(&mut self, milliseconds: i64) {
        self.producer_id_expiration_ms = milliseconds;
    }

    /// Forgets producers that have been silent for too long.
    pub fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms, self.producer_id_expiration_ms);
    }

    /// Cuts everything from the batch that holds `offset` on: a follower that has diverged from its leader. Leader epochs
    /// and producer state follow. Blocks.
    ///
    /// # Errors
    /// The disk's error; the log must then be opened anew.
    pub fn truncate_to(&mut self, offset: Offset) -> io::Result<()> {
        if offset >= self.reader.log_end_offset() {
            return Ok(());
        }
        let mut segments = Vec::clone(&self.reader.segments.load());
        // The first segment stays, if only empty: it says where the log goes on.
        let kept = segments.partition_point(|segment| segment.base_offset() < offset).max(1);
        let gone = segments.split_off(kept);
        let active = Arc::clone(&segments[kept - 1]);
        self.recovery_point = self.recovery_point.min(offset);
        if !gone.is_empty() && active.unseal(index_bytes(&self.config))?.is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a segment does not fit its indexes"));
        }
        let end = active.find(offset)?.map_or(active.next_offset(), |batch| batch.base_offset);
        self.recovery_point = self.recovery_point.min(end);
        self.reader.log_end_offset.store(end.0, Ordering::Release);
        self.reader.log_start_offset.fetch_min(end.0, Ordering::AcqRel);
        self.reader.segments.store(Arc::new(segments));
        active.truncate_to(offset)?;
        for segment in &gone {
            self.folder.remove_segment(segment.base_offset())?;
        }
        for snapshot in self.folder.offsets_of("snapshot")?.into_iter().filter(|snapshot| *snapshot > end) {
            self.folder.remove_if_there(&self.folder.file(snapshot, "snapshot"))?;
        }
        // None of it may come back beside what is appended next.
        active.file()?.sync()?;
        {
            let mut epochs = self.reader.epochs.write();
            epochs.truncate_to(end)?;
            if let Some(path) = epochs.file_to_sync()? {
                self.folder.disk.open(&path, OpenMode::Read)?.sync()?;
            }
        }
        self.folder.sync()?;
        self.names_changed = false;
        self.rebuild_producers(end)
    }

    fn rebuild_producers(&mut self, end: Offset) -> io::Result<()> {
        self.snapshot_offset = None;
        self.producers = ProducerStates::default();
        let mut from = self.reader.log_start_offset();
        for offset in self.folder.offsets_of("snapshot")?.into_iter().rev().filter(|offset| *offset <= end) {
            let bytes = self.folder.disk.read_to_end(&self.folder.file(offset, "snapshot"))?;
            if let Some(states) = ProducerStates::decode(&bytes) {
                self.producers = states;
                from = from.max(offset);
                break;
            }
        }
        replay_producers(&mut self.producers, &self.reader.segments.load(), from)
    }
}

/// How much earlier than `segment.ms` a segment is rolled, so that partitions do not all roll at once: the same for the
/// same segment, and anything below `max` among many.
fn jitter_ms(topic_id: TopicId, topic_partition: &TopicPartition, base_offset: Offset, max: i64) -> i64 {
    let Some(max) = u64::try_from(max).ok().filter(|max| *max > 0) else { return 0 };
    let mut seed = topic_id.0.0.to_vec();
    seed.extend_from_slice(&topic_partition.partition.0.to_be_bytes());
    seed.extend_from_slice(&base_offset.0.to_be_bytes());
    let hash = u64::from(crc32c::crc32c(&seed)) << 32 | u64::from(crc32c::crc32c(&[&seed[..], b"low"].concat()));
    i64::try_from(hash % max).expect("below a number of 63 bits")
}
