//! However a stream of bytes is cut into reads, the same frames are found in it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use proptest::prelude::*;

use crate::byte_stream::{ByteStream, Following};
use crate::frame_buffer::FrameBuffer;

/// Gives bytes in pieces of given sizes; a size of 0 is a moment without any.
#[derive(Debug)]
struct ScriptedStream {
    bytes: VecDeque<u8>,
    pieces: VecDeque<usize>,
}

impl ByteStream for ScriptedStream {
    fn peer_address(&self) -> SocketAddr {
        super::address(1)
    }

    fn local_address(&self) -> SocketAddr {
        super::address(2)
    }

    fn poll_readable(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pieces.front() == Some(&0) {
            self.pieces.pop_front();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut BytesMut, limit: usize) -> Poll<io::Result<usize>> {
        assert!(limit > 0 && buffer.capacity() - buffer.len() >= limit);
        if self.poll_readable(context).is_pending() {
            return Poll::Pending;
        }
        let piece = self.pieces.pop_front().unwrap_or(usize::MAX);
        let count = piece.min(limit).min(self.bytes.len());
        if piece != usize::MAX && piece > count && !self.bytes.is_empty() {
            self.pieces.push_front(piece - count);
        }
        buffer.extend(self.bytes.drain(..count));
        Poll::Ready(Ok(count))
    }

    fn poll_closed(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[IoSlice<'_>], _: Following) -> Poll<io::Result<usize>> {
        unreachable!("nothing is sent here")
    }
}

const FRAME_MAX_BYTES: usize = 2_000_000;

fn frame_sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![
        4 => 0..200_usize,
        3 => 200..70_000_usize,
        2 => 70_000..300_000_usize,
        1 => 300_000..FRAME_MAX_BYTES,
    ];
    prop::collection::vec(size, 0..12)
}

fn piece_sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![Just(0_usize), 1..8_usize, 1..70_000_usize, 1..400_000_usize];
    prop::collection::vec(size, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn frames_do_not_depend_on_how_the_stream_is_cut(
        sizes in frame_sizes(),
        pieces in piece_sizes(),
        kept in prop::collection::vec(any::<bool>(), 12),
    ) {
        let mut expected = Vec::new();
        let mut bytes = VecDeque::new();
        for (number, size) in sizes.iter().enumerate() {
            let frame: Vec<u8> = (0..*size).map(|at| u8::try_from((at * 31 + number) % 251).unwrap()).collect();
            bytes.extend(i32::try_from(*size).unwrap().to_be_bytes());
            bytes.extend(&frame);
            expected.push(frame);
        }
        let mut stream = ScriptedStream { bytes, pieces: pieces.into() };
        let mut buffer = FrameBuffer::new(1, FRAME_MAX_BYTES, None);
        let mut context = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        let mut checked = 0;
        loop {
            while let Some(head) = buffer.head().unwrap() {
                let frame = buffer.take(head);
                prop_assert_eq!(frame.len(), head.size_bytes);
                frames.push(frame);
            }
            buffer.release_unused();
            // Some are gone before the next read, so that their memory is used again; others must stay as they are.
            while checked < frames.len() {
                if !kept[checked % kept.len()] {
                    prop_assert_eq!(&frames[checked][..], &expected[checked][..]);
                    frames[checked] = bytes::Bytes::new();
                }
                checked += 1;
            }
            match buffer.poll_fill(&mut stream, &mut context) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(result) => prop_assert!(result.is_ok()),
                Poll::Pending => {}
            }
        }
        prop_assert_eq!(frames.len(), expected.len());
        for (frame, expected) in frames.iter().zip(&expected) {
            prop_assert!(frame.is_empty() || frame == expected);
        }
    }
}

#[test]
fn a_connection_that_waits_owns_no_buffer() {
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = FrameBuffer::new(1, FRAME_MAX_BYTES, None);
    let bytes = b"\0\0\0\x01x\0\0\0\x01".iter().copied().collect();
    let mut stream = ScriptedStream { bytes, pieces: [0, 5, 0, 0, 4, 0].into() };
    assert!(buffer.poll_fill(&mut stream, &mut context).is_pending());
    assert!(!buffer.owns_buffer(), "nothing has come yet");
    assert!(matches!(buffer.poll_fill(&mut stream, &mut context), Poll::Ready(Ok(5))));
    let head = buffer.head().unwrap().unwrap();
    drop(buffer.take(head));
    buffer.release_unused();
    assert!(buffer.poll_fill(&mut stream, &mut context).is_pending());
    assert!(!buffer.owns_buffer(), "all that came was taken");
    assert!(buffer.poll_fill(&mut stream, &mut context).is_pending());
    assert!(matches!(buffer.poll_fill(&mut stream, &mut context), Poll::Ready(Ok(4))));
    assert!(buffer.poll_fill(&mut stream, &mut context).is_pending());
    assert!(buffer.owns_buffer(), "a part of a frame is kept");
    assert!(buffer.capacity_bytes() <= 1024, "in {} bytes", buffer.capacity_bytes());
}

#[test]
fn a_frame_that_pauses_is_whole_in_the_end() {
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = FrameBuffer::new(1, FRAME_MAX_BYTES, None);
    let frame: Vec<u8> = (0..100_u8).collect();
    for _ in 0..3 {
        let bytes = 100_i32.to_be_bytes().into_iter().chain(frame.iter().copied()).collect();
        // A pause after each few bytes.
        let pieces = [2, 0, 2, 0, 1, 0, 50, 0, 49, 0];
        let mut stream = ScriptedStream { bytes, pieces: pieces.into() };
        for _ in 0..pieces.len() {
            let _ = buffer.poll_fill(&mut stream, &mut context);
        }
        let head = buffer.head().unwrap().expect("all of it has come");
        assert_eq!(buffer.take(head), &frame[..]);
        buffer.release_unused();
        assert!(!buffer.owns_buffer());
    }
}

#[test]
fn a_size_alone_costs_little_memory() {
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = FrameBuffer::new(1, 100_000_000, None);
    let bytes = 100_000_000_i32.to_be_bytes().into_iter().chain([7; 60]).collect();
    let mut stream = ScriptedStream { bytes, pieces: [4, 60, 0].into() };
    while buffer.poll_fill(&mut stream, &mut context).is_ready() {}
    assert!(buffer.capacity_bytes() <= 2 * 1024 * 1024, "{}", buffer.capacity_bytes());
}
