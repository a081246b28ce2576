//! Log directories on a simulated disk.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use dohle_log::{LogDirectory, LogDirectoryError, MetaProperties};
use dohle_model::{DirectoryId, Offset, PartitionIndex, TopicName, TopicPartition, Uuid};
use dohle_seams::Disk;
use dohle_seams::simulated::SimulatedDisk;

const ROOT: &str = "/var/logs";

fn meta() -> MetaProperties {
    MetaProperties {
        cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".to_owned(),
        node_id: 3,
        directory_id: DirectoryId(Uuid([9; 16])),
    }
}

fn formatted(seed: u64) -> Arc<SimulatedDisk> {
    let disk = SimulatedDisk::new(seed);
    LogDirectory::format(&*disk, Path::new(ROOT), &meta()).unwrap();
    disk
}

fn open(disk: &Arc<SimulatedDisk>) -> Result<LogDirectory, LogDirectoryError> {
    LogDirectory::open(Arc::clone(disk) as Arc<dyn Disk>, Path::new(ROOT))
}

fn partition(topic: &str, index: i32) -> TopicPartition {
    TopicPartition { topic: TopicName::from(topic), partition: PartitionIndex(index) }
}

#[test]
fn formatting_says_whose_it_is_once_and_survives_a_power_loss() {
    for seed in 0..50 {
        let disk = formatted(seed);
        disk.power_loss();
        assert_eq!(LogDirectory::read_meta(&*disk, Path::new(ROOT)).unwrap(), meta());
        let again = LogDirectory::format(&*disk, Path::new(ROOT), &meta());
        assert!(matches!(again, Err(LogDirectoryError::AlreadyFormatted(_))));
    }
    let bare = SimulatedDisk::new(1);
    bare.create_directories(Path::new(ROOT)).unwrap();
    assert!(matches!(open(&bare), Err(LogDirectoryError::NotFormatted(_))));
}

#[test]
fn what_kafka_writes_is_read_and_what_is_missing_is_named() {
    let disk = SimulatedDisk::new(1);
    disk.create_directories(Path::new(ROOT)).unwrap();
    let write = |text: &str| disk.replace_file(&Path::new(ROOT).join("meta.properties"), text.as_bytes()).unwrap();
    write(
        "#\n#Wed Nov 25 18:05:12 UTC 2026\nnode.id=3\ndirectory.id=CQkJCQkJCQkJCQkJCQkJCQ\nversion=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n",
    );
    assert_eq!(LogDirectory::read_meta(&*disk, Path::new(ROOT)).unwrap(), meta());
    for (text, missing) in [
        ("version=0\n", "version"),
        ("version=1\n", "cluster.id"),
        ("version=1\ncluster.id=a\nnode.id=1\n", "directory.id"),
        ("version=1\ncluster.id=a\ndirectory.id=CQkJCQkJCQkJCQkJCQkJCQ\nnode.id=x\n", "node.id"),
    ] {
        write(text);
        let error = LogDirectory::read_meta(&*disk, Path::new(ROOT)).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[test]
fn one_process_has_it_at_a_time() {
    let disk = formatted(1);
    let first = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(LogDirectoryError::Locked(_))));
    drop(first);
    assert!(open(&disk).is_ok());
}

#[test]
fn the_mark_of_a_clean_shutdown_is_good_for_one_start() {
    let disk = formatted(1);
    let directory = open(&disk).unwrap();
    assert!(!directory.was_cleanly_shut_down());
    directory.mark_clean_shutdown(42).unwrap();
    drop(directory);
    let mark = disk.read_to_end(&Path::new(ROOT).join(".kafka_cleanshutdown")).unwrap();
    assert_eq!(mark, br#"{"version":0,"brokerEpoch":42}"#);
    disk.power_loss();
    let directory = open(&disk).unwrap();
    assert_eq!((directory.was_cleanly_shut_down(), directory.clean_broker_epoch()), (true, Some(42)));
    drop(directory);
    let directory = open(&disk).unwrap();
    assert!(directory.was_cleanly_shut_down(), "whoever opened it before has opened no log");
    directory.forget_clean_shutdown().unwrap();
    assert_eq!(directory.clean_broker_epoch(), Some(42), "what was found is still told");
    // Even where the power goes at once.
    disk.power_loss();
    drop(directory);
    let directory = open(&disk).unwrap();
    assert!(!directory.was_cleanly_shut_down());
    directory.forget_clean_shutdown().unwrap();
}

#[test]
fn checkpoints_are_kept_for_each_partition() {
    let disk = formatted(1);
    let directory = open(&disk).unwrap();
    let (orders, clicks) = (partition("orders", 0), partition("web-clicks.eu", 11));
    directory.write_recovery_points(&[(orders.clone(), Offset(5)), (clicks.clone(), Offset(6))]).unwrap();
    directory.write_log_start_offsets(&[(clicks.clone(), Offset(2))]).unwrap();
    directory.write_high_watermarks(&[(orders.clone(), Offset(4))]).unwrap();
    drop(directory);
    disk.power_loss();
    let directory = open(&disk).unwrap();
    assert_eq!((directory.recovery_point(&orders), directory.recovery_point(&clicks)), (Offset(5), Offset(6)));
    assert_eq!((directory.log_start_offset(&orders), directory.log_start_offset(&clicks)), (Offset(0), Offset(2)));
    assert_eq!((directory.high_watermark(&orders), directory.high_watermark(&clicks)), (Offset(4), Offset(0)));
    let text = disk.read_to_end(&Path::new(ROOT).join("recovery-point-offset-checkpoint")).unwrap();
    assert_eq!(text, b"0\n2\norders 0 5\nweb-clicks.eu 11 6\n");
}

#[test]
fn folders_of_deleted_partitions_are_renamed_and_removed_later() {
    let disk = formatted(1);
    let directory = open(&disk).unwrap();
    let long = partition(&"x".repeat(249), 12_345);
    for partition in [partition("orders", 0), partition("orders-2", 0), long.clone()] {
        disk.create_directories(&directory.partition_path(&partition)).unwrap();
    }
    disk.create_directories(&Path::new(ROOT).join("__cluster_metadata-0")).unwrap();
    assert_eq!(directory.partition_count().unwrap(), 3);
    let unique = "0123456789abcdef0123456789abcdef";
    let set_aside = directory.set_aside(&partition("orders", 0), unique, "delete").unwrap();
    assert_eq!(set_aside, Path::new(ROOT).join(format!("orders-0.{unique}-delete")));
    let stray = directory.set_aside(&long, unique, "stray").unwrap();
    assert_eq!(stray.file_name().unwrap().len(), 255);
    assert_eq!(directory.partitions().unwrap(), [partition("orders-2", 0)]);
    assert!(!directory.has_partition(&partition("orders", 0)).unwrap());
    directory.remove_leftovers().unwrap();
    assert!(disk.facts(&set_aside).unwrap().is_none());
    assert!(disk.facts(&stray).unwrap().is_some(), "what may still be wanted is kept");
}
