//! The files themselves, byte for byte as Kafka writes them.

use std::path::Path;

use dohle_log::{LogError, OpenOptions, PartitionLog};
use dohle_model::{Offset, TopicId, Uuid};
use dohle_protocol::record_batch::BatchHeader;
use dohle_seams::Disk;

use crate::support::*;

#[test]
fn a_closed_log_has_kafkas_files() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 20);
    log.close().unwrap();
    let read = |name: &str| disk.read_to_end(&path(name)).unwrap();
    assert_eq!(
        names(&disk),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000036.index",
            "00000000000000000036.log",
            "00000000000000000036.snapshot",
            "00000000000000000036.timeindex",
            "00000000000000000060.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata",
        ]
    );
    assert_eq!(read("leader-epoch-checkpoint"), b"0\n1\n3 0\n");
    assert_eq!(read("partition.metadata"), format!("version: 0\ntopic_id: {}\n", Uuid([7; 16])).as_bytes());
    assert_eq!(read("00000000000000000060.snapshot"), [0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0], "no producers");
    // Entries point at the batch whose last offset they name, one for each 300 bytes and more.
    let log_bytes = read("00000000000000000000.log");
    let index = read("00000000000000000000.index");
    assert_eq!(index.len() % 8, 0);
    assert!(index.len() / 8 >= 5);
    let mut before = (-1, -1);
    for entry in index.chunks(8) {
        let number = |bytes: &[u8]| i32::from_be_bytes(bytes.try_into().unwrap());
        let (offset, position) = (number(&entry[..4]), number(&entry[4..]));
        assert!(offset > before.0 && position > before.1 + 300);
        before = (offset, position);
        let header = BatchHeader::decode(&log_bytes[usize::try_from(position).unwrap()..]).unwrap();
        assert_eq!(header.last_offset(), i64::from(offset));
        assert_eq!(header.partition_leader_epoch, 3);
    }
    // All have the same timestamp: one entry, made with the first offset entry.
    let time_index = read("00000000000000000000.timeindex");
    assert_eq!(time_index.len(), 12);
    assert_eq!(time_index[..8], NOW.to_be_bytes());
}

#[test]
fn an_active_index_has_its_full_size_and_a_sealed_one_only_its_entries() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 20);
    let size = |name: &str| disk.facts(&path(name)).unwrap().unwrap().size_bytes;
    assert_eq!((size("00000000000000000036.index"), size("00000000000000000036.timeindex")), (4096, 4092));
    assert!(size("00000000000000000000.index") < 200);
}

#[test]
fn a_log_that_nobody_wrote_to_closes_without_a_write() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 20);
    log.close().unwrap();
    let recovery_point = log.recovery_point();
    let mut log = reopen_cleanly(&disk, recovery_point);
    disk.set_capacity_bytes(Some(0));
    log.close().unwrap();
    assert!(!names(&disk).iter().any(|name| name.ends_with(".tmp")));
    let log = reopen_cleanly(&disk, recovery_point);
    assert_eq!(all_records(&log).len(), 60);
}

#[test]
fn a_folder_of_another_topic_is_not_opened() {
    let disk = disk(1);
    drop(open(&disk));
    let other = OpenOptions { topic_id: TopicId(Uuid([8; 16])), ..options(&disk, config()) };
    assert!(matches!(PartitionLog::open(other), Err(LogError::TopicId { found: TopicId(Uuid([7, ..])), .. })));
}

#[test]
fn damaged_or_missing_indexes_are_made_anew() {
    for damage in 0..4 {
        let disk = disk(1);
        let mut log = open(&disk);
        fill(&mut log, 40);
        log.close().unwrap();
        let expected = all_records(&log);
        let good = |name: &str| disk.read_to_end(&path(name)).unwrap();
        let before: Vec<_> = names(&disk).into_iter().map(|name| (good(&name), name)).collect();
        match damage {
            0 => disk.remove_file(&path("00000000000000000000.index")).unwrap(),
            1 => disk.remove_file(&path("00000000000000000036.timeindex")).unwrap(),
            // Not a multiple of the size of an entry.
            2 => disk.replace_file(&path("00000000000000000000.timeindex"), &[0; 13]).unwrap(),
            _ => disk.replace_file(&path("00000000000000000036.index"), &[0; 16]).unwrap(),
        }
        let mut log = reopen_cleanly(&disk, Offset(120));
        assert_eq!(all_records(&log), expected, "damage {damage}");
        log.close().unwrap();
        for (bytes, name) in before {
            assert_eq!(good(&name), bytes, "damage {damage}: {name}");
        }
    }
}

#[test]
fn leftovers_of_an_earlier_run_are_tidied_up() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 40);
    log.close().unwrap();
    let expected = all_records(&log);
    let copy = |from: &str, to: &str| {
        let bytes = disk.read_to_end(&path(from)).unwrap();
        disk.replace_file(&path(to), &bytes).unwrap();
    };
    copy("00000000000000000000.log", "00000000000000000000.log.deleted");
    copy("00000000000000000000.log", "00000000000000000000.log.cleaned");
    copy("00000000000000000000.index", "00000000000000000001.index");
    // A compaction of the second segment that counts already.
    for suffix in ["log", "index", "timeindex"] {
        copy(&format!("00000000000000000036.{suffix}"), &format!("00000000000000000036.{suffix}.swap"));
    }
    disk.remove_file(&path("00000000000000000036.log")).unwrap();
    let log = reopen_cleanly(&disk, Offset(120));
    assert_eq!(all_records(&log), expected);
    let strange: Vec<_> = names(&disk)
        .into_iter()
        .filter(|name| {
            ["deleted", "cleaned", "swap", "00000000000000000001.index"].iter().any(|end| name.ends_with(end))
        })
        .collect();
    assert_eq!(strange, Vec::<String>::new());
}

#[test]
fn only_the_active_segments_file_stays_open() {
    // Live, because only there files are counted.
    let directory = std::env::temp_dir().join(format!("dohle-log-{}", std::process::id()));
    let disk = std::sync::Arc::new(dohle_seams::live::LiveDisk);
    disk.create_directories(&directory).unwrap();
    let simulated = crate::support::disk(1);
    let options =
        OpenOptions { disk: disk.clone(), directory: directory.join("orders-0"), ..options(&simulated, config()) };
    let open_files = || {
        let links = disk.list(Path::new("/proc/self/fd")).unwrap();
        let targets = links.iter().filter_map(|link| Path::new("/proc/self/fd").join(&link.name).read_link().ok());
        targets.filter(|target| target.starts_with(&directory)).count()
    };
    let mut log = PartitionLog::open(options.clone()).unwrap();
    fill(&mut log, 100);
    assert_eq!(all_records(&log).len(), 300);
    assert_eq!(open_files(), 1);
    log.close().unwrap();
    assert_eq!(open_files(), 0);
    let log = PartitionLog::open(OpenOptions { clean_shutdown: true, ..options }).unwrap();
    assert_eq!(all_records(&log).len(), 300);
    assert_eq!(open_files(), 1);
    disk.remove_directory_all(&directory).unwrap();
}
