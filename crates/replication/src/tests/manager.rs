//! What the replica manager makes of the metadata.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dohle_config::{ServerConfig, TopicConfig};
use dohle_log::{LogDirectory, MetaProperties};
use dohle_metadata::{Delta, Image, Replay};
use dohle_model::{BrokerId, DirectoryId, Offset, PartitionIndex, TopicId, Uuid};
use dohle_protocol::records::metadata::{
    ConfigRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord, TopicRecord,
};
use dohle_seams::simulated::{SimulatedDisk, world};
use dohle_seams::{Disk, Environment};

use super::append;
use crate::append_queue::RequiredAcks;
use crate::directory_description::DirectoryError;
use crate::maintenance::MaintenanceIntervals;
use crate::partition::PartitionError;
use crate::replica_manager::{ReplicaManager, ReplicaManagerOptions, UnopenedDirectory};

/// The code of topics in a ConfigRecord.
const TOPIC_RESOURCE: i8 = 2;
const FOLDERS: [&str; 2] = ["/a", "/b"];

/// A cluster's metadata that grows by records.
struct Metadata(Arc<Image>);

impl Metadata {
    fn change(&mut self, records: &[MetadataRecord]) -> Delta {
        let mut replay = Replay::new(Arc::clone(&self.0), self.0.metadata_offset() + 1);
        records.iter().for_each(|record| replay.apply(record).unwrap());
        let delta = replay.finish();
        self.0 = Arc::clone(&delta.to);
        delta
    }
}

fn id(number: u8) -> TopicId {
    TopicId(Uuid([number; 16]))
}

fn topic(name: &str, number: u8, partitions: i32) -> Vec<MetadataRecord> {
    topic_in(DirectoryId::UNASSIGNED, name, number, partitions)
}

fn topic_in(directory: DirectoryId, name: &str, number: u8, partitions: i32) -> Vec<MetadataRecord> {
    let partition = |index| {
        MetadataRecord::Partition(PartitionRecord {
            partition_id: index,
            topic_id: id(number).0,
            replicas: vec![1],
            isr: vec![1],
            leader: 1,
            directories: vec![directory.0],
            ..PartitionRecord::default()
        })
    };
    std::iter::once(MetadataRecord::Topic(TopicRecord { name: name.to_owned(), topic_id: id(number).0 }))
        .chain((0..partitions).map(partition))
        .collect()
}

fn set(topic: &str, name: &str, value: &str) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: TOPIC_RESOURCE,
        resource_name: topic.to_owned(),
        name: name.to_owned(),
        value: Some(value.to_owned()),
    })
}

fn remove(number: u8) -> MetadataRecord {
    MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: id(number).0 })
}

fn new_world(folders: &[&str]) -> (Arc<SimulatedDisk>, Environment) {
    let disk = SimulatedDisk::new(1);
    let environment = world(1, Arc::clone(&disk));
    for (number, folder) in folders.iter().enumerate() {
        let directory_id = DirectoryId(Uuid([100 + u8::try_from(number).unwrap(); 16]));
        let meta = MetaProperties { cluster_id: "c".to_owned(), node_id: 1, directory_id };
        LogDirectory::format(&*disk, Path::new(folder), &meta).unwrap();
    }
    (disk, environment)
}

async fn start(environment: &Environment, folders: &[&str], image: &Arc<Image>) -> Arc<ReplicaManager> {
    start_without(environment, folders, Vec::new(), image).await
}

async fn start_without(
    environment: &Environment,
    folders: &[&str],
    unopened: Vec<UnopenedDirectory>,
    image: &Arc<Image>,
) -> Arc<ReplicaManager> {
    let server = ServerConfig::zero_config(None).unwrap();
    let open = |folder: &&str| LogDirectory::open(Arc::clone(&environment.disk), Path::new(folder)).unwrap();
    let options = ReplicaManagerOptions {
        node_id: BrokerId(1),
        environment: environment.clone(),
        directories: folders.iter().map(open).collect(),
        unopened_directories: unopened,
        maintenance: MaintenanceIntervals::of(&server),
        resolve_topic_config: Box::new(move |overrides: &BTreeMap<String, String>| {
            TopicConfig::resolve(&server, overrides)
        }),
        is_cordoned: Box::new(|folder| folder == Path::new("/cordoned")),
        producer_id_expiration_ms: 86_400_000,
        recovery_threads_per_directory: 2,
    };
    ReplicaManager::start(options, image).await.unwrap()
}

fn folders_in(disk: &SimulatedDisk, folder: &str) -> Vec<String> {
    let entries = disk.list(Path::new(folder)).unwrap();
    entries.into_iter().filter(|entry| entry.is_directory).map(|entry| entry.name).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_metadata_places_here_is_served() {
    let (_, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 3))).await.unwrap();
    let hosted = manager.topic("orders").unwrap();
    assert_eq!(hosted.partitions().count(), 3);
    append(hosted.partition(PartitionIndex(2)).unwrap(), "a", RequiredAcks::All).await.unwrap();
    assert!(Arc::ptr_eq(&hosted, &manager.topic_by_id(id(1)).unwrap()));
    let partition = hosted.partition(PartitionIndex(0)).unwrap();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: id(1).0, leader: -1, ..Default::default() };
    manager.apply(&metadata.change(&[MetadataRecord::PartitionChange(change)])).await.unwrap();
    assert!(matches!(partition.check_leadership(None), Err(PartitionError::NotLeader)));
    manager.apply(&metadata.change(&[set("orders", "max.message.bytes", "77")])).await.unwrap();
    assert_eq!(partition.config().max_message_bytes, 77);
}

#[tokio::test(start_paused = true)]
async fn a_topic_created_anew_under_an_old_name_begins_empty() {
    let (disk, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 1))).await.unwrap();
    let old = manager.topic("orders").unwrap();
    append(old.partition(PartitionIndex(0)).unwrap(), "a", RequiredAcks::All).await.unwrap();
    // Both in one: a slow follower of the metadata sees them merged.
    let delta = metadata.change(&[remove(1)]).then(metadata.change(&topic("orders", 2, 1)));
    manager.apply(&delta).await.unwrap();
    let new = manager.topic("orders").unwrap();
    assert_eq!(new.id, id(2));
    let partition = new.partition(PartitionIndex(0)).unwrap();
    assert_eq!(partition.reader().log_end_offset(), Offset(0));
    let of_old = append(old.partition(PartitionIndex(0)).unwrap(), "b", RequiredAcks::All).await;
    assert!(of_old.is_err(), "{of_old:?}");
    append(partition, "c", RequiredAcks::All).await.unwrap();
    assert_eq!(folders_in(&disk, "/a").len(), 2, "the old files are still there");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(folders_in(&disk, "/a"), ["orders-0"], "file.delete.delay.ms has passed");
    assert_eq!(partition.reader().log_end_offset(), Offset(1));
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_is_trusted_by_the_next_start() {
    let (disk, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 2))).await.unwrap();
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(1)).unwrap().clone();
    for value in ["a", "b"] {
        append(&partition, value, RequiredAcks::All).await.unwrap();
    }
    manager.shutdown(42).await;
    drop((manager, partition));
    disk.power_loss();
    let directory = LogDirectory::open(Arc::clone(&environment.disk), Path::new("/a")).unwrap();
    assert_eq!(directory.clean_broker_epoch(), Some(42));
    let orders_1 = "orders-1".to_owned();
    assert!(directory.partitions().unwrap().iter().any(|partition| partition.to_string() == orders_1));
    drop(directory);
    let manager = start(&environment, &["/a"], &metadata.0).await;
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(1)).unwrap().clone();
    assert_eq!((partition.reader().log_end_offset(), partition.high_watermark()), (Offset(2), Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn strays_are_set_aside_not_deleted() {
    let (disk, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    let records: Vec<_> = topic("kept", 1, 1).into_iter().chain(topic("stray", 2, 1)).collect();
    manager.apply(&metadata.change(&records)).await.unwrap();
    manager.shutdown(1).await;
    drop(manager);
    // A topic of the same name as one that is here, but another, and one that nobody knows.
    let mut other = Metadata(Arc::default());
    other.change(&topic("kept", 3, 1));
    let manager = start(&environment, &["/a"], &other.0).await;
    assert_eq!(manager.topic("kept").unwrap().id, id(3));
    let folders = folders_in(&disk, "/a");
    let strays = folders.iter().filter(|name| name.ends_with("-stray")).count();
    assert_eq!((folders.len(), strays), (3, 2), "{folders:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_down_of_a_stray_is_not_taken_for_the_next_of_its_name() {
    let (_, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 2))).await.unwrap();
    for partition in manager.partitions() {
        append(&partition, "a", RequiredAcks::All).await.unwrap();
    }
    manager.shutdown(1).await;
    drop(manager);
    // Orders was deleted just before the node stopped; it is created anew, before or after the next start.
    for created_before_start in [true, false] {
        let mut metadata = Metadata(Arc::default());
        let delta = metadata.change(&topic("orders", 2 + u8::from(created_before_start), 1));
        let image = if created_before_start { Arc::clone(&metadata.0) } else { Arc::default() };
        let manager = start(&environment, &["/a"], &image).await;
        if !created_before_start {
            manager.apply(&delta).await.unwrap();
        }
        let of = manager.partitions()[0].topic_partition().clone();
        // As a crash leaves it: nothing more is written down. What runs in the background lets go of the lock first.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(manager);
        let directory = LogDirectory::open(Arc::clone(&environment.disk), Path::new("/a")).unwrap();
        assert_eq!((directory.recovery_point(&of), directory.high_watermark(&of)), (Offset(0), Offset(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn new_partitions_go_where_the_fewest_are() {
    let (disk, environment) = new_world(&FOLDERS);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &FOLDERS, &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 5))).await.unwrap();
    let counts = FOLDERS.map(|folder| folders_in(&disk, folder).len());
    assert_eq!(counts, [3, 2]);
    manager.shutdown(1).await;
    drop(manager);
    let manager = start(&environment, &FOLDERS, &metadata.0).await;
    assert_eq!(manager.partitions().len(), 5);
    assert_eq!(FOLDERS.map(|folder| folders_in(&disk, folder).len()), counts, "each is found where it lies");
}

#[tokio::test(start_paused = true)]
async fn a_failed_directory_leaves_the_others_alone() {
    let (disk, environment) = new_world(&FOLDERS);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &FOLDERS, &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 2))).await.unwrap();
    let partitions = manager.partitions();
    let failing = &partitions[0];
    let fine = partitions.iter().find(|other| !Arc::ptr_eq(other.directory(), failing.directory())).unwrap();
    let mut failures = manager.directory_failures();
    disk.set_capacity_bytes(Some(0));
    append(failing, "a", RequiredAcks::All).await.unwrap_err();
    disk.set_capacity_bytes(None);
    failures.changed().await.unwrap();
    assert_eq!(manager.offline_directories(), [failing.directory().id()]);
    append(fine, "b", RequiredAcks::All).await.unwrap();
    manager.shutdown(1).await;
    let clean =
        FOLDERS.map(|folder| disk.facts(&PathBuf::from(folder).join(".kafka_cleanshutdown")).unwrap().is_some());
    let expected = FOLDERS.map(|folder| Path::new(folder) == fine.directory().log_directory().path());
    assert_eq!(clean, expected, "only what was closed in order says so");
}

#[tokio::test(start_paused = true)]
async fn old_segments_go_and_their_files_later() {
    let (disk, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    let mut records = topic("orders", 1, 1);
    records.extend([set("orders", "internal.segment.bytes", "100"), set("orders", "retention.ms", "1000")]);
    manager.apply(&metadata.change(&records)).await.unwrap();
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(0)).unwrap().clone();
    for value in ["a", "b", "c"] {
        append(&partition, value, RequiredAcks::All).await.unwrap();
    }
    assert_eq!(partition.reader().log_start_offset(), Offset(0));
    // The first look at retention comes after log.initial.task.delay.ms; the records are from 1970.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let bounds = (partition.reader().log_start_offset(), partition.reader().log_end_offset());
    assert_eq!(bounds, (Offset(3), Offset(3)));
    let files = || {
        let entries = disk.list(Path::new("/a/orders-0")).unwrap();
        entries.into_iter().filter(|entry| entry.name.ends_with(".deleted")).count()
    };
    assert!(files() >= 3);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(files(), 0, "file.delete.delay.ms has passed");
    let appended = append(&partition, "d", RequiredAcks::All).await.unwrap();
    assert_eq!((appended.base_offset, appended.log_start_offset), (Offset(3), Offset(3)));
}

#[tokio::test(start_paused = true)]
async fn checkpoints_are_written_from_time_to_time() {
    let (disk, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 1))).await.unwrap();
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(0)).unwrap().clone();
    append(&partition, "a", RequiredAcks::All).await.unwrap();
    partition.flush_log().unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    disk.power_loss();
    let directory = LogDirectory::open(Arc::clone(&environment.disk), Path::new("/a")).unwrap();
    let of = partition.topic_partition();
    assert_eq!((directory.high_watermark(of), directory.recovery_point(of)), (Offset(1), Offset(1)));
    assert_eq!(directory.log_start_offset(of), Offset(0));
}

#[tokio::test(start_paused = true)]
async fn a_log_start_that_was_raised_survives_a_stop_and_its_segments_go() {
    let (_, environment) = new_world(&["/a"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/a"], &metadata.0).await;
    let mut records = topic("orders", 1, 1);
    records.extend([set("orders", "internal.segment.bytes", "100"), set("orders", "retention.ms", "-1")]);
    manager.apply(&metadata.change(&records)).await.unwrap();
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(0)).unwrap().clone();
    for value in ["a", "b", "c", "d"] {
        append(&partition, value, RequiredAcks::All).await.unwrap();
    }
    partition.delete_records(Some(Offset(2))).unwrap();
    assert_eq!(partition.reader().first_base_offset(), Offset(0), "no file has gone yet");
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(partition.reader().first_base_offset(), Offset(2));
    partition.delete_records(Some(Offset(3))).unwrap();
    manager.shutdown(1).await;
    drop((manager, partition));
    let manager = start(&environment, &["/a"], &metadata.0).await;
    let partition = manager.topic("orders").unwrap().partition(PartitionIndex(0)).unwrap().clone();
    let bounds = (partition.reader().log_start_offset(), partition.reader().log_end_offset());
    assert_eq!(bounds, (Offset(3), Offset(4)));
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_directory_is_given_no_partition_while_there_is_another() {
    let folders = ["/a", "/cordoned"];
    let (disk, environment) = new_world(&folders);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &folders, &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 3))).await.unwrap();
    assert_eq!(folders_in(&disk, "/a").len(), 3);
    assert_eq!(folders_in(&disk, "/cordoned").len(), 0);
    let described = manager.describe_directories().await;
    assert_eq!(described.iter().map(|directory| directory.is_cordoned).collect::<Vec<_>>(), [false, true]);
    assert_eq!(manager.cordoned_directories(), [manager.directories()[1].id()]);

    let (disk, environment) = new_world(&["/cordoned"]);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &["/cordoned"], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 1))).await.unwrap();
    assert_eq!(folders_in(&disk, "/cordoned"), ["orders-0"], "the controller had not been told");
}

#[tokio::test(start_paused = true)]
async fn directories_are_described_in_their_order() {
    let (disk, environment) = new_world(&FOLDERS);
    let mut metadata = Metadata(Arc::default());
    let unopened = UnopenedDirectory { position: 1, path: "/never".into(), reason: "broken".into() };
    let manager = start_without(&environment, &FOLDERS, vec![unopened], &metadata.0).await;
    manager.apply(&metadata.change(&topic("orders", 1, 3))).await.unwrap();
    let partitions = manager.partitions();
    append(&partitions[0], "a", RequiredAcks::All).await.unwrap();
    let described = manager.describe_directories().await;
    let paths: Vec<_> = described.iter().map(|directory| directory.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["/a", "/never", "/b"]);
    assert_eq!(described[1].content.as_ref().unwrap_err().as_ref(), "broken");
    let mut replicas = Vec::new();
    for directory in [&described[0], &described[2]] {
        let content = directory.content.as_ref().unwrap();
        assert!(content.space.usable_bytes > 0 && content.space.usable_bytes < content.space.total_bytes);
        replicas.extend(content.replicas.iter().map(|replica| (replica.topic_partition.to_string(), replica)));
    }
    replicas.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<_> = replicas.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["orders-0", "orders-1", "orders-2"]);
    assert!(replicas[0].1.size_bytes > 0 && replicas[1].1.size_bytes == 0);
    assert!(replicas.iter().all(|(_, replica)| replica.offset_lag == 0));

    assert_eq!(manager.directory_at("/b").unwrap().path(), Path::new("/b"));
    assert_eq!(manager.directory_at("/b/").unwrap_err(), DirectoryError::Unknown, "written otherwise");
    assert_eq!(manager.directory_at("/never").unwrap_err(), DirectoryError::Offline);
    let failing = partitions[0].directory();
    disk.set_capacity_bytes(Some(0));
    append(&partitions[0], "b", RequiredAcks::All).await.unwrap_err();
    disk.set_capacity_bytes(None);
    let at = failing.path().to_str().unwrap();
    assert_eq!(manager.directory_at(at).unwrap_err(), DirectoryError::Offline);
    let described = manager.describe_directories().await;
    let failed = described.iter().find(|directory| directory.path == failing.path()).unwrap();
    assert!(failed.content.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_lies_in_a_directory_that_does_not_open_is_left_out_and_does_not_begin_anew() {
    let (disk, environment) = new_world(&FOLDERS);
    let mut metadata = Metadata(Arc::default());
    let manager = start(&environment, &FOLDERS, &metadata.0).await;
    let directory = |number: u8| DirectoryId(Uuid([number; 16]));
    manager.apply(&metadata.change(&topic_in(directory(100), "in-a", 1, 1))).await.unwrap();
    manager.apply(&metadata.change(&topic_in(directory(101), "in-b", 2, 1))).await.unwrap();
    // The metadata need not know where a partition lies.
    manager.apply(&metadata.change(&topic("spread", 4, 2))).await.unwrap();
    assert_eq!(folders_in(&disk, "/b"), ["in-b-0", "spread-1"]);
    manager.shutdown(1).await;
    drop(manager);
    let unopened = UnopenedDirectory { position: 1, path: "/b".into(), reason: "broken".into() };
    let manager = start_without(&environment, &["/a"], vec![unopened], &metadata.0).await;
    assert!(manager.topic("in-a").is_some() && manager.topic("in-b").is_none());
    assert_eq!(folders_in(&disk, "/a"), ["in-a-0", "spread-0"]);
    assert_eq!(manager.topic("spread").unwrap().partitions().count(), 1);
    // A change of the topic does not bring it up elsewhere, and new topics find their place.
    let change = PartitionChangeRecord { partition_id: 0, topic_id: id(2).0, leader: 1, ..Default::default() };
    manager.apply(&metadata.change(&[MetadataRecord::PartitionChange(change)])).await.unwrap_err();
    assert!(manager.topic("in-b").is_none());
    manager.apply(&metadata.change(&topic("new", 3, 1))).await.unwrap();
    assert_eq!(folders_in(&disk, "/a"), ["in-a-0", "new-0", "spread-0"]);
    manager.shutdown(1).await;
    drop(manager);
    let manager = start(&environment, &FOLDERS, &metadata.0).await;
    assert!(manager.topic("in-b").is_some(), "the directory is back");
    assert_eq!(manager.topic("spread").unwrap().partitions().count(), 2);
}
