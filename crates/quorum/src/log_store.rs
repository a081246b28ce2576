//! The consensus library's view of a store: entries, votes and positions in our own bytes.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use crate::codec;
use crate::store::{Change, MetadataLogStore, StoredValue};
use crate::synced_end::{Position, SyncedEnd};
use crate::types::{Entry, LogId, Types, Vote};

/// How many bytes of entries are read to be sent at a time.
const SENT_BYTES_MAX: usize = 1024 * 1024;

/// A store with the codec around it.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    store: Arc<dyn MetadataLogStore>,
    synced_end: Arc<SyncedEnd>,
}

pub(crate) fn position(log_id: &LogId) -> Position {
    (log_id.leader_id.term, log_id.index)
}

impl LogStore {
    pub(crate) fn new(store: Arc<dyn MetadataLogStore>, synced_end: Arc<SyncedEnd>) -> Self {
        Self { store, synced_end }
    }

    /// The last entry's position, or that of the last one removed.
    pub(crate) fn end(&self) -> io::Result<Option<LogId>> {
        match self.store.last_entry()? {
            Some(entry) => codec::decode_entry_log_id(&entry).map(Some),
            None => self.purged(),
        }
    }

    /// The position of the last entry that was removed because a snapshot holds it.
    pub(crate) fn purged(&self) -> io::Result<Option<LogId>> {
        self.store.value(StoredValue::Purged)?.map(|bytes| codec::decode_log_id(&bytes)).transpose()
    }

    fn read(&self, indexes: Range<u64>, size_bytes_max: usize) -> io::Result<Vec<Entry>> {
        let entries: Vec<Entry> =
            self.store.entries(indexes, size_bytes_max)?.iter().map(codec::decode_entry).collect::<io::Result<_>>()?;
        let hole = entries.windows(2).find(|pair| pair[0].log_id.index + 1 != pair[1].log_id.index);
        match hole {
            Some(pair) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the metadata log has a hole behind entry {}", pair[0].log_id.index),
            )),
            None => Ok(entries),
        }
    }

    async fn sync(&self) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        // Whoever has stopped waiting no longer wants the result.
        self.store.sync(Box::new(move |result| drop(sender.send(result))));
        receiver.await.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the store is closed"))?
    }
}

fn indexes(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(indexes(&range), usize::MAX)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.store.value(StoredValue::Vote)?.map(|bytes| codec::decode_vote(&bytes)).transpose()
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        self.read(start..end, SENT_BYTES_MAX)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        Ok(LogState { last_purged_log_id: self.purged()?, last_log_id: self.end()? })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let values = vec![(StoredValue::Vote, codec::encode_vote(vote))];
        self.store.write(Change { values, ..Change::default() })?;
        self.sync().await
    }

    // Not synced: it is a lower bound, and later syncs carry it along.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let Some(committed) = committed else { return Ok(()) };
        let values = vec![(StoredValue::Committed, codec::encode_log_id(&committed))];
        self.store.write(Change { values, ..Change::default() })
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.store.value(StoredValue::Committed)?.map(|bytes| codec::decode_log_id(&bytes)).transpose()
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut last = None;
        let appended = entries.into_iter().map(|entry| {
            last = Some(position(&entry.log_id));
            (entry.log_id.index, codec::encode_entry(&entry))
        });
        let appended = appended.collect();
        self.store.write(Change { appended, ..Change::default() })?;
        let (synced_end, generation) = (Arc::clone(&self.synced_end), self.synced_end.generation());
        self.store.sync(Box::new(move |result| {
            if let (Ok(()), Some(last)) = (&result, last) {
                synced_end.advance(last, generation);
            }
            callback.io_completed(result);
        }));
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        self.synced_end.truncate(last_log_id.as_ref().map(position)).await?;
        let start = last_log_id.map_or(0, |last| last.index + 1);
        self.store.write(Change { removed: Some(start..u64::MAX), ..Change::default() })
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        self.store.write(Change {
            removed: Some(0..log_id.index + 1),
            values: vec![(StoredValue::Purged, codec::encode_log_id(&log_id))],
            ..Change::default()
        })
    }
}
