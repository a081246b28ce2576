//! What one connection asks for, again and again, and what the answers mean.

use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;

use crate::frames::batches::Batch;
use crate::frames::requests::{Fetch, FetchLimits, SequencedProduce};
use crate::frames::responses::{FETCH_HEAD_BYTES, check_produce, fetched};

/// What an answered request has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Records written or read.
    pub(crate) records: u64,
    /// Bytes of record batches written or read, as they are on the wire.
    pub(crate) bytes: u64,
}

/// A conversation on one connection.
pub(crate) trait Exchange {
    /// The request to send next; it stays the same until [`sent`](Self::sent).
    fn request(&self) -> &[u8];

    /// The request has gone out.
    fn sent(&mut self) {}

    /// A response has come, in the order of the requests: all of it, or its head.
    ///
    /// # Errors
    /// It is an error, or not a response to what was asked.
    fn answered(&mut self, response: &[u8], now: Instant) -> Result<Moved>;

    /// How many bytes of each response are wanted; all, where there is no limit.
    fn head_bytes(&self) -> Option<usize> {
        None
    }
}

/// Produces frames that never change, one after the other and around again.
#[derive(Debug)]
pub(crate) struct Produce {
    frames: Vec<Bytes>,
    next: usize,
    moved: Moved,
    /// The base offset of each response's first partition, where that is wanted.
    base_offsets: Option<Vec<i64>>,
}

impl Produce {
    /// Sends `frames`, each of which holds `batches` copies of `batch`.
    pub(crate) fn new(frames: Vec<Bytes>, batch: &Batch, batches: usize) -> Self {
        Self { frames, next: 0, moved: moved_by(batch, batches), base_offsets: None }
    }

    /// Keeps the base offsets of all responses.
    pub(crate) fn keeping_offsets(mut self) -> Self {
        self.base_offsets = Some(Vec::new());
        self
    }

    /// The base offsets of the responses so far, where they are kept.
    pub(crate) fn base_offsets(&self) -> &[i64] {
        self.base_offsets.as_deref().unwrap_or_default()
    }
}

impl Exchange for Produce {
    fn request(&self) -> &[u8] {
        &self.frames[self.next]
    }

    fn sent(&mut self) {
        self.next = (self.next + 1) % self.frames.len();
    }

    fn answered(&mut self, response: &[u8], _: Instant) -> Result<Moved> {
        let base_offset = check_produce(response)?;
        if let Some(base_offsets) = &mut self.base_offsets {
            base_offsets.push(base_offset);
        }
        Ok(self.moved)
    }
}

/// Produces as an idempotent producer.
#[derive(Debug)]
pub(crate) struct ProduceSequenced {
    frame: SequencedProduce,
    moved: Moved,
}

impl ProduceSequenced {
    /// Sends `frame` with sequences that move on; it holds `batches` copies of `batch`.
    pub(crate) fn new(frame: &Bytes, batch: &Batch, batches: usize) -> Self {
        Self { frame: SequencedProduce::new(frame, &batch.bytes), moved: moved_by(batch, batches) }
    }
}

impl Exchange for ProduceSequenced {
    fn request(&self) -> &[u8] {
        self.frame.frame()
    }

    fn sent(&mut self) {
        self.frame.advance();
    }

    fn answered(&mut self, response: &[u8], _: Instant) -> Result<Moved> {
        check_produce(response)?;
        Ok(self.moved)
    }
}

/// Reads a partition that holds batches of one size. Of the records nothing but their number is looked at.
#[derive(Debug)]
pub(crate) struct Consume {
    fetch: Fetch,
    batch_bytes: usize,
    batch_records: usize,
    next_offset: i64,
    at_end: AtEnd,
    /// When which offsets were seen, where that is wanted.
    seen: Option<Vec<Seen>>,
}

/// What a consumer does where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Waits for more.
    Wait,
    /// Begins again at offset 0.
    BeginAgain,
}

/// A consumer has got all records before `next_offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    /// One past the last.
    pub(crate) next_offset: i64,
    /// When.
    pub(crate) at: Instant,
}

impl Consume {
    /// Reads from `offset` on a partition that holds nothing but copies of `batch`.
    pub(crate) fn new(
        topic: &str,
        partition: i32,
        limits: FetchLimits,
        batch: &Batch,
        offset: i64,
        at_end: AtEnd,
    ) -> Self {
        let mut fetch = Fetch::new(topic, partition, limits);
        fetch.set_offset(offset);
        let (batch_bytes, batch_records) = (batch.bytes.len(), batch.records);
        Self { fetch, batch_bytes, batch_records, next_offset: offset, at_end, seen: None }
    }

    /// Keeps note of when offsets are seen.
    pub(crate) fn keeping_times(mut self) -> Self {
        self.seen = Some(Vec::new());
        self
    }

    /// When offsets were seen, where that is kept.
    pub(crate) fn seen(&self) -> &[Seen] {
        self.seen.as_deref().unwrap_or_default()
    }

    /// One past the last record that was read.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }
}

impl Exchange for Consume {
    fn request(&self) -> &[u8] {
        self.fetch.frame()
    }

    fn answered(&mut self, response: &[u8], now: Instant) -> Result<Moved> {
        let fetched = fetched(response)?;
        // A batch that is cut off at the end is read again.
        let batches = fetched.records_bytes / self.batch_bytes;
        let records = batches * self.batch_records;
        self.next_offset += i64::try_from(records)?;
        if records > 0
            && let Some(seen) = &mut self.seen
        {
            seen.push(Seen { next_offset: self.next_offset, at: now });
        }
        if self.at_end == AtEnd::BeginAgain && self.next_offset >= fetched.high_watermark {
            self.next_offset = 0;
        }
        self.fetch.set_offset(self.next_offset);
        // Of bytes, whole batches count: to send pieces that are sent again earns nobody anything.
        Ok(Moved { records: records as u64, bytes: (batches * self.batch_bytes) as u64 })
    }

    fn head_bytes(&self) -> Option<usize> {
        Some(FETCH_HEAD_BYTES)
    }
}

/// Sends one request again and again.
#[derive(Debug)]
pub(crate) struct Repeat {
    frame: Bytes,
    check: fn(&[u8]) -> Result<()>,
}

impl Repeat {
    /// Sends `frame`; `check` fails where a response is an error.
    pub(crate) fn new(frame: Bytes, check: fn(&[u8]) -> Result<()>) -> Self {
        Self { frame, check }
    }
}

impl Exchange for Repeat {
    fn request(&self) -> &[u8] {
        &self.frame
    }

    fn answered(&mut self, response: &[u8], _: Instant) -> Result<Moved> {
        (self.check)(response)?;
        Ok(Moved::default())
    }
}

fn moved_by(batch: &Batch, batches: usize) -> Moved {
    Moved { records: (batch.records * batches) as u64, bytes: (batch.bytes.len() * batches) as u64 }
}
