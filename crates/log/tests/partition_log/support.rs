//! A log in one folder of a simulated disk, and batches to put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dohle_config::TopicConfig;
use dohle_log::{AppendError, Appended, LogSlice, OpenOptions, PartitionLog};
use dohle_model::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TopicPartition, Uuid};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader, crc_is_right, records};
use dohle_protocol::validation::{ValidatedBatch, ValidationRules, validate};
use dohle_seams::Disk;
use dohle_seams::simulated::SimulatedDisk;

pub(crate) const NOW: i64 = 1_700_000_000_000;
pub(crate) const FOLDER: &str = "/logs/orders-0";

/// Small, so that segments roll and indexes fill.
pub(crate) fn config() -> TopicConfig {
    TopicConfig {
        segment_bytes: 4000,
        segment_index_bytes: 4096,
        index_interval_bytes: 300,
        retention_ms: -1,
        message_timestamp_after_max_ms: i64::MAX,
        ..TopicConfig::default()
    }
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

pub(crate) fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list(Path::new(FOLDER)).unwrap().into_iter().map(|entry| entry.name).collect()
}

pub(crate) fn disk(seed: u64) -> Arc<SimulatedDisk> {
    let disk = SimulatedDisk::new(seed);
    disk.create_directories(Path::new("/logs")).unwrap();
    disk
}

pub(crate) fn options(disk: &Arc<SimulatedDisk>, config: TopicConfig) -> OpenOptions {
    OpenOptions {
        disk: Arc::clone(disk) as Arc<dyn Disk>,
        directory: FOLDER.into(),
        topic_partition: TopicPartition { topic: TopicName::from("orders"), partition: PartitionIndex(0) },
        topic_id: TopicId(Uuid([7; 16])),
        config: Arc::new(config),
        recovery_point: Offset(0),
        log_start_offset: Offset(0),
        clean_shutdown: false,
        producer_id_expiration_ms: 86_400_000,
        now_ms: NOW,
    }
}

pub(crate) fn open(disk: &Arc<SimulatedDisk>) -> PartitionLog {
    PartitionLog::open(options(disk, config())).unwrap()
}

pub(crate) fn reopen_cleanly(disk: &Arc<SimulatedDisk>, recovery_point: Offset) -> PartitionLog {
    PartitionLog::open(OpenOptions { clean_shutdown: true, recovery_point, ..options(disk, config()) }).unwrap()
}

/// What a producer sends.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) value_bytes: usize,
    /// Producer id and the sequence of the first record.
    pub(crate) producer: Option<(i64, i32)>,
    pub(crate) codec: Compression,
}

impl Sent {
    pub(crate) fn plain(count: usize, value_bytes: usize) -> Self {
        Self { timestamps: vec![NOW; count], value_bytes, producer: None, codec: Compression::None }
    }

    pub(crate) fn at(timestamps: &[i64]) -> Self {
        Self { timestamps: timestamps.to_vec(), ..Self::plain(0, 100) }
    }

    pub(crate) fn by(producer_id: i64, sequence: i32, count: usize) -> Self {
        Self { producer: Some((producer_id, sequence)), ..Self::plain(count, 50) }
    }

    /// The batch; record values start with `tag`, so that every batch is told from every other.
    pub(crate) fn batch(&self, tag: u32) -> ValidatedBatch {
        let mut builder = BatchBuilder::new(self.codec);
        if let Some((producer_id, sequence)) = self.producer {
            builder = builder.producer(producer_id, 0, sequence);
        }
        let mut value = tag.to_be_bytes().to_vec();
        value.resize(4 + self.value_bytes, tag.to_be_bytes()[3]);
        for timestamp in &self.timestamps {
            builder.record(*timestamp, None, Some(&value), &[]);
        }
        let rules = ValidationRules {
            topic_partition: TopicPartition { topic: TopicName::from("t"), partition: PartitionIndex(0) },
            max_message_bytes: 1 << 20,
            segment_bytes: 1 << 20,
            log_append_time: false,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: i64::MAX,
            compacted: false,
            target_compression: None,
            produce_version: 13,
        };
        validate(builder.build(), &rules, NOW).unwrap()
    }
}

pub(crate) fn append_all(log: &mut PartitionLog, batches: &[ValidatedBatch]) -> Vec<Result<Appended, AppendError>> {
    log.append_as_leader(&batches.iter().collect::<Vec<_>>(), LeaderEpoch(3), NOW)
}

pub(crate) fn append(log: &mut PartitionLog, sent: &Sent, tag: u32) -> Result<Appended, AppendError> {
    append_all(log, &[sent.batch(tag)]).remove(0)
}

/// Appends `count` batches of three records each, of 300 bytes and a little.
pub(crate) fn fill(log: &mut PartitionLog, count: u32) {
    for tag in 0..count {
        append(log, &Sent::plain(3, 70), tag).unwrap();
    }
}

pub(crate) fn flush(log: &mut PartitionLog) {
    let flushed = log.flush_work().run().unwrap();
    log.on_flushed(flushed);
}

pub(crate) fn bytes_of(slice: &LogSlice) -> Bytes {
    let mut bytes = vec![0; slice.size_bytes];
    assert_eq!(slice.file.read_at(&mut bytes, slice.position).unwrap(), slice.size_bytes);
    bytes.into()
}

/// The whole batches of a slice.
pub(crate) fn batches_of(mut bytes: Bytes) -> Vec<Bytes> {
    let mut batches = Vec::new();
    while let Ok(header) = BatchHeader::decode(&bytes) {
        if header.size_bytes() > bytes.len() {
            break;
        }
        let batch = bytes.split_to(header.size_bytes());
        assert!(crc_is_right(&batch), "a batch at {} is damaged", header.base_offset);
        batches.push(batch);
    }
    batches
}

/// Offset, tag and timestamp of every record, read as a consumer would, a few bytes at a time.
pub(crate) fn all_records(log: &PartitionLog) -> Vec<(i64, u32, i64)> {
    let reader = log.reader();
    let mut offset = reader.log_start_offset();
    let mut found = Vec::new();
    while offset < reader.log_end_offset() {
        let slice = reader.read(offset, 1500, reader.log_end_offset(), true).unwrap();
        let batches = batches_of(bytes_of(&slice));
        assert!(!batches.is_empty(), "nothing at {offset}");
        for batch in batches {
            for record in records(&batch).unwrap() {
                if record.offset >= offset.0 {
                    let value = record.value.unwrap();
                    found.push((record.offset, u32::from_be_bytes(value[..4].try_into().unwrap()), record.timestamp));
                    offset = Offset(record.offset + 1);
                }
            }
        }
    }
    found
}
