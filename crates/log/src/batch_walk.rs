//! Walks the batches of a file, front to back, by their headers.

use std::io;
use std::sync::Arc;

use dohle_protocol::record_batch::{BatchError, BatchHeader};
use dohle_seams::DiskFile;

/// How much is read at first while looking for a batch behind an index entry: where batches are large, the header of one is
/// enough.
pub(crate) const LOOKUP_BYTES: usize = 256;
/// Each further read is this many times as large as the one before, where batches are small.
const READ_GROWTH: usize = 4;
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
    /// Starts at `position`, the start of a batch, and ends at `end`; reads `chunk_bytes` at first, and more at a time as it
    /// goes on.
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
            self.chunk_bytes = (self.chunk_bytes * READ_GROWTH).min(SWEEP_BYTES);
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

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::path::Path;

    use dohle_protocol::record_batch::BatchBuilder;
    use dohle_seams::simulated::SimulatedDisk;
    use dohle_seams::{Disk, OpenMode};

    use super::*;

    fn file(bytes: &[u8]) -> Arc<dyn DiskFile> {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/")).unwrap();
        let file = disk.open(Path::new("/file"), OpenMode::CreateNew).unwrap();
        file.write_vectored_at(&[IoSlice::new(bytes)], 0).unwrap();
        file
    }

    fn batches(count: u8) -> Vec<u8> {
        let batch = |n: u8| {
            let mut builder = BatchBuilder::default();
            builder.record(1, None, Some(&vec![n; usize::from(n) * 40]), &[]);
            let mut bytes = builder.build().to_vec();
            bytes[..8].copy_from_slice(&i64::from(n).to_be_bytes());
            bytes
        };
        (0..count).flat_map(batch).collect()
    }

    fn walk(file: &Arc<dyn DiskFile>, end: u64, chunk_bytes: usize) -> (Vec<i64>, u64) {
        let mut walk = BatchWalk::new(Arc::clone(file), 0, end, chunk_bytes);
        let mut offsets = Vec::new();
        while let Some(header) = walk.header().unwrap() {
            let whole = walk.batch(&header).unwrap().unwrap();
            assert_eq!(whole.len(), header.size_bytes());
            assert!(dohle_protocol::record_batch::crc_is_right(whole));
            offsets.push(header.base_offset);
            walk.advance(&header);
        }
        (offsets, walk.position())
    }

    #[test]
    fn all_batches_are_seen_however_little_is_read_at_a_time() {
        let bytes = batches(30);
        let file = file(&bytes);
        let size = bytes.len() as u64;
        for chunk_bytes in [1, 61, 100, 4096, 1 << 20] {
            assert_eq!(walk(&file, size, chunk_bytes), ((0..30).collect(), size), "{chunk_bytes} at a time");
            let (offsets, position) = walk(&file, size - 1, chunk_bytes);
            assert_eq!(offsets.len(), 29, "the last is cut off by the end given");
            assert!(position < size - 1);
        }
    }

    #[test]
    fn a_walk_ends_at_room_that_was_never_used() {
        let mut bytes = batches(3);
        let used = bytes.len() as u64;
        bytes.resize(bytes.len() + 500, 0);
        assert_eq!(walk(&file(&bytes), bytes.len() as u64, 4096), (vec![0, 1, 2], used));
        assert_eq!(walk(&file(&[]), 0, 4096), (vec![], 0));
    }

    #[test]
    fn old_message_formats_are_told_apart_from_damage() {
        let mut bytes = batches(2);
        bytes[16] = 1;
        let mut old = BatchWalk::new(file(&bytes), 0, bytes.len() as u64, 4096);
        assert_eq!(old.header().unwrap_err().kind(), io::ErrorKind::Unsupported);
        for offset in [-1, i64::MAX] {
            bytes[16] = 2;
            bytes[..8].copy_from_slice(&offset.to_be_bytes());
            assert_eq!(walk(&file(&bytes), bytes.len() as u64, 4096).0, Vec::<i64>::new(), "offset {offset}");
        }
    }
}
