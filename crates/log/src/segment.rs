//! One segment: a `.log` file of batches, and its indexes. Batches are only ever added at the end.
//!
//! The owner of the log alone appends, seals and cuts; readers look up positions at the same time. What readers may see is
//! bounded by `size_bytes`, which is raised last.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use dohle_model::Offset;
use dohle_protocol::record_batch::{BatchHeader, crc_is_right};
use dohle_seams::{DiskFile, OpenMode};
use parking_lot::RwLock;

use crate::batch_walk::{BatchWalk, LOOKUP_BYTES, SWEEP_BYTES};
use crate::folder::Folder;
use crate::segment_index::SegmentIndex;

/// How many of the newest batches' positions are remembered, so that readers at the end need not look them up.
const TAIL_BATCHES: usize = 128;
/// Offsets in a segment are kept relative to its base, and positions in its file, in 31 bits.
const RELATIVE_MAX: i64 = i32::MAX as i64;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPosition {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) position: u64,
    pub(crate) size_bytes: usize,
    pub(crate) max_timestamp: i64,
}

impl BatchPosition {
    pub(crate) fn new(header: &BatchHeader, position: u64) -> Self {
        Self {
            base_offset: Offset(header.base_offset),
            last_offset: Offset(header.last_offset()),
            position,
            size_bytes: header.size_bytes(),
            max_timestamp: header.max_timestamp,
        }
    }
}

/// The `.log` file: always open in the active segment, otherwise only while somebody reads it, so that open files do not
/// grow with the log.
#[derive(Debug)]
enum Handle {
    Open(Arc<dyn DiskFile>),
    OnDemand(Option<Weak<dyn DiskFile>>),
}

/// What only the log's owner changes, under a short lock.
#[derive(Debug)]
struct Inner {
    handle: Handle,
    index: SegmentIndex,
    /// The newest batches, without gaps.
    tail: VecDeque<BatchPosition>,
    bytes_since_index_entry: usize,
    /// The largest timestamp, and the last offset of its batch.
    max_timestamp: (i64, Offset),
    /// The largest timestamp of the first batch.
    first_timestamp: Option<i64>,
}

/// One segment of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    folder: Arc<Folder>,
    base_offset: Offset,
    /// Bytes that readers may see.
    size_bytes: AtomicU64,
    /// One past the last offset. In a sealed segment that was not read since the start, the base of the next one.
    next_offset: AtomicI64,
    /// When it was made or opened; its age counts from here where batches carry no timestamps.
    created_ms: i64,
    /// Whether it is sealed and wholly durable, indexes included.
    durable: AtomicBool,
    inner: RwLock<Inner>,
}

/// When to go on in a new segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RollLimits {
    pub(crate) segment_bytes: u64,
    /// Jitter taken off already.
    pub(crate) segment_ms: i64,
    pub(crate) index_bytes: usize,
}

/// What a segment gets next, for the roll rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextBatch {
    pub(crate) size_bytes: usize,
    pub(crate) max_timestamp: i64,
    pub(crate) last_offset: Offset,
}

/// What is gathered for a segment and not written yet, for the roll rules.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) size_bytes: usize,
    pub(crate) batch_count: usize,
    /// The largest timestamp of the first batch.
    pub(crate) first_timestamp: Option<i64>,
}

/// What recovery found in a segment.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// (leader epoch, base offset) of each batch with which an epoch starts.
    pub(crate) epochs: Vec<(i32, i64)>,
    /// Bytes behind the last good batch, which were cut.
    pub(crate) cut_bytes: u64,
}

fn invalid_batch(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Segment {
    fn new(folder: &Arc<Folder>, base_offset: Offset, handle: Handle, index: SegmentIndex, now_ms: i64) -> Self {
        Self {
            folder: Arc::clone(folder),
            base_offset,
            size_bytes: AtomicU64::new(0),
            next_offset: AtomicI64::new(base_offset.0),
            created_ms: now_ms,
            durable: AtomicBool::new(false),
            inner: RwLock::new(Inner {
                handle,
                index,
                tail: VecDeque::new(),
                bytes_since_index_entry: 0,
                max_timestamp: (-1, base_offset),
                first_timestamp: None,
            }),
        }
    }

    /// Makes a new, empty segment.
    pub(crate) fn create(
        folder: &Arc<Folder>,
        base_offset: Offset,
        index_size_bytes: usize,
        reserve_bytes: Option<u64>,
        now_ms: i64,
    ) -> io::Result<Self> {
        let file = folder.disk.open(&folder.file(base_offset, "log"), OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        if let Some(bytes) = reserve_bytes {
            file.reserve(bytes)?;
        }
        let index = SegmentIndex::create(folder, base_offset, index_size_bytes)?;
        Ok(Self::new(folder, base_offset, Handle::Open(file), index, now_ms))
    }

    /// Opens a sealed segment whose files can be trusted, reading next to nothing. Gives `None` where they do not fit each
    /// other and the segment must be recovered instead. `next_base` is where the next segment starts.
    pub(crate) fn open_sealed(
        folder: &Arc<Folder>,
        base_offset: Offset,
        next_base: Offset,
        now_ms: i64,
    ) -> io::Result<Option<Self>> {
        let size = folder.disk.facts(&folder.file(base_offset, "log"))?.map_or(0, |facts| facts.size_bytes);
        let Some(index) = SegmentIndex::open_sealed(folder, base_offset, size)? else { return Ok(None) };
        let last_time = index.last_time();
        let segment = Self::new(folder, base_offset, Handle::OnDemand(None), index, now_ms);
        if let Some((timestamp, offset)) = last_time {
            segment.inner.write().max_timestamp = (timestamp, base_offset.plus(i64::from(offset)));
        }
        segment.next_offset.store(next_base.0, Ordering::Release);
        segment.publish(size);
        Ok(Some(segment))
    }

    /// Makes a sealed segment the one that takes batches again: its indexes are read, and the batches behind their last
    /// entries. Gives `None` where something does not fit and the segment must be recovered instead.
    pub(crate) fn unseal(&self, index_size_bytes: usize) -> io::Result<Option<()>> {
        let file = self.folder.disk.open(&self.folder.file(self.base_offset, "log"), OpenMode::ReadWrite)?;
        let size = self.size_bytes();
        let mut inner = self.inner.write();
        inner.handle = Handle::Open(Arc::clone(&file));
        if inner.index.unseal(index_size_bytes)?.is_none() {
            return Ok(None);
        }
        inner.first_timestamp =
            BatchWalk::new(Arc::clone(&file), 0, size, LOOKUP_BYTES).header()?.map(|header| header.max_timestamp);
        inner.tail.clear();
        inner.bytes_since_index_entry = 0;
        let indexed = inner.index.last_offset();
        let mut walk = BatchWalk::new(file, indexed.map_or(0, |(_, position)| position.into()), size, SWEEP_BYTES);
        let mut next_offset = self.base_offset.0;
        while let Some(header) = walk.header()? {
            let batch = BatchPosition::new(&header, walk.position());
            if self.relative(batch.last_offset).is_none() || batch.base_offset.0 < next_offset {
                return Ok(None);
            }
            next_offset = batch.last_offset.0 + 1;
            inner.note(batch);
            walk.advance(&header);
        }
        if walk.position() < size {
            return Ok(None);
        }
        self.next_offset.store(next_offset, Ordering::Release);
        self.durable.store(false, Ordering::Release);
        Ok(Some(()))
    }

    /// Reads every batch, makes the indexes anew and cuts the file behind the last good one. What lies below
    /// `trusted_below` was made durable earlier: there, headers are enough; from there on, CRCs are checked. The segment is
    /// left unsealed.
    pub(crate) fn recover(
        folder: &Arc<Folder>,
        base_offset: Offset,
        trusted_below: Offset,
        index_size_bytes: usize,
        index_interval_bytes: usize,
        now_ms: i64,
    ) -> io::Result<(Self, Recovered)> {
        let file = folder.disk.open(&folder.file(base_offset, "log"), OpenMode::ReadWrite)?;
        let size = file.size_bytes()?;
        let index = SegmentIndex::create(folder, base_offset, index_size_bytes)?;
        let segment = Self::new(folder, base_offset, Handle::Open(Arc::clone(&file)), index, now_ms);
        let mut recovered = Recovered { epochs: Vec::new(), cut_bytes: 0 };
        let mut walk = BatchWalk::new(Arc::clone(&file), 0, size, SWEEP_BYTES);
        let mut next_offset = base_offset.0;
        while let Some(header) = walk.header()? {
            let batch = BatchPosition::new(&header, walk.position());
            let fits = header.base_offset >= next_offset
                && segment.relative(batch.last_offset).is_some()
                && i64::try_from(batch.position).is_ok_and(|position| position <= RELATIVE_MAX);
            if !fits {
                break;
            }
            if batch.last_offset >= trusted_below && !walk.batch(&header)?.is_some_and(crc_is_right) {
                break;
            }
            segment.append(&[batch], index_interval_bytes);
            next_offset = batch.last_offset.0 + 1;
            let epoch = header.partition_leader_epoch;
            if recovered.epochs.last().is_none_or(|(latest, _)| *latest < epoch) {
                recovered.epochs.push((epoch, header.base_offset));
            }
            walk.advance(&header);
        }
        if walk.position() < size {
            recovered.cut_bytes = size - walk.position();
            file.set_size(walk.position())?;
            // Or else what was cut might come back behind what is written next.
            file.sync()?;
        }
        segment.inner.write().index.write(true)?;
        segment.publish(walk.position());
        Ok((segment, recovered))
    }

    /// The offset of the first record, or of the next one while there is none.
    pub(crate) fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// One past the last offset.
    pub(crate) fn next_offset(&self) -> Offset {
        Offset(self.next_offset.load(Ordering::Acquire))
    }

    /// Bytes that readers may see.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Acquire)
    }

    /// The largest timestamp, -1 where there is none, and the last offset of its batch.
    pub(crate) fn max_timestamp(&self) -> (i64, Offset) {
        self.inner.read().max_timestamp
    }

    /// Whether the segment is sealed and wholly durable, indexes included.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// A sealed segment and its indexes are on disk for certain.
    pub(crate) fn set_durable(&self) {
        self.durable.store(true, Ordering::Release);
    }

    /// The path of one of the segment's files.
    pub(crate) fn path(&self, suffix: &str) -> PathBuf {
        self.folder.file(self.base_offset, suffix)
    }

    /// The `.log` file.
    pub(crate) fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        match &self.inner.read().handle {
            Handle::Open(file) => return Ok(Arc::clone(file)),
            Handle::OnDemand(file) => {
                if let Some(file) = file.as_ref().and_then(Weak::upgrade) {
                    return Ok(file);
                }
            }
        }
        let opened = self.folder.disk.open(&self.path("log"), OpenMode::Read)?;
        if let Handle::OnDemand(file) = &mut self.inner.write().handle {
            *file = Some(Arc::downgrade(&opened));
        }
        Ok(opened)
    }

    fn relative(&self, offset: Offset) -> Option<u32> {
        let relative = offset.0.checked_sub(self.base_offset.0)?;
        (0..=RELATIVE_MAX).contains(&relative).then(|| u32::try_from(relative).expect("31 bits fit"))
    }

    /// `None` where all rules allow `next` behind what is gathered; otherwise why it must go into a new segment.
    pub(crate) fn must_roll_before(
        &self,
        gathered: Gathered,
        next: NextBatch,
        limits: &RollLimits,
        now_ms: i64,
    ) -> Option<RollReason> {
        let size = self.size_bytes() + gathered.size_bytes as u64;
        let inner = self.inner.read();
        let age = match inner.first_timestamp.or(gathered.first_timestamp) {
            Some(first) if first >= 0 && next.max_timestamp >= 0 => next.max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        };
        if size > 0 && size + next.size_bytes as u64 > limits.segment_bytes {
            Some(RollReason::Size)
        } else if size > 0 && age > limits.segment_ms {
            Some(RollReason::Age)
        } else if self.relative(next.last_offset).is_none() {
            Some(RollReason::Offsets)
        } else if inner.index.is_full(limits.index_bytes, 0) {
            Some(RollReason::IndexFull)
        } else if inner.index.is_full(limits.index_bytes, gathered.batch_count) {
            Some(RollReason::IndexMayBeFull)
        } else {
            None
        }
    }

    /// Takes note of batches that are in the file, with their real offsets, and adds the index entries that are due: Kafka's
    /// rule is one before a batch that comes after more than `index.interval.bytes` since the last. Readers do not see
    /// the batches before [`Self::publish`].
    pub(crate) fn append(&self, batches: &[BatchPosition], index_interval_bytes: usize) {
        let mut inner = self.inner.write();
        for batch in batches {
            // The time entry covers the very batch that the offset entry points at.
            inner.note_timestamp(batch);
            if inner.bytes_since_index_entry > index_interval_bytes
                && let Some(last) = self.relative(batch.last_offset)
            {
                inner.index.add_offset(last, u32::try_from(batch.position).expect("a segment is smaller than 2 GiB"));
                let (timestamp, offset) = inner.max_timestamp;
                if let Some(relative) = self.relative(offset) {
                    inner.index.maybe_add_time(timestamp, relative);
                }
                inner.bytes_since_index_entry = 0;
            }
            inner.note(*batch);
        }
        if let Some(last) = batches.last() {
            self.next_offset.store(last.last_offset.0 + 1, Ordering::Release);
        }
    }

    /// Shows readers the file up to `size_bytes`.
    pub(crate) fn publish(&self, size_bytes: u64) {
        self.size_bytes.store(size_bytes, Ordering::Release);
    }

    /// Writes index entries to their files where enough wait.
    pub(crate) fn write_index(&self) -> io::Result<()> {
        self.inner.write().index.write(false)
    }

    /// The segment takes no more batches: its indexes are completed, reserved room is given back, files are closed.
    pub(crate) fn seal(&self) -> io::Result<()> {
        let file = self.file()?;
        let mut inner = self.inner.write();
        if let Handle::Open(_) = inner.handle {
            file.set_size(self.size_bytes())?;
        }
        let (timestamp, offset) = inner.max_timestamp;
        if let Some(relative) = self.relative(offset) {
            inner.index.maybe_add_time(timestamp, relative);
        }
        inner.index.seal()?;
        inner.tail = VecDeque::new();
        inner.handle = Handle::OnDemand(Some(Arc::downgrade(&file)));
        Ok(())
    }

    /// The first batch whose last offset is not below `offset`.
    pub(crate) fn find(&self, offset: Offset) -> io::Result<Option<BatchPosition>> {
        if offset >= self.next_offset() {
            return Ok(None);
        }
        let start = {
            let inner = self.inner.read();
            if inner.tail.front().is_some_and(|first| first.base_offset <= offset) {
                let at = inner.tail.partition_point(|batch| batch.last_offset < offset);
                return Ok(inner.tail.get(at).copied());
            }
            let relative = offset.0.saturating_sub(self.base_offset.0).clamp(0, RELATIVE_MAX);
            inner.index.position_before(u32::try_from(relative).expect("31 bits fit"))?
        };
        self.scan(u64::from(start), |batch| batch.last_offset >= offset)
    }

    /// The first batch that holds a timestamp of at least `timestamp` and does not end below `offset`.
    pub(crate) fn find_timestamp(&self, timestamp: i64, offset: Offset) -> io::Result<Option<BatchPosition>> {
        let start = self.inner.read().index.position_before_time(timestamp)?;
        self.scan(u64::from(start), |batch| batch.max_timestamp >= timestamp && batch.last_offset >= offset)
    }

    /// The first batch from `position` on that is wanted.
    fn scan(&self, position: u64, wanted: impl Fn(&BatchPosition) -> bool) -> io::Result<Option<BatchPosition>> {
        let end = self.size_bytes();
        let mut walk = BatchWalk::new(self.file()?, position, end, LOOKUP_BYTES);
        while let Some(header) = walk.header()? {
            let batch = BatchPosition::new(&header, walk.position());
            if wanted(&batch) {
                return Ok(Some(batch));
            }
            walk.advance(&header);
        }
        if walk.position() < end { Err(invalid_batch("there is no batch where one should be")) } else { Ok(None) }
    }

    /// The bytes of a batch.
    pub(crate) fn read_batch(&self, batch: &BatchPosition) -> io::Result<Bytes> {
        let mut bytes = vec![0; batch.size_bytes];
        let read = self.file()?.read_at(&mut bytes, batch.position)?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    /// Calls `see` with the header of every batch from the one that holds `offset` on.
    pub(crate) fn for_each_header(&self, offset: Offset, mut see: impl FnMut(&BatchHeader)) -> io::Result<()> {
        let Some(first) = self.find(offset)? else { return Ok(()) };
        let end = self.size_bytes();
        let mut walk = BatchWalk::new(self.file()?, first.position, end, SWEEP_BYTES);
        while let Some(header) = walk.header()? {
            see(&header);
            walk.advance(&header);
        }
        if walk.position() < end { Err(invalid_batch("there is no batch where one should be")) } else { Ok(()) }
    }

    /// Cuts everything from the batch that holds `offset` on. The segment must be unsealed.
    pub(crate) fn truncate_to(&self, offset: Offset) -> io::Result<()> {
        let Some(batch) = self.find(offset)? else { return Ok(()) };
        let (Some(relative), Ok(position)) = (self.relative(batch.base_offset), u32::try_from(batch.position)) else {
            return Err(invalid_batch("an offset or position does not fit into its segment"));
        };
        let file = self.file()?;
        // Readers lose sight of it first.
        self.publish(batch.position);
        self.next_offset.store(batch.base_offset.0, Ordering::Release);
        let mut inner = self.inner.write();
        file.set_size(batch.position)?;
        inner.tail.retain(|kept| kept.position < batch.position);
        inner.index.truncate(relative, position);
        inner.index.write(true)?;
        inner.bytes_since_index_entry = 0;
        inner.max_timestamp = inner.index.last_time().map_or((-1, self.base_offset), |(timestamp, offset)| {
            (timestamp, self.base_offset.plus(i64::from(offset)))
        });
        // Behind the last entry, the batches themselves tell.
        let from = inner.index.last_offset().map_or(0, |(_, position)| u64::from(position));
        let mut walk = BatchWalk::new(file, from, batch.position, SWEEP_BYTES);
        while let Some(header) = walk.header()? {
            let kept = BatchPosition::new(&header, walk.position());
            inner.note_timestamp(&kept);
            inner.bytes_since_index_entry += kept.size_bytes;
            walk.advance(&header);
        }
        if batch.position == 0 {
            inner.first_timestamp = None;
        }
        Ok(())
    }
}

/// Why a batch must go into a new segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RollReason {
    /// `segment.bytes`
    Size,
    /// `segment.ms`
    Age,
    /// `segment.index.bytes`
    IndexFull,
    /// Only writing what is gathered can tell whether the index is full.
    IndexMayBeFull,
    /// Offsets would not fit into 31 bits.
    Offsets,
}

impl Inner {
    fn note_timestamp(&mut self, batch: &BatchPosition) {
        if batch.max_timestamp > self.max_timestamp.0 {
            self.max_timestamp = (batch.max_timestamp, batch.last_offset);
        }
    }

    fn note(&mut self, batch: BatchPosition) {
        self.note_timestamp(&batch);
        self.first_timestamp.get_or_insert(batch.max_timestamp);
        self.bytes_since_index_entry += batch.size_bytes;
        if self.tail.len() == TAIL_BATCHES {
            self.tail.pop_front();
        }
        self.tail.push_back(batch);
    }
}
