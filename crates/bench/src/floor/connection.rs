//! A connection of the floor server: takes all complete frames of a wake-up, writes once for each partition, answers once.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use dohle_protocol::ApiKey;
use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};

use super::fetch::{self, FetchRequest};
use super::partition::Slice;
use super::produce::{self, Placed};
use super::topics::{Topic, Topics};
use crate::frames::cursor::Cursor;

const BUFFER_BYTES: usize = 1 << 20;

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    topics: Arc<Topics>,
    buffer: Vec<u8>,
    filled: usize,
    out: Vec<u8>,
    /// The topic that was named last: a generator's connection names one.
    topic: Option<(Vec<u8>, Topic)>,
}

/// A produce request whose batches are not written yet.
struct Pending {
    correlation_id: i32,
    batches: Vec<Placed>,
}

impl Connection {
    /// Serves `stream`.
    pub(super) fn new(stream: TcpStream, topics: Arc<Topics>) -> Self {
        Self { stream, topics, buffer: vec![0; BUFFER_BYTES], filled: 0, out: Vec::new(), topic: None }
    }

    /// Serves until the client leaves.
    ///
    /// # Errors
    /// The client leaves in the middle, or sends what is not understood.
    pub(super) fn run(mut self) -> Result<()> {
        loop {
            let count = self.stream.read(&mut self.buffer[self.filled..])?;
            if count == 0 {
                return Ok(());
            }
            self.filled += count;
            self.serve()?;
        }
    }

    /// Answers all complete frames in the buffer.
    fn serve(&mut self) -> Result<()> {
        let mut start = 0;
        let mut pending = Vec::new();
        while let Some(length) = self.buffer[start..self.filled].first_chunk::<4>() {
            let end = start + 4 + usize::try_from(i32::from_be_bytes(*length))?;
            if end > self.filled {
                if end - start > self.buffer.len() {
                    self.buffer.resize(end - start, 0);
                }
                break;
            }
            self.frame(start + 4..end, &mut pending)?;
            start = end;
        }
        self.write(&mut pending)?;
        if !self.out.is_empty() {
            self.stream.write_all(&self.out)?;
            self.out.clear();
        }
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(())
    }

    fn frame(&mut self, range: Range<usize>, pending: &mut Vec<Pending>) -> Result<()> {
        let key = i16::from_be_bytes(*self.buffer[range.clone()].first_chunk().context("an empty frame")?);
        // What is not another produce request is answered after those before it.
        if key != ApiKey::Produce.code() {
            self.write(pending)?;
        }
        // Taken out, so that the rest of the connection may change while the frame is read.
        let buffer = std::mem::take(&mut self.buffer);
        let outcome = self.answer(&buffer[range.clone()], range.start, pending);
        self.buffer = buffer;
        outcome
    }

    /// Answers a frame; produce requests are left for [`write`](Self::write).
    fn answer(&mut self, frame: &[u8], frame_start: usize, pending: &mut Vec<Pending>) -> Result<()> {
        let mut cursor = Cursor::new(frame);
        let key = cursor.int16()?;
        cursor.int16()?;
        let correlation_id = cursor.int32()?;
        if key == ApiKey::Produce.code() {
            cursor.short_string()?;
            cursor.tagged_fields()?;
            let request = produce::read(&mut cursor, frame_start)?;
            let known = self.topic.as_ref().is_some_and(|(known, _)| known == request.topic);
            ensure!(known || pending.is_empty(), "requests for two topics at once");
            self.find(request.topic)?;
            pending.push(Pending { correlation_id, batches: request.batches });
        } else if key == ApiKey::Fetch.code() {
            cursor.short_string()?;
            cursor.tagged_fields()?;
            let request = fetch::read(&mut cursor)?;
            let topic = self.find(request.topic)?;
            let partition = topic.get(request.partition).context("no such partition")?;
            let slice = partition.read(request.offset, request.max_bytes, request.wait);
            self.send_slice(&request, slice, &topic, correlation_id)?;
        } else {
            let answer = self.topics.answer(frame)?;
            self.topic = None;
            self.out.extend(u32::try_from(answer.len())?.to_be_bytes());
            self.out.extend(&answer);
        }
        Ok(())
    }

    fn find(&mut self, name: &[u8]) -> Result<Topic> {
        if let Some((known, topic)) = &self.topic
            && known == name
        {
            return Ok(Arc::clone(topic));
        }
        let Some(topic) = self.topics.find(name) else { bail!("no such topic") };
        self.topic = Some((name.to_owned(), Arc::clone(&topic)));
        Ok(topic)
    }

    /// Writes the batches of all pending requests, those of one partition with one call, and adds the responses.
    fn write(&mut self, pending: &mut Vec<Pending>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let (name, topic) = self.topic.as_ref().context("a topic was named")?;
        // The buffer is cut between batches, so that each may be changed in place.
        let mut by_partition: HashMap<usize, Vec<(&mut [u8], i64)>> = HashMap::new();
        let mut rest = &mut self.buffer[..];
        let mut cut = 0;
        for placed in pending.iter().flat_map(|request| &request.batches) {
            let (batch, after) = rest[placed.range.start - cut..].split_at_mut(placed.range.len());
            by_partition.entry(placed.partition).or_default().push((batch, placed.records));
            (rest, cut) = (after, placed.range.end);
        }
        for (index, batches) in &mut by_partition {
            topic.get(*index).context("no such partition")?.append(batches)?;
        }
        for request in pending.drain(..) {
            let buffer = &self.buffer;
            let base_offset = |placed: &Placed| {
                let bytes = buffer[placed.range.clone()].first_chunk::<8>();
                (placed.partition, bytes.map_or(-1, |bytes| i64::from_be_bytes(*bytes)))
            };
            let partitions = request.batches.iter().map(base_offset);
            produce::respond(&mut self.out, request.correlation_id, name, partitions);
        }
        Ok(())
    }

    fn send_slice(
        &mut self,
        request: &FetchRequest<'_>,
        slice: Slice,
        topic: &Topic,
        correlation_id: i32,
    ) -> Result<()> {
        fetch::head(&mut self.out, correlation_id, request, slice);
        if slice.size == 0 {
            self.out.extend(fetch::TAIL);
            return Ok(());
        }
        let mut sent = 0;
        while sent < self.out.len() {
            sent += send(&self.stream, &self.out[sent..], SendFlags::MORE | SendFlags::NOSIGNAL)?;
        }
        self.out.clear();
        let (mut position, mut left) = (slice.position, slice.size);
        while left > 0 {
            let count = sendfile(&self.stream, topic[request.partition].file(), Some(&mut position), left)?;
            ensure!(count > 0, "the file is shorter than was written");
            left -= count;
        }
        self.stream.write_all(&fetch::TAIL)?;
        Ok(())
    }
}
