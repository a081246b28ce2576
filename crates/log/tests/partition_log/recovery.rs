//! Power losses, torn writes and damaged media.

use std::sync::Arc;

use dohle_config::{CleanupPolicy, TopicConfig};
use dohle_log::{OpenOptions, PartitionLog};
use dohle_model::{LeaderEpoch, Offset};
use dohle_seams::Disk;
use dohle_seams::simulated::SimulatedDisk;
use proptest::prelude::*;

use crate::support::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(usize, usize)>),
    Flush,
    Roll,
    NewEpoch,
    Retain,
    Truncate(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec((1_usize..5, 0_usize..400), 1..5).prop_map(Step::Append),
        2 => Just(Step::Flush),
        1 => Just(Step::Roll),
        1 => Just(Step::NewEpoch),
        1 => Just(Step::Retain),
        1 => (0_usize..10).prop_map(Step::Truncate),
    ]
}

/// A log that is written, cut off by power losses, and opened again; with what it must hold.
struct Life {
    disk: Arc<SimulatedDisk>,
    log: PartitionLog,
    config: TopicConfig,
    /// Offset and tag of every record since the start.
    written: Vec<(i64, u32)>,
    flushed: i64,
    epoch: i32,
    tag: u32,
}

impl Life {
    fn new(seed: u64) -> Self {
        let config = TopicConfig { retention_bytes: 9000, ..config() };
        let disk = disk(seed);
        // The folder itself is made for certain by opening it.
        let log = PartitionLog::open(options(&disk, config.clone())).unwrap();
        Self { disk, log, config, written: Vec::new(), flushed: 0, epoch: 0, tag: 0 }
    }

    fn end(&self) -> i64 {
        self.log.reader().log_end_offset().0
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Append(sizes) => {
                let mut sequence = i32::try_from(self.end()).unwrap();
                let mut batches = Vec::new();
                for (count, value_bytes) in sizes {
                    self.tag += 1;
                    // One producer's sequences are the offsets: its state must always be what the log says.
                    let sent = Sent { value_bytes: *value_bytes, ..Sent::by(4, sequence, *count) };
                    batches.push(sent.batch(self.tag));
                    self.written.extend((0..*count as i64).map(|n| (i64::from(sequence) + n, self.tag)));
                    sequence += *count as i32;
                }
                let results =
                    self.log.append_as_leader(&batches.iter().collect::<Vec<_>>(), LeaderEpoch(self.epoch), NOW);
                assert!(results.into_iter().all(|result| !result.unwrap().duplicate));
            }
            Step::Flush => {
                flush(&mut self.log);
                self.flushed = self.end();
                assert_eq!(self.log.recovery_point(), Offset(self.flushed));
            }
            Step::Roll => self.log.roll(NOW).unwrap(),
            Step::NewEpoch => {
                self.epoch += 1;
                self.log.assign_leader_epoch(LeaderEpoch(self.epoch), Offset(self.end()));
            }
            Step::Retain => {
                let removed = self.log.delete_old_segments(Offset(self.end()), NOW).unwrap();
                let start = self.log.reader().log_start_offset().0;
                self.written.retain(|(offset, _)| *offset >= start);
                if removed.0.len().is_multiple_of(2) {
                    removed.0.iter().for_each(|path| self.disk.remove_file(path).unwrap());
                }
            }
            Step::Truncate(back) => {
                let start = self.log.reader().log_start_offset().0;
                let to = (self.end() - *back as i64).max(start);
                self.log.truncate_to(Offset(to)).unwrap();
                let end = self.end();
                self.written.retain(|(offset, _)| *offset < end);
                self.flushed = self.flushed.min(end);
                self.epoch += 1;
            }
        }
    }

    fn lose_power(&mut self) {
        self.disk.power_loss();
        let options =
            OpenOptions { recovery_point: self.log.recovery_point(), ..options(&self.disk, self.config.clone()) };
        self.log = PartitionLog::open(options).unwrap();
        let (start, end) = (self.log.reader().log_start_offset().0, self.end());
        assert!(end >= self.flushed, "{end} is before {}, which was flushed", self.flushed);
        // Retention that was not synced may be undone.
        let found: Vec<_> = all_records(&self.log).into_iter().map(|(offset, tag, _)| (offset, tag)).collect();
        let first = self.written.first().map_or(end, |(offset, _)| *offset);
        assert!(start <= first || self.written.is_empty(), "{start} is behind {first}");
        let kept: Vec<_> = found.into_iter().filter(|(offset, _)| *offset >= first).collect();
        assert_eq!(kept[..], self.written[..kept.len()], "a prefix, in order");
        self.written.truncate(kept.len());
        // What retention took away whole, nobody has to remember.
        let remembered = self.log.producers().first().map(|producer| i64::from(producer.last_sequence));
        assert!(remembered == Some(end - 1) || (remembered.is_none() && start == end), "{remembered:?} at {end}");
        self.check_epochs();
        self.epoch += 1;
    }

    /// Every batch lies in the epoch that it says.
    fn check_epochs(&self) {
        let reader = self.log.reader();
        let mut offset = reader.log_start_offset();
        while offset < reader.log_end_offset() {
            let slice = reader.read(offset, 1, reader.log_end_offset(), true).unwrap();
            let header = dohle_protocol::record_batch::BatchHeader::decode(&bytes_of(&slice)).unwrap();
            let epoch = LeaderEpoch(header.partition_leader_epoch);
            assert_eq!(reader.leader_epoch_at(offset), Some(epoch), "at {offset}");
            let (found, end) = reader.end_offset_for_epoch(epoch).unwrap();
            assert!(found == epoch && end.0 > header.last_offset());
            offset = Offset(header.last_offset() + 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_flushed_survives_and_the_rest_is_a_prefix(
        seed in any::<u64>(),
        lives in prop::collection::vec(prop::collection::vec(step(), 1..25), 1..5),
    ) {
        let mut life = Life::new(seed);
        for steps in &lives {
            steps.iter().for_each(|step| life.take(step));
            life.lose_power();
        }
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut() {
    let build = || {
        let disk = disk(1);
        let mut log = open(&disk);
        fill(&mut log, 3);
        disk
    };
    let name = path("00000000000000000000.log");
    let size = build().facts(&name).unwrap().unwrap().size_bytes;
    let batch = size / 3;
    for kept in 0..=size {
        let disk = build();
        disk.open(&name, dohle_seams::OpenMode::ReadWrite).unwrap().set_size(kept).unwrap();
        let mut log = open(&disk);
        assert_eq!(log.reader().log_end_offset(), Offset(i64::try_from(kept / batch * 3).unwrap()), "{kept} bytes");
        assert_eq!(disk.facts(&name).unwrap().unwrap().size_bytes, kept / batch * batch);
        append(&mut log, &Sent::plain(1, 1), 99).unwrap();
        assert_eq!(all_records(&log).last().unwrap().1, 99);
    }
}

#[test]
fn any_flipped_bit_behind_the_recovery_point_cuts_the_log_there() {
    let build = || {
        let disk = disk(1);
        let mut log = open(&disk);
        fill(&mut log, 3);
        disk
    };
    let name = path("00000000000000000000.log");
    let size = usize::try_from(build().facts(&name).unwrap().unwrap().size_bytes).unwrap();
    for position in 0..size {
        // Offsets and epochs lie outside the CRC.
        let within = position % (size / 3);
        if within < 8 || (12..16).contains(&within) {
            continue;
        }
        let disk = build();
        disk.flip_bit(&name, position);
        let Ok(log) = PartitionLog::open(options(&disk, config())) else {
            assert_eq!(within, 16, "only an old message format is refused as such");
            continue;
        };
        let good = position / (size / 3);
        assert_eq!(log.reader().log_end_offset(), Offset(3 * good as i64), "byte {position}");
        assert_eq!(all_records(&log).len(), 3 * good);
    }
}

#[test]
fn segments_behind_a_cut_are_dropped() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 60);
    drop(log);
    disk.flip_bit(&path("00000000000000000036.log"), 700);
    let mut log = open(&disk);
    let end = log.reader().log_end_offset();
    assert!(end > Offset(36) && end < Offset(72));
    fill(&mut log, 60);
    drop(log);
    let log = open(&disk);
    assert_eq!(log.reader().log_end_offset(), end.plus(180));
    assert_eq!(all_records(&log).len() as i64, end.0 + 180);
}

#[test]
fn a_missing_segment_behind_the_recovery_point_is_a_cut_but_for_compacted_topics() {
    for compact in [false, true] {
        let disk = disk(1);
        let config = TopicConfig { cleanup_policy: CleanupPolicy { delete: !compact, compact }, ..config() };
        let mut log = PartitionLog::open(options(&disk, config.clone())).unwrap();
        fill(&mut log, 60);
        drop(log);
        disk.remove_file(&path("00000000000000000036.log")).unwrap();
        let log = PartitionLog::open(options(&disk, config)).unwrap();
        assert_eq!(log.reader().log_end_offset(), Offset(if compact { 180 } else { 36 }));
        assert_eq!(all_records(&log).len(), if compact { 144 } else { 36 });
    }
}

#[test]
fn recovery_reads_only_what_was_written_since_the_recovery_point() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 240);
    flush(&mut log);
    fill(&mut log, 12);
    let recovery_point = log.recovery_point();
    assert_eq!(recovery_point, Offset(720));
    drop(log);
    // Segments before the recovery point are not even looked at: damage there goes unnoticed.
    for base in (0..720 - 36).step_by(36) {
        disk.flip_bit(&path(&format!("{base:020}.log")), 100);
    }
    let log = PartitionLog::open(OpenOptions { recovery_point, ..options(&disk, config()) }).unwrap();
    assert_eq!((log.reader().log_start_offset(), log.reader().log_end_offset()), (Offset(0), Offset(756)));
}

#[test]
fn a_segment_that_was_sealed_after_the_last_flush_has_no_index_to_trust() {
    for seed in 0..100 {
        let disk = disk(seed);
        let mut log = open(&disk);
        // An index that was durable once, of batches that are no longer there.
        fill(&mut log, 13);
        flush(&mut log);
        log.truncate_to(Offset(3)).unwrap();
        for tag in 0..9 {
            append(&mut log, &Sent::plain(3, 90), tag).unwrap();
        }
        flush(&mut log);
        log.roll(NOW).unwrap();
        let recovery_point = log.recovery_point();
        assert_eq!(recovery_point, log.reader().log_end_offset());
        disk.power_loss();
        let log = PartitionLog::open(OpenOptions { recovery_point, ..options(&disk, config()) }).unwrap();
        let reader = log.reader();
        for offset in 0..30 {
            let slice = reader.read(Offset(offset), 1, Offset(30), true).unwrap();
            assert_eq!(batches_of(bytes_of(&slice)).len(), 1, "seed {seed}, offset {offset}");
        }
    }
}

#[test]
fn a_log_that_ends_before_its_start_begins_anew_there() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 5);
    drop(log);
    let beyond = OpenOptions { log_start_offset: Offset(100), recovery_point: Offset(100), ..options(&disk, config()) };
    let mut log = PartitionLog::open(beyond).unwrap();
    assert_eq!((log.reader().log_start_offset(), log.reader().log_end_offset()), (Offset(100), Offset(100)));
    assert_eq!((log.recovery_point(), log.reader().latest_epoch()), (Offset(100), None));
    append(&mut log, &Sent::plain(2, 5), 8).unwrap();
    assert_eq!(all_records(&log), [(100, 8, NOW), (101, 8, NOW)]);
}

#[test]
fn producers_are_known_again_after_a_crash_and_after_a_clean_stop() {
    for clean in [false, true] {
        for damaged in [false, true] {
            let disk = disk(1);
            let mut log = open(&disk);
            for n in 0..100 {
                append(&mut log, &Sent::by(9, n, 1), 0).unwrap();
            }
            if clean {
                log.close().unwrap();
            }
            let newest = names(&disk).into_iter().rfind(|name| name.ends_with(".snapshot")).unwrap();
            if damaged {
                disk.flip_bit(&path(&newest), 20);
            }
            let log = PartitionLog::open(OpenOptions { clean_shutdown: clean, ..options(&disk, config()) });
            let mut log = log.unwrap();
            assert_eq!(names(&disk).contains(&newest), !damaged);
            assert!(append(&mut log, &Sent::by(9, 99, 1), 0).unwrap().duplicate);
            assert!(!append(&mut log, &Sent::by(9, 100, 1), 0).unwrap().duplicate);
        }
    }
}

#[test]
fn epochs_whose_file_is_lost_are_taken_from_the_batches() {
    for torn in [None, Some(&b"0\n2\n0 0\n1"[..]), Some(b"")] {
        let disk = disk(1);
        let mut log = open(&disk);
        for epoch in 0..40 {
            let batch = Sent::plain(3, 70).batch(0);
            log.append_as_leader(&[&batch], LeaderEpoch(epoch), NOW).remove(0).unwrap();
        }
        log.close().unwrap();
        let file = path("leader-epoch-checkpoint");
        let good = disk.read_to_end(&file).unwrap();
        match torn {
            None => disk.remove_file(&file).unwrap(),
            Some(bytes) => disk.replace_file(&file, bytes).unwrap(),
        }
        let log = reopen_cleanly(&disk, Offset(120));
        assert_eq!(disk.read_to_end(&file).unwrap(), good);
        assert_eq!(log.reader().leader_epoch_at(Offset(61)), Some(LeaderEpoch(20)));
    }
}
