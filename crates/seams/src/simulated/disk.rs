//! A disk in memory that behaves like a real one at its worst: a power loss keeps a seeded prefix of what was written
//! since the last sync, the last write torn, and names whose folder was not synced may be the old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::SeededRandomness;
use crate::disk::{DirectoryEntry, Disk, DiskFile, DiskLock, DiskSpace, FileFacts, OpenMode};

/// What the disk says that it could hold; nothing stops it from holding more.
const TOTAL_BYTES: u64 = 1 << 40;

/// A change to a file that is not synced yet.
#[derive(Clone, Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetSize(usize),
}

impl Change {
    fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { position, bytes } => {
                let end = position + bytes.len();
                if content.blocks.len() < end {
                    content.blocks.resize(end, 0);
                }
                content.blocks[*position..end].copy_from_slice(bytes);
                content.size = content.size.max(end);
            }
            Self::SetSize(size) => {
                content.blocks.truncate(*size);
                content.size = *size;
            }
        }
    }
}

/// The bytes of a file. The hole behind its last written byte takes no room.
#[derive(Clone, Debug, Default)]
struct Content {
    blocks: Vec<u8>,
    size: usize,
}

impl Content {
    fn read(&self, buffer: &mut [u8], at: usize) -> usize {
        let count = buffer.len().min(self.size.saturating_sub(at));
        let written = self.blocks.get(at..).unwrap_or_default();
        let from_blocks = count.min(written.len());
        buffer[..from_blocks].copy_from_slice(&written[..from_blocks]);
        buffer[from_blocks..count].fill(0);
        count
    }
}

#[derive(Debug, Default)]
struct Inode {
    /// What reads see.
    content: Content,
    /// What certainly survives a power loss.
    durable: Content,
    /// What was done since, in order.
    changes: Vec<Change>,
}

type SharedInode = Arc<Mutex<Inode>>;

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, SharedInode>,
    durable_files: BTreeMap<PathBuf, SharedInode>,
    directories: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    /// Counts power losses; files opened before the last one are dead.
    life: u64,
    capacity_bytes: Option<usize>,
}

/// A disk in memory under one seed.
#[derive(Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    randomness: SeededRandomness,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { state: Arc::default(), randomness: SeededRandomness::new(seed) })
    }

    /// Cuts the power: un-synced data is lost from a seeded point on (the write at that point torn), un-synced names may
    /// be lost, locks are gone, and every open file is dead.
    pub fn power_loss(&self) {
        let mut state = self.state.lock();
        state.life += 1;
        state.locks.clear();
        let parents: BTreeSet<PathBuf> = state
            .files
            .keys()
            .chain(state.durable_files.keys())
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        for parent in parents {
            if self.randomness.next().is_multiple_of(2) {
                continue;
            }
            // The folder's names go back to what was synced.
            let inside = |path: &PathBuf| path.parent() == Some(parent.as_path());
            state.files.retain(|path, _| !inside(path));
            let old: Vec<_> = state
                .durable_files
                .iter()
                .filter(|(path, _)| inside(path))
                .map(|(path, inode)| (path.clone(), Arc::clone(inode)))
                .collect();
            state.files.extend(old);
        }
        state.durable_files = state.files.clone();
        for inode in state.files.values() {
            let mut inode = inode.lock();
            let changes = std::mem::take(&mut inode.changes);
            let mut content = std::mem::take(&mut inode.durable);
            let kept = usize::try_from(self.randomness.next()).unwrap_or(0) % (changes.len() + 1);
            for change in &changes[..kept] {
                change.apply(&mut content);
            }
            if let Some(Change::Write { position, bytes }) = changes.get(kept) {
                let torn = usize::try_from(self.randomness.next()).unwrap_or(0) % (bytes.len() + 1);
                Change::Write { position: *position, bytes: bytes[..torn].to_vec() }.apply(&mut content);
            }
            inode.content = content.clone();
            inode.durable = content;
        }
    }

    /// From now on, all files together hold at most this many bytes; `None` lifts the limit.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<usize>) {
        self.state.lock().capacity_bytes = capacity_bytes;
    }

    /// Flips one bit of a file, as a failing medium does.
    ///
    /// # Panics
    /// Where there is no such file or byte.
    pub fn flip_bit(&self, path: &Path, position: usize) {
        let inode = Arc::clone(self.state.lock().files.get(path).expect("the file exists"));
        let mut inode = inode.lock();
        inode.content.blocks[position] ^= 1;
        inode.durable = inode.content.clone();
        inode.changes.clear();
    }
}

#[derive(Debug)]
struct SimulatedFile {
    inode: SharedInode,
    state: Arc<Mutex<State>>,
    life: u64,
}

impl SimulatedFile {
    fn alive(&self) -> io::Result<()> {
        if self.state.lock().life == self.life { Ok(()) } else { Err(io::Error::other("the power was lost")) }
    }

    /// How many bytes of room are left on the disk.
    fn room(&self) -> usize {
        let state = self.state.lock();
        let Some(capacity) = state.capacity_bytes else { return usize::MAX };
        let used: usize = state.files.values().map(|inode| inode.lock().content.blocks.len()).sum();
        capacity.saturating_sub(used)
    }
}

fn position(position: u64) -> usize {
    usize::try_from(position).expect("simulated files fit in memory")
}

impl DiskFile for SimulatedFile {
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<()> {
        self.alive()?;
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let room = self.room();
        let mut inode = self.inode.lock();
        let growth = (position(at) + bytes.len()).saturating_sub(inode.content.blocks.len());
        let missing = growth.saturating_sub(room);
        // A disk that fills up takes what fits.
        bytes.truncate(bytes.len().saturating_sub(missing));
        let change = Change::Write { position: position(at), bytes };
        change.apply(&mut inode.content);
        inode.changes.push(change);
        if missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.alive()?;
        Ok(self.inode.lock().content.read(buffer, position(at)))
    }

    fn sync(&self) -> io::Result<()> {
        self.alive()?;
        let mut inode = self.inode.lock();
        inode.durable = inode.content.clone();
        inode.changes.clear();
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.alive()?;
        Ok(self.inode.lock().content.size as u64)
    }

    fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        self.alive()?;
        let mut inode = self.inode.lock();
        let change = Change::SetSize(position(size_bytes));
        change.apply(&mut inode.content);
        inode.changes.push(change);
        Ok(())
    }

    fn reserve(&self, _size_bytes: u64) -> io::Result<()> {
        self.alive()
    }

    fn is_in_memory(&self, _: u64, _: usize) -> bool {
        true
    }

    fn load(&self, _: u64, _: usize) {}

    fn region_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Debug)]
struct SimulatedLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    life: u64,
}

impl DiskLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        let existing = state.files.get(path).cloned();
        let inode = match (existing, mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) => inode,
            (None, OpenMode::Read | OpenMode::ReadWrite) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateOrOpen | OpenMode::CreateNew) => {
                if path.parent().is_some_and(|parent| !state.directories.contains(parent)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let inode = SharedInode::default();
                state.files.insert(path.to_owned(), Arc::clone(&inode));
                inode
            }
        };
        Ok(Arc::new(SimulatedFile { inode, state: Arc::clone(&self.state), life: state.life }))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        for ancestor in path.ancestors() {
            state.directories.insert(ancestor.to_owned());
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(inode) = state.files.remove(from) {
            state.files.insert(to.to_owned(), inode);
            return Ok(());
        }
        if !state.directories.contains(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        // Renaming a folder takes all in it along, durable or not: the folder itself is what was renamed.
        let moved = |path: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        state.directories = state
            .directories
            .iter()
            .map(|path| if path == from { to.to_owned() } else { moved(path).unwrap_or_else(|| path.clone()) })
            .collect();
        let remap = |files: &BTreeMap<PathBuf, SharedInode>| {
            files.iter().map(|(path, inode)| (moved(path).unwrap_or_else(|| path.clone()), Arc::clone(inode))).collect()
        };
        state.files = remap(&state.files);
        state.durable_files = remap(&state.durable_files);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state.lock().files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove_directory_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.files.retain(|file, _| !file.starts_with(path));
        state.durable_files.retain(|file, _| !file.starts_with(path));
        state.directories.retain(|directory| !directory.starts_with(path));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let state = self.state.lock();
        if !state.directories.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let name = |entry: &Path| {
            let inside = entry.parent() == Some(path);
            inside.then(|| entry.file_name().and_then(|name| name.to_str()).map(str::to_owned)).flatten()
        };
        let files = state.files.keys().filter_map(|file| name(file)).map(|name| (name, false));
        let directories = state.directories.iter().filter_map(|entry| name(entry)).map(|name| (name, true));
        let mut entries: Vec<_> =
            files.chain(directories).map(|(name, is_directory)| DirectoryEntry { name, is_directory }).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn facts(&self, path: &Path) -> io::Result<Option<FileFacts>> {
        let state = self.state.lock();
        if let Some(inode) = state.files.get(path) {
            let size_bytes = inode.lock().content.size as u64;
            return Ok(Some(FileFacts { size_bytes, modified_ms: 0, is_directory: false }));
        }
        Ok(state.directories.contains(path).then_some(FileFacts { size_bytes: 0, modified_ms: 0, is_directory: true }))
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let files = self.state.lock().files.values().cloned().collect::<Vec<_>>();
        let used: u64 = files.iter().map(|inode| inode.lock().content.size as u64).sum();
        Ok(DiskSpace { total_bytes: TOTAL_BYTES, usable_bytes: TOTAL_BYTES.saturating_sub(used) })
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(Path::new("/").join(path))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let inside = |file: &Path| file.parent() == Some(path);
        state.durable_files.retain(|file, _| !inside(file));
        let now: Vec<_> = state
            .files
            .iter()
            .filter(|(file, _)| inside(file))
            .map(|(file, inode)| (file.clone(), Arc::clone(inode)))
            .collect();
        state.durable_files.extend(now);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state.lock();
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimulatedLock { state: Arc::clone(&self.state), path: path.to_owned(), life: state.life }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_bytes_survive_and_unsynced_ones_are_a_torn_prefix() {
        for seed in 0..200 {
            let disk = SimulatedDisk::new(seed);
            disk.create_directories(Path::new("/d")).unwrap();
            let file = disk.open(Path::new("/d/f"), OpenMode::CreateNew).unwrap();
            file.write_vectored_at(&[IoSlice::new(b"durable")], 0).unwrap();
            file.sync().unwrap();
            disk.sync_directory(Path::new("/d")).unwrap();
            file.write_vectored_at(&[IoSlice::new(b"lost?")], 7).unwrap();
            disk.power_loss();
            assert!(file.sync().is_err(), "an open file dies with the power");
            let bytes = disk.read_to_end(Path::new("/d/f")).unwrap();
            assert!(b"durablelost?".starts_with(&bytes[..]) && bytes.len() >= 7, "seed {seed}: {bytes:?}");
        }
    }

    #[test]
    fn a_name_may_be_lost_until_its_folder_is_synced() {
        let lost = (0..100)
            .filter(|seed| {
                let disk = SimulatedDisk::new(*seed);
                disk.create_directories(Path::new("/d")).unwrap();
                disk.open(Path::new("/d/f"), OpenMode::CreateNew).unwrap().sync().unwrap();
                disk.power_loss();
                disk.facts(Path::new("/d/f")).unwrap().is_none()
            })
            .count();
        assert!((1..100).contains(&lost));
    }

    #[test]
    fn a_full_disk_refuses_growth() {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/")).unwrap();
        disk.set_capacity_bytes(Some(4));
        let file = disk.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
        file.write_vectored_at(&[IoSlice::new(b"1234")], 0).unwrap();
        let error = file.write_vectored_at(&[IoSlice::new(b"5")], 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
