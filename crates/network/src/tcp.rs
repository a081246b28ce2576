//! Live TCP: tokio's readiness, `sendmsg` with `MSG_MORE`, and `sendfile` for regions of files.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use dohle_seams::DiskFile;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::byte_stream::{Acceptor, ByteStream, Following};

/// How a TCP listener is set up.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// How many connections may wait to be accepted (`socket.listen.backlog.size`).
    pub backlog: u32,
    /// `SO_RCVBUF` in bytes (`socket.receive.buffer.bytes`); `None` leaves it to the kernel, which then adapts it to each
    /// connection: better than any fixed size.
    pub receive_buffer_bytes: Option<u32>,
    /// `SO_SNDBUF` in bytes (`socket.send.buffer.bytes`); `None` leaves it to the kernel.
    pub send_buffer_bytes: Option<u32>,
}

impl Default for TcpOptions {
    /// Kafka's backlog, and the kernel's buffers.
    fn default() -> Self {
        Self { backlog: 50, receive_buffer_bytes: None, send_buffer_bytes: None }
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    local_address: SocketAddr,
}

impl TcpAcceptor {
    /// Listens on `address`; port 0 takes a free one. An unspecified IPv6 address takes IPv4 as well. Call it inside the
    /// runtime that is to serve the connections. Connections wait in the backlog until the server takes them.
    ///
    /// # Errors
    /// The system's error, `AddrInUse` among them.
    pub fn bind(address: SocketAddr, options: &TcpOptions) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        // Connections inherit both; the receive buffer has to be known before the window is offered.
        if let Some(size) = options.receive_buffer_bytes {
            socket.set_recv_buffer_size(size)?;
        }
        if let Some(size) = options.send_buffer_bytes {
            socket.set_send_buffer_size(size)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(options.backlog)?;
        let local_address = listener.local_addr()?;
        Ok(Self { listener, local_address })
    }
}

impl Acceptor for TcpAcceptor {
    fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        let (stream, peer_address) = ready!(self.listener.poll_accept(context))?;
        Poll::Ready(TcpByteStream::new(stream, peer_address).map(|stream| Box::new(stream) as Box<dyn ByteStream>))
    }
}

/// A TCP connection.
pub struct TcpByteStream {
    /// Shared with `closed` alone.
    stream: Arc<TcpStream>,
    peer_address: SocketAddr,
    local_address: SocketAddr,
    /// Waits for the peer's end of stream while nothing is read.
    closed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl fmt::Debug for TcpByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpByteStream").field("peer_address", &self.peer_address).finish_non_exhaustive()
    }
}

impl TcpByteStream {
    /// Takes over a connected stream: no delay of small packets, and the kernel checks on a silent peer.
    ///
    /// # Errors
    /// Where the connection is gone already.
    pub fn new(stream: TcpStream, peer_address: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
        let local_address = canonical(stream.local_addr()?);
        Ok(Self { stream: Arc::new(stream), peer_address: canonical(peer_address), local_address, closed: None })
    }

    /// Runs a writing system call when the socket takes bytes.
    fn poll_writing(
        &mut self,
        context: &mut Context<'_>,
        mut call: impl FnMut(&TcpStream) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            let result = self.stream.try_io(Interest::WRITABLE, || {
                loop {
                    match call(&self.stream) {
                        Err(rustix::io::Errno::INTR) => {}
                        other => return other.map_err(io::Error::from),
                    }
                }
            });
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

/// An IPv4 client of a socket that takes both is an IPv4 client.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl ByteStream for TcpByteStream {
    fn peer_address(&self) -> SocketAddr {
        self.peer_address
    }

    fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut BytesMut, limit: usize) -> Poll<io::Result<usize>> {
        self.closed = None;
        let stream = Arc::get_mut(&mut self.stream).expect("the one other owner was dropped above");
        debug_assert!(limit > 0 && buffer.capacity() - buffer.len() >= limit);
        let mut free = buffer.limit(limit);
        // Cancel safe: nothing is read by a read that does not end.
        pin!(stream.read_buf(&mut free)).poll(context)
    }

    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let stream = &self.stream;
        let closed = self.closed.get_or_insert_with(|| {
            let stream = Arc::clone(stream);
            Box::pin(async move {
                // Readability would be reported for as long as bytes wait. The end of the stream and errors are also
                // reported to whoever waits for urgent data, which Kafka's protocol does not have.
                while let Ok(ready) = stream.ready(Interest::PRIORITY).await {
                    if ready.is_read_closed() {
                        return;
                    }
                    let _ = stream.try_io(Interest::PRIORITY, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
                }
            })
        });
        closed.as_mut().poll(context)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        following: Following,
    ) -> Poll<io::Result<usize>> {
        let flags = match following {
            Following::Nothing => SendFlags::NOSIGNAL,
            Following::More => SendFlags::NOSIGNAL | SendFlags::MORE,
        };
        self.poll_writing(context, |stream| match parts {
            [part] => rustix::net::send(stream, part, flags),
            parts => rustix::net::sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), flags),
        })
    }

    fn poll_send_region(
        &mut self,
        context: &mut Context<'_>,
        file: &dyn DiskFile,
        position: u64,
        size_bytes: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        let Some(descriptor) = file.region_fd() else { return Poll::Ready(Ok(None)) };
        self.poll_writing(context, |stream| {
            let mut position = position;
            rustix::fs::sendfile(stream, descriptor, Some(&mut position), size_bytes)
        })
        .map_ok(Some)
    }
}
