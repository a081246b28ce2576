//! Walks the batches of a file, front to back, by their headers.

use std::io;
use std::sync::Arc;

use dohle_protocol::record_batch::{BatchError, BatchHeader};
use dohle_seams::DiskFile;

/// How much is read at a time while looking for a batch behind an index entry.
pub(crate) const LOOKUP_BYTES: usize = 8 * 1024;
/// How much is read at a time while walking a whole file.
pub(crate) const SWEEP_BYTES: usize = 128 * 1024;
/// Beyond this, adding a batch's offset delta could overflow.
const OFFSET_MAX: i64 = i64::MAX - i32::MAX as i64;

/// A position in a file that always stands at the start of a batch.
#[derive(Debug)]
pub(crate) struct BatchWalk {
    file: Arc<dyn DiskFile>,
    position: u64,
    end: u64,
    chunk_bytes: usize,
    buffer: Vec<u8>,
    buffer_start: u64,
}

impl BatchWalk {
    /// Starts at `position`, the start of a batch, and ends at `end`; reads `chunk_bytes` at a time.
    pub(crate) fn new(file: Arc<dyn DiskFile>, position: u64, end: u64, chunk_bytes: usize) -> Self {
        Self { file, position, end, chunk_bytes, buffer: Vec::new(), buffer_start: 0 }
    }

    /// Where the walk stands, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next `size` bytes; `None` where there are fewer before the end.
    fn bytes(&mut self, size: usize) -> io::Result<Option<&[u8]>> {
        let left = self.end.saturating_sub(self.position);
        if left < size as u64 {
            return Ok(None);
        }
        let buffered_end = self.buffer_start + self.buffer.len() as u64;
        if self.position < self.buffer_start || self.position + size as u64 > buffered_end {
            let wanted = size.max(self.chunk_bytes.min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.buffer.resize(wanted, 0);
            let read = self.file.read_at(&mut self.buffer, self.position)?;
            self.buffer.truncate(read);
            self.buffer_start = self.position;
            if read < size {
                return Ok(None);
            }
        }
        let at = usize::try_from(self.position - self.buffer_start).expect("within the buffer");
        Ok(Some(&self.buffer[at..at + size]))
    }

    /// The header of the batch that the walk stands at; `None` at the end, and where no whole batch follows.
    pub(crate) fn header(&mut self) -> io::Result<Option<BatchHeader>> {
        let left = self.end.saturating_sub(self.position);
        let Some(bytes) = self.bytes(BatchHeader::SIZE_BYTES)? else { return Ok(None) };
        match BatchHeader::decode(bytes) {
            Ok(header) => {
                let in_bounds = header.size_bytes() as u64 <= left
                    && header.last_offset_delta >= 0
                    && (0..OFFSET_MAX).contains(&header.base_offset);
                Ok(in_bounds.then_some(header))
            }
            // Room that was reserved and never used holds zeroes; a length tells an old format from that.
            Err(BatchError::Magic(0 | 1)) if bytes[8..12] != [0; 4] => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "the message formats 0 and 1 are not supported"))
            }
            Err(_) => Ok(None),
        }
    }

    /// All of the batch that the walk stands at.
    pub(crate) fn batch(&mut self, header: &BatchHeader) -> io::Result<Option<&[u8]>> {
        self.bytes(header.size_bytes())
    }

    /// Goes on to the batch behind this one.
    pub(crate) fn advance(&mut self, header: &BatchHeader) {
        self.position += header.size_bytes() as u64;
    }
}
