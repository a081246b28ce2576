//! Building record batches: for internal topics and tests, and out of a batch in another codec.

use std::io::{self, Read};

use bytes::{BufMut, Bytes, BytesMut};

use crate::compression::{Compression, compress, compress_from, decompressor};
use crate::record_batch::{
    ATTRIBUTE_CODEC, ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL, BatchError, BatchHeader, DECOMPRESSED_BYTES_MAX,
    payload, renew_crc,
};

/// Builds one batch of records, for internal topics and tests.
#[derive(Debug)]
pub struct BatchBuilder {
    compression: Compression,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    producer: (i64, i16, i32),
    attributes: i16,
    records: BytesMut,
    count: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new(Compression::None)
    }
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            base_timestamp: None,
            max_timestamp: -1,
            producer: (-1, -1, -1),
            attributes: compression.code(),
            records: BytesMut::new(),
            count: 0,
        }
    }

    /// Marks the batch as an idempotent producer's.
    #[must_use]
    pub fn producer(mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        self.producer = (producer_id, producer_epoch, base_sequence);
        self
    }

    /// Sets the flag of a control batch.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.attributes |= ATTRIBUTE_CONTROL;
        self
    }

    /// Sets the flag of a transactional batch.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.attributes |= ATTRIBUTE_TRANSACTIONAL;
        self
    }

    /// How many records were added.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the batch as built so far, before compression.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        BatchHeader::SIZE_BYTES + self.records.len()
    }

    /// Adds a record.
    pub fn record(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base);
        let offset_delta = i64::from(self.count);
        let header_count = i64::try_from(headers.len()).expect("headers are few");
        let size = 1
            + varlong_size(timestamp_delta)
            + varlong_size(offset_delta)
            + sized_size(key)
            + sized_size(value)
            + varlong_size(header_count)
            + headers.iter().map(|(name, value)| sized_size(Some(name.as_bytes())) + sized_size(*value)).sum::<usize>();
        let records = &mut self.records;
        records.reserve(size + 5);
        put_varlong(records, i64::try_from(size).expect("records are smaller than memory"));
        records.put_u8(0);
        put_varlong(records, timestamp_delta);
        put_varlong(records, offset_delta);
        put_sized(records, key);
        put_sized(records, value);
        put_varlong(records, header_count);
        for (name, value) in headers {
            put_sized(records, Some(name.as_bytes()));
            put_sized(records, *value);
        }
        self.count += 1;
    }

    /// The batch, with base offset 0 and no leader epoch.
    ///
    /// # Panics
    /// Where it exceeds 2 GiB.
    #[must_use]
    pub fn build(self) -> Bytes {
        let payload = match self.compression {
            Compression::None => self.records.freeze(),
            codec => compress(codec, &self.records, None).expect("codecs compress with their default level"),
        };
        let (producer_id, producer_epoch, base_sequence) = self.producer;
        assemble(
            &BatchHeader {
                base_offset: 0,
                batch_length: 0,
                partition_leader_epoch: -1,
                magic: 2,
                crc: 0,
                attributes: self.attributes,
                last_offset_delta: self.count - 1,
                base_timestamp: self.base_timestamp.unwrap_or(-1),
                max_timestamp: self.max_timestamp,
                producer_id,
                producer_epoch,
                base_sequence,
                record_count: self.count,
            },
            &payload,
        )
    }
}

/// The batch with its records compressed by another codec, streaming; offsets, timestamps, producer and flags stay.
///
/// # Errors
/// Where the records do not decompress, and [`BatchError::TooLarge`] as soon as the new batch exceeds `size_bytes_max`.
pub fn recompress(
    batch: &[u8],
    codec: Compression,
    level: Option<i32>,
    size_bytes_max: usize,
) -> Result<Bytes, BatchError> {
    let mut header = BatchHeader::decode(batch)?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => BatchError::TooLarge(size_bytes_max),
        _ => BatchError::Record(error.to_string()),
    };
    let mut plain = decompressor(header.compression()?, payload(&header, batch)?)
        .map_err(failed)?
        .take(DECOMPRESSED_BYTES_MAX as u64);
    let payload_max =
        size_bytes_max.checked_sub(BatchHeader::SIZE_BYTES).ok_or(BatchError::TooLarge(size_bytes_max))?;
    header.attributes = (header.attributes & !ATTRIBUTE_CODEC) | codec.code();
    Ok(assemble(&header, &compress_from(codec, &mut plain, level, payload_max).map_err(failed)?))
}

fn assemble(header: &BatchHeader, payload: &[u8]) -> Bytes {
    let mut batch = BytesMut::with_capacity(BatchHeader::SIZE_BYTES + payload.len());
    let length = BatchHeader::SIZE_BYTES - BatchHeader::LENGTH_OVERHEAD_BYTES + payload.len();
    batch.put_i64(header.base_offset);
    batch.put_i32(i32::try_from(length).expect("batches are smaller than 2 GiB"));
    batch.put_i32(header.partition_leader_epoch);
    batch.put_i8(2);
    batch.put_u32(0);
    batch.put_i16(header.attributes);
    batch.put_i32(header.last_offset_delta);
    batch.put_i64(header.base_timestamp);
    batch.put_i64(header.max_timestamp);
    batch.put_i64(header.producer_id);
    batch.put_i16(header.producer_epoch);
    batch.put_i32(header.base_sequence);
    batch.put_i32(header.record_count);
    batch.put_slice(payload);
    renew_crc(&mut batch);
    batch.freeze()
}

fn put_varlong(buffer: &mut BytesMut, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        buffer.put_u8(zigzag.to_le_bytes()[0] | 0x80);
        zigzag >>= 7;
    }
    buffer.put_u8(zigzag.to_le_bytes()[0]);
}

fn varlong_size(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    (64 - (zigzag | 1).leading_zeros()).div_ceil(7) as usize
}

fn sized_size(bytes: Option<&[u8]>) -> usize {
    let length = bytes.map_or(0, <[u8]>::len);
    length + bytes.map_or(1, |_| varlong_size(i64::try_from(length).expect("records are smaller than memory")))
}

fn put_sized(buffer: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varlong(buffer, i64::try_from(bytes.len()).expect("records are smaller than memory"));
            buffer.put_slice(bytes);
        }
        None => put_varlong(buffer, -1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_batch::{crc_is_right, find_by_timestamp, records};

    #[test]
    fn built_batches_read_back_in_every_codec() {
        for code in 0..5 {
            let mut builder = BatchBuilder::new(Compression::from_code(code).unwrap()).producer(9, 1, i32::MAX);
            builder.record(1000, Some(b"key"), Some(b"value"), &[("h", Some(b"x")), ("n", None)]);
            builder.record(990, None, None, &[]);
            let batch = builder.build();
            let header = BatchHeader::decode(&batch).unwrap();
            assert!(crc_is_right(&batch));
            assert_eq!((header.size_bytes(), header.max_timestamp), (batch.len(), 1000));
            assert_eq!(header.last_sequence(), 0, "sequences wrap");
            let records = records(&batch).unwrap();
            assert_eq!(records[0].headers, [("h".to_owned(), Some(Bytes::from("x"))), ("n".to_owned(), None)]);
            assert_eq!((records[1].offset, records[1].timestamp, &records[1].value), (1, 990, &None));
        }
    }

    #[test]
    fn an_empty_batch_has_no_records() {
        let batch = BatchBuilder::default().build();
        assert_eq!(records(&batch).unwrap(), []);
        assert_eq!(find_by_timestamp(&batch, 0, 0).unwrap(), None);
    }

    #[test]
    fn a_rebuilt_batch_keeps_its_limit() {
        let mut builder = BatchBuilder::new(Compression::Zstd);
        builder.record(1, None, Some(&[7; 10_000]), &[]);
        let batch = builder.build();
        let plain = recompress(&batch, Compression::None, None, 20_000).unwrap();
        assert_eq!(records(&plain).unwrap(), records(&batch).unwrap());
        assert!(crc_is_right(&plain));
        let exact = plain.len();
        assert!(recompress(&batch, Compression::None, None, exact).is_ok());
        assert_eq!(recompress(&batch, Compression::None, None, exact - 1), Err(BatchError::TooLarge(exact - 1)));
    }
}
