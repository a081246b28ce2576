//! Responses on their way out, in order, sent with few system calls.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use dohle_seams::DiskFile;

use crate::byte_stream::{ByteStream, Following};
use crate::response::{Response, ResponsePart};

/// Below this, reading a region and sending it along with what is around it is cheaper than system calls of its own.
const REGION_READ_BELOW_BYTES: usize = 16 * 1024;
/// How much of a file goes to the socket at a time, so that one connection does not hold a thread for long.
const REGION_SLICE_BYTES: usize = 1024 * 1024;
/// How much of a file is read at a time for a stream that cannot send from files.
const REGION_READ_BYTES: usize = 128 * 1024;
/// How much one write gathers.
const GATHER_BYTES: usize = 256 * 1024;
/// Several parts of no more than this together are copied into one: that costs less than telling the kernel of each.
const COPIED_BYTES: usize = 1024;
/// How many parts one write gathers.
const GATHER_PARTS: usize = 128;

/// Why a response could not be sent. Part of it may have left, so the connection cannot go on.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The peer or the way to it.
    Stream(io::Error),
    /// Our own disk.
    Region(io::Error),
}

impl SendError {
    /// One system call touches both: only these errors are the file's.
    fn of_region(error: io::Error) -> Self {
        let disk = [rustix::io::Errno::IO, rustix::io::Errno::NXIO].map(rustix::io::Errno::raw_os_error);
        if error.raw_os_error().is_some_and(|code| disk.contains(&code)) {
            Self::Region(error)
        } else {
            Self::Stream(error)
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Output {
    parts: VecDeque<ResponsePart>,
    size_bytes: usize,
    /// The part of it that is in memory.
    memory_bytes: usize,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What is still to be sent.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The part of it that is in memory, not in files.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn push(&mut self, first: Bytes, rest: Vec<ResponsePart>) {
        for part in std::iter::once(ResponsePart::Bytes(first)).chain(rest) {
            let size_bytes = part.size_bytes();
            if size_bytes > 0 {
                self.size_bytes += size_bytes;
                if let ResponsePart::Bytes(bytes) = &part {
                    self.memory_bytes += bytes.len();
                }
                self.parts.push_back(part);
            }
        }
    }

    pub(crate) fn push_response(&mut self, response: Response) {
        self.push(response.first, response.rest);
    }

    /// Sends some of what there is: how many bytes were taken. There must be something.
    pub(crate) fn poll_send(
        &mut self,
        stream: &mut dyn ByteStream,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, SendError>> {
        if let Some(ResponsePart::Region { file, position, size_bytes }) = self.parts.front_mut()
            && *size_bytes >= REGION_READ_BELOW_BYTES
        {
            let slice = (*size_bytes).min(REGION_SLICE_BYTES);
            let result = ready!(stream.poll_send_region(context, file.as_ref(), *position, slice));
            if let Some(sent) = result.map_err(SendError::of_region)? {
                if sent == 0 {
                    return Poll::Ready(Err(cut_off()));
                }
                *position += sent as u64;
                *size_bytes -= sent;
                if *size_bytes == 0 {
                    self.parts.pop_front();
                }
                self.size_bytes -= sent;
                return Poll::Ready(Ok(sent));
            }
            let bytes = read_region(file.as_ref(), *position, (*size_bytes).min(REGION_READ_BYTES))?;
            *position += bytes.len() as u64;
            *size_bytes -= bytes.len();
            if *size_bytes == 0 {
                self.parts.pop_front();
            }
            self.memory_bytes += bytes.len();
            self.parts.push_front(ResponsePart::Bytes(bytes));
        }
        let sent = ready!(self.poll_write(stream, context))?;
        Poll::Ready(Ok(sent))
    }

    fn poll_write(&mut self, stream: &mut dyn ByteStream, context: &mut Context<'_>) -> Poll<Result<usize, SendError>> {
        let mut gathered = 0;
        let mut count = 0;
        for part in self.parts.iter_mut().take(GATHER_PARTS) {
            if let ResponsePart::Region { file, position, size_bytes } = part {
                if *size_bytes >= REGION_READ_BELOW_BYTES {
                    break;
                }
                self.memory_bytes += *size_bytes;
                *part = ResponsePart::Bytes(read_region(file.as_ref(), *position, *size_bytes)?);
            }
            gathered += part.size_bytes();
            count += 1;
            if gathered >= GATHER_BYTES {
                break;
            }
        }
        let mut slices = [IoSlice::new(&[]); GATHER_PARTS];
        for (slice, part) in slices.iter_mut().zip(self.parts.range(..count)) {
            if let ResponsePart::Bytes(bytes) = part {
                *slice = IoSlice::new(bytes);
            }
        }
        let following = if count < self.parts.len() { Following::More } else { Following::Nothing };
        let sent = if count > 1 && gathered <= COPIED_BYTES {
            let mut copied = [0; COPIED_BYTES];
            let mut rest = &mut copied[..];
            slices[..count].iter().for_each(|slice| rest.put_slice(slice));
            stream.poll_write(context, &[IoSlice::new(&copied[..gathered])], following)
        } else {
            stream.poll_write(context, &slices[..count], following)
        };
        let sent = ready!(sent).map_err(SendError::Stream)?;
        if sent == 0 {
            return Poll::Ready(Err(SendError::Stream(io::ErrorKind::WriteZero.into())));
        }
        self.advance(sent);
        Poll::Ready(Ok(sent))
    }

    fn advance(&mut self, sent: usize) {
        self.size_bytes -= sent;
        self.memory_bytes -= sent;
        let mut left = sent;
        while left > 0 {
            let Some(ResponsePart::Bytes(bytes)) = self.parts.front_mut() else {
                unreachable!("only bytes were written");
            };
            if bytes.len() > left {
                bytes.advance(left);
                return;
            }
            left -= bytes.len();
            self.parts.pop_front();
        }
    }
}

fn read_region(file: &dyn DiskFile, position: u64, size_bytes: usize) -> Result<Bytes, SendError> {
    let mut bytes = BytesMut::zeroed(size_bytes);
    if file.read_at(&mut bytes, position).map_err(SendError::Region)? < size_bytes {
        return Err(cut_off());
    }
    Ok(bytes.freeze())
}

/// The peer was told a size that can no longer be given.
fn cut_off() -> SendError {
    SendError::Region(io::Error::new(io::ErrorKind::UnexpectedEof, "a file ended within a region that was to be sent"))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// Takes a few bytes at a time, and remembers how many parts it was given.
    #[derive(Debug)]
    struct Taking {
        bytes_max: usize,
        taken: Vec<u8>,
        parts: Vec<usize>,
    }

    impl ByteStream for Taking {
        fn peer_address(&self) -> SocketAddr {
            ([127, 0, 0, 1], 1).into()
        }

        fn local_address(&self) -> SocketAddr {
            self.peer_address()
        }

        fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut BytesMut, _: usize) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }

        fn poll_write(&mut self, _: &mut Context<'_>, parts: &[IoSlice<'_>], _: Following) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let count = bytes.len().min(self.bytes_max);
            self.taken.extend_from_slice(&bytes[..count]);
            self.parts.push(parts.len());
            Poll::Ready(Ok(count))
        }
    }

    fn send(responses: &[Vec<u8>], bytes_max: usize) -> Taking {
        let mut output = Output::default();
        responses.iter().for_each(|response| output.push(Bytes::from(response.clone()), Vec::new()));
        let mut stream = Taking { bytes_max, taken: Vec::new(), parts: Vec::new() };
        let mut context = Context::from_waker(std::task::Waker::noop());
        while !output.is_empty() {
            assert!(matches!(output.poll_send(&mut stream, &mut context), Poll::Ready(Ok(1..))));
        }
        assert_eq!(stream.taken, responses.concat());
        assert_eq!((output.size_bytes(), output.memory_bytes()), (0, 0));
        stream
    }

    #[test]
    fn small_responses_leave_as_one_part() {
        let small: Vec<_> = (0..5_u8).map(|n| vec![n; 60]).collect();
        assert_eq!(send(&small, usize::MAX).parts, [1]);
        assert_eq!(send(&small, 70).parts, [1; 5]);
        let filling = vec![vec![1; COPIED_BYTES - 1], vec![2; 1]];
        assert_eq!(send(&filling, usize::MAX).parts, [1]);
        let large = vec![vec![1; COPIED_BYTES], vec![2; 1]];
        assert_eq!(send(&large, usize::MAX).parts, [2]);
        assert_eq!(send(&large, 1000).parts, [2, 1]);
    }
}
