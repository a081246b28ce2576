//! The file store keeps a store's promises, also when the power goes.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dohle_seams::simulated::{SeededRandomness, SimulatedDisk, world};
use dohle_seams::{Disk, OpenMode};
use tokio::sync::oneshot;

use super::simulate;
use crate::{Change, FileStore, MetadataLogStore, StoredValue, conformance};

const FOLDER: &str = "/store";

fn open(disk: &Arc<SimulatedDisk>) -> std::io::Result<FileStore> {
    let environment = world(1, Arc::clone(disk));
    disk.create_directories(Path::new(FOLDER))?;
    disk.sync_directory(Path::new("/"))?;
    FileStore::open(&**disk, environment.offload, Path::new(FOLDER))
}

fn append(index: u64) -> Change {
    Change { appended: vec![(index, Bytes::from(format!("entry {index}")))], ..Change::default() }
}

async fn sync(store: &FileStore) -> std::io::Result<()> {
    let (sender, receiver) = oneshot::channel();
    store.sync(Box::new(move |result| drop(sender.send(result))));
    receiver.await.unwrap()
}

#[test]
fn it_conforms() {
    simulate(1, conformance::check(|| Ok(((), Arc::new(open(&SimulatedDisk::new(1))?) as Arc<dyn MetadataLogStore>))));
}

#[test]
fn what_was_called_durable_survives_and_the_rest_is_a_prefix() {
    for seed in 0..300 {
        simulate(seed, async move {
            let disk = SimulatedDisk::new(seed);
            let store = open(&disk).unwrap();
            let random = SeededRandomness::new(seed);
            let (mut next, mut durable) = (0, 0);
            for _ in 0..random.next() % 40 {
                store.write(append(next)).unwrap();
                next += 1;
                if random.next().is_multiple_of(3) {
                    sync(&store).await.unwrap();
                    durable = next;
                }
            }
            disk.power_loss();
            assert!(store.write(append(next)).is_err(), "an open file dies with the power");
            let store = open(&disk).unwrap();
            let entries = store.entries(0..u64::MAX, usize::MAX).unwrap();
            assert!(entries.len() as u64 >= durable, "seed {seed}: {} of {durable}", entries.len());
            for (index, entry) in entries.iter().enumerate() {
                assert_eq!(entry, &format!("entry {index}"), "seed {seed}");
            }
        });
    }
}

#[test]
fn ranges_are_removed_from_both_ends() {
    simulate(1, async {
        let disk = SimulatedDisk::new(1);
        let store = open(&disk).unwrap();
        for index in 0..10 {
            store.write(append(index)).unwrap();
        }
        let values = vec![(StoredValue::Purged, Bytes::from("3"))];
        store.write(Change { removed: Some(0..4), values, ..Change::default() }).unwrap();
        store.write(Change { removed: Some(8..u64::MAX), ..append(8) }).unwrap();
        store.close();
        assert!(store.write(append(9)).is_err());
        assert!(sync(&store).await.is_err());
        let store = open(&disk).unwrap();
        assert_eq!(store.entries(0..u64::MAX, usize::MAX).unwrap().len(), 5, "4 to 8");
        assert_eq!(store.last_entry().unwrap().unwrap(), "entry 8");
        assert_eq!(store.entries(5..7, usize::MAX).unwrap(), ["entry 5", "entry 6"]);
        assert_eq!(store.entries(5..9, 1).unwrap().len(), 1, "one at least");
        assert_eq!(store.value(StoredValue::Purged).unwrap().unwrap(), "3");
        assert_eq!(store.value(StoredValue::Vote).unwrap(), None);
    });
}

#[test]
fn damage_before_the_end_is_refused_and_a_torn_end_is_not() {
    simulate(1, async {
        let disk = SimulatedDisk::new(1);
        let store = open(&disk).unwrap();
        for index in 0..10 {
            store.write(append(index)).unwrap();
        }
        store.close();
        let path = Path::new(FOLDER).join("quorum.log");
        let file = disk.open(&path, OpenMode::ReadWrite).unwrap();
        let size = file.size_bytes().unwrap();
        file.set_size(size - 3).unwrap();
        let store = open(&disk).unwrap();
        assert_eq!(store.last_entry().unwrap().unwrap(), "entry 8", "the last one was torn");
        store.close();
        disk.flip_bit(&path, 60);
        assert_eq!(open(&disk).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    });
}
