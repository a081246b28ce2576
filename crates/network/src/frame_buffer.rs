//! What was read of a connection and not taken yet: where frames are found.
//!
//! Frames are slices of the buffer they were read into. The buffer is used again once they are gone, and given back when
//! the connection has nothing to read, so that an idle connection owns none.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};

use crate::byte_stream::ByteStream;
use crate::request_memory::RequestMemory;

/// What is read at a time before the connection lets others go on, and what a turn takes.
pub(crate) const TURN_BYTES: usize = 256 * 1024;
/// The first buffer; most connections never fill it.
const BUFFER_BYTES: usize = 64 * 1024;
/// A frame up to this size gets its memory at once; a larger one must have sent a quarter of what it is given, so that a
/// size prefix alone costs nothing much. A batch of the default `max.message.bytes` fits.
const FRAME_AT_ONCE_BYTES: usize = 1024 * 1024 + BUFFER_BYTES;
/// Whoever has sent no more than this of a request and pauses holds no more memory than that: peers may be many, and slow.
const PAUSED_BYTES: usize = 1024;
/// Bytes of the size prefix.
const PREFIX_BYTES: usize = 4;

/// A frame at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// Without the prefix.
    pub(crate) size_bytes: usize,
    /// What should be the API key.
    pub(crate) api_key: Option<i16>,
}

/// The prefix says a size that no frame may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidFrameSize(pub(crate) i32);

#[derive(Debug)]
pub(crate) struct FrameBuffer {
    connection_id: u64,
    filled: BytesMut,
    /// The largest capacity that `filled` is known to have had.
    allocated: usize,
    /// What to read at a time: more once the peer fills the first buffer.
    block_bytes: usize,
    frame_max_bytes: usize,
    memory: Option<Arc<RequestMemory>>,
    reserved: usize,
}

impl FrameBuffer {
    pub(crate) fn new(connection_id: u64, frame_max_bytes: usize, memory: Option<Arc<RequestMemory>>) -> Self {
        Self {
            connection_id,
            filled: BytesMut::new(),
            allocated: 0,
            block_bytes: BUFFER_BYTES,
            frame_max_bytes,
            memory,
            reserved: 0,
        }
    }

    /// The first frame where all of it is there.
    pub(crate) fn head(&self) -> Result<Option<FrameHead>, InvalidFrameSize> {
        let Some(size_bytes) = self.size_of_first()? else { return Ok(None) };
        if self.filled.len() < PREFIX_BYTES + size_bytes {
            return Ok(None);
        }
        let key = self.filled.get(PREFIX_BYTES..PREFIX_BYTES + 2).filter(|_| size_bytes >= 2);
        let api_key = key.map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
        Ok(Some(FrameHead { size_bytes, api_key }))
    }

    fn size_of_first(&self) -> Result<Option<usize>, InvalidFrameSize> {
        let Some(prefix) = self.filled.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let size = i32::from_be_bytes(*prefix);
        match usize::try_from(size) {
            Ok(size_bytes) if size_bytes <= self.frame_max_bytes => Ok(Some(size_bytes)),
            _ => Err(InvalidFrameSize(size)),
        }
    }

    /// Bytes of requests that have come and were not taken.
    pub(crate) fn held_bytes(&self) -> usize {
        self.filled.len()
    }

    /// Takes the frame that [`Self::head`] has found.
    pub(crate) fn take(&mut self, head: FrameHead) -> Bytes {
        self.filled.advance(PREFIX_BYTES);
        self.filled.split_to(head.size_bytes).freeze()
    }

    /// Reads what has arrived, up to about [`TURN_BYTES`] or the end of the first frame: how many bytes came, 0 at the end of
    /// the stream. The first frame must not be complete, nor invalid.
    pub(crate) fn poll_fill(
        &mut self,
        stream: &mut dyn ByteStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.filled.is_empty() {
            ready!(stream.poll_readable(context))?;
        }
        let mut received = 0;
        loop {
            let Poll::Ready(room) = self.poll_room(context) else {
                return if received > 0 { Poll::Ready(Ok(received)) } else { Poll::Pending };
            };
            match stream.poll_read(context, &mut self.filled, room) {
                Poll::Ready(Ok(count)) => {
                    received += count;
                    if count < room || received >= TURN_BYTES {
                        return Poll::Ready(Ok(received));
                    }
                    self.block_bytes = TURN_BYTES;
                }
                // What came before an error or the end is served first; both are met again by the next read.
                Poll::Ready(Err(_)) | Poll::Pending if received > 0 => return Poll::Ready(Ok(received)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.release_unused();
                    self.release_most();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Makes free capacity for the rest of the first frame, or for a block: how many bytes may be read into it. There may
    /// be more, from an earlier use of the buffer; what is read must not depend on that, or a simulation would not repeat.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        let held = self.filled.len();
        let first = self.size_of_first().ok().flatten().map_or(0, |size_bytes| PREFIX_BYTES + size_bytes);
        let target = if first > self.block_bytes && first > held {
            first.min(FRAME_AT_ONCE_BYTES.max(held.saturating_mul(4)))
        } else {
            self.block_bytes.max(held + BUFFER_BYTES)
        };
        if let Some(memory) = &self.memory {
            // All of the frame at once, so that nobody waits for more while holding some.
            let wanted = target.max(first);
            if self.reserved < wanted {
                memory.release(std::mem::take(&mut self.reserved));
                ready!(memory.poll_reserve(self.connection_id, wanted, context));
                self.reserved = wanted;
            }
        }
        if self.filled.capacity() == 0 || self.allocated <= PAUSED_BYTES {
            let beginning = std::mem::replace(&mut self.filled, borrow(target));
            self.filled.extend_from_slice(&beginning);
        } else {
            self.filled.reserve(target - held);
        }
        self.allocated = self.allocated.max(self.filled.capacity());
        Poll::Ready(target - held)
    }

    /// Gives the buffer and the reservation back where nothing is in it.
    pub(crate) fn release_unused(&mut self) {
        if !self.filled.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.filled);
        let allocated = std::mem::take(&mut self.allocated);
        if allocated > PAUSED_BYTES {
            give_back(buffer, allocated);
        }
        self.release_reservation();
    }

    /// Gives the buffer back where there is little in it, which is kept in one of its own.
    fn release_most(&mut self) {
        if self.filled.is_empty() || self.filled.len() > PAUSED_BYTES || self.allocated <= PAUSED_BYTES {
            return;
        }
        let mut beginning = BytesMut::with_capacity(PAUSED_BYTES);
        beginning.extend_from_slice(&self.filled);
        let mut buffer = std::mem::replace(&mut self.filled, beginning);
        buffer.clear();
        give_back(buffer, std::mem::replace(&mut self.allocated, PAUSED_BYTES));
    }

    fn release_reservation(&mut self) {
        if let Some(memory) = &self.memory
            && self.reserved > 0
        {
            memory.release(std::mem::take(&mut self.reserved));
        }
    }

    #[cfg(test)]
    pub(crate) fn owns_buffer(&self) -> bool {
        self.filled.capacity() > 0
    }

    #[cfg(test)]
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.filled.capacity()
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        self.release_reservation();
        if let Some(memory) = &self.memory {
            memory.forget(self.connection_id);
        }
    }
}

/// Bytes of buffers that a thread keeps for its connections: a few busy ones, or one with large batches.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Default)]
struct Kept {
    buffers: Vec<BytesMut>,
    size_bytes: usize,
}

thread_local! {
    /// Per thread, as a lock would be taken for each request of a connection that has one at a time.
    static KEPT: RefCell<Kept> = RefCell::default();
}

fn borrow(capacity: usize) -> BytesMut {
    let kept = KEPT.with_borrow_mut(|kept| {
        let buffer = kept.buffers.pop_if(|buffer| buffer.capacity() >= capacity)?;
        kept.size_bytes -= buffer.capacity();
        Some(buffer)
    });
    kept.unwrap_or_else(|| BytesMut::with_capacity(capacity))
}

fn give_back(mut buffer: BytesMut, allocated: usize) {
    // Slices of it that still live keep the memory; it is then freed with the last of them.
    if !buffer.try_reclaim(allocated) {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        if kept.size_bytes + buffer.capacity() <= KEPT_BYTES_MAX {
            kept.size_bytes += buffer.capacity();
            kept.buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> FrameBuffer {
        let mut buffer = FrameBuffer::new(1, 100, None);
        buffer.filled.extend_from_slice(bytes);
        buffer
    }

    #[test]
    fn a_frame_is_found_when_all_of_it_is_there() {
        let bytes = b"\0\0\0\x03\0\x12x\0\0\0\x01y\0\0";
        for end in 0..7 {
            assert_eq!(buffer(&bytes[..end]).head(), Ok(None), "{end} bytes");
        }
        let mut buffer = buffer(bytes);
        let head = buffer.head().unwrap().unwrap();
        assert_eq!(head, FrameHead { size_bytes: 3, api_key: Some(18) });
        assert_eq!(buffer.take(head), &b"\0\x12x"[..]);
        let head = buffer.head().unwrap().unwrap();
        assert_eq!(head, FrameHead { size_bytes: 1, api_key: None });
        assert_eq!(buffer.take(head), &b"y"[..]);
        assert_eq!(buffer.head(), Ok(None));
    }

    #[test]
    fn sizes_that_no_frame_may_have_are_refused() {
        assert_eq!(buffer(&(-1_i32).to_be_bytes()).head(), Err(InvalidFrameSize(-1)));
        assert_eq!(buffer(&101_i32.to_be_bytes()).head(), Err(InvalidFrameSize(101)));
        assert_eq!(buffer(&100_i32.to_be_bytes()).head(), Ok(None));
    }

    #[test]
    fn a_buffer_is_used_again_once_its_frames_are_gone() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut buffer = FrameBuffer::new(1, 100, None);
        assert!(buffer.poll_room(&mut context).is_ready());
        buffer.filled.extend_from_slice(b"\0\0\0\x01x");
        let head = buffer.head().unwrap().unwrap();
        let frame = buffer.take(head);
        let memory = frame.as_ptr();
        drop(frame);
        buffer.release_unused();
        assert!(!buffer.owns_buffer());
        assert!(buffer.poll_room(&mut context).is_ready());
        assert_eq!(buffer.filled.as_ptr(), memory.wrapping_sub(PREFIX_BYTES));
    }
}
