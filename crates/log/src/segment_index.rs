//! The offset and time index of one segment: in memory, mirrored to `.index` and `.timeindex` in Kafka's form.
//!
//! Entries reach the files a few at a time; after a crash the files are made anew from the batches.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use dohle_seams::{Disk, DiskFile, OpenMode};

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;
/// How many entries may be missing in the files while the segment is active.
const UNWRITTEN_MAX: usize = 64;

/// One index file and how much of it is written.
#[derive(Debug)]
struct IndexFile {
    file: Arc<dyn DiskFile>,
    entry_bytes: usize,
    written: usize,
}

impl IndexFile {
    fn open(disk: &dyn Disk, path: &Path, entry_bytes: usize) -> io::Result<Self> {
        Ok(Self { file: disk.open(path, OpenMode::CreateOrOpen)?, entry_bytes, written: 0 })
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.file.size_bytes()?).map_err(io::Error::other)?];
        let read = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_vectored_at(&[IoSlice::new(bytes)], (self.written * self.entry_bytes) as u64)?;
        self.written += bytes.len() / self.entry_bytes;
        Ok(())
    }
}

/// The indexes of one segment.
#[derive(Debug)]
pub(crate) struct SegmentIndex {
    /// (last offset of a batch less the base offset, position of the batch), ascending.
    offsets: Vec<(u32, u32)>,
    /// (largest timestamp so far, last offset of its batch less the base offset), ascending.
    times: Vec<(i64, u32)>,
    offset_file: IndexFile,
    time_file: IndexFile,
}

impl SegmentIndex {
    /// Opens the files without looking at what they hold: for a new or a damaged segment.
    pub(crate) fn empty(disk: &dyn Disk, index: &Path, time_index: &Path, size_bytes: usize) -> io::Result<Self> {
        let mut fresh = Self {
            offsets: Vec::new(),
            times: Vec::new(),
            offset_file: IndexFile::open(disk, index, OFFSET_ENTRY_BYTES)?,
            time_file: IndexFile::open(disk, time_index, TIME_ENTRY_BYTES)?,
        };
        fresh.offset_file.file.set_size(0)?;
        fresh.time_file.file.set_size(0)?;
        fresh.preallocate(size_bytes)?;
        Ok(fresh)
    }

    /// Reads the files of a segment of `log_size_bytes`; `None` where they cannot be true and must be made anew.
    pub(crate) fn load(
        disk: &dyn Disk,
        index: &Path,
        time_index: &Path,
        log_size_bytes: u64,
    ) -> io::Result<Option<Self>> {
        if disk.facts(index)?.is_none() || disk.facts(time_index)?.is_none() {
            return Ok(None);
        }
        let mut offset_file = IndexFile::open(disk, index, OFFSET_ENTRY_BYTES)?;
        let mut time_file = IndexFile::open(disk, time_index, TIME_ENTRY_BYTES)?;
        let bytes = offset_file.read()?;
        let be32 = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
        let mut offsets: Vec<(u32, u32)> = Vec::with_capacity(bytes.len() / OFFSET_ENTRY_BYTES);
        for entry in bytes.chunks(OFFSET_ENTRY_BYTES) {
            if entry.len() < OFFSET_ENTRY_BYTES {
                return Ok(None);
            }
            let (offset, position) = (be32(&entry[..4]), be32(&entry[4..]));
            // Zeroes behind the last entry are preallocated space.
            if position == 0 && offset == 0 {
                break;
            }
            let grows = offsets.last().is_none_or(|(last, before)| *last < offset && *before < position);
            if !grows || u64::from(position) >= log_size_bytes {
                return Ok(None);
            }
            offsets.push((offset, position));
        }
        let bytes = time_file.read()?;
        let mut times: Vec<(i64, u32)> = Vec::with_capacity(bytes.len() / TIME_ENTRY_BYTES);
        for entry in bytes.chunks(TIME_ENTRY_BYTES) {
            if entry.len() < TIME_ENTRY_BYTES {
                return Ok(None);
            }
            let timestamp = i64::from_be_bytes(entry[..8].try_into().expect("eight bytes"));
            let offset = be32(&entry[8..]);
            if timestamp == 0 && offset == 0 {
                break;
            }
            if times.last().is_some_and(|(before, last)| *before >= timestamp || *last > offset) {
                return Ok(None);
            }
            times.push((timestamp, offset));
        }
        offset_file.written = offsets.len();
        time_file.written = times.len();
        Ok(Some(Self { offsets, times, offset_file, time_file }))
    }

    /// Makes room in the files, as Kafka does for the active segment. The holes cost no blocks.
    pub(crate) fn preallocate(&mut self, size_bytes: usize) -> io::Result<()> {
        let round = |entry: usize| (size_bytes / entry * entry) as u64;
        self.offset_file.file.set_size(round(OFFSET_ENTRY_BYTES))?;
        self.time_file.file.set_size(round(TIME_ENTRY_BYTES))
    }

    pub(crate) fn is_full(&self, size_bytes: usize) -> bool {
        // One time entry is kept back for the one that is forced when the segment is closed.
        self.offsets.len() >= size_bytes / OFFSET_ENTRY_BYTES || self.times.len() + 1 >= size_bytes / TIME_ENTRY_BYTES
    }

    pub(crate) fn add_offset(&mut self, relative_offset: u32, position: u32) {
        self.offsets.push((relative_offset, position));
    }

    /// Adds a time entry unless its timestamp is not beyond the last one's.
    pub(crate) fn maybe_add_time(&mut self, timestamp: i64, relative_offset: u32) {
        if timestamp >= 0 && self.times.last().is_none_or(|(last, _)| *last < timestamp) {
            self.times.push((timestamp, relative_offset));
        }
    }

    /// The position of the last indexed batch whose last offset is not above the asked one; 0 where there is none.
    pub(crate) fn position_before(&self, relative_offset: u32) -> u32 {
        let after = self.offsets.partition_point(|(offset, _)| *offset <= relative_offset);
        after.checked_sub(1).map_or(0, |entry| self.offsets[entry].1)
    }

    /// Where to start looking for the first batch with a timestamp of at least `timestamp`.
    pub(crate) fn position_before_time(&self, timestamp: i64) -> u32 {
        let after = self.times.partition_point(|(time, _)| *time < timestamp);
        after.checked_sub(1).map_or(0, |entry| self.position_before(self.times[entry].1))
    }

    pub(crate) fn last_entry(&self) -> Option<(u32, u32)> {
        self.offsets.last().copied()
    }

    pub(crate) fn last_time(&self) -> Option<(i64, u32)> {
        self.times.last().copied()
    }

    /// Forgets entries at or behind a cut.
    pub(crate) fn truncate(&mut self, relative_offset: u32, position: u32) -> io::Result<()> {
        self.offsets.retain(|(offset, at)| *offset < relative_offset && *at < position);
        self.times.retain(|(_, offset)| *offset < relative_offset);
        self.offset_file.written = 0;
        self.time_file.written = 0;
        self.write(true)
    }

    /// Writes to the files what is missing there, or, with `all` false, only once enough is.
    pub(crate) fn write(&mut self, all: bool) -> io::Result<()> {
        let missing = self.offsets.len().saturating_sub(self.offset_file.written);
        if !all && missing < UNWRITTEN_MAX {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for (offset, position) in &self.offsets[self.offset_file.written..] {
            bytes.extend_from_slice(&offset.to_be_bytes());
            bytes.extend_from_slice(&position.to_be_bytes());
        }
        self.offset_file.write(&bytes)?;
        bytes.clear();
        for (timestamp, offset) in &self.times[self.time_file.written..] {
            bytes.extend_from_slice(&timestamp.to_be_bytes());
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        self.time_file.write(&bytes)
    }

    /// Writes all and gives back the preallocated room: the segment is no longer active.
    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.write(true)?;
        self.offset_file.file.set_size((self.offsets.len() * OFFSET_ENTRY_BYTES) as u64)?;
        self.time_file.file.set_size((self.times.len() * TIME_ENTRY_BYTES) as u64)
    }

    pub(crate) fn files(&self) -> [Arc<dyn DiskFile>; 2] {
        [Arc::clone(&self.offset_file.file), Arc::clone(&self.time_file.file)]
    }
}
