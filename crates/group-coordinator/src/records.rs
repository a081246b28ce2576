//! The records of `__consumer_offsets` that classic groups need: types 0 to 2.

use std::sync::Arc;

use bytes::Bytes;
use dohle_coordinator_runtime::ReplayError;
use dohle_model::TopicName;
use dohle_protocol::records::decode_versioned;
use dohle_protocol::records::group::{
    GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey, OffsetCommitKey, OffsetCommitValue,
};
use dohle_protocol::{Message, Reader, Writer};

use crate::offsets::CommittedOffset;

/// The version in which group metadata is written.
const GROUP_METADATA_VERSION: i16 = 3;
/// The version in which offsets are written.
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The version of offsets whose request named a retention: the only one that has an expire timestamp.
const OFFSET_COMMIT_WITH_EXPIRY_VERSION: i16 = 1;

/// A record, as decided or as read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum GroupRecord {
    /// An offset was committed, or removed.
    Offset { group_id: Arc<str>, topic: TopicName, partition: i32, committed: Option<CommittedOffset> },
    /// A group's generation with its members, or the end of the group.
    Group { group_id: Arc<str>, value: Option<GroupMetadataValue> },
}

impl GroupRecord {
    /// Writes key and value; `false` for a tombstone.
    pub(crate) fn encode(&self, key: &mut Writer, value: &mut Writer) -> bool {
        match self {
            Self::Offset { group_id, topic, partition, committed } => {
                // The fields of `OffsetCommitKey`, without copying the strings into one.
                key.int16(OffsetCommitKey::TYPE);
                key.string(group_id, false);
                key.string(topic, false);
                key.int32(*partition);
                let Some(committed) = committed else { return false };
                let version = if committed.expire_timestamp_ms.is_some() {
                    OFFSET_COMMIT_WITH_EXPIRY_VERSION
                } else {
                    OFFSET_COMMIT_VERSION
                };
                value.int16(version);
                committed.to_value().encode(value, version);
                true
            }
            Self::Group { group_id, value: metadata } => {
                key.int16(GroupMetadataKey::TYPE);
                key.string(group_id, false);
                let Some(metadata) = metadata else { return false };
                value.int16(GROUP_METADATA_VERSION);
                metadata.encode(value, GROUP_METADATA_VERSION);
                true
            }
        }
    }

    /// Reads a record of the log.
    pub(crate) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Self, ReplayError> {
        let mut reader = Reader::new(key);
        let kind = reader.int16()?;
        match kind {
            // Both types have the same fields.
            LegacyOffsetCommitKey::TYPE | OffsetCommitKey::TYPE => {
                let key = OffsetCommitKey::decode(&mut reader, 0)?;
                let committed = match value {
                    Some(value) => Some(CommittedOffset::from_value(decode_versioned::<OffsetCommitValue>(value)?)),
                    None => None,
                };
                Ok(Self::Offset {
                    group_id: key.group.into(),
                    topic: key.topic.into(),
                    partition: key.partition,
                    committed,
                })
            }
            GroupMetadataKey::TYPE => {
                let key = GroupMetadataKey::decode(&mut reader, 0)?;
                let value = value.map(decode_versioned::<GroupMetadataValue>).transpose()?;
                Ok(Self::Group { group_id: key.group.into(), value })
            }
            kind => Err(ReplayError::UnknownType(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dohle_model::Uuid;

    fn encoded(record: &GroupRecord) -> (Bytes, Option<Bytes>) {
        let (mut key, mut value) = (Writer::new(), Writer::new());
        let has_value = record.encode(&mut key, &mut value);
        (key.into_bytes(), has_value.then(|| value.into_bytes()))
    }

    fn offset_record(committed: Option<CommittedOffset>) -> GroupRecord {
        GroupRecord::Offset { group_id: "g".into(), topic: "t".into(), partition: 3, committed }
    }

    #[test]
    fn offsets_are_written_as_version_4_with_the_topic_id() {
        let record = offset_record(Some(CommittedOffset {
            offset: 5,
            metadata: "m".to_owned(),
            commit_timestamp_ms: 9,
            topic_id: Uuid([7; 16]),
            ..CommittedOffset::default()
        }));
        let (key, value) = encoded(&record);
        let value = value.unwrap();
        assert_eq!(&key[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 3]);
        assert_eq!(&value[..2], [0, 4]);
        assert_eq!(&value[value.len() - 19..], [&[1, 0, 16][..], &[7; 16]].concat());
        assert_eq!(GroupRecord::decode(&key, Some(&value)), Ok(record));
    }

    #[test]
    fn an_explicit_retention_is_written_as_version_1() {
        let committed = CommittedOffset { offset: 5, expire_timestamp_ms: Some(77), ..CommittedOffset::default() };
        let (key, value) = encoded(&offset_record(Some(committed.clone())));
        assert_eq!(value.as_ref().unwrap()[..2], [0, 1]);
        assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(offset_record(Some(committed))));
    }

    #[test]
    fn tombstones_and_unknown_types() {
        let (key, value) = encoded(&offset_record(None));
        assert_eq!(value, None);
        assert_eq!(GroupRecord::decode(&key, None), Ok(offset_record(None)));
        let unknown = Bytes::from_static(&[0, 3, 0, 1, b'g']);
        assert_eq!(GroupRecord::decode(&unknown, None), Err(ReplayError::UnknownType(3)));
    }
}
