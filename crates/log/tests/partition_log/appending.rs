//! Appending: offsets, rolling, producers' sequences, a disk that refuses.

use dohle_config::TopicConfig;
use dohle_log::{AppendError, OpenOptions, PartitionLog, ProducerStateError};
use dohle_model::{LeaderEpoch, Offset};
use dohle_protocol::ErrorCode;
use dohle_seams::Disk;

use crate::support::*;

#[test]
fn batches_of_one_call_land_one_behind_the_other_across_segments() {
    let disk = disk(1);
    let mut log = open(&disk);
    let batches: Vec<_> = (0..40).map(|tag| Sent::plain(3, 70).batch(tag)).collect();
    let results = append_all(&mut log, &batches);
    for (at, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap().base_offset, Offset(3 * at as i64));
    }
    assert!(log.take_rolled() && !log.take_rolled());
    let expected: Vec<_> = (0..120).map(|offset| (offset, u32::try_from(offset / 3).unwrap(), NOW)).collect();
    assert_eq!(all_records(&log), expected);
    assert!(names(&disk).iter().filter(|name| name.ends_with(".log")).count() > 3);
    assert_eq!(log.reader().latest_epoch(), Some(LeaderEpoch(3)));
}

#[test]
fn segments_roll_by_the_age_of_their_records() {
    let disk = disk(1);
    let config = TopicConfig { segment_ms: 1000, segment_bytes: 1 << 20, ..config() };
    let mut log = PartitionLog::open(options(&disk, config)).unwrap();
    for timestamp in [NOW, NOW + 1000, NOW + 1001, NOW + 500, NOW + 2002] {
        append(&mut log, &Sent::at(&[timestamp]), 0).unwrap();
    }
    let logs: Vec<_> = names(&disk).into_iter().filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs, ["00000000000000000000.log", "00000000000000000002.log", "00000000000000000004.log"]);
}

#[test]
fn segments_roll_when_an_index_is_full_even_within_one_write() {
    let disk = disk(1);
    let config = TopicConfig { segment_index_bytes: 64, segment_bytes: 1 << 20, index_interval_bytes: 0, ..config() };
    let mut log = PartitionLog::open(options(&disk, config)).unwrap();
    // The time index holds five entries of 12 bytes, one of which is kept back.
    let batches: Vec<_> = (0..30).map(|n| Sent::at(&[NOW + i64::from(n)]).batch(n)).collect();
    assert!(append_all(&mut log, &batches).iter().all(Result::is_ok));
    assert_eq!(all_records(&log).len(), 30);
    flush(&mut log);
    for name in names(&disk).iter().filter(|name| name.ends_with("index")) {
        assert!(disk.facts(&path(name)).unwrap().unwrap().size_bytes <= 64);
    }
    assert!(names(&disk).iter().filter(|name| name.ends_with(".log")).count() >= 6);
}

#[test]
fn a_batch_sent_again_is_answered_from_memory_and_a_gap_is_refused() {
    let disk = disk(1);
    let mut log = open(&disk);
    let first = append(&mut log, &Sent::by(9, 0, 3), 1).unwrap();
    append(&mut log, &Sent::by(9, 3, 2), 2).unwrap();
    let again = append(&mut log, &Sent::by(9, 0, 3), 1).unwrap();
    assert!(again.duplicate && again.base_offset == first.base_offset && again.last_offset == first.last_offset);
    let gap = append(&mut log, &Sent::by(9, 6, 1), 3).unwrap_err();
    assert!(matches!(gap, AppendError::Producer(ProducerStateError::OutOfOrder { sent: 6, last: 4, .. })));
    assert_eq!(gap.error_code(), ErrorCode::OutOfOrderSequenceNumber);
    // Within one call as well.
    let batches = [Sent::by(9, 5, 1).batch(4), Sent::by(9, 5, 1).batch(4), Sent::by(9, 7, 1).batch(5)];
    let results = append_all(&mut log, &batches);
    assert_eq!(results[1].as_ref().unwrap().base_offset, results[0].as_ref().unwrap().base_offset);
    assert!(results[1].as_ref().unwrap().duplicate && results[2].is_err());
    assert_eq!(log.reader().log_end_offset(), Offset(6));
    assert_eq!(log.producers()[0].last_sequence, 5);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    for capacity in (0..6_000).step_by(137) {
        let disk = disk(1);
        let mut log = open(&disk);
        append(&mut log, &Sent::by(9, 0, 1), 1).unwrap();
        disk.set_capacity_bytes(Some(1000 + capacity));
        let batches: Vec<_> = (0..60).map(|n| Sent::by(9, 1 + n, 1).batch(n.unsigned_abs())).collect();
        let mut written = 1;
        let mut refused = false;
        for pair in batches.chunks(2) {
            let results = append_all(&mut log, pair);
            let good = results.iter().filter(|result| result.is_ok()).count();
            refused |= good < pair.len();
            written += good;
            if refused {
                break;
            }
        }
        assert!(refused, "capacity {capacity}");
        assert_eq!(log.reader().log_end_offset(), Offset(written as i64));
        assert_eq!(log.producers()[0].last_sequence, written as i32 - 1);
        assert_eq!(all_records(&log).len(), written);
        // With room again the producer goes on where it stood.
        disk.set_capacity_bytes(None);
        let rest: Vec<_> = batches[written - 1..].to_vec();
        for result in append_all(&mut log, &rest) {
            assert!(!result.unwrap().duplicate);
        }
        assert_eq!(all_records(&log).len(), 61);
        drop(log);
        let log = PartitionLog::open(OpenOptions { ..options(&disk, config()) }).unwrap();
        assert_eq!(all_records(&log).len(), 61, "capacity {capacity}");
    }
}

#[test]
fn nothing_is_written_behind_a_write_that_failed() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(&mut log, &Sent::plain(1, 1000), 1).unwrap();
    // The next two fit into the segment and not onto the disk, the last into a new segment and onto the disk.
    let batch = |sequence: i32, value_bytes: usize| {
        Sent { producer: Some((9, sequence)), ..Sent::plain(1, value_bytes) }.batch(sequence.unsigned_abs())
    };
    let batches = [batch(0, 1200), batch(1, 1200), batch(2, 500)];
    disk.set_capacity_bytes(Some(1100 + 1500));
    let results = append_all(&mut log, &batches);
    assert!(results.iter().all(|result| matches!(result, Err(AppendError::Storage(_)))), "{results:?}");
    assert_eq!(log.reader().log_end_offset(), Offset(1));
    disk.set_capacity_bytes(None);
    for result in append_all(&mut log, &batches) {
        result.unwrap();
    }
    assert_eq!(all_records(&log).len(), 4);
}

#[test]
fn flushes_are_due_by_count_and_by_time() {
    let disk = disk(1);
    let by_count = TopicConfig { flush_messages: 4, ..config() };
    let mut log = PartitionLog::open(options(&disk, by_count)).unwrap();
    append(&mut log, &Sent::plain(3, 10), 0).unwrap();
    assert!(!log.needs_flush(NOW + 1_000_000));
    append(&mut log, &Sent::plain(1, 10), 0).unwrap();
    assert!(log.needs_flush(NOW));
    flush(&mut log);
    assert!(!log.needs_flush(NOW));
    assert_eq!(log.recovery_point(), Offset(4));
    log.update_config(TopicConfig { flush_ms: 50, ..config() }.into());
    assert!(!log.needs_flush(NOW + 50), "nothing waits");
    append(&mut log, &Sent::plain(1, 10), 0).unwrap();
    assert!(!log.needs_flush(NOW + 49) && log.needs_flush(NOW + 50));
}
