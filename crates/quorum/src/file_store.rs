//! A store that is one file and memory: what simulations and tests run on. It keeps the store's promises on any disk of
//! `dohle_seams`, and holds the whole log in memory; a node that lives long uses the store in `dohle-quorum-rocksdb`.
//!
//! The file is a sequence of changes, each with its length and CRC. What a crash has torn off at its end is cut away;
//! damage before that is an error, because a replica must not forget silently what it has acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dohle_protocol::{DecodeError, Reader, Writer};
use dohle_seams::{Disk, DiskFile, Offload, OpenMode};
use parking_lot::Mutex;

use crate::store::{Change, MetadataLogStore, StoredValue, WhenDurable};

/// The file's name.
const FILE: &str = "quorum.log";
/// Length and CRC before each change.
const FRAME_HEADER_BYTES: usize = 8;
/// A file with more than this is rewritten when it is opened, where it would shrink to less than half.
const COMPACTED_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// A store over the disk of the environment.
#[derive(Debug)]
pub struct FileStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    offload: Arc<dyn Offload>,
    state: Mutex<State>,
}

struct State {
    file: Arc<dyn DiskFile>,
    size_bytes: u64,
    contents: Contents,
    waiting: VecDeque<WhenDurable>,
    syncing: bool,
    /// Why nothing can be written any more.
    failed: Option<(io::ErrorKind, String)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("size_bytes", &self.size_bytes)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<u64, Bytes>,
    values: BTreeMap<StoredValue, Bytes>,
}

impl Contents {
    fn apply(&mut self, change: Change) {
        if let Some(removed) = change.removed {
            let rest = self.entries.split_off(&removed.end.max(removed.start));
            self.entries.split_off(&removed.start);
            self.entries.extend(rest);
        }
        self.entries.extend(change.appended);
        self.values.extend(change.values);
    }

    fn as_change(&self) -> Change {
        Change {
            removed: None,
            appended: self.entries.iter().map(|(index, entry)| (*index, entry.clone())).collect(),
            values: self.values.iter().map(|(value, bytes)| (*value, bytes.clone())).collect(),
        }
    }
}

impl FileStore {
    /// Opens the store in `folder`, which must exist. Blocks.
    ///
    /// # Errors
    /// The disk's error, or `InvalidData` where the file is damaged before its end.
    pub fn open(disk: &dyn Disk, offload: Arc<dyn Offload>, folder: &Path) -> io::Result<Self> {
        let path: PathBuf = folder.join(FILE);
        let existed = disk.facts(&path)?.is_some();
        let mut file = disk.open(&path, OpenMode::CreateOrOpen)?;
        if !existed {
            disk.sync_directory(folder)?;
        }
        let bytes = Bytes::from(disk.read_to_end(&path)?);
        let (contents, mut size_bytes) = replay(&bytes)?;
        if size_bytes < bytes.len() as u64 {
            tracing::info!(
                path = %path.display(), lost_bytes = bytes.len() as u64 - size_bytes,
                "cut off what a crash has left of an unfinished write"
            );
            file.set_size(size_bytes)?;
            file.sync()?;
        }
        if size_bytes > COMPACTED_FROM_BYTES {
            let compacted = frame(&contents.as_change());
            if (compacted.len() as u64) < size_bytes / 2 {
                disk.replace_file(&path, &compacted)?;
                file = disk.open(&path, OpenMode::ReadWrite)?;
                size_bytes = compacted.len() as u64;
            }
        }
        let state = State { file, size_bytes, contents, waiting: VecDeque::new(), syncing: false, failed: None };
        Ok(Self(Arc::new(Shared { offload, state: Mutex::new(state) })))
    }
}

/// The contents that a file leads to, and the size of the part that is whole.
fn replay(file: &Bytes) -> io::Result<(Contents, u64)> {
    let mut contents = Contents::default();
    let mut position = 0;
    while let Some(header) = file.get(position..position + FRAME_HEADER_BYTES) {
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let start = position + FRAME_HEADER_BYTES;
        let Some(end) = start.checked_add(word(0) as usize).filter(|end| *end <= file.len()) else { break };
        let body = file.slice(start..end);
        let change = if crc32c::crc32c(&body) == word(4) { decode_change(&body).ok() } else { None };
        let Some(change) = change else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{FILE} is damaged at byte {position}, before its end"),
            ));
        };
        contents.apply(change);
        position = end;
    }
    Ok((contents, position as u64))
}

fn frame(change: &Change) -> Bytes {
    let mut body = Writer::new();
    body.bool(change.removed.is_some());
    if let Some(removed) = &change.removed {
        write_index(&mut body, removed.start);
        write_index(&mut body, removed.end);
    }
    body.array_length(change.appended.len(), true);
    for (index, entry) in &change.appended {
        write_index(&mut body, *index);
        body.bytes(entry, true);
    }
    body.array_length(change.values.len(), true);
    for (value, bytes) in &change.values {
        body.string(value.name(), true);
        body.bytes(bytes, true);
    }
    let mut frame = Writer::with_capacity(FRAME_HEADER_BYTES + body.len());
    frame.uint32(u32::try_from(body.len()).expect("a change is smaller than 4 GiB"));
    frame.uint32(crc32c::crc32c(body.as_slice()));
    frame.raw(body.as_slice());
    frame.into_bytes()
}

fn write_index(writer: &mut Writer, index: u64) {
    writer.int64(index.cast_signed());
}

fn decode_change(body: &Bytes) -> Result<Change, DecodeError> {
    let mut reader = Reader::new(body);
    let index = |reader: &mut Reader<'_>| reader.int64().map(i64::cast_unsigned);
    let removed = if reader.bool()? { Some(index(&mut reader)?..index(&mut reader)?) } else { None };
    let appended = reader.array(true, |reader| Ok((index(reader)?, reader.bytes(true)?)))?;
    let values = reader.array(true, |reader| {
        let name = reader.string(true)?;
        let value = StoredValue::ALL.into_iter().find(|value| value.name() == name);
        Ok((value.ok_or(DecodeError::Malformed("a stored value has an unknown name"))?, reader.bytes(true)?))
    })?;
    reader.finish()?;
    Ok(Change { removed, appended: appended.unwrap_or_default(), values: values.unwrap_or_default() })
}

impl State {
    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some((kind, reason)) => Err(io::Error::new(*kind, reason.clone())),
            None => Ok(()),
        }
    }

    fn remember(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result
            && self.failed.is_none()
        {
            self.failed = Some((error.kind(), error.to_string()));
        }
        result
    }
}

impl Shared {
    /// Makes durable what was written before the callbacks that wait now, then sees to those that came meanwhile.
    fn sync_once(self: Arc<Self>) {
        let (file, waiting) = {
            let mut state = self.state.lock();
            (Arc::clone(&state.file), std::mem::take(&mut state.waiting))
        };
        let result = file.sync();
        let result = {
            let mut state = self.state.lock();
            state.check().and(state.remember(result))
        };
        for when_durable in waiting {
            when_durable(match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            state.syncing = false;
        } else {
            drop(state);
            let offload = Arc::clone(&self.offload);
            offload.spawn(Box::new(move || self.sync_once()));
        }
    }
}

impl MetadataLogStore for FileStore {
    fn entries(&self, indexes: Range<u64>, size_bytes_max: usize) -> io::Result<Vec<Bytes>> {
        let state = self.0.state.lock();
        let mut size_bytes = 0_usize;
        let mut entries = Vec::new();
        if indexes.start >= indexes.end {
            return Ok(entries);
        }
        for entry in state.contents.entries.range(indexes).map(|(_, entry)| entry) {
            size_bytes = size_bytes.saturating_add(entry.len());
            if size_bytes > size_bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    fn last_entry(&self) -> io::Result<Option<Bytes>> {
        Ok(self.0.state.lock().contents.entries.values().next_back().cloned())
    }

    fn value(&self, value: StoredValue) -> io::Result<Option<Bytes>> {
        Ok(self.0.state.lock().contents.values.get(&value).cloned())
    }

    fn write(&self, change: Change) -> io::Result<()> {
        let frame = frame(&change);
        let mut state = self.0.state.lock();
        state.check()?;
        let written = state.file.write_vectored_at(&[io::IoSlice::new(&frame)], state.size_bytes);
        state.remember(written)?;
        state.size_bytes += frame.len() as u64;
        state.contents.apply(change);
        Ok(())
    }

    fn sync(&self, when_durable: WhenDurable) {
        let mut state = self.0.state.lock();
        state.waiting.push_back(when_durable);
        if !std::mem::replace(&mut state.syncing, true) {
            drop(state);
            let shared = Arc::clone(&self.0);
            self.0.offload.spawn(Box::new(move || shared.sync_once()));
        }
    }

    fn close(&self) {
        let (waiting, result) = {
            let mut state = self.0.state.lock();
            let synced = state.file.sync();
            let result = state.check().and(state.remember(synced));
            let closed = io::Error::new(io::ErrorKind::BrokenPipe, "the store is closed");
            let _ = state.remember(Err(closed));
            (std::mem::take(&mut state.waiting), result)
        };
        for when_durable in waiting {
            when_durable(match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
    }
}
