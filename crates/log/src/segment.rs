//! One segment: a `.log` file of batches, and its indexes. Batches are only ever added at the end.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use dohle_model::Offset;
use dohle_protocol::record_batch::{BatchHeader, crc_is_right};
use dohle_seams::{Disk, DiskFile, OpenMode};
use parking_lot::RwLock;

use crate::segment_index::SegmentIndex;

/// How many of the newest batches' positions are remembered, so that readers at the end need not look them up.
const TAIL_BATCHES: usize = 128;
/// How much is read at a time while looking for a batch.
const SCAN_BYTES: usize = 8 * 1024;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPosition {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) position: u64,
    pub(crate) size_bytes: usize,
    pub(crate) max_timestamp: i64,
}

/// What only the log's owner changes, under a short lock.
#[derive(Debug)]
struct Inner {
    index: SegmentIndex,
    tail: VecDeque<BatchPosition>,
    bytes_since_index_entry: usize,
    /// The largest timestamp, and the last offset of its batch.
    max_timestamp: (i64, Offset),
    first_timestamp: Option<i64>,
}

/// One segment of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    base_offset: Offset,
    directory: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Bytes that readers may see.
    size_bytes: AtomicU64,
    /// One past the last offset.
    next_offset: AtomicI64,
    /// When the first batch came, where it carries no timestamp; the roll rule then uses the wall clock.
    created_ms: i64,
    inner: RwLock<Inner>,
}

/// The path of one of a segment's files.
pub(crate) fn segment_path(directory: &Path, base_offset: Offset, suffix: &str) -> PathBuf {
    directory.join(format!("{:020}.{suffix}", base_offset.0))
}

/// The base offset in the name of a file with this suffix.
pub(crate) fn base_offset_of(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Offset))?
}

/// What a scan of a segment found.
pub(crate) struct Recovered {
    /// Every whole batch, in order.
    pub(crate) headers: Vec<(BatchHeader, u64)>,
    /// Bytes of the valid part.
    pub(crate) valid_bytes: u64,
}

impl Segment {
    /// Makes a new, empty segment.
    pub(crate) fn create(
        disk: &dyn Disk,
        directory: &Path,
        base_offset: Offset,
        index_size_bytes: usize,
        preallocate_bytes: Option<u64>,
        now_ms: i64,
    ) -> io::Result<Self> {
        let file = disk.open(&segment_path(directory, base_offset, "log"), OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        if let Some(bytes) = preallocate_bytes {
            file.reserve(bytes)?;
        }
        let index = SegmentIndex::empty(
            disk,
            &segment_path(directory, base_offset, "index"),
            &segment_path(directory, base_offset, "timeindex"),
            index_size_bytes,
        )?;
        Ok(Self::new(directory, base_offset, file, index, now_ms))
    }

    fn new(directory: &Path, base_offset: Offset, file: Arc<dyn DiskFile>, index: SegmentIndex, now_ms: i64) -> Self {
        Self {
            base_offset,
            directory: directory.to_owned(),
            file,
            size_bytes: AtomicU64::new(0),
            next_offset: AtomicI64::new(base_offset.0),
            created_ms: now_ms,
            inner: RwLock::new(Inner {
                index,
                tail: VecDeque::new(),
                bytes_since_index_entry: 0,
                max_timestamp: (-1, base_offset),
                first_timestamp: None,
            }),
        }
    }

    /// Opens a segment whose files can be trusted: the indexes are read, and the batches behind their last entry.
    /// Gives `None` where something does not fit and the segment must be recovered instead.
    pub(crate) fn open(
        disk: &dyn Disk,
        directory: &Path,
        base_offset: Offset,
        now_ms: i64,
    ) -> io::Result<Option<Self>> {
        let file = disk.open(&segment_path(directory, base_offset, "log"), OpenMode::ReadWrite)?;
        let log_size = file.size_bytes()?;
        let Some(index) = SegmentIndex::load(
            disk,
            &segment_path(directory, base_offset, "index"),
            &segment_path(directory, base_offset, "timeindex"),
            log_size,
        )?
        else {
            return Ok(None);
        };
        let start = index.last_entry();
        let last_time = index.last_time();
        let segment = Self::new(directory, base_offset, file, index, now_ms);
        if let Some((timestamp, offset)) = last_time {
            segment.inner.write().max_timestamp = (timestamp, segment.base_offset.plus(i64::from(offset)));
        }
        let mut position = start.map_or(0, |(_, position)| u64::from(position));
        if position > 0 {
            // The first batch tells from when on the segment's age counts.
            let mut head = [0; BatchHeader::SIZE_BYTES];
            segment.file.read_at(&mut head, 0)?;
            if let Ok(header) = BatchHeader::decode(&head) {
                segment.inner.write().first_timestamp = Some(header.max_timestamp);
            }
        }
        while position < log_size {
            let Some(header) = segment.header_at(position, log_size)? else { return Ok(None) };
            let indexed = start.is_some_and(|(_, at)| u64::from(at) == position);
            segment.note(&header, position, !indexed);
            position += header.size_bytes() as u64;
        }
        segment.publish(log_size);
        Ok(Some(segment))
    }

    /// Reads every batch, checks its CRC, makes the indexes anew and cuts the file behind the last good batch.
    pub(crate) fn recover(
        disk: &dyn Disk,
        directory: &Path,
        base_offset: Offset,
        index_size_bytes: usize,
        index_interval_bytes: usize,
        now_ms: i64,
    ) -> io::Result<(Self, Recovered)> {
        let file = disk.open(&segment_path(directory, base_offset, "log"), OpenMode::ReadWrite)?;
        let log_size = file.size_bytes()?;
        let index = SegmentIndex::empty(
            disk,
            &segment_path(directory, base_offset, "index"),
            &segment_path(directory, base_offset, "timeindex"),
            index_size_bytes,
        )?;
        let segment = Self::new(directory, base_offset, file, index, now_ms);
        let mut headers = Vec::new();
        let mut position = 0;
        let mut buffer = Vec::new();
        let mut next = base_offset.0;
        while let Some(header) = segment.header_at(position, log_size)? {
            let size = header.size_bytes();
            if position + size as u64 > log_size || header.base_offset < next || header.last_offset_delta < 0 {
                break;
            }
            buffer.resize(size, 0);
            if segment.file.read_at(&mut buffer, position)? < size || !crc_is_right(&buffer) {
                break;
            }
            segment.index_before_append(&header, header.base_offset, position, index_interval_bytes);
            segment.note(&header, position, true);
            next = header.last_offset() + 1;
            headers.push((header, position));
            position += size as u64;
        }
        if position < log_size {
            segment.file.set_size(position)?;
        }
        segment.inner.write().index.write(true)?;
        segment.publish(position);
        Ok((segment, Recovered { headers, valid_bytes: position }))
    }

    /// The header of the batch at `position`; `None` at the end or where there is none.
    fn header_at(&self, position: u64, end: u64) -> io::Result<Option<BatchHeader>> {
        if position + BatchHeader::SIZE_BYTES as u64 > end {
            return Ok(None);
        }
        let mut bytes = [0; BatchHeader::SIZE_BYTES];
        if self.file.read_at(&mut bytes, position)? < bytes.len() {
            return Ok(None);
        }
        let header = BatchHeader::decode(&bytes).ok();
        Ok(header.filter(|header| position + header.size_bytes() as u64 <= end))
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

    pub(crate) fn path(&self, suffix: &str) -> PathBuf {
        segment_path(&self.directory, self.base_offset, suffix)
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.0 - self.base_offset.0).expect("a segment is rolled before its offsets exceed 31 bits")
    }

    /// Whether the batch must go into a new segment.
    pub(crate) fn must_roll_before(
        &self,
        size_bytes: usize,
        max_timestamp: i64,
        last_offset: Offset,
        limits: &RollLimits,
        now_ms: i64,
    ) -> bool {
        let size = self.size_bytes();
        let inner = self.inner.read();
        let age = match inner.first_timestamp {
            Some(first) if first >= 0 && max_timestamp >= 0 => max_timestamp - first,
            _ => now_ms - self.created_ms,
        };
        size + size_bytes as u64 > limits.segment_bytes
            || (size > 0 && age > limits.segment_ms)
            || inner.index.is_full(limits.index_bytes)
            || last_offset.0 - self.base_offset.0 > i64::from(i32::MAX)
    }

    /// Adds index entries that are due before a batch at `position`: Kafka's rule is one after more than
    /// `index.interval.bytes` since the last.
    pub(crate) fn index_before_append(&self, header: &BatchHeader, base_offset: i64, position: u64, interval: usize) {
        let mut inner = self.inner.write();
        if inner.bytes_since_index_entry > interval {
            let last = self.relative(Offset(base_offset + i64::from(header.last_offset_delta)));
            inner.index.add_offset(last, u32::try_from(position).expect("segments are smaller than 4 GiB"));
            let (timestamp, offset) = inner.max_timestamp;
            let relative = self.relative(offset.max(self.base_offset));
            inner.index.maybe_add_time(timestamp, relative);
            inner.bytes_since_index_entry = 0;
        }
    }

    /// Remembers a batch that is in the file. `header.base_offset` is the batch's real one.
    pub(crate) fn note(&self, header: &BatchHeader, position: u64, count_for_index: bool) {
        let mut inner = self.inner.write();
        let batch = BatchPosition {
            base_offset: Offset(header.base_offset),
            last_offset: Offset(header.last_offset()),
            position,
            size_bytes: header.size_bytes(),
            max_timestamp: header.max_timestamp,
        };
        if inner.tail.len() == TAIL_BATCHES {
            inner.tail.pop_front();
        }
        inner.tail.push_back(batch);
        inner.first_timestamp.get_or_insert(header.max_timestamp);
        if header.max_timestamp > inner.max_timestamp.0 {
            inner.max_timestamp = (header.max_timestamp, batch.last_offset);
        }
        if count_for_index {
            inner.bytes_since_index_entry += batch.size_bytes;
        }
        self.next_offset.store(batch.last_offset.0 + 1, Ordering::Release);
    }

    /// Shows readers the file up to `size_bytes`.
    pub(crate) fn publish(&self, size_bytes: u64) {
        self.size_bytes.store(size_bytes, Ordering::Release);
    }

    /// Writes index entries to their files where enough wait.
    pub(crate) fn write_index(&self, all: bool) -> io::Result<()> {
        self.inner.write().index.write(all)
    }

    /// The segment takes no more batches, or the log is closed: complete and trim the indexes.
    pub(crate) fn seal(&self) -> io::Result<()> {
        let mut inner = self.inner.write();
        let (timestamp, offset) = inner.max_timestamp;
        let relative = self.relative(offset.max(self.base_offset));
        inner.index.maybe_add_time(timestamp, relative);
        inner.index.trim()
    }

    /// The segment takes batches again after it was opened.
    pub(crate) fn unseal(&self, index_size_bytes: usize) -> io::Result<()> {
        self.inner.write().index.preallocate(index_size_bytes)
    }

    pub(crate) fn index_files(&self) -> [Arc<dyn DiskFile>; 2] {
        self.inner.read().index.files()
    }

    /// The first batch whose last offset is not below `offset`, among those that readers may see.
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
            let relative = if offset < self.base_offset { 0 } else { self.relative(offset) };
            inner.index.position_before(relative)
        };
        self.scan(u64::from(start), |batch| batch.last_offset >= offset)
    }

    /// The first batch that holds a timestamp of at least `timestamp`.
    pub(crate) fn find_timestamp(&self, timestamp: i64) -> io::Result<Option<BatchPosition>> {
        let start = self.inner.read().index.position_before_time(timestamp);
        self.scan(u64::from(start), |batch| batch.max_timestamp >= timestamp)
    }

    /// The first batch from `position` on that is wanted.
    fn scan(&self, mut position: u64, wanted: impl Fn(&BatchPosition) -> bool) -> io::Result<Option<BatchPosition>> {
        let end = self.size_bytes();
        let mut buffer = vec![0; SCAN_BYTES];
        let mut buffered = 0..0;
        while position + BatchHeader::SIZE_BYTES as u64 <= end {
            if !(buffered.start <= position && position + BatchHeader::SIZE_BYTES as u64 <= buffered.end) {
                let read = self.file.read_at(&mut buffer, position)?;
                buffered = position..position + read as u64;
            }
            let at = usize::try_from(position - buffered.start).expect("within the buffer");
            let header = BatchHeader::decode(&buffer[at..])
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let batch = BatchPosition {
                base_offset: Offset(header.base_offset),
                last_offset: Offset(header.last_offset()),
                position,
                size_bytes: header.size_bytes(),
                max_timestamp: header.max_timestamp,
            };
            if wanted(&batch) {
                return Ok(Some(batch));
            }
            position += batch.size_bytes as u64;
        }
        Ok(None)
    }

    /// The bytes of a batch.
    pub(crate) fn read_batch(&self, batch: &BatchPosition) -> io::Result<Bytes> {
        let mut bytes = vec![0; batch.size_bytes];
        let read = self.file.read_at(&mut bytes, batch.position)?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    /// Every batch header from `offset` on, with the batch's position.
    pub(crate) fn headers_from(&self, offset: Offset) -> io::Result<Vec<BatchHeader>> {
        let mut headers = Vec::new();
        let end = self.size_bytes();
        let mut position = match self.find(offset)? {
            Some(batch) => batch.position,
            None => return Ok(headers),
        };
        while let Some(header) = self.header_at(position, end)? {
            position += header.size_bytes() as u64;
            headers.push(header);
        }
        Ok(headers)
    }

    /// Cuts everything from the batch that holds `offset` on.
    pub(crate) fn truncate_to(&self, offset: Offset) -> io::Result<()> {
        let Some(batch) = self.find(offset)? else { return Ok(()) };
        self.file.set_size(batch.position)?;
        self.publish(batch.position);
        self.next_offset.store(batch.base_offset.0, Ordering::Release);
        let mut inner = self.inner.write();
        inner.tail.retain(|kept| kept.position < batch.position);
        let position = u32::try_from(batch.position).expect("segments are smaller than 4 GiB");
        inner.index.truncate(self.relative(batch.base_offset), position)?;
        inner.bytes_since_index_entry = 0;
        let remembered = inner.index.last_time().map_or((-1, self.base_offset), |(timestamp, offset)| {
            (timestamp, self.base_offset.plus(i64::from(offset)))
        });
        inner.max_timestamp =
            inner.tail.iter().fold(remembered, |max, kept| max.max((kept.max_timestamp, kept.last_offset)));
        Ok(())
    }
}

/// When to go on in a new segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RollLimits {
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    pub(crate) index_bytes: usize,
}
