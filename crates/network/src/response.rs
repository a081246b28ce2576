//! What a request leads to: a response now or later, none, or the end of the connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_protocol::Writer;
use dohle_seams::DiskFile;

/// What stage one of a request leads to.
pub enum Outcome {
    /// The response is there.
    Now(Response),
    /// The response comes when the future ends. It is polled in the connection's task and dropped when the peer goes away.
    Later(Pin<Box<dyn Future<Output = Response> + Send>>),
    /// Nothing is answered, and nothing of the request still waits (Produce with acks=0).
    NoResponse,
    /// The connection ends once earlier requests were answered.
    Close {
        /// Why.
        reason: CloseReason,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(response) => f.debug_tuple("Now").field(response).finish(),
            Self::Later(_) => f.debug_tuple("Later").finish_non_exhaustive(),
            Self::NoResponse => f.write_str("NoResponse"),
            Self::Close { reason } => f.debug_struct("Close").field("reason", reason).finish(),
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// A request could not be decoded: which, and what is wrong with it.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// A request of an API or version that is not served: which.
    #[error("unsupported request: {0}")]
    UnsupportedVersion(String),
    /// A request failed that gets no response (acks=0): a close makes the client look again.
    #[error("a request without a response failed")]
    UnansweredFailure,
    /// The response said so, a failed authentication for example.
    #[error("closed after a response")]
    AfterResponse,
    /// The size prefix of a frame was negative or above `socket.request.max.bytes`.
    #[error("invalid frame size {size_bytes}{}", foreign_protocol(*.size_bytes))]
    InvalidFrameSize {
        /// What the prefix said.
        size_bytes: i32,
    },
    /// Nothing came or went for `connections.max.idle.ms`.
    #[error("idle for too long")]
    Idle,
    /// The same, and a request had begun.
    #[error("idle for too long, with {received_bytes} bytes of a request received and the rest missing")]
    IdleInRequest {
        /// What had come of it.
        received_bytes: usize,
    },
    /// The same, and a response was not taken.
    #[error("idle for too long, with {unsent_bytes} bytes of responses not taken")]
    IdleInResponse {
        /// What was left of it.
        unsent_bytes: usize,
    },
    /// The peer took nothing of its responses while the memory for those of all peers was used up.
    #[error("{unsent_bytes} bytes of responses not taken, and too much memory is used for such")]
    NotReading {
        /// What was left of them.
        unsent_bytes: usize,
    },
    /// The peer sent a large request slowly while the memory for those of all peers was used up.
    #[error("{received_bytes} bytes of a request received slowly, and too much memory is used for such")]
    Sluggish {
        /// What had come of it.
        received_bytes: usize,
    },
    /// A response would have been larger than the protocol can say.
    #[error("a response of {size_bytes} bytes is too large to be sent")]
    ResponseTooLarge {
        /// Without the prefix.
        size_bytes: usize,
    },
    /// The server shuts down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Failed(std::io::ErrorKind),
    /// A region of a file could not be read while its response was being sent.
    #[error("a file could not be read for a response: {0}")]
    RegionFailed(std::io::ErrorKind),
}

/// What those four bytes are in protocols that are often sent to the wrong port.
fn foreign_protocol(size_bytes: i32) -> &'static str {
    match &size_bytes.to_be_bytes() {
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"DELE" | b"CONN" | b"PRI " => " (it looks like HTTP)",
        [0x16, 3, ..] => " (it looks like TLS, on a listener without)",
        b"SSH-" => " (it looks like SSH)",
        _ => "",
    }
}

/// A piece of a response.
#[derive(Clone, Debug)]
pub enum ResponsePart {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a file, sent from the page cache where the stream can. All of them must exist until the response is sent.
    Region {
        /// The file.
        file: Arc<dyn DiskFile>,
        /// Where they start, in bytes.
        position: u64,
        /// How many they are.
        size_bytes: usize,
    },
}

impl ResponsePart {
    /// How many bytes the part has on the wire.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Region { size_bytes, .. } => *size_bytes,
        }
    }
}

/// A whole response, its size prefix included. Mostly one run of bytes; a fetch has regions of files between them.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub(crate) first: Bytes,
    pub(crate) rest: Vec<ResponsePart>,
    pub(crate) throttle: Option<Duration>,
    pub(crate) close: Option<CloseReason>,
}

/// Bytes of the size prefix.
const PREFIX_BYTES: usize = 4;
/// Room for the smaller responses without growing.
const WRITER_CAPACITY: usize = 256;

impl Response {
    /// A writer whose first four bytes are kept free for the size; write the response header and the body behind.
    #[must_use]
    pub fn writer() -> Writer {
        let mut writer = Writer::with_capacity(WRITER_CAPACITY);
        writer.raw(&[0; PREFIX_BYTES]);
        writer
    }

    /// The response in a writer that came from [`Response::writer`]; one of 2 GiB or more ends the connection instead.
    ///
    /// # Panics
    /// Where the first four bytes are missing.
    #[must_use]
    pub fn from_writer(mut writer: Writer) -> Self {
        let size_bytes = writer.len() - PREFIX_BYTES;
        match write_prefix(&mut writer, size_bytes) {
            Ok(()) => Self { first: writer.into_bytes(), ..Self::default() },
            Err(reason) => Self::close(reason),
        }
    }

    /// No bytes at all: for an [`Outcome::Later`] of a request that gets no response.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// No bytes, and the connection ends: for an [`Outcome::Later`] whose request has failed and gets no response.
    #[must_use]
    pub fn close(reason: CloseReason) -> Self {
        Self { close: Some(reason), ..Self::default() }
    }

    /// Nothing more is taken from the connection for this while (KIP-219); the response itself leaves at once.
    #[must_use]
    pub fn with_throttle(mut self, throttle: Duration) -> Self {
        self.throttle = Some(throttle).filter(|throttle| !throttle.is_zero());
        self
    }

    /// The connection ends when the response was sent.
    #[must_use]
    pub fn with_close(mut self) -> Self {
        self.close = Some(CloseReason::AfterResponse);
        self
    }

    /// The bytes on the wire, size prefix included.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.first.len() + self.rest.iter().map(ResponsePart::size_bytes).sum::<usize>()
    }

    /// The parts in their order, size prefix included.
    pub fn parts(&self) -> impl Iterator<Item = ResponsePart> + '_ {
        std::iter::once(ResponsePart::Bytes(self.first.clone())).chain(self.rest.iter().cloned())
    }
}

/// Builds a response that has regions of files, or bytes that are not to be copied, between what is written.
#[derive(Debug)]
pub struct ResponseBuilder {
    writer: Writer,
    /// Each part with the place in the writer before which it goes.
    parts: Vec<(usize, ResponsePart)>,
    parts_size_bytes: usize,
}

impl Default for ResponseBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseBuilder {
    /// An empty response.
    #[must_use]
    pub fn new() -> Self {
        Self::from_writer(Response::writer())
    }

    /// Goes on behind what a writer from [`Response::writer`] has.
    #[must_use]
    pub fn from_writer(writer: Writer) -> Self {
        Self { writer, parts: Vec::new(), parts_size_bytes: 0 }
    }

    /// Where the next bytes are written.
    pub fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Bytes of a file come next.
    pub fn region(&mut self, file: Arc<dyn DiskFile>, position: u64, size_bytes: usize) {
        self.part(ResponsePart::Region { file, position, size_bytes });
    }

    /// These bytes come next; they are not copied.
    pub fn bytes(&mut self, bytes: Bytes) {
        self.part(ResponsePart::Bytes(bytes));
    }

    fn part(&mut self, part: ResponsePart) {
        let size_bytes = part.size_bytes();
        if size_bytes > 0 {
            self.parts_size_bytes += size_bytes;
            self.parts.push((self.writer.len(), part));
        }
    }

    /// The response; one of 2 GiB or more ends the connection instead.
    #[must_use]
    pub fn finish(mut self) -> Response {
        let size_bytes = self.writer.len() - PREFIX_BYTES + self.parts_size_bytes;
        if let Err(reason) = write_prefix(&mut self.writer, size_bytes) {
            return Response::close(reason);
        }
        let mut written = self.writer.into_bytes();
        let Some(&(first_end, _)) = self.parts.first() else {
            return Response { first: written, ..Response::default() };
        };
        let first = written.split_to(first_end);
        let mut taken = first_end;
        let mut rest = Vec::with_capacity(self.parts.len() * 2);
        for (at, part) in self.parts {
            if at > taken {
                rest.push(ResponsePart::Bytes(written.split_to(at - taken)));
                taken = at;
            }
            rest.push(part);
        }
        if !written.is_empty() {
            rest.push(ResponsePart::Bytes(written));
        }
        Response { first, rest, ..Response::default() }
    }
}

fn write_prefix(writer: &mut Writer, size_bytes: usize) -> Result<(), CloseReason> {
    let prefix = i32::try_from(size_bytes).map_err(|_| CloseReason::ResponseTooLarge { size_bytes })?;
    writer.as_mut_slice()[..PREFIX_BYTES].copy_from_slice(&prefix.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_counts_regions_and_shared_bytes() {
        let mut builder = ResponseBuilder::new();
        builder.writer().raw(b"ab");
        builder.bytes(Bytes::from_static(b"12345"));
        builder.bytes(Bytes::new());
        builder.bytes(Bytes::from_static(b"6"));
        builder.writer().raw(b"cd");
        let response = builder.finish();
        let bytes: Vec<u8> = response
            .parts()
            .flat_map(|part| match part {
                ResponsePart::Bytes(bytes) => bytes.to_vec(),
                ResponsePart::Region { .. } => unreachable!("there is none"),
            })
            .collect();
        assert_eq!(bytes, b"\0\0\0\x0aab123456cd");
        assert_eq!(response.size_bytes(), bytes.len());
    }
}
