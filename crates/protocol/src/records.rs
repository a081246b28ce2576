//! Records of the metadata log and of internal topics, generated from `schema/records.tsv`.
//!
//! In `__consumer_offsets` a key is an int16 type and the key's fields (version 0), a value an int16 version and the
//! value's fields; [`encode_versioned`] and [`decode_versioned`] write and read that leading number.

use bytes::Bytes;

use crate::wire::{DecodeError, Message, Reader, Writer};
use metadata::MetadataRecord;

pub use generated::{control, embedded, group, metadata};

mod generated {
    #![allow(clippy::all, reason = "generated alike for all schemas")]

    include!(concat!(env!("OUT_DIR"), "/records.rs"));
}

/// The version of the frame around a metadata record.
const FRAME_VERSION: u32 = 1;

impl MetadataRecord {
    /// Writes Kafka's frame: frame version, type, version (all unsigned varints), fields.
    pub fn encode_frame(&self, writer: &mut Writer) {
        let (kind, version) = self.type_and_version();
        writer.unsigned_varint(FRAME_VERSION);
        writer.unsigned_varint(kind);
        writer.unsigned_varint(u32::from(version.unsigned_abs()));
        self.encode_body(writer, version);
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// [`DecodeError::UnknownRecord`] for a type or version this release does not know: such a record must never
    /// be skipped.
    pub fn decode_frame(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.unsigned_varint()? != FRAME_VERSION {
            return Err(DecodeError::Malformed("the frame of a metadata record is not of version 1"));
        }
        let kind = reader.unsigned_varint()?;
        let version = i16::try_from(reader.unsigned_varint()?).map_err(|_| DecodeError::Varint)?;
        Self::decode_body(kind, version, reader)
    }
}

/// Bytes of `number` (a key's type or a value's version) and the message in `version`.
#[must_use]
pub fn encode_versioned<M: Message>(number: i16, message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    writer.int16(number);
    message.encode(&mut writer, version);
    writer.into_bytes()
}

/// Reads a value that starts with its version.
///
/// # Errors
/// Where the bytes are not such a value; [`DecodeError::Version`] for a version that is not known.
pub fn decode_versioned<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.int16()?;
    M::decode(&mut reader, version)
}

#[cfg(test)]
mod tests {
    use super::group::{OffsetCommitKey, OffsetCommitValue};
    use super::metadata::TopicRecord;
    use super::*;
    use dohle_model::Uuid;

    #[test]
    fn metadata_records_survive_their_frame() {
        let record = MetadataRecord::from(TopicRecord { name: "orders".to_owned(), topic_id: Uuid([7; 16]) });
        let mut writer = Writer::new();
        record.encode_frame(&mut writer);
        let bytes = writer.into_bytes();
        assert_eq!(&bytes[..3], &[1, 2, 0]);
        assert_eq!(MetadataRecord::decode_frame(&mut Reader::new(&bytes)), Ok(record));
        let unknown = Bytes::from_static(&[1, 120, 0]);
        assert!(MetadataRecord::decode_frame(&mut Reader::new(&unknown)).is_err());
    }

    #[test]
    fn offset_commits_are_kafkas_bytes() {
        let key = OffsetCommitKey { group: "g".to_owned(), topic: "t".to_owned(), partition: 3 };
        assert_eq!(&encode_versioned(OffsetCommitKey::TYPE, &key, 0)[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 3]);
        let value =
            OffsetCommitValue { offset: 5, metadata: "m".to_owned(), commit_timestamp: 9, ..Default::default() };
        for version in 0..=4 {
            assert_eq!(
                decode_versioned::<OffsetCommitValue>(&encode_versioned(version, &value, version)),
                Ok(value.clone())
            );
        }
    }
}
