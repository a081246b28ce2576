//! A record batch from a producer: validated, walked, built, rebuilt. The CRC is made right, or nothing would get past it.

use bytes::Bytes;
use dohle_model::{PartitionIndex, TopicName, TopicPartition};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{
    BatchBuilder, BatchHeader, crc_is_right, find_by_timestamp, recompress, records, with_create_time,
};
use dohle_protocol::validation::{ValidationRules, validate};

const LIMIT: usize = 1 << 20;

fn rules(target: Option<Compression>) -> ValidationRules {
    ValidationRules {
        topic_partition: TopicPartition { topic: TopicName::from("t"), partition: PartitionIndex(0) },
        max_message_bytes: LIMIT,
        segment_bytes: LIMIT,
        log_append_time: false,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        compacted: false,
        target_compression: target.map(|codec| (codec, None)),
        produce_version: 13,
    }
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::copy_from_slice(data);
    if let Ok(header) = BatchHeader::decode(&bytes)
        && header.size_bytes() == bytes.len()
    {
        bytes = with_create_time(&bytes, header.max_timestamp);
    }
    let built = records(&bytes);
    let _ = find_by_timestamp(&bytes, 0, 0);
    let Ok(validated) = validate(bytes.clone(), &rules(None), 0) else { return };
    let built = built.expect("what is valid can be read");
    assert_eq!(built.len(), usize::try_from(validated.header.record_count).expect("checked"));
    assert!(crc_is_right(&validated.bytes));
    assert!(built.iter().all(|record| record.timestamp <= validated.header.max_timestamp));
    for code in 0..5 {
        let codec = Compression::from_code(code).expect("there are five");
        if let Ok(rebuilt) = recompress(&bytes, codec, None, LIMIT) {
            assert_eq!(records(&rebuilt).as_ref(), Ok(&built), "rebuilt as {codec:?}");
            assert!(validate(rebuilt, &rules(Some(codec)), 0).is_ok());
        }
    }
}

/// A batch of three records.
pub(crate) fn batch(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    for number in 0..3 {
        let header = [("header", Some(&b"value"[..])), ("none", None)];
        builder.record(1_767_225_600_000 + number, Some(b"key"), Some(&[b'v'; 40]), &header);
    }
    builder.build()
}

/// A batch in every codec.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    (0..5).filter_map(Compression::from_code).map(|codec| batch(codec).to_vec()).collect()
}
