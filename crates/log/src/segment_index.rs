//! The offset and time index of one segment, `.index` and `.timeindex` in Kafka's form.
//!
//! While a segment takes batches its entries are kept in memory and reach the files a few at a time; after a crash the
//! files are made anew from the batches. A sealed segment's entries are looked up in the files, so that memory does not
//! grow with the log.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use dohle_model::Offset;
use dohle_seams::{DiskFile, OpenMode};

use crate::folder::Folder;

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;
/// How many entries may be missing in the files while the segment is active.
const UNWRITTEN_MAX: usize = 64;
/// A binary search in a file reads the last stretch in one go.
const SEARCH_BLOCK_BYTES: usize = 2048;

/// (last offset of a batch less the base offset, position of that batch).
type OffsetEntry = (u32, u32);
/// (largest timestamp so far, last offset of its batch less the base offset).
type TimeEntry = (i64, u32);

#[derive(Debug)]
enum Entries {
    /// Of a segment that takes batches; both ascending.
    Memory { offsets: Vec<OffsetEntry>, times: Vec<TimeEntry>, written_offsets: usize, written_times: usize },
    /// Of a sealed segment.
    Files { offset_count: usize, time_count: usize, last_time: Option<TimeEntry> },
}

/// The indexes of one segment.
#[derive(Debug)]
pub(crate) struct SegmentIndex {
    folder: Arc<Folder>,
    base_offset: Offset,
    entries: Entries,
}

impl SegmentIndex {
    /// Empty indexes, whatever the files held: for a new segment or one that is recovered.
    pub(crate) fn create(folder: &Arc<Folder>, base_offset: Offset, size_bytes: usize) -> io::Result<Self> {
        let entries = Entries::Memory { offsets: Vec::new(), times: Vec::new(), written_offsets: 0, written_times: 0 };
        let index = Self { folder: Arc::clone(folder), base_offset, entries };
        index.set_sizes(0, 0)?;
        index.preallocate(size_bytes)?;
        Ok(index)
    }

    /// The indexes of a sealed segment of `log_size_bytes`; `None` where the files cannot be true and must be made anew.
    pub(crate) fn open_sealed(
        folder: &Arc<Folder>,
        base_offset: Offset,
        log_size_bytes: u64,
    ) -> io::Result<Option<Self>> {
        let mut index = Self {
            folder: Arc::clone(folder),
            base_offset,
            entries: Entries::Files { offset_count: 0, time_count: 0, last_time: None },
        };
        let (Some(offset_bytes), Some(time_bytes)) =
            (size_of(folder, &index.offset_path())?, size_of(folder, &index.time_path())?)
        else {
            return Ok(None);
        };
        if !offset_bytes.is_multiple_of(OFFSET_ENTRY_BYTES) || !time_bytes.is_multiple_of(TIME_ENTRY_BYTES) {
            return Ok(None);
        }
        let (offset_count, time_count) = (offset_bytes / OFFSET_ENTRY_BYTES, time_bytes / TIME_ENTRY_BYTES);
        if offset_count > 0 {
            let file = index.open(&index.offset_path())?;
            let (offset, position) = offset_entry(&entry_at::<OFFSET_ENTRY_BYTES>(&*file, offset_count - 1)?);
            if offset == 0 || position == 0 || u64::from(position) >= log_size_bytes {
                return Ok(None);
            }
        }
        let mut last_time = None;
        if time_count > 0 {
            let file = index.open(&index.time_path())?;
            let first = time_entry(&entry_at::<TIME_ENTRY_BYTES>(&*file, 0)?);
            let last = time_entry(&entry_at::<TIME_ENTRY_BYTES>(&*file, time_count - 1)?);
            if time_count > 1 && last <= first {
                return Ok(None);
            }
            last_time = Some(last);
        }
        index.entries = Entries::Files { offset_count, time_count, last_time };
        Ok(Some(index))
    }

    fn offset_path(&self) -> PathBuf {
        self.folder.file(self.base_offset, "index")
    }

    fn time_path(&self) -> PathBuf {
        self.folder.file(self.base_offset, "timeindex")
    }

    fn open(&self, path: &std::path::Path) -> io::Result<Arc<dyn DiskFile>> {
        self.folder.disk.open(path, OpenMode::CreateOrOpen)
    }

    fn set_sizes(&self, offset_bytes: usize, time_bytes: usize) -> io::Result<()> {
        self.open(&self.offset_path())?.set_size(offset_bytes as u64)?;
        self.open(&self.time_path())?.set_size(time_bytes as u64)
    }

    /// Makes room in the files, as Kafka does for the active segment. The holes cost no blocks.
    fn preallocate(&self, size_bytes: usize) -> io::Result<()> {
        let round = |entry: usize| size_bytes / entry * entry;
        self.set_sizes(round(OFFSET_ENTRY_BYTES), round(TIME_ENTRY_BYTES))
    }

    /// Gets ready for more entries: those in the files are read, and room is made. `None` where they are not in order and
    /// must be made anew.
    pub(crate) fn unseal(&mut self, size_bytes: usize) -> io::Result<Option<()>> {
        if let Entries::Files { offset_count, time_count, .. } = self.entries {
            let bytes = read_front(&*self.open(&self.offset_path())?, offset_count * OFFSET_ENTRY_BYTES)?;
            let offsets: Vec<_> = bytes.as_chunks().0.iter().map(offset_entry).collect();
            let bytes = read_front(&*self.open(&self.time_path())?, time_count * TIME_ENTRY_BYTES)?;
            let times: Vec<_> = bytes.as_chunks().0.iter().map(time_entry).collect();
            let grows = offsets.iter().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1)
                && times.iter().is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
            if !grows || offsets.len() < offset_count || times.len() < time_count {
                return Ok(None);
            }
            self.entries =
                Entries::Memory { written_offsets: offsets.len(), written_times: times.len(), offsets, times };
        }
        self.preallocate(size_bytes)?;
        Ok(Some(()))
    }

    /// Whether one index could not take another `more` entries. One time entry is kept back for the one that is forced when
    /// the segment is sealed.
    pub(crate) fn is_full(&self, size_bytes: usize, more: usize) -> bool {
        match &self.entries {
            Entries::Memory { offsets, times, .. } => {
                offsets.len() + more >= size_bytes / OFFSET_ENTRY_BYTES
                    || times.len() + more + 1 >= size_bytes / TIME_ENTRY_BYTES
            }
            Entries::Files { .. } => true,
        }
    }

    /// Adds an offset entry.
    pub(crate) fn add_offset(&mut self, relative_offset: u32, position: u32) {
        if let Entries::Memory { offsets, .. } = &mut self.entries {
            offsets.push((relative_offset, position));
        }
    }

    /// Adds a time entry unless its timestamp is not beyond the last one's.
    pub(crate) fn maybe_add_time(&mut self, timestamp: i64, relative_offset: u32) {
        if let Entries::Memory { times, .. } = &mut self.entries
            && timestamp >= 0
            && times.last().is_none_or(|(last, _)| *last < timestamp)
        {
            times.push((timestamp, relative_offset));
        }
    }

    /// The position of the last indexed batch whose last offset is not above the asked one; 0 where there is none.
    pub(crate) fn position_before(&self, relative_offset: u32) -> io::Result<u32> {
        let entry = match &self.entries {
            Entries::Memory { offsets, .. } => {
                let after = offsets.partition_point(|(offset, _)| *offset <= relative_offset);
                after.checked_sub(1).map(|at| offsets[at])
            }
            Entries::Files { offset_count: 0, .. } => None,
            Entries::Files { offset_count, .. } => {
                let file = self.open_existing(&self.offset_path())?;
                last_where(&*file, *offset_count, offset_entry, |(offset, _)| *offset <= relative_offset)?
            }
        };
        Ok(entry.map_or(0, |(_, position)| position))
    }

    /// Where to start looking for the first batch with a timestamp of at least `timestamp`.
    pub(crate) fn position_before_time(&self, timestamp: i64) -> io::Result<u32> {
        let entry = match &self.entries {
            Entries::Memory { times, .. } => {
                let after = times.partition_point(|(time, _)| *time < timestamp);
                after.checked_sub(1).map(|at| times[at])
            }
            Entries::Files { time_count: 0, .. } => None,
            Entries::Files { time_count, .. } => {
                let file = self.open_existing(&self.time_path())?;
                last_where(&*file, *time_count, time_entry, |(time, _)| *time < timestamp)?
            }
        };
        entry.map_or(Ok(0), |(_, offset)| self.position_before(offset))
    }

    fn open_existing(&self, path: &std::path::Path) -> io::Result<Arc<dyn DiskFile>> {
        self.folder.disk.open(path, OpenMode::Read)
    }

    /// The last offset entry in memory.
    pub(crate) fn last_offset(&self) -> Option<OffsetEntry> {
        match &self.entries {
            Entries::Memory { offsets, .. } => offsets.last().copied(),
            Entries::Files { .. } => None,
        }
    }

    /// The last time entry.
    pub(crate) fn last_time(&self) -> Option<TimeEntry> {
        match &self.entries {
            Entries::Memory { times, .. } => times.last().copied(),
            Entries::Files { last_time, .. } => *last_time,
        }
    }

    /// Forgets entries at or behind a cut. The segment must be unsealed.
    pub(crate) fn truncate(&mut self, relative_offset: u32, position: u32) {
        if let Entries::Memory { offsets, times, written_offsets, written_times } = &mut self.entries {
            offsets.retain(|(offset, at)| *offset < relative_offset && *at < position);
            times.retain(|(_, offset)| *offset < relative_offset);
            *written_offsets = 0;
            *written_times = 0;
        }
    }

    fn unwritten_offsets(&self) -> usize {
        match &self.entries {
            Entries::Memory { offsets, written_offsets, .. } => offsets.len() - written_offsets,
            Entries::Files { .. } => 0,
        }
    }

    /// Writes to the files what is missing there, or, with `all` false, only once enough is.
    pub(crate) fn write(&mut self, all: bool) -> io::Result<()> {
        // Asked after each append: the paths are made only where something is to be written.
        if !all && self.unwritten_offsets() < UNWRITTEN_MAX {
            return Ok(());
        }
        let (offset_path, time_path) = (self.offset_path(), self.time_path());
        let Entries::Memory { offsets, times, written_offsets, written_times } = &mut self.entries else {
            return Ok(());
        };
        let disk = &self.folder.disk;
        let mut bytes = Vec::new();
        for (offset, position) in &offsets[*written_offsets..] {
            bytes.extend_from_slice(&offset.to_be_bytes());
            bytes.extend_from_slice(&position.to_be_bytes());
        }
        if !bytes.is_empty() {
            disk.open(&offset_path, OpenMode::CreateOrOpen)?
                .write_vectored_at(&[IoSlice::new(&bytes)], (*written_offsets * OFFSET_ENTRY_BYTES) as u64)?;
            *written_offsets = offsets.len();
        }
        bytes.clear();
        for (timestamp, offset) in &times[*written_times..] {
            bytes.extend_from_slice(&timestamp.to_be_bytes());
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        if !bytes.is_empty() {
            disk.open(&time_path, OpenMode::CreateOrOpen)?
                .write_vectored_at(&[IoSlice::new(&bytes)], (*written_times * TIME_ENTRY_BYTES) as u64)?;
            *written_times = times.len();
        }
        Ok(())
    }

    /// Writes all and gives back the preallocated room: no more entries will come.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        self.write(true)?;
        if let Entries::Memory { offsets, times, .. } = &self.entries {
            let (offset_count, time_count) = (offsets.len(), times.len());
            self.set_sizes(offset_count * OFFSET_ENTRY_BYTES, time_count * TIME_ENTRY_BYTES)?;
            self.entries = Entries::Files { offset_count, time_count, last_time: times.last().copied() };
        }
        Ok(())
    }
}

fn size_of(folder: &Folder, path: &std::path::Path) -> io::Result<Option<usize>> {
    let facts = folder.disk.facts(path)?;
    Ok(facts.and_then(|facts| usize::try_from(facts.size_bytes).ok()))
}

fn read_front(file: &dyn DiskFile, size_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size_bytes];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn offset_entry(bytes: &[u8; OFFSET_ENTRY_BYTES]) -> OffsetEntry {
    let [a, b, c, d, e, f, g, h] = *bytes;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

fn time_entry(bytes: &[u8; TIME_ENTRY_BYTES]) -> TimeEntry {
    let (timestamp, offset) = bytes.split_at(8);
    let timestamp = i64::from_be_bytes(timestamp.try_into().expect("eight bytes"));
    (timestamp, u32::from_be_bytes(offset.try_into().expect("four bytes")))
}

fn entry_at<const N: usize>(file: &dyn DiskFile, at: usize) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    if file.read_at(&mut bytes, (at * N) as u64)? < N {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// The last of `count` entries for which `holds`, which it does for none behind the first for which it does not.
fn last_where<const N: usize, E: Copy>(
    file: &dyn DiskFile,
    count: usize,
    parse: impl Fn(&[u8; N]) -> E,
    holds: impl Fn(&E) -> bool,
) -> io::Result<Option<E>> {
    // It holds for all before `low`, and for none from `high` on.
    let (mut low, mut high) = (0, count);
    while (high - low) * N > SEARCH_BLOCK_BYTES {
        let middle = low + (high - low) / 2;
        if holds(&parse(&entry_at(file, middle)?)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let first = low.saturating_sub(1);
    let mut bytes = vec![0; (high - first) * N];
    let read = file.read_at(&mut bytes, (first * N) as u64)?;
    bytes.truncate(read);
    Ok(bytes.as_chunks().0.iter().map(parse).take_while(holds).last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dohle_seams::Disk;
    use dohle_seams::simulated::SimulatedDisk;
    use std::path::Path;

    #[test]
    fn memory_and_files_answer_alike() {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/p")).unwrap();
        let folder = Arc::new(Folder { disk, path: "/p".into() });
        let mut index = SegmentIndex::create(&folder, Offset(100), 1 << 20).unwrap();
        for n in 1..3000 {
            index.add_offset(n * 3, n * 10);
            index.maybe_add_time(i64::from(n / 2) * 7, n * 3);
            index.write(false).unwrap();
        }
        let answers = |index: &SegmentIndex| {
            let offsets: Vec<u32> = (0..9100).map(|offset| index.position_before(offset).unwrap()).collect();
            let times: Vec<u32> = (0..10600).map(|time| index.position_before_time(time).unwrap()).collect();
            (offsets, times, index.last_time())
        };
        let before = answers(&index);
        assert_eq!((before.0[2], before.0[3], before.0[5], before.0[6]), (0, 10, 10, 20));
        index.seal().unwrap();
        assert_eq!(answers(&index), before);
        let mut again = SegmentIndex::open_sealed(&folder, Offset(100), 1 << 20).unwrap().unwrap();
        assert_eq!(answers(&again), before);
        assert!(again.unseal(1 << 20).unwrap().is_some());
        assert_eq!(answers(&again), before);
        again.truncate(3000, 5000);
        again.seal().unwrap();
        assert_eq!(again.position_before(u32::MAX).unwrap(), 4990);
        assert!(SegmentIndex::open_sealed(&folder, Offset(100), 4990).unwrap().is_none(), "points behind the log");
    }
}
