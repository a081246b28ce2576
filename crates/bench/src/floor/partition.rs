//! A partition of the floor server: one file, and where its batches lie.

use std::fs::File;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::io::pwritev;

/// What the kernel takes in one call.
const PARTS_MAX: usize = 1024;

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    path: PathBuf,
    file: File,
    flushes: bool,
    end: Mutex<End>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct End {
    offset: i64,
    position: u64,
    /// Base offset and position of every batch.
    batches: Vec<(i64, u64)>,
    removed: bool,
}

/// What a fetch may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    /// Where it begins in the file.
    pub(super) position: u64,
    /// How long it is.
    pub(super) size: usize,
    /// One past the last offset of the partition.
    pub(super) end_offset: i64,
}

impl Partition {
    /// An empty one, in a new file. With `flushes`, each write is synced.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn create(path: &Path, flushes: bool) -> Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.with_context(|| format!("create {}", path.display()))?;
        let path = path.to_owned();
        Ok(Self { path, file, flushes, end: Mutex::default(), grown: Condvar::new() })
    }

    /// Its file, to send from.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// One past its last offset.
    pub(super) fn end_offset(&self) -> i64 {
        self.end().offset
    }

    /// Appends batches with one write, and gives each its base offset in place.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn append(&self, batches: &mut [(&mut [u8], i64)]) -> Result<()> {
        let mut end = self.end();
        let (mut offset, mut position) = (end.offset, end.position);
        let first = end.batches.len();
        for (batch, records) in batches.iter_mut() {
            batch[..8].copy_from_slice(&offset.to_be_bytes());
            end.batches.push((offset, position));
            offset += *records;
            position += batch.len() as u64;
        }
        let parts: Vec<IoSlice<'_>> = batches.iter().map(|(batch, _)| IoSlice::new(batch)).collect();
        let mut at = end.position;
        for parts in parts.chunks(PARTS_MAX) {
            let size: usize = parts.iter().map(|part| part.len()).sum();
            let written = pwritev(&self.file, parts, at).context("write")?;
            if written != size {
                end.batches.truncate(first);
            }
            ensure!(written == size, "the disk is full");
            at += size as u64;
        }
        if self.flushes {
            self.file.sync_data().context("sync")?;
        }
        (end.offset, end.position) = (offset, position);
        drop(end);
        self.grown.notify_all();
        Ok(())
    }

    /// What lies from the batch with `offset` on, no more than `max_bytes`; waits for it up to `wait`.
    pub(super) fn read(&self, offset: i64, max_bytes: usize, wait: Duration) -> Slice {
        let limit = Instant::now() + wait;
        let mut end = self.end();
        while end.offset <= offset && !end.removed {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            end = self.grown.wait_timeout(end, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if end.offset <= offset || end.removed {
            return Slice { position: end.position, size: 0, end_offset: end.offset };
        }
        let batch = end.batches.partition_point(|(base_offset, _)| *base_offset <= offset).saturating_sub(1);
        let position = end.batches[batch].1;
        let batch_end = end.batches.get(batch + 1).map_or(end.position, |(_, position)| *position);
        // The first batch is whole, however small the limit.
        let size = (end.position - position).min((max_bytes as u64).max(batch_end - position));
        Slice { position, size: usize::try_from(size).unwrap_or(usize::MAX), end_offset: end.offset }
    }

    /// Removes its file, and wakes all who wait.
    pub(super) fn remove(&self) {
        // A file that stays is removed with the folder.
        let _ = std::fs::remove_file(&self.path);
        self.end().removed = true;
        self.grown.notify_all();
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_get_offsets_and_are_found_by_them() {
        let folder = tempfile::tempdir().unwrap();
        let partition = Partition::create(&folder.path().join("t-0"), true).unwrap();
        let (mut first, mut second) = ([1; 100], [2; 50]);
        partition.append(&mut [(&mut first, 10), (&mut second, 5)]).unwrap();
        assert_eq!(second[..8], 10_i64.to_be_bytes());
        assert_eq!(partition.end_offset(), 15);
        let read = |offset, max_bytes| partition.read(offset, max_bytes, Duration::ZERO);
        assert_eq!(read(0, 1000), Slice { position: 0, size: 150, end_offset: 15 });
        assert_eq!(read(9, 10), Slice { position: 0, size: 100, end_offset: 15 }, "whole");
        assert_eq!(read(10, 1000), Slice { position: 100, size: 50, end_offset: 15 });
        assert_eq!(read(15, 1000).size, 0);
        partition.remove();
        assert_eq!(partition.read(15, 1, Duration::from_secs(600)).size, 0, "nobody waits for what is gone");
    }
}
