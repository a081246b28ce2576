//! A connection on which a test writes the very bytes, and a witness that others are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::waiting::PATIENCE;

pub(crate) const PRODUCE: i16 = 0;
pub(crate) const FETCH: i16 = 1;
pub(crate) const METADATA: i16 = 3;
pub(crate) const JOIN_GROUP: i16 = 11;
pub(crate) const API_VERSIONS: i16 = 18;

/// The correlation id of every request.
const CORRELATION_ID: [u8; 4] = [0, 0, 0, 7];
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// A connection without a protocol.
pub(crate) struct RawConnection(TcpStream);

impl RawConnection {
    pub(crate) fn to(bootstrap: &str) -> Result<Self> {
        let stream = TcpStream::connect(bootstrap).with_context(|| format!("connect to {bootstrap}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// What the broker's log calls this end.
    pub(crate) fn name(&self) -> Result<String> {
        Ok(format!("peer={}", self.0.local_addr()?))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).context("write")
    }

    /// Sends no more; answers can still be read.
    pub(crate) fn send_no_more(&self) -> Result<()> {
        self.0.shutdown(Shutdown::Write).context("shut down")
    }

    /// The next answer, behind its correlation id.
    pub(crate) fn answer(&mut self) -> Result<Vec<u8>> {
        let mut size = [0; 4];
        self.0.read_exact(&mut size).context("read the size of an answer")?;
        let size = u32::from_be_bytes(size);
        ensure!((4..ANSWER_BYTES_MAX).contains(&size), "an answer of {size} bytes");
        let mut answer = vec![0; usize::try_from(size)?];
        self.0.read_exact(&mut answer).context("read an answer")?;
        let body = answer.split_off(CORRELATION_ID.len());
        ensure!(answer == CORRELATION_ID, "another correlation id: {answer:02x?}");
        Ok(body)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        self.send(&frame(request))?;
        self.answer()
    }

    /// Whether nothing has come yet, no byte and no end.
    pub(crate) fn is_open(&mut self) -> Result<bool> {
        self.0.set_nonblocking(true)?;
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false)?;
        Ok(matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Waits until the broker closes the connection: what came before.
    pub(crate) fn until_closed(&mut self) -> Result<Vec<u8>> {
        let mut answer = Vec::new();
        match self.0.read_to_end(&mut answer) {
            Ok(_) => Ok(answer),
            // Closed with bytes unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(answer),
            Err(error) => Err(error).context("the connection was to be closed"),
        }
    }
}

/// A request header up to the client id, which is null.
pub(crate) fn header(api_key: i16, version: i16) -> Vec<u8> {
    let [key, version] = [api_key.to_be_bytes(), version.to_be_bytes()];
    [&key[..], &version, &CORRELATION_ID, &[0xff, 0xff]].concat()
}

pub(crate) fn frame(request: &[u8]) -> Vec<u8> {
    [&u32::try_from(request.len()).unwrap_or(u32::MAX).to_be_bytes(), request].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes(), text.as_bytes()].concat()
}

const ONE: [u8; 4] = [0, 0, 0, 1];

/// Metadata of a topic, which is not created.
pub(crate) fn metadata_request(topic: &str) -> Vec<u8> {
    [&header(METADATA, 4)[..], &ONE, &string(topic), &[0]].concat()
}

/// Produce to partition 0, acknowledged by all.
pub(crate) fn produce_request(topic: &str, batch: &[u8]) -> Vec<u8> {
    let size = u32::try_from(batch.len()).unwrap_or(u32::MAX).to_be_bytes();
    // No transactional id; acks of all; ten seconds.
    let fixed = [0xff, 0xff, 0xff, 0xff, 0, 0, 0x27, 0x10];
    [&header(PRODUCE, 7)[..], &fixed, &ONE, &string(topic), &ONE, &[0; 4], &size, batch].concat()
}

/// Error and base offset in the answer to [`produce_request`].
pub(crate) fn produced(topic: &str, answer: &[u8]) -> Result<(i16, i64)> {
    let at = 4 + 2 + topic.len() + 4 + 4;
    let error = answer.get(at..at + 2).with_context(|| format!("a short answer: {answer:02x?}"))?;
    let offset = answer.get(at + 2..at + 10).with_context(|| format!("a short answer: {answer:02x?}"))?;
    Ok((i16::from_be_bytes(error.try_into()?), i64::from_be_bytes(offset.try_into()?)))
}

/// A batch around what it has for records, with the CRC that it should have.
pub(crate) fn batch(codec: u8, record_count: i32, records: &[u8]) -> Vec<u8> {
    let mut checked = vec![0, codec];
    checked.extend((record_count - 1).to_be_bytes());
    // Both timestamps: now, or retention would take the records.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    checked.extend([i64::try_from(now).unwrap_or(i64::MAX).to_be_bytes(); 2].concat());
    // No idempotent producer: id, epoch and sequence are -1.
    checked.extend([0xff; 14]);
    checked.extend(record_count.to_be_bytes());
    checked.extend(records);
    let length = u32::try_from(checked.len() + 9).unwrap_or(u32::MAX);
    let crc = crc32c::crc32c(&checked);
    [&[0; 8][..], &length.to_be_bytes(), &[0; 4], &[2], &crc.to_be_bytes(), &checked].concat()
}

/// A record of four bytes without a key.
pub(crate) const RECORD: [u8; 11] = [20, 0, 0, 0, 1, 8, b'd', b'a', b't', b'a', 0];

/// A client that was there before, on one connection all the time: whether it is served as ever.
pub(crate) struct Witness {
    connection: RawConnection,
    topic: String,
    next_offset: i64,
}

impl Witness {
    /// A witness that writes to a topic of its own, which exists and is empty.
    pub(crate) fn of(bootstrap: &str, topic: &str) -> Result<Self> {
        let mut witness = Self { connection: RawConnection::to(bootstrap)?, topic: topic.to_owned(), next_offset: 0 };
        witness.looks()?;
        Ok(witness)
    }

    /// Asks for the topic and writes a record.
    pub(crate) fn looks(&mut self) -> Result<()> {
        let answer = self.connection.call(&metadata_request(&self.topic)).context("the witness asks")?;
        let name = string(&self.topic);
        ensure!(answer.windows(name.len()).any(|window| window == name), "the topic is not in {answer:02x?}");
        let answer = self.connection.call(&produce_request(&self.topic, &batch(0, 1, &RECORD)));
        let answer = answer.context("the witness writes")?;
        ensure!(produced(&self.topic, &answer)? == (0, self.next_offset), "the witness is answered {answer:02x?}");
        self.next_offset += 1;
        Ok(())
    }
}
