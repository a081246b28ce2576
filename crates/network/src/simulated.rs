//! A network in memory under one seed: bytes arrive after a seeded while, in seeded pieces, in order on each connection.
//! Use it inside a tokio runtime with a paused clock.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use dohle_seams::simulated::SeededRandomness;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::byte_stream::{Acceptor, ByteStream, Following};

/// What a direction of a connection holds before its writer must wait; as a small socket buffer.
const PIPE_CAPACITY_BYTES: usize = 256 * 1024;
/// The longest that bytes travel.
const LATENCY_MAX_MICROS: u64 = 500;
/// The first port that clients get.
const CLIENT_PORT_FIRST: u16 = 32_768;

/// Listeners and connections under one seed.
#[derive(Debug)]
pub struct SimulatedNetwork {
    randomness: SeededRandomness,
    state: Mutex<NetworkState>,
}

#[derive(Debug, Default)]
struct NetworkState {
    listeners: BTreeMap<String, Arc<Mutex<Backlog>>>,
    connections: Vec<SimulatedConnection>,
    clients: u16,
}

#[derive(Debug)]
struct SimulatedConnection {
    listener: String,
    pipes: [Arc<Mutex<Pipe>>; 2],
}

#[derive(Debug)]
struct Backlog {
    address: SocketAddr,
    waiting: VecDeque<SimulatedStream>,
    waker: Option<Waker>,
}

impl SimulatedNetwork {
    /// A network without listeners.
    #[must_use]
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { randomness: SeededRandomness::new(seed), state: Mutex::default() })
    }

    /// Listens under a name that is unique in the network. It ends when the acceptor is dropped.
    ///
    /// # Errors
    /// `AddrInUse` where the name is taken.
    pub fn listen(self: &Arc<Self>, name: &str, address: SocketAddr) -> io::Result<SimulatedAcceptor> {
        let mut state = self.state.lock();
        if state.listeners.contains_key(name) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let backlog = Arc::new(Mutex::new(Backlog { address, waiting: VecDeque::new(), waker: None }));
        state.listeners.insert(name.to_owned(), Arc::clone(&backlog));
        Ok(SimulatedAcceptor { network: Arc::clone(self), name: name.to_owned(), address, backlog })
    }

    /// Connects to a listener from 127.0.0.1.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens.
    pub fn connect(self: &Arc<Self>, listener: &str) -> io::Result<SimulatedStream> {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), listener)
    }

    /// Connects to a listener from an address.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens.
    pub fn connect_from(self: &Arc<Self>, client: IpAddr, listener: &str) -> io::Result<SimulatedStream> {
        let mut state = self.state.lock();
        let backlog = state.listeners.get(listener).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        let mut backlog = backlog.lock();
        state.clients = state.clients.wrapping_add(1);
        let client = SocketAddr::new(client, CLIENT_PORT_FIRST.wrapping_add(state.clients));
        let (there, back) = (Arc::<Mutex<Pipe>>::default(), Arc::<Mutex<Pipe>>::default());
        state.connections.retain(|connection| connection.pipes.iter().any(|pipe| !pipe.lock().is_over()));
        let pipes = [Arc::clone(&there), Arc::clone(&back)];
        state.connections.push(SimulatedConnection { listener: listener.to_owned(), pipes });
        let end = |incoming: &Arc<Mutex<Pipe>>, outgoing: &Arc<Mutex<Pipe>>, local, peer| SimulatedStream {
            network: Arc::clone(self),
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            local_address: local,
            peer_address: peer,
            arrival: None,
        };
        let server = backlog.address;
        backlog.waiting.push_back(end(&there, &back, server, client));
        if let Some(waker) = backlog.waker.take() {
            waker.wake();
        }
        Ok(end(&back, &there, client, server))
    }

    /// Breaks all connections of a listener, as a failing router does: both ends get an error at once.
    pub fn reset_connections(&self, listener: &str) {
        let state = self.state.lock();
        for connection in state.connections.iter().filter(|connection| connection.listener == listener) {
            for pipe in &connection.pipes {
                pipe.lock().reset();
            }
        }
    }

    /// How many of `available` bytes move at once: mostly all, sometimes a few.
    fn piece(&self, available: usize) -> usize {
        let number = self.randomness.next();
        if number.is_multiple_of(4) { 1 + usize::try_from(number >> 8).unwrap_or(0) % available } else { available }
    }

    fn latency(&self) -> Duration {
        Duration::from_micros(self.randomness.next() % LATENCY_MAX_MICROS)
    }
}

/// A listener of a simulated network.
#[derive(Debug)]
pub struct SimulatedAcceptor {
    network: Arc<SimulatedNetwork>,
    name: String,
    address: SocketAddr,
    backlog: Arc<Mutex<Backlog>>,
}

impl Acceptor for SimulatedAcceptor {
    fn local_address(&self) -> SocketAddr {
        self.address
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        let mut backlog = self.backlog.lock();
        match backlog.waiting.pop_front() {
            Some(stream) => Poll::Ready(Ok(Box::new(stream))),
            None => {
                backlog.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for SimulatedAcceptor {
    fn drop(&mut self) {
        self.network.state.lock().listeners.remove(&self.name);
        // Dropped after the lock is given back: each closes its connection.
        let waiting = std::mem::take(&mut self.backlog.lock().waiting);
        drop(waiting);
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Pipe {
    /// With the time at which they arrive; never falling.
    pieces: VecDeque<(Instant, Bytes)>,
    size_bytes: usize,
    /// When the end of the stream arrives.
    finished: Option<Instant>,
    reader_gone: bool,
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn reset(&mut self) {
        self.broken = true;
        self.pieces.clear();
        self.wake();
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn is_over(&self) -> bool {
        self.broken || self.reader_gone || self.finished.is_some()
    }

    fn arrival(&self, latency: Duration) -> Instant {
        let earliest = Instant::now() + latency;
        self.pieces.back().map_or(earliest, |(last, _)| earliest.max(*last))
    }

    fn finish(&mut self, latency: Duration) {
        if self.finished.is_none() {
            self.finished = Some(self.arrival(latency));
            self.wake();
        }
    }
}

/// One end of a simulated connection. Clients use it as tokio's `AsyncRead` and `AsyncWrite`.
#[derive(Debug)]
pub struct SimulatedStream {
    network: Arc<SimulatedNetwork>,
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    local_address: SocketAddr,
    peer_address: SocketAddr,
    /// Fires when the next piece arrives.
    arrival: Option<Pin<Box<Sleep>>>,
}

/// What is at the reading end.
enum Arrived {
    /// This many bytes in the first piece.
    Bytes(usize),
    End,
}

impl SimulatedStream {
    fn poll_arrived(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Arrived>> {
        loop {
            let (what, at) = {
                let mut pipe = self.incoming.lock();
                if pipe.broken {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                if let Some((at, bytes)) = pipe.pieces.front() {
                    (Arrived::Bytes(bytes.len()), *at)
                } else if let Some(at) = pipe.finished {
                    (Arrived::End, at)
                } else {
                    pipe.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
            };
            if at <= Instant::now() {
                return Poll::Ready(Ok(what));
            }
            ready!(self.poll_time(at, context));
        }
    }

    /// Waits for a time, or for the connection to break.
    fn poll_time(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.incoming.lock().reader = Some(context.waker().clone());
        let timer = self.arrival.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(context)
    }

    /// Takes up to `limit` bytes of what has arrived; empty at the end of the stream.
    fn poll_take(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<io::Result<Bytes>> {
        let Arrived::Bytes(available) = ready!(self.poll_arrived(context))? else {
            return Poll::Ready(Ok(Bytes::new()));
        };
        let count = self.network.piece(available.min(limit));
        let mut pipe = self.incoming.lock();
        let Some((_, bytes)) = pipe.pieces.front_mut() else { return Poll::Ready(Ok(Bytes::new())) };
        let taken = bytes.split_to(count.min(bytes.len()));
        if !bytes.has_remaining() {
            pipe.pieces.pop_front();
        }
        pipe.size_bytes -= taken.len();
        if let Some(waker) = pipe.writer.take() {
            waker.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_put(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pipe = self.outgoing.lock();
        if pipe.broken || pipe.reader_gone || pipe.finished.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        let room = PIPE_CAPACITY_BYTES - pipe.size_bytes;
        if room == 0 {
            pipe.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = self.network.piece(total.min(room));
        let mut bytes = BytesMut::with_capacity(count);
        for part in parts {
            bytes.extend_from_slice(&part[..part.len().min(count - bytes.len())]);
        }
        let at = pipe.arrival(self.network.latency());
        pipe.pieces.push_back((at, bytes.freeze()));
        pipe.size_bytes += count;
        if let Some(waker) = pipe.reader.take() {
            waker.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        let latency = self.network.latency();
        self.outgoing.lock().finish(latency);
        let mut incoming = self.incoming.lock();
        incoming.reader_gone = true;
        incoming.wake();
    }
}

impl ByteStream for SimulatedStream {
    fn peer_address(&self) -> SocketAddr {
        self.peer_address
    }

    fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_arrived(context).map_ok(|_| ())
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut BytesMut, limit: usize) -> Poll<io::Result<usize>> {
        let bytes = ready!(self.poll_take(context, limit))?;
        buffer.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let at = {
                let mut pipe = self.incoming.lock();
                match pipe.finished {
                    _ if pipe.broken => return Poll::Ready(()),
                    Some(at) if at <= Instant::now() => return Poll::Ready(()),
                    Some(at) => at,
                    None => {
                        pipe.reader = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                }
            };
            ready!(self.poll_time(at, context));
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        _following: Following,
    ) -> Poll<io::Result<usize>> {
        self.poll_put(context, parts)
    }
}

impl AsyncRead for SimulatedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            let bytes = ready!(self.poll_take(context, buffer.remaining()))?;
            buffer.put_slice(&bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimulatedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_put(context, &[IoSlice::new(bytes)])
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let latency = self.network.latency();
        self.outgoing.lock().finish(latency);
        Poll::Ready(Ok(()))
    }
}
