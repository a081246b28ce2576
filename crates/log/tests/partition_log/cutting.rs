//! Cutting a log that has diverged, and raising its start.

use dohle_log::{OpenOptions, PartitionLog, ReadError};
use dohle_model::{LeaderEpoch, Offset};
use proptest::prelude::*;

use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_cut_log_goes_on_like_one_that_was_never_longer(
        sizes in prop::collection::vec((1_usize..5, 0_usize..300), 1..50),
        cut in any::<prop::sample::Index>(),
        more in prop::collection::vec((1_usize..5, 0_usize..300), 0..20),
        crash in any::<bool>(),
    ) {
        let disk = disk(1);
        let mut log = open(&disk);
        let mut sequence = 0;
        let mut ends = vec![0];
        for (tag, (count, bytes)) in (0..).zip(&sizes) {
            let sent = Sent { value_bytes: *bytes, ..Sent::by(5, sequence, *count) };
            append(&mut log, &sent, tag).unwrap();
            sequence += *count as i32;
            ends.push(i64::from(sequence));
        }
        let before = all_records(&log);
        let at = cut.index(sequence as usize + 1) as i64;
        log.truncate_to(Offset(at)).unwrap();
        let end = *ends.iter().rfind(|end| **end <= at).unwrap();
        prop_assert_eq!(log.reader().log_end_offset(), Offset(end));
        prop_assert!(log.recovery_point() <= Offset(end));
        prop_assert_eq!(&all_records(&log)[..], &before[..end as usize]);
        let mut sequence = i32::try_from(end).unwrap();
        for (tag, (count, bytes)) in (1000..).zip(&more) {
            let sent = Sent { value_bytes: *bytes, ..Sent::by(5, sequence, *count) };
            prop_assert!(!append(&mut log, &sent, tag).unwrap().duplicate);
            sequence += *count as i32;
        }
        let expected = all_records(&log);
        let producers = log.producers();
        let recovery_point = log.recovery_point();
        if !crash {
            log.close().unwrap();
        }
        let options = OpenOptions { clean_shutdown: !crash, recovery_point, ..options(&disk, config()) };
        let log = PartitionLog::open(options).unwrap();
        prop_assert_eq!(all_records(&log), expected);
        prop_assert_eq!(log.producers(), producers);
    }
}

#[test]
fn epochs_are_cut_with_the_log() {
    let disk = disk(1);
    let mut log = open(&disk);
    for epoch in 0..5 {
        let batch = Sent::plain(10, 20).batch(0);
        log.append_as_leader(&[&batch], LeaderEpoch(epoch), NOW).remove(0).unwrap();
    }
    let end = |log: &PartitionLog, epoch| log.reader().end_offset_for_epoch(LeaderEpoch(epoch));
    assert_eq!(end(&log, 2), Some((LeaderEpoch(2), Offset(30))));
    assert_eq!(log.reader().leader_epoch_at(Offset(25)), Some(LeaderEpoch(2)));
    log.truncate_to(Offset(25)).unwrap();
    assert_eq!(end(&log, 2), None, "the epoch's only batch is gone");
    assert_eq!(end(&log, 1), Some((LeaderEpoch(1), Offset(20))));
    drop(log);
    let log = open(&disk);
    assert_eq!(log.reader().latest_epoch(), Some(LeaderEpoch(1)));
}

#[test]
fn the_start_of_the_log_may_lie_within_a_batch() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 40);
    log.raise_log_start_offset(Offset(40)).unwrap();
    log.raise_log_start_offset(Offset(7)).unwrap();
    let reader = log.reader();
    assert_eq!(reader.log_start_offset(), Offset(40));
    assert!(matches!(reader.read(Offset(39), 100, Offset(120), true), Err(ReadError::OutOfRange { .. })));
    assert_eq!(all_records(&log)[0].0, 40);
    assert_eq!(reader.offset_for_timestamp(0, Offset(120)).unwrap(), Some((Offset(40), NOW, LeaderEpoch(3))));
    let removed = log.delete_old_segments(Offset(120), NOW).unwrap();
    assert!(!removed.0.is_empty());
    let log_start_offset = Offset(40);
    drop(log);
    let log = PartitionLog::open(OpenOptions { log_start_offset, ..options(&disk, config()) }).unwrap();
    assert_eq!((log.reader().log_start_offset(), log.reader().log_end_offset()), (Offset(40), Offset(120)));
    assert_eq!(log.reader().leader_epoch_at(Offset(40)), Some(LeaderEpoch(3)));
    assert_eq!(log.reader().leader_epoch_at(Offset(39)), None);
}
