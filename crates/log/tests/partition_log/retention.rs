//! What retention drops, and what readers see of it.

use dohle_config::{CleanupPolicy, TopicConfig};
use dohle_log::{PartitionLog, ReadError};
use dohle_model::Offset;
use dohle_seams::Disk;

use crate::support::*;

/// Ten segments of twelve batches and thirty-six records; records of segment `n` have the timestamp `NOW + n`.
fn aged(config: TopicConfig) -> (std::sync::Arc<dohle_seams::simulated::SimulatedDisk>, PartitionLog) {
    let disk = disk(1);
    let mut log = PartitionLog::open(options(&disk, config)).unwrap();
    for segment in 0..10 {
        for tag in 0..12 {
            let sent = Sent { timestamps: vec![NOW + segment; 3], ..Sent::plain(3, 70) };
            append(&mut log, &sent, tag).unwrap();
        }
        log.roll(NOW).unwrap();
    }
    (disk, log)
}

fn start(log: &PartitionLog) -> i64 {
    log.reader().log_start_offset().0
}

#[test]
fn segments_go_by_age_up_to_the_high_watermark() {
    let (_, mut log) = aged(TopicConfig { retention_ms: 1000, ..config() });
    let all = Offset(360);
    assert!(log.delete_old_segments(all, NOW + 1000).unwrap().0.is_empty());
    assert_eq!(log.delete_old_segments(all, NOW + 1002).unwrap().0.len(), 2 * 3 + 1, "the first has no snapshot");
    assert_eq!(start(&log), 72);
    log.delete_old_segments(Offset(143), NOW + 9999).unwrap();
    assert_eq!(start(&log), 108, "the fourth segment ends above the high watermark");
    log.delete_old_segments(all, NOW + 9999).unwrap();
    assert_eq!((start(&log), log.reader().log_end_offset()), (360, all));
}

#[test]
fn segments_go_by_size() {
    let (_, mut log) = aged(TopicConfig { retention_bytes: 9000, ..config() });
    let segment = log.reader().size_bytes() / 10;
    log.delete_old_segments(Offset(360), NOW).unwrap();
    let size = log.reader().size_bytes();
    assert!(size >= 9000 && size < 9000 + segment, "as few as still hold what is to be kept");
}

#[test]
fn an_active_segment_that_is_too_old_is_rolled_and_goes() {
    let disk = disk(1);
    let mut log = PartitionLog::open(options(&disk, TopicConfig { retention_ms: 10, ..config() })).unwrap();
    fill(&mut log, 3);
    let removed = log.delete_old_segments(Offset(9), NOW + 11).unwrap();
    assert_eq!((start(&log), log.reader().log_end_offset()), (9, Offset(9)));
    assert!(removed.0.iter().all(|path| path.to_str().unwrap().ends_with(".deleted")));
    for path in removed.0 {
        disk.remove_file(&path).unwrap();
    }
    append(&mut log, &Sent::plain(1, 1), 77).unwrap();
    assert_eq!(all_records(&log), [(9, 77, NOW)]);
    assert!(log.delete_old_segments(Offset(9), NOW + 11).unwrap().0.is_empty(), "not above the high watermark");
}

#[test]
fn a_compacted_topic_keeps_what_is_old() {
    let policy = CleanupPolicy { delete: false, compact: true };
    let (_, mut log) = aged(TopicConfig { cleanup_policy: policy, retention_ms: 1, retention_bytes: 1, ..config() });
    assert!(log.delete_old_segments(Offset(360), NOW + 99_999).unwrap().0.is_empty());
    log.raise_log_start_offset(Offset(80)).unwrap();
    log.delete_old_segments(Offset(360), NOW).unwrap();
    assert_eq!((start(&log), all_records(&log)[0].0), (80, 80));
    log.raise_log_start_offset(Offset(360)).unwrap();
    log.delete_old_segments(Offset(360), NOW).unwrap();
    assert_eq!(start(&log), 360, "an empty active segment stays");
}

#[test]
fn a_reader_goes_on_with_a_file_that_was_dropped() {
    let (disk, mut log) = aged(TopicConfig { retention_ms: 1000, ..config() });
    let reader = log.reader();
    let slice = reader.read(Offset(0), 3000, Offset(360), true).unwrap();
    let before = bytes_of(&slice);
    for path in log.delete_old_segments(Offset(360), NOW + 1003).unwrap().0 {
        disk.remove_file(&path).unwrap();
    }
    assert_eq!(bytes_of(&slice), before);
    let refused = reader.read(Offset(0), 3000, Offset(360), true);
    assert!(matches!(refused, Err(ReadError::OutOfRange { log_start_offset: Offset(108), .. })));
}

#[test]
fn a_start_after_retention_finds_the_log_as_it_was() {
    let (disk, mut log) = aged(TopicConfig { retention_ms: 1000, ..config() });
    log.delete_old_segments(Offset(360), NOW + 1003).unwrap();
    let expected = all_records(&log);
    // The files are renamed and not removed yet; the first to start takes them away.
    drop(log);
    let log = open(&disk);
    assert_eq!(all_records(&log), expected);
    assert!(!names(&disk).iter().any(|name| name.ends_with(".deleted")));
}
