//! Record batches of a given shape, with content that is the same in every run but for the time in it.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::BatchBuilder;

/// The time in all records, in milliseconds: when the first batch was built. What is older than a topic keeps would be deleted
/// while it is measured.
static TIMESTAMP_MS: LazyLock<i64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
});

/// What a batch holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many records.
    pub(crate) records: usize,
    /// Bytes of each record's value.
    pub(crate) value_bytes: usize,
    /// The codec.
    pub(crate) compression: Compression,
}

impl Shape {
    /// Records that are not compressed.
    pub(crate) const fn plain(records: usize, value_bytes: usize) -> Self {
        Self { records, value_bytes, compression: Compression::None }
    }

    /// The batch.
    pub(crate) fn build(self) -> Batch {
        self.build_for(None)
    }

    /// The batch of an idempotent producer, at sequence 0.
    pub(crate) fn build_for(self, producer: Option<Producer>) -> Batch {
        let mut builder = BatchBuilder::new(self.compression);
        if let Some(Producer { producer_id, producer_epoch }) = producer {
            builder = builder.producer(producer_id, producer_epoch, 0);
        }
        let mut words = Words::default();
        for _ in 0..self.records {
            let value = words.value(self.value_bytes);
            builder.record(*TIMESTAMP_MS, None, Some(&value), &[]);
        }
        let uncompressed_bytes = builder.size_bytes();
        Batch { bytes: builder.build(), records: self.records, uncompressed_bytes }
    }
}

/// An idempotent producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    /// Its id.
    pub(crate) producer_id: i64,
    /// Its epoch.
    pub(crate) producer_epoch: i16,
}

/// A batch, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// As it goes over the wire and into the log.
    pub(crate) bytes: Bytes,
    /// How many records it holds.
    pub(crate) records: usize,
    /// Its size before compression.
    pub(crate) uncompressed_bytes: usize,
}

/// As many records of `value_bytes` as fill a compressed batch of about `target_bytes`.
pub(crate) fn compressed_to(compression: Compression, value_bytes: usize, target_bytes: usize) -> Batch {
    let shape = |records| Shape { records, value_bytes, compression };
    let trial = shape(512).build();
    let records = (512 * target_bytes / trial.bytes.len()).max(1);
    shape(records).build()
}

/// Text like that of events: field names that repeat, numbers that do not. Compresses three- to fivefold.
#[derive(Debug)]
struct Words(u64);

impl Default for Words {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Words {
    /// The next number of xorshift64: no seed from outside.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn value(&mut self, size: usize) -> Vec<u8> {
        const KINDS: [&str; 6] = ["view", "click", "purchase", "login", "logout", "search"];
        let mut text = String::with_capacity(size + 128);
        while text.len() < size {
            let number = self.next();
            let kind = KINDS[(number % 6) as usize];
            let (user, page) = (number >> 8 & 0xff_ffff, number >> 32 & 0xffff);
            text += &format!(r#"{{"event":"{kind}","user":{user},"page":"/items/{page}","agent":"Mozilla/5.0"}},"#);
        }
        text.truncate(size);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use dohle_protocol::record_batch::{BatchHeader, crc_is_right};

    use super::*;

    #[test]
    fn a_batch_is_as_its_shape_says() {
        let batch = Shape::plain(16, 1024).build();
        let header = BatchHeader::decode(&batch.bytes).unwrap();
        assert_eq!((header.record_count, header.size_bytes()), (16, batch.bytes.len()));
        assert!(crc_is_right(&batch.bytes));
        assert_eq!(batch.uncompressed_bytes, batch.bytes.len());
        assert_eq!(batch.bytes, Shape::plain(16, 1024).build().bytes, "the same each time");
        assert!((16 * 1024..17 * 1024).contains(&batch.bytes.len()));
    }

    #[test]
    fn compressed_batches_come_near_their_size() {
        for compression in [Compression::Lz4, Compression::Zstd] {
            let batch = compressed_to(compression, 100, 64 * 1024);
            assert!((48 * 1024..80 * 1024).contains(&batch.bytes.len()), "{compression:?} {}", batch.bytes.len());
            let ratio = batch.uncompressed_bytes as f64 / batch.bytes.len() as f64;
            assert!((2.0..8.0).contains(&ratio), "{compression:?} {ratio}");
        }
    }
}
