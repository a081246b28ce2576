//! Record batches as real clients sent them: the Java client 4.3 and librdkafka, in every codec.

use bytes::Bytes;
use dohle_model::{PartitionIndex, TopicName, TopicPartition};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{BatchHeader, crc_is_right, recompress, records};
use dohle_protocol::validation::{ValidationRules, validate};

const NOW: i64 = 1_800_000_000_000;

macro_rules! batches {
    ($($client:literal)*) => {
        [$(
            ($client, Compression::None, include_bytes!(concat!("batches/", $client, "-none.batch")) as &[u8]),
            ($client, Compression::Gzip, include_bytes!(concat!("batches/", $client, "-gzip.batch"))),
            ($client, Compression::Snappy, include_bytes!(concat!("batches/", $client, "-snappy.batch"))),
            ($client, Compression::Lz4, include_bytes!(concat!("batches/", $client, "-lz4.batch"))),
            ($client, Compression::Zstd, include_bytes!(concat!("batches/", $client, "-zstd.batch"))),
        )*]
    };
}

const BATCHES: [(&str, Compression, &[u8]); 10] = batches!("java" "rdkafka");

fn rules() -> ValidationRules {
    ValidationRules {
        topic_partition: TopicPartition { topic: TopicName::from("t"), partition: PartitionIndex(0) },
        max_message_bytes: 1 << 20,
        segment_bytes: 1 << 20,
        log_append_time: false,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        compacted: false,
        target_compression: None,
        produce_version: 13,
    }
}

#[test]
fn they_are_taken_as_they_are() {
    for (client, codec, bytes) in BATCHES {
        let bytes = Bytes::from_static(bytes);
        let validated = validate(bytes.clone(), &rules(), NOW).unwrap();
        assert_eq!(validated.bytes.as_ptr(), bytes.as_ptr(), "{client} {codec:?}: no copy");
        assert_eq!(validated.header.compression(), Ok(codec));
        assert_eq!(validated.header.record_count, 40);
    }
}

#[test]
fn their_records_read_back() {
    for (client, codec, bytes) in BATCHES {
        let records = records(&Bytes::from_static(bytes)).unwrap();
        assert_eq!(records.len(), 40, "{client} {codec:?}");
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record.offset, n as i64);
            let key = format!("key-{}", n % 7);
            let value = format!("some text that repeats, number {n}");
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            if client == "java" {
                assert_eq!(record.key.as_deref(), Some(key.as_bytes()));
                assert_eq!(record.value.as_deref(), Some(value.as_bytes()));
                let number = n.to_string();
                assert_eq!(headers, [("trace", Some(&b"abc"[..])), ("n", Some(number.as_bytes()))]);
            } else {
                assert_eq!(record.key.as_deref(), (n % 5 != 0).then_some(key.as_bytes()));
                assert_eq!(record.value.as_deref(), (n % 9 != 0).then_some(value.as_bytes()));
                let expected = if n % 3 == 0 { vec![("trace", Some(&b"abc"[..])), ("empty", None)] } else { vec![] };
                assert_eq!(headers, expected);
                assert_eq!(record.timestamp, 1_700_000_000_000 + n as i64 * 3 - n as i64 % 4);
            }
        }
    }
}

#[test]
fn each_can_be_rebuilt_in_every_codec() {
    for (client, codec, bytes) in BATCHES {
        let original = records(&Bytes::from_static(bytes)).unwrap();
        for code in 0..5 {
            let target = Compression::from_code(code).unwrap();
            let rebuilt = recompress(bytes, target, None, 1 << 20).unwrap();
            assert!(crc_is_right(&rebuilt));
            assert_eq!(records(&rebuilt).unwrap(), original, "{client} {codec:?} as {target:?}");
            assert!(validate(rebuilt, &rules(), NOW).is_ok());
        }
    }
}

/// Every byte changed and every length cut, the CRC made right again: refused or taken, never a panic, and a cut never taken.
#[test]
fn damage_behind_a_right_crc_does_no_harm() {
    for (client, codec, bytes) in BATCHES {
        let with_crc = |mut bytes: Vec<u8>| -> Bytes {
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
            bytes.into()
        };
        for position in 8..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[position] ^= flip;
                let damaged = with_crc(damaged);
                let _ = records(&damaged);
                if let Ok(validated) = validate(damaged, &rules(), NOW) {
                    assert_eq!(validated.header.record_count, 40, "{client} {codec:?} byte {position}");
                    assert_eq!(records(&validated.bytes).unwrap().len(), 40);
                }
            }
        }
        for length in BatchHeader::SIZE_BYTES..bytes.len() {
            let mut cut = bytes[..length].to_vec();
            let batch_length = i32::try_from(length - BatchHeader::LENGTH_OVERHEAD_BYTES).unwrap();
            cut[8..12].copy_from_slice(&batch_length.to_be_bytes());
            let cut = with_crc(cut);
            if let Ok(validated) = validate(cut, &rules(), NOW) {
                // The trailer of a stream may be missing where all its records are there.
                assert_eq!(
                    records(&validated.bytes).map(|records| records.len()),
                    Ok(40),
                    "{client} {codec:?} {length}"
                );
            }
        }
    }
}
