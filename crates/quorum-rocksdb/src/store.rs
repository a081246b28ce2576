//! The store: entries and values of one replica.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dohle_quorum::{Change, MetadataLogStore, StoredValue, WhenDurable};
use parking_lot::RwLock;
use rocksdb::{ColumnFamily, DB, Direction, ErrorKind, IteratorMode, ReadOptions, WriteBatch};

use crate::options::{self, LOG, META};
use crate::sync_thread::SyncThread;

/// A RocksDB database. Dropping it closes it.
#[derive(Debug)]
pub struct RocksDbStore(RwLock<Option<Open>>);

#[derive(Debug)]
struct Open {
    database: Arc<DB>,
    sync_thread: SyncThread,
    /// The highest index that an entry has.
    last_index: Option<u64>,
    /// Why nothing can be written any more.
    failed: Option<(io::ErrorKind, String)>,
}

impl RocksDbStore {
    /// Opens the database in `folder`, making it where there is none. Blocks.
    ///
    /// # Errors
    /// The disk's error; `InvalidData` where the database is damaged in what was durable: this replica must not go on
    /// then, but be formatted anew and added to its quorum again.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let database =
            DB::open_cf_descriptors(&options::database(), folder, options::families()).map_err(to_io_error)?;
        let database = Arc::new(database);
        let last_index = last_index(&database)?;
        let sync_thread = SyncThread::start(Arc::clone(&database))?;
        Ok(Self(RwLock::new(Some(Open { database, sync_thread, last_index, failed: None }))))
    }

    fn with<T>(&self, read: impl FnOnce(&Open) -> io::Result<T>) -> io::Result<T> {
        read(self.0.read().as_ref().ok_or_else(closed)?)
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the store is closed")
}

pub(crate) fn to_io_error(error: rocksdb::Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Corruption => io::ErrorKind::InvalidData,
        ErrorKind::IOError if error.as_ref().contains("No space left on device") => io::ErrorKind::StorageFull,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn family<'a>(database: &'a DB, name: &str) -> &'a ColumnFamily {
    database.cf_handle(name).expect("both column families are made when the database is opened")
}

fn last_index(database: &DB) -> io::Result<Option<u64>> {
    let mut entries = database.iterator_cf(family(database, LOG), IteratorMode::End);
    let Some(last) = entries.next() else { return Ok(None) };
    let (key, _) = last.map_err(to_io_error)?;
    let key = <[u8; 8]>::try_from(&*key);
    let key = key.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "an entry has a key that is no index"))?;
    Ok(Some(u64::from_be_bytes(key)))
}

impl MetadataLogStore for RocksDbStore {
    fn entries(&self, indexes: Range<u64>, size_bytes_max: usize) -> io::Result<Vec<Bytes>> {
        self.with(|Open { database, .. }| {
            let mut found = Vec::new();
            if indexes.start >= indexes.end {
                return Ok(found);
            }
            // Without bounds, a scan would wade through what was removed.
            let mut bounds = ReadOptions::default();
            bounds.set_iterate_range(indexes.start.to_be_bytes().to_vec()..indexes.end.to_be_bytes().to_vec());
            let start = indexes.start.to_be_bytes();
            let mode = IteratorMode::From(&start, Direction::Forward);
            let mut size_bytes = 0_usize;
            for entry in database.iterator_cf_opt(family(database, LOG), bounds, mode) {
                let (_, entry) = entry.map_err(to_io_error)?;
                size_bytes = size_bytes.saturating_add(entry.len());
                if size_bytes > size_bytes_max && !found.is_empty() {
                    break;
                }
                found.push(Bytes::from(entry));
            }
            Ok(found)
        })
    }

    fn last_entry(&self) -> io::Result<Option<Bytes>> {
        self.with(|Open { database, last_index, .. }| {
            let Some(index) = last_index else { return Ok(None) };
            let entry = database.get_cf(family(database, LOG), index.to_be_bytes()).map_err(to_io_error)?;
            Ok(entry.map(Bytes::from))
        })
    }

    fn value(&self, value: StoredValue) -> io::Result<Option<Bytes>> {
        self.with(|Open { database, .. }| {
            let bytes = database.get_cf(family(database, META), value.name()).map_err(to_io_error)?;
            Ok(bytes.map(Bytes::from))
        })
    }

    fn write(&self, change: Change) -> io::Result<()> {
        let mut open = self.0.write();
        let open = open.as_mut().ok_or_else(closed)?;
        if let Some((kind, reason)) = &open.failed {
            return Err(io::Error::new(*kind, reason.clone()));
        }
        let (log, meta) = (family(&open.database, LOG), family(&open.database, META));
        let mut batch = WriteBatch::default();
        let mut last_index = open.last_index;
        if let Some(removed) = change.removed.filter(|removed| removed.start < removed.end) {
            batch.delete_range_cf(log, removed.start.to_be_bytes(), removed.end.to_be_bytes());
            // From the front or the back, never from within.
            if last_index.is_some_and(|last| removed.contains(&last)) {
                last_index = removed.start.checked_sub(1).filter(|_| {
                    let before = removed.start - 1;
                    matches!(open.database.get_pinned_cf(log, before.to_be_bytes()), Ok(Some(_)))
                });
            }
        }
        for (index, entry) in &change.appended {
            batch.put_cf(log, index.to_be_bytes(), entry);
            last_index = Some(*index);
        }
        for (value, bytes) in &change.values {
            batch.put_cf(meta, value.name(), bytes);
        }
        if let Err(error) = open.database.write(batch) {
            let error = to_io_error(error);
            open.failed = Some((error.kind(), error.to_string()));
            return Err(error);
        }
        open.last_index = last_index;
        Ok(())
    }

    fn sync(&self, when_durable: WhenDurable) {
        match self.0.read().as_ref() {
            Some(open) => open.sync_thread.sync(when_durable),
            None => when_durable(Err(closed())),
        }
    }

    fn close(&self) {
        let Some(Open { database, sync_thread, .. }) = self.0.write().take() else { return };
        // Whatever was written is durable when the log is closed, even where nobody asked.
        if let Err(error) = database.flush_wal(true) {
            tracing::error!(%error, "the metadata log was not synced as it was closed");
        }
        sync_thread.finish();
        // Its files and threads go here, not after `main`, where RocksDB's own statics are gone already.
        drop(database);
    }
}

impl Drop for RocksDbStore {
    fn drop(&mut self) {
        self.close();
    }
}
