//! Record batches, magic 2: a view of the header, and walking the records. Building them is next door.
//!
//! A batch passes through the broker as the bytes the producer sent. What the broker sets (base offset, leader epoch)
//! lies outside the CRC and is written as a patched prefix before the untouched rest.

use std::io::Read;
use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};

use crate::compression::{Compression, decompress, decompressor};
use crate::record_walk::{MalformedRecord, RecordOutline, varint, varlong, walk_records};

pub use crate::batch_builder::{BatchBuilder, recompress};

/// The most that the records of one batch may take when decompressed: four times what a request may hold.
pub const DECOMPRESSED_BYTES_MAX: usize = 400 * 1024 * 1024;

pub(crate) const ATTRIBUTE_CODEC: i16 = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
pub(crate) const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
pub(crate) const ATTRIBUTE_CONTROL: i16 = 0x20;
const CRC_POSITION: usize = 17;
const ATTRIBUTES_POSITION: usize = 21;
const MAX_TIMESTAMP_POSITION: usize = 35;

/// Why bytes are not a record batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than the header or the length field asks for.
    #[error("the batch is cut off")]
    Short,
    /// The length field cannot be true.
    #[error("batch length {0} is out of bounds")]
    Length(i32),
    /// A format other than magic 2.
    #[error("magic {0} is not supported")]
    Magic(i8),
    /// A codec that does not exist.
    #[error("codec {0} is not known")]
    Codec(i16),
    /// The records inside do not parse.
    #[error("{0}")]
    Record(String),
    /// The records inside do not decompress.
    #[error("{0}")]
    Compressed(String),
    /// The batch, rebuilt, exceeds the limit given.
    #[error("the batch is larger than {0} bytes")]
    TooLarge(usize),
    /// Its records, decompressed, exceed the limit given.
    #[error("the records take more than {0} bytes when they are decompressed")]
    Expands(usize),
}

/// The header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// How many bytes follow the length field.
    pub batch_length: i32,
    /// The epoch of the leader that appended it.
    pub partition_leader_epoch: i32,
    /// The format: 2.
    pub magic: i8,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: i16,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, in milliseconds; the delete horizon where that flag is set.
    pub base_timestamp: i64,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// The idempotent producer, -1 for none.
    pub producer_id: i64,
    /// Its epoch, -1 for none.
    pub producer_epoch: i16,
    /// The sequence of the first record, -1 for none.
    pub base_sequence: i32,
    /// How many records the batch holds.
    pub record_count: i32,
}

impl BatchHeader {
    /// Bytes of the header.
    pub const SIZE_BYTES: usize = 61;
    /// Bytes before what the length field counts.
    pub const LENGTH_OVERHEAD_BYTES: usize = 12;
    /// Bytes that the broker patches: base offset, length, leader epoch.
    pub const PREFIX_BYTES: usize = 16;

    /// Reads the header at the front of `bytes`, which may be cut off behind it.
    ///
    /// # Errors
    /// [`BatchError::Short`], [`BatchError::Magic`], [`BatchError::Length`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        // The magic byte stands at the same place in all formats.
        let magic = *bytes.get(16).ok_or(BatchError::Short)? as i8;
        if magic != 2 {
            return Err(BatchError::Magic(magic));
        }
        let header: &[u8; Self::SIZE_BYTES] = bytes.first_chunk().ok_or(BatchError::Short)?;
        let i16_at = |at: usize| i16::from_be_bytes([header[at], header[at + 1]]);
        let i32_at = |at: usize| i32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let i64_at = |at: usize| i64::from_be_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let decoded = Self {
            base_offset: i64_at(0),
            batch_length: i32_at(8),
            partition_leader_epoch: i32_at(12),
            magic,
            crc: i32_at(CRC_POSITION).cast_unsigned(),
            attributes: i16_at(ATTRIBUTES_POSITION),
            last_offset_delta: i32_at(23),
            base_timestamp: i64_at(27),
            max_timestamp: i64_at(MAX_TIMESTAMP_POSITION),
            producer_id: i64_at(43),
            producer_epoch: i16_at(51),
            base_sequence: i32_at(53),
            record_count: i32_at(57),
        };
        if usize::try_from(decoded.batch_length)
            .is_ok_and(|length| length + Self::LENGTH_OVERHEAD_BYTES >= Self::SIZE_BYTES)
        {
            Ok(decoded)
        } else {
            Err(BatchError::Length(decoded.batch_length))
        }
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        Self::LENGTH_OVERHEAD_BYTES + usize::try_from(self.batch_length).expect("checked when decoded")
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The codec.
    ///
    /// # Errors
    /// [`BatchError::Codec`].
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let code = self.attributes & ATTRIBUTE_CODEC;
        Compression::from_code(code).ok_or(BatchError::Codec(code))
    }

    /// Whether the broker's clock stamped the records.
    #[must_use]
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }

    /// Whether an idempotent producer sent it.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// The sequence of the last record; sequences wrap from 2^31-1 to 0.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        i32::try_from(sum % (1_i64 << 31)).expect("a remainder of 2^31 fits")
    }

    fn offset_of(&self, outline: &RecordOutline) -> i64 {
        self.base_offset.wrapping_add(i64::from(outline.offset_delta))
    }

    /// The timestamp of a record: its own, or the broker's where that stamped the batch.
    pub(crate) fn timestamp_of(&self, timestamp_delta: i64) -> i64 {
        if self.is_log_append_time() { self.max_timestamp } else { self.base_timestamp.wrapping_add(timestamp_delta) }
    }

    /// The first bytes of the batch with what the leader sets; the rest of the batch follows unchanged.
    #[must_use]
    pub fn patched_prefix(&self, base_offset: i64, leader_epoch: i32) -> [u8; Self::PREFIX_BYTES] {
        let mut prefix = [0; Self::PREFIX_BYTES];
        prefix[..8].copy_from_slice(&base_offset.to_be_bytes());
        prefix[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        prefix[12..].copy_from_slice(&leader_epoch.to_be_bytes());
        prefix
    }
}

/// Whether the CRC of a whole batch is right.
#[must_use]
pub fn crc_is_right(batch: &[u8]) -> bool {
    let Some(stored) = batch.get(CRC_POSITION..ATTRIBUTES_POSITION) else { return false };
    crc32c::crc32c(&batch[ATTRIBUTES_POSITION..]).to_be_bytes() == stored
}

/// A copy of the batch with the broker's time as timestamp of all records (`LogAppendTime`), its CRC renewed.
#[must_use]
pub fn with_log_append_time(batch: &[u8], now_ms: i64) -> Bytes {
    let mut copy = BytesMut::from(batch);
    copy[ATTRIBUTES_POSITION + 1] |= ATTRIBUTE_LOG_APPEND_TIME.to_be_bytes()[1];
    set_max_timestamp(copy, now_ms)
}

/// A copy of the batch with the producer's times (`CreateTime`), of which `max_timestamp` is the largest, its CRC renewed.
#[must_use]
pub fn with_create_time(batch: &[u8], max_timestamp: i64) -> Bytes {
    let mut copy = BytesMut::from(batch);
    copy[ATTRIBUTES_POSITION + 1] &= !ATTRIBUTE_LOG_APPEND_TIME.to_be_bytes()[1];
    set_max_timestamp(copy, max_timestamp)
}

fn set_max_timestamp(mut batch: BytesMut, max_timestamp: i64) -> Bytes {
    batch[MAX_TIMESTAMP_POSITION..MAX_TIMESTAMP_POSITION + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    renew_crc(&mut batch);
    batch.freeze()
}

pub(crate) fn renew_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_POSITION..]);
    batch[CRC_POSITION..ATTRIBUTES_POSITION].copy_from_slice(&crc.to_be_bytes());
}

/// The bytes of the records of a whole batch, as they are compressed.
pub(crate) fn payload<'a>(header: &BatchHeader, batch: &'a [u8]) -> Result<&'a [u8], BatchError> {
    batch.get(BatchHeader::SIZE_BYTES..header.size_bytes()).ok_or(BatchError::Short)
}

/// Walks the records of a whole batch in order, without building them, until `visit` breaks off.
///
/// # Errors
/// Where the records do not decompress or do not parse, and [`BatchError::Expands`] where nothing was wrong with compressed
/// ones up to `plain_bytes_max`, and that was not all.
pub(crate) fn walk(
    header: &BatchHeader,
    batch: &[u8],
    plain_bytes_max: usize,
    visit: impl FnMut(RecordOutline) -> ControlFlow<()>,
) -> Result<(), BatchError> {
    let mut payload = payload(header, batch)?;
    let mut is_exhausted = false;
    let walked = match header.compression()? {
        Compression::None => walk_records(&mut payload, header.record_count, visit),
        codec => decompressor(codec, payload).and_then(|reader| {
            let mut limited = reader.take(plain_bytes_max as u64);
            let walked = walk_records(&mut limited, header.record_count, visit);
            is_exhausted = limited.limit() == 0;
            walked
        }),
    };
    if is_exhausted && walked.is_err() {
        return Err(BatchError::Expands(plain_bytes_max));
    }
    walked.map_err(|error| {
        let is_of_records = error.get_ref().is_some_and(|source| source.is::<MalformedRecord>());
        if is_of_records { BatchError::Record(error.to_string()) } else { BatchError::Compressed(error.to_string()) }
    })
}

/// Offset and timestamp of the first record of a whole batch whose offset is at least `offset_min` and whose timestamp
/// is at least `timestamp_min`. Builds no records.
///
/// # Errors
/// Where the batch or its records do not parse.
pub fn find_by_timestamp(batch: &[u8], offset_min: i64, timestamp_min: i64) -> Result<Option<(i64, i64)>, BatchError> {
    let header = BatchHeader::decode(batch)?;
    let mut found = None;
    walk(&header, batch, DECOMPRESSED_BYTES_MAX, |outline| {
        let (offset, timestamp) = (header.offset_of(&outline), header.timestamp_of(outline.timestamp_delta));
        if offset >= offset_min && timestamp >= timestamp_min {
            found = Some((offset, timestamp));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// One record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// The records of a whole batch, decompressed where needed; keys and values are slices of one buffer.
///
/// # Errors
/// Where the batch or its records do not parse.
pub fn records(batch: &Bytes) -> Result<Vec<Record>, BatchError> {
    let header = BatchHeader::decode(batch)?;
    let payload = match header.compression()? {
        Compression::None => batch.slice_ref(payload(&header, batch)?),
        codec => decompress(codec, payload(&header, batch)?, DECOMPRESSED_BYTES_MAX)
            .map_err(|error| BatchError::Record(error.to_string()))?
            .into(),
    };
    let mut records = Vec::new();
    let mut rest = &payload[..];
    for _ in 0..header.record_count {
        records.push(record(&header, &payload, &mut rest).ok_or_else(|| malformed("a record is malformed"))?);
    }
    if rest.is_empty() { Ok(records) } else { Err(malformed("bytes are left over after the records")) }
}

fn malformed(what: &str) -> BatchError {
    BatchError::Record(what.to_owned())
}

/// Takes one record off the front of `rest`, a part of `payload`.
fn record(header: &BatchHeader, payload: &Bytes, rest: &mut &[u8]) -> Option<Record> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (body, next) = rest.split_at_checked(length)?;
    *rest = next;
    let mut body = body.get(1..)?;
    let timestamp_delta = varlong(&mut body)?;
    let offset_delta = varint(&mut body)?;
    let key = sized(payload, &mut body)?;
    let value = sized(payload, &mut body)?;
    let mut headers = Vec::new();
    for _ in 0..u32::try_from(varint(&mut body)?).ok()? {
        let name = sized(payload, &mut body)??;
        headers.push((String::from_utf8_lossy(&name).into_owned(), sized(payload, &mut body)?));
    }
    body.is_empty().then(|| Record {
        offset: header.base_offset.wrapping_add(i64::from(offset_delta)),
        timestamp: header.timestamp_of(timestamp_delta),
        key,
        value,
        headers,
    })
}

#[expect(clippy::option_option, reason = "malformed, null, bytes")]
fn sized(payload: &Bytes, rest: &mut &[u8]) -> Option<Option<Bytes>> {
    let Ok(length) = usize::try_from(varint(rest)?) else { return Some(None) };
    let (bytes, next) = rest.split_at_checked(length)?;
    *rest = next;
    Some(Some(payload.slice_ref(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_their_timestamp() {
        for codec in [Compression::None, Compression::Snappy] {
            let mut builder = BatchBuilder::new(codec);
            for timestamp in [500, 300, 900, 700] {
                builder.record(timestamp, None, None, &[]);
            }
            let batch = builder.build();
            assert_eq!(find_by_timestamp(&batch, 0, 600).unwrap(), Some((2, 900)));
            assert_eq!(find_by_timestamp(&batch, 0, 100).unwrap(), Some((0, 500)));
            assert_eq!(find_by_timestamp(&batch, 3, 100).unwrap(), Some((3, 700)));
            assert_eq!(find_by_timestamp(&batch, 0, 901).unwrap(), None);
        }
    }

    #[test]
    fn log_append_time_renews_the_crc() {
        let mut builder = BatchBuilder::default();
        builder.record(1000, None, Some(b"v"), &[]);
        let batch = with_log_append_time(&builder.build(), 5000);
        assert!(crc_is_right(&batch));
        assert_eq!(records(&batch).unwrap()[0].timestamp, 5000);
    }
}
