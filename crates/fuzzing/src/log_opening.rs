//! A log whose files hold anything: it opens or says why not, and then gives only whole batches, in order.

use std::path::Path;
use std::sync::Arc;

use dohle_config::TopicConfig;
use dohle_log::{OpenOptions, PartitionLog};
use dohle_model::{Offset, PartitionIndex, TopicId, TopicName, TopicPartition, Uuid};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{BatchHeader, crc_is_right};
use dohle_seams::Disk;
use dohle_seams::simulated::SimulatedDisk;

const NAMES: [&str; 6] = [
    "00000000000000000000.log",
    "00000000000000000000.index",
    "00000000000000000000.timeindex",
    "00000000000000000007.snapshot",
    "leader-epoch-checkpoint",
    "00000000000000000009.log",
];

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some((flags, mut rest)) = data.split_first() else { return };
    let disk = SimulatedDisk::new(1);
    let directory = Path::new("/logs/fuzzed-0");
    disk.create_directories(directory).expect("a simulated disk makes folders");
    for name in NAMES {
        let Some((size, behind)) = rest.split_first_chunk::<2>() else { break };
        let (content, next) = behind.split_at(usize::from(u16::from_be_bytes(*size)).min(behind.len()));
        disk.replace_file(&directory.join(name), content).expect("a simulated disk has room");
        rest = next;
    }
    let clean_shutdown = flags & 1 != 0;
    let Ok(mut log) = PartitionLog::open(OpenOptions {
        disk: Arc::clone(&disk) as Arc<dyn Disk>,
        directory: directory.to_owned(),
        topic_partition: TopicPartition { topic: TopicName::from("fuzzed"), partition: PartitionIndex(0) },
        topic_id: TopicId(Uuid([1; 16])),
        config: Arc::new(TopicConfig { segment_index_bytes: 4096, ..TopicConfig::default() }),
        recovery_point: Offset(0),
        log_start_offset: Offset(i64::from(flags >> 4)),
        clean_shutdown,
        producer_id_expiration_ms: i64::MAX,
        now_ms: 0,
    }) else {
        return;
    };
    let reader = log.reader();
    let (mut offset, end) = (reader.log_start_offset(), reader.log_end_offset());
    while offset < end {
        let Ok(slice) = reader.read(offset, 1, end, true) else { break };
        let mut batch = vec![0; slice.size_bytes];
        assert_eq!(slice.file.read_at(&mut batch, slice.position).ok(), Some(batch.len()));
        if batch.is_empty() {
            break;
        }
        let header = BatchHeader::decode(&batch).expect("only whole batches are given");
        assert!(header.last_offset() >= offset.0);
        // After a clean shutdown nobody looks.
        assert!(clean_shutdown || crc_is_right(&batch));
        offset = Offset(header.last_offset() + 1);
    }
    let _ = reader.offset_for_timestamp(5, end);
    let _ = reader.max_timestamp(end);
    let _ = log.roll(0);
    let _ = log.delete_old_segments(end, i64::MAX);
    let _ = log.close();
}

/// A log of two batches, and one whose files are empty.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    for base_offset in [0_i64, 1] {
        let mut batch = crate::record_batches::batch(Compression::None).to_vec();
        batch[..8].copy_from_slice(&base_offset.to_be_bytes());
        log.extend_from_slice(&batch);
    }
    let mut files = vec![0];
    let index = [0, 0, 0, 1, 0, 0, 0, 0];
    let checkpoint = b"0\n1\n0 0\n";
    for content in [&log[..], &index, &[], &[], checkpoint] {
        let size = u16::try_from(content.len()).expect("two small batches");
        files.extend_from_slice(&size.to_be_bytes());
        files.extend_from_slice(content);
    }
    let mut clean = files.clone();
    clean[0] = 1;
    vec![files, clean, vec![0; 13]]
}
