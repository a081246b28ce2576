//! One connection to a broker that never blocks: frames go out as far as the socket takes them, responses come in with as
//! much of them as is wanted; the rest is discarded inside the kernel.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// Room for responses that are read whole.
const BUFFER_BYTES: usize = 64 * 1024;
/// The most that one call discards.
const DISCARD_BYTES: usize = 1 << 20;
/// No response of this generator's is larger.
const RESPONSE_BYTES_MAX: usize = 512 << 20;

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    /// How much of the frame that is being sent has gone out.
    sent: usize,
    buffer: Vec<u8>,
    filled: usize,
    /// Bytes of the response in the buffer that are still to come and are not wanted.
    discard: usize,
    /// Whether the buffer holds heads only.
    heads_only: bool,
    /// Where discarded bytes would go; the kernel writes nothing there, so that it takes no memory.
    sink: Vec<u8>,
}

impl Link {
    /// Connects. Of each response `head_bytes` are kept, its length included; all of it where there is no limit.
    ///
    /// # Errors
    /// Nobody listens, or the socket cannot be set up.
    pub(crate) fn connect(address: SocketAddr, head_bytes: Option<usize>) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let sink = if head_bytes.is_some() { vec![0; DISCARD_BYTES] } else { Vec::new() };
        Ok(Self {
            stream,
            sent: 0,
            buffer: vec![0; head_bytes.unwrap_or(BUFFER_BYTES)],
            filled: 0,
            discard: 0,
            heads_only: head_bytes.is_some(),
            sink,
        })
    }

    /// Sends `frame`, or what is left of it: until this says that it has gone out whole, the next call must be given the
    /// same frame.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<bool> {
        while self.sent < frame.len() {
            match send(&self.stream, &frame[self.sent..], SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("send a request"),
            }
        }
        self.sent = 0;
        Ok(true)
    }

    /// Whether a frame has gone out in part.
    pub(crate) fn is_sending(&self) -> bool {
        self.sent > 0
    }

    /// Takes what has come in, and calls `on_response` with each response that is complete, without its length: all of it,
    /// or its head.
    ///
    /// # Errors
    /// The connection has ended, or `on_response` fails.
    pub(crate) fn receive(&mut self, mut on_response: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        loop {
            let (wanted, received) = if self.discard > 0 {
                let wanted = self.discard.min(self.sink.len());
                (wanted, recv(&self.stream, &mut self.sink[..wanted], RecvFlags::TRUNC).map(|(_, count)| count))
            } else {
                let wanted = self.buffer.len() - self.filled;
                let free = &mut self.buffer[self.filled..];
                (wanted, recv(&self.stream, free, RecvFlags::empty()).map(|(_, count)| count))
            };
            let count = match received {
                Ok(0) => bail!("the broker has closed the connection"),
                Ok(count) => count,
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error).context("receive a response"),
            };
            if self.discard > 0 {
                self.discard -= count;
                if self.discard == 0 {
                    on_response(&self.buffer[4..self.filled])?;
                    self.filled = 0;
                }
            } else {
                self.filled += count;
                self.deliver(&mut on_response)?;
            }
            // A short read has emptied the socket; epoll tells of what comes later.
            if count < wanted {
                return Ok(());
            }
        }
    }

    /// Hands out the responses in the buffer.
    fn deliver(&mut self, on_response: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut start = 0;
        while let Some(length) = self.buffer[start..self.filled].first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).context("a response has a negative length")?;
            ensure!(length <= RESPONSE_BYTES_MAX, "a response of {length} bytes");
            let end = start + 4 + length;
            if end <= self.filled {
                on_response(&self.buffer[start + 4..end])?;
                start = end;
                continue;
            }
            if !self.heads_only && end - start > self.buffer.len() {
                self.buffer.resize(end - start, 0);
            } else if self.heads_only && start == 0 && self.filled == self.buffer.len() {
                self.discard = end - self.filled;
            }
            break;
        }
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::load::poller::{Interest, Poller};

    /// Receives until `count` responses have come from a server that writes `pieces` one after the other.
    fn received(head_bytes: Option<usize>, pieces: Vec<Vec<u8>>, count: usize) -> Vec<Vec<u8>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link = Link::connect(listener.local_addr().unwrap(), head_bytes).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let writer = std::thread::spawn(move || {
            for piece in pieces {
                peer.write_all(&piece).unwrap();
            }
            peer
        });
        let poller = Poller::new().unwrap();
        poller.add(&link, 0, Interest::Read).unwrap();
        let mut events = Vec::new();
        let mut responses = Vec::new();
        while responses.len() < count {
            poller.wait(&mut events, None).unwrap();
            link.receive(|response| {
                responses.push(response.to_vec());
                Ok(())
            })
            .unwrap();
        }
        drop(writer.join().unwrap());
        responses
    }

    fn response(size: u8, fill: u8) -> Vec<u8> {
        let mut bytes = i32::from(size).to_be_bytes().to_vec();
        bytes.extend(vec![fill; size.into()]);
        bytes
    }

    #[test]
    fn responses_are_whole_however_they_come() {
        let all = [response(3, 1), response(200, 2), response(0, 3)].concat();
        let expected = vec![vec![1; 3], vec![2; 200], vec![]];
        assert_eq!(received(None, vec![all.clone()], 3), expected);
        assert_eq!(received(None, all.chunks(1).map(<[u8]>::to_vec).collect(), 3), expected);
    }

    #[test]
    fn large_responses_make_room_for_themselves() {
        let mut large = 1_000_000_i32.to_be_bytes().to_vec();
        large.resize(1_000_004, 7);
        assert_eq!(received(None, vec![large], 1), [vec![7; 1_000_000]]);
    }

    #[test]
    fn of_heads_the_rest_is_discarded() {
        let mut large = 3_000_000_i32.to_be_bytes().to_vec();
        large.resize(3_000_004, 7);
        let pieces = vec![large, response(10, 8), response(100, 9)];
        assert_eq!(received(Some(40), pieces, 3), [vec![7; 36], vec![8; 10], vec![9; 36]]);
    }

    #[test]
    fn a_frame_goes_out_in_as_many_parts_as_it_takes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link = Link::connect(listener.local_addr().unwrap(), None).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let frame: Vec<u8> = (0..20_000_000_u32).map(|index| index.to_le_bytes()[0]).collect();
        let reader = std::thread::spawn(move || {
            let mut received = vec![0; 20_000_000];
            peer.read_exact(&mut received).unwrap();
            received
        });
        let poller = Poller::new().unwrap();
        poller.add(&link, 0, Interest::ReadAndWrite).unwrap();
        let mut events = Vec::new();
        while !link.send(&frame).unwrap() {
            assert!(link.is_sending());
            poller.wait(&mut events, None).unwrap();
        }
        assert!(!link.is_sending());
        assert!(reader.join().unwrap() == frame);
    }
}
