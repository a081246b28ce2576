//! The bytes of a connection, as they may arrive: every frame that they hold is served once and in order, up to the first
//! that cannot be one; then the connection ends.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use dohle_network::{
    Acceptor, ByteStream, CloseReason, Connection, ConnectionLimits, Following, ListenerOptions, Outcome, Response,
    Server, Service,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The largest frame.
const FRAME_BYTES_MAX: usize = 4096;
/// Before the bytes of the connection: in which pieces they come.
const PIECES_BYTES: usize = 4;

/// What becomes of the one connection.
#[derive(Debug, Default)]
struct Seen {
    frames: Vec<Bytes>,
    sent: Vec<u8>,
}

/// A peer that sends everything, takes everything, and then sends no more.
struct ScriptedStream {
    incoming: Bytes,
    pieces: [u8; PIECES_BYTES],
    reads: usize,
    seen: Arc<Mutex<Seen>>,
    /// Dropped with the stream: the connection has ended.
    _ended: mpsc::Sender<()>,
}

impl std::fmt::Debug for ScriptedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedStream")
    }
}

impl ScriptedStream {
    /// How many of so many bytes move at once: all, or a few.
    fn piece(&mut self, available: usize) -> usize {
        self.reads += 1;
        match usize::from(self.pieces[self.reads % PIECES_BYTES]) {
            0 => available,
            few => available.min(few),
        }
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl ByteStream for ScriptedStream {
    fn peer_address(&self) -> SocketAddr {
        address(50_000)
    }

    fn local_address(&self) -> SocketAddr {
        address(9092)
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut BytesMut, limit: usize) -> Poll<io::Result<usize>> {
        let available = self.incoming.len().min(limit);
        let count = self.piece(available);
        buffer.put_slice(&self.incoming[..count]);
        self.incoming.advance(count);
        Poll::Ready(Ok(count))
    }

    fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn poll_write(&mut self, _: &mut Context<'_>, parts: &[IoSlice<'_>], _: Following) -> Poll<io::Result<usize>> {
        let total = parts.iter().map(|part| part.len()).sum();
        let mut left = self.piece(total);
        let written = left;
        for part in parts {
            let count = left.min(part.len());
            self.seen.lock().sent.extend_from_slice(&part[..count]);
            left -= count;
        }
        Poll::Ready(Ok(written))
    }
}

/// Gives one connection.
#[derive(Debug)]
struct OneConnection(Option<ScriptedStream>);

impl Acceptor for OneConnection {
    fn local_address(&self) -> SocketAddr {
        address(9092)
    }

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        match self.0.take() {
            Some(stream) => Poll::Ready(Ok(Box::new(stream))),
            None => Poll::Pending,
        }
    }
}

/// Answers each frame with its own bytes: at once, later, or not at all, as its first byte says.
#[derive(Debug)]
struct Echo(Arc<Mutex<Seen>>);

impl Service for Echo {
    type Turn = ();

    async fn call(&self, _: &Connection, frame: Bytes, (): &mut ()) -> Outcome {
        self.0.lock().frames.push(Bytes::copy_from_slice(&frame));
        match frame.first().map(|first| first % 4) {
            None => Outcome::Close { reason: CloseReason::Malformed("empty".to_owned()) },
            Some(0) => Outcome::NoResponse,
            Some(1) => Outcome::Later(Box::pin(async move {
                tokio::task::yield_now().await;
                echo(&frame)
            })),
            Some(_) => Outcome::Now(echo(&frame)),
        }
    }

    fn end_turn(&self, (): ()) {}

    fn overlaps(&self, api_key: i16) -> bool {
        api_key % 2 == 0
    }
}

fn echo(frame: &[u8]) -> Response {
    let mut writer = Response::writer();
    writer.raw(frame);
    Response::from_writer(writer)
}

/// The frames in these bytes and what they are answered, as the protocol defines them.
fn expected(mut bytes: &[u8]) -> (Vec<Bytes>, Vec<u8>) {
    let (mut frames, mut answers) = (Vec::new(), Vec::new());
    while let Some((prefix, rest)) = bytes.split_first_chunk::<4>() {
        let Ok(size) = usize::try_from(i32::from_be_bytes(*prefix)) else { break };
        if size > FRAME_BYTES_MAX || size > rest.len() {
            break;
        }
        let frame = &rest[..size];
        frames.push(Bytes::copy_from_slice(frame));
        match frame.first() {
            None => break,
            Some(first) if first % 4 == 0 => {}
            Some(_) => {
                answers.extend_from_slice(prefix);
                answers.extend_from_slice(frame);
            }
        }
        bytes = &rest[size..];
    }
    (frames, answers)
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some((pieces, bytes)) = data.split_first_chunk::<PIECES_BYTES>() else { return };
    let seen = Arc::<Mutex<Seen>>::default();
    let (ended, mut until_ended) = mpsc::channel(1);
    let stream = ScriptedStream {
        incoming: Bytes::copy_from_slice(bytes),
        pieces: *pieces,
        reads: 0,
        seen: Arc::clone(&seen),
        _ended: ended,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
    runtime.block_on(async {
        let listener = ListenerOptions { name: "CLIENTS".to_owned(), acceptor: Box::new(OneConnection(Some(stream))) };
        let limits = ConnectionLimits { request_size_max_bytes: FRAME_BYTES_MAX, ..ConnectionLimits::default() };
        let server = Server::start(vec![listener], Arc::new(Echo(Arc::clone(&seen))), limits, &Handle::current());
        assert_eq!(until_ended.recv().await, None, "the connection ends");
        drop(server);
    });
    let seen = seen.lock();
    let (frames, answers) = expected(bytes);
    assert_eq!(seen.frames, frames, "frames");
    // A peer that has sent its last byte is gone to us: answers that still wait are not sent.
    assert!(answers.starts_with(&seen.sent), "answers");
}

/// Frames of several sizes, in pieces of several sizes.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (first, size) in [(1_u8, 10_usize), (2, 1), (0, 30), (3, 300), (1, 2), (2, FRAME_BYTES_MAX)] {
        frames.extend_from_slice(&u32::try_from(size).unwrap_or(0).to_be_bytes());
        frames.push(first);
        frames.extend(std::iter::repeat_n(0x11, size - 1));
    }
    let pieces: [[u8; PIECES_BYTES]; 4] = [[0; PIECES_BYTES], [1; PIECES_BYTES], [3, 0, 7, 200], [4, 4, 0, 1]];
    pieces.iter().map(|pieces| [pieces, &frames[..]].concat()).collect()
}
