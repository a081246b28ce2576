//! Which leader epoch starts at which offset (KIP-101), kept in `leader-epoch-checkpoint`.
//!
//! The file is replaced without a sync; the next flush of the log syncs it. So after a crash it covers at least what lies
//! below the recovery point, and the epochs of what is recovered are taken from the batches.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_model::{LeaderEpoch, Offset};
use dohle_seams::{Disk, OpenMode};

use crate::checkpoint;

/// The epochs of one log, ascending in epoch and start offset.
#[derive(Debug)]
pub(crate) struct LeaderEpochs {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    entries: Vec<(LeaderEpoch, Offset)>,
    state: FileState,
}

/// What is true of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileState {
    /// It does not hold the entries.
    Stale,
    /// It holds the entries.
    Written,
    /// It holds them, and survives a crash of the machine.
    Synced,
}

impl LeaderEpochs {
    /// Reads the file. A missing one is an empty one.
    ///
    /// # Errors
    /// The disk's error, or `InvalidData` where the file is damaged.
    pub(crate) fn open(disk: Arc<dyn Disk>, directory: &Path) -> io::Result<Self> {
        let mut epochs = Self::empty(disk, directory);
        let mut before = (-1, -1);
        for line in checkpoint::read(&*epochs.disk, &epochs.path)? {
            let entry = line
                .split_once(' ')
                .and_then(|(epoch, start)| Some((epoch.parse::<i32>().ok()?, start.parse::<i64>().ok()?)))
                .filter(|(epoch, start)| *epoch > before.0 && *start >= before.1.max(0))
                .ok_or_else(|| checkpoint::malformed(&epochs.path, "an entry is not a later epoch and offset"))?;
            before = entry;
            epochs.entries.push((LeaderEpoch(entry.0), Offset(entry.1)));
        }
        epochs.state = FileState::Synced;
        Ok(epochs)
    }

    /// No epochs, whatever the file says.
    pub(crate) fn empty(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        let path = directory.join("leader-epoch-checkpoint");
        Self { disk, path, entries: Vec::new(), state: FileState::Stale }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all epochs.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.entries.clear();
        self.write()
    }

    /// The file, where it must be synced before what it covers counts as durable. It is written first where an earlier
    /// attempt failed.
    pub(crate) fn file_to_sync(&mut self) -> io::Result<Option<PathBuf>> {
        if self.state == FileState::Stale {
            self.write()?;
        }
        let unsynced = self.state == FileState::Written;
        // Only flushes ask, one at a time; a flush that fails is the end of the log directory.
        self.state = FileState::Synced;
        Ok(unsynced.then(|| self.path.clone()))
    }

    fn write(&mut self) -> io::Result<()> {
        self.state = FileState::Stale;
        self.replace_file()?;
        self.state = FileState::Written;
        Ok(())
    }

    fn replace_file(&self) -> io::Result<()> {
        let lines: Vec<String> = self.entries.iter().map(|(epoch, start)| format!("{epoch} {start}")).collect();
        let temporary = self.path.with_extension("tmp");
        let file = self.disk.open(&temporary, OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        file.write_vectored_at(&[IoSlice::new(&checkpoint::encode(&lines))], 0)?;
        self.disk.rename(&temporary, &self.path)
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// Epoch `epoch` starts at `start`, unless it or a later one has started already. Entries at or after `start` are of
    /// leaders that wrote nothing.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> io::Result<()> {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return Ok(());
        }
        self.entries.retain(|(_, begun)| *begun < start);
        self.entries.push((epoch, start));
        self.write()
    }

    /// The epoch in force at `offset`.
    pub(crate) fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.entries.iter().rev().find(|(_, start)| *start <= offset).map(|(epoch, _)| *epoch)
    }

    /// The largest epoch that is not above `requested`, and where it ends; `None` where none is known.
    pub(crate) fn end_of(&self, requested: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        if self.latest()? == requested {
            return Some((requested, log_end));
        }
        // An epoch above the latest: the caller knows more than this log does.
        let next = self.entries.iter().position(|(epoch, _)| *epoch > requested)?;
        let (_, end) = self.entries[next];
        // Below the first known epoch, everything is known to lie before its start.
        let epoch = next.checked_sub(1).map_or(requested, |before| self.entries[before].0);
        Some((epoch, end))
    }

    /// Nothing at or after `end` is there any more.
    pub(crate) fn truncate_to(&mut self, end: Offset) -> io::Result<()> {
        let before = self.entries.len();
        self.entries.retain(|(_, start)| *start < end);
        if self.entries.len() == before { Ok(()) } else { self.write() }
    }

    /// Nothing before `start` is there any more: the epoch in force there starts there.
    pub(crate) fn trim_to(&mut self, start: Offset) -> io::Result<()> {
        let Some(in_force) = self.entries.iter().rposition(|(_, begun)| *begun <= start) else { return Ok(()) };
        if in_force == 0 && self.entries[0].1 == start {
            return Ok(());
        }
        self.entries.drain(..in_force);
        self.entries[0].1 = start;
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dohle_seams::simulated::SimulatedDisk;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/p")).unwrap();
        let mut epochs = LeaderEpochs::open(disk, Path::new("/p")).unwrap();
        for (epoch, start) in entries {
            epochs.assign(LeaderEpoch(*epoch), Offset(*start)).unwrap();
        }
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let epochs = epochs(&[(1, 0), (3, 10), (5, 20)]);
        let end = |epoch| epochs.end_of(LeaderEpoch(epoch), Offset(30)).map(|(epoch, end)| (epoch.0, end.0));
        assert_eq!(end(5), Some((5, 30)));
        assert_eq!(end(3), Some((3, 20)));
        assert_eq!(end(4), Some((3, 20)));
        assert_eq!(end(0), Some((0, 0)));
        assert_eq!(end(6), None);
    }

    #[test]
    fn epochs_survive_in_their_file_and_are_cut_with_the_log() {
        let mut first = epochs(&[(1, 0), (3, 10), (5, 20)]);
        first.truncate_to(Offset(15)).unwrap();
        first.trim_to(Offset(4)).unwrap();
        let again = LeaderEpochs::open(Arc::clone(&first.disk), Path::new("/p")).unwrap();
        assert_eq!(again.entries, [(LeaderEpoch(1), Offset(4)), (LeaderEpoch(3), Offset(10))]);
    }
}
