//! The seam to streams: what a connection needs of TCP, so that TLS and simulated streams can take its place.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BytesMut;
use dohle_seams::DiskFile;

/// Whether more bytes come right behind a write, so that the stream may hold back a short packet for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Following {
    /// Nothing for now: send what there is.
    Nothing,
    /// More, at once.
    More,
}

/// A connected stream of bytes. Only one task uses it; each `poll_` method remembers the waker of its last call.
pub trait ByteStream: Send + Debug {
    /// The address of the other end.
    fn peer_address(&self) -> SocketAddr;

    /// The address that the other end has connected to.
    fn local_address(&self) -> SocketAddr;

    /// Ready when a read would probably give bytes, the end, or an error. Costs no buffer.
    ///
    /// # Errors
    /// The stream's error.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Appends up to `limit` bytes to `buffer`, which must have room for them without growing: how many bytes came, 0 at the
    /// end of the stream. `limit` is at least 1.
    ///
    /// # Errors
    /// The stream's error.
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut BytesMut, limit: usize) -> Poll<io::Result<usize>>;

    /// Ready when the other end has closed, even though bytes that it sent before may still wait to be read.
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Writes from the front of `parts`: how many bytes were taken, at least 1 where there are any.
    ///
    /// # Errors
    /// The stream's error.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        following: Following,
    ) -> Poll<io::Result<usize>>;

    /// Sends up to `size_bytes` of a file from `position` on without passing them through this process: how many bytes
    /// were taken, 0 where the file has ended. `None` where this stream or this file cannot; the caller then reads the file
    /// and writes.
    ///
    /// # Errors
    /// The stream's error, or the disk's.
    fn poll_send_region(
        &mut self,
        context: &mut Context<'_>,
        file: &dyn DiskFile,
        position: u64,
        size_bytes: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        let _ = (context, file, position, size_bytes);
        Poll::Ready(Ok(None))
    }
}

/// Gives new connections of one listener.
pub trait Acceptor: Send + Debug {
    /// The address that is listened on.
    fn local_address(&self) -> SocketAddr;

    /// The next connection.
    ///
    /// # Errors
    /// Why one could not be accepted; the listener may go on.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>>;
}
