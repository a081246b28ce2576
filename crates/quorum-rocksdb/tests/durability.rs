//! What was called durable outlives a killed process, and damage is torn off at the end or refused, never passed over.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use dohle_quorum::{Change, MetadataLogStore, StoredValue, conformance};
use dohle_quorum_rocksdb::RocksDbStore;
use dohle_seams::live::LiveDisk;
use dohle_seams::{Disk, OpenMode};

/// Where the child process writes.
const FOLDER_VARIABLE: &str = "DOHLE_QUORUM_TEST_FOLDER";

fn append(index: u64) -> Change {
    // Of differing lengths, so that entries lie across the write-ahead log's blocks.
    let text = format!("entry {index} {}", "x".repeat(usize::try_from(index * 37 % 5000).unwrap()));
    Change { appended: vec![(index, Bytes::from(text))], ..Change::default() }
}

fn sync(store: &RocksDbStore) -> std::io::Result<()> {
    let (sender, receiver) = channel();
    store.sync(Box::new(move |result| drop(sender.send(result))));
    receiver.recv().unwrap()
}

/// The entries from 0 on, checked to be what was written and without a hole.
fn entries(store: &RocksDbStore) -> u64 {
    let entries = store.entries(0..u64::MAX, usize::MAX).unwrap();
    for (index, entry) in (0..).zip(&entries) {
        assert_eq!(entry, &append(index).appended[0].1, "entry {index}");
    }
    let count = entries.len() as u64;
    assert_eq!(store.last_entry().unwrap(), count.checked_sub(1).map(|last| append(last).appended[0].1.clone()));
    count
}

/// The write-ahead log with the most in it.
fn write_ahead_log(folder: &Path) -> PathBuf {
    let logs = LiveDisk.list(folder).unwrap().into_iter().filter(|entry| entry.name.ends_with(".log"));
    let logs = logs.map(|entry| folder.join(entry.name));
    logs.max_by_key(|path| LiveDisk.facts(path).unwrap().unwrap().size_bytes).unwrap()
}

/// A store that was written and closed, entries 0 to 199 each synced.
fn written(folder: &Path) -> PathBuf {
    let store = RocksDbStore::open(folder).unwrap();
    for index in 0..200 {
        store.write(append(index)).unwrap();
        sync(&store).unwrap();
    }
    store.close();
    write_ahead_log(folder)
}

#[tokio::test]
async fn it_conforms() {
    conformance::check(|| {
        let folder = tempfile::tempdir()?;
        let store = RocksDbStore::open(folder.path())?;
        Ok((folder, Arc::new(store) as Arc<dyn MetadataLogStore>))
    })
    .await;
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    for _ in 0..5 {
        let store = RocksDbStore::open(folder.path()).unwrap();
        assert_eq!(entries(&store), 200);
    }
    let store = RocksDbStore::open(folder.path()).unwrap();
    let purged = (StoredValue::Purged, Bytes::from("49"));
    store.write(Change { removed: Some(0..50), values: vec![purged], ..Change::default() }).unwrap();
    store.write(Change { removed: Some(150..u64::MAX), ..append(150) }).unwrap();
    store.write(Change { values: vec![(StoredValue::Vote, Bytes::from("a vote"))], ..Change::default() }).unwrap();
    drop(store);
    let store = RocksDbStore::open(folder.path()).unwrap();
    assert_eq!(store.entries(0..u64::MAX, usize::MAX).unwrap().len(), 101, "50 to 150");
    assert_eq!(store.entries(60..62, usize::MAX).unwrap().len(), 2);
    assert_eq!(store.entries(60..90, 1).unwrap().len(), 1, "one at least");
    assert_eq!(store.last_entry().unwrap().unwrap(), append(150).appended[0].1);
    assert_eq!(store.value(StoredValue::Vote).unwrap().unwrap(), "a vote");
    assert_eq!(store.value(StoredValue::Purged).unwrap().unwrap(), "49");
    assert_eq!(store.value(StoredValue::Committed).unwrap(), None);
    store.write(Change { removed: Some(0..151), ..Change::default() }).unwrap();
    assert_eq!(store.last_entry().unwrap(), None);
    drop(store);
    let store = RocksDbStore::open(folder.path()).unwrap();
    assert_eq!(store.last_entry().unwrap(), None);
    store.close();
    assert_eq!(store.last_entry().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(store.write(append(0)).is_err());
    assert!(sync(&store).is_err());
}

#[test]
fn callbacks_come_in_order_and_many_share_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksDbStore::open(folder.path()).unwrap();
    let (sender, receiver) = channel();
    for index in 0..1000 {
        store.write(append(index)).unwrap();
        let sender = sender.clone();
        store.sync(Box::new(move |result| sender.send((index, result.is_ok())).unwrap()));
    }
    store.close();
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), (0..1000).map(|index| (index, true)).collect::<Vec<_>>());
}

/// Not a test by itself: the process that `a_killed_process_loses_nothing_that_was_durable` kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let store = RocksDbStore::open(Path::new(&folder)).unwrap();
    for index in entries(&store).. {
        store.write(append(index)).unwrap();
        if index % 3 == 0 {
            sync(&store).unwrap();
            println!("durable {index}");
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let mut durable = 0;
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
        durable = acknowledged.take(100 * round).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let store = RocksDbStore::open(folder.path()).unwrap();
        let found = entries(&store);
        assert!(found > durable, "round {round}: {found} entries, but {durable} was durable");
    }
    assert!(durable > 2000);
}

#[test]
fn a_torn_end_is_cut_off() {
    for cut in [1, 37, 300, 5000] {
        let folder = tempfile::tempdir().unwrap();
        let log = LiveDisk.open(&written(folder.path()), OpenMode::ReadWrite).unwrap();
        log.set_size(log.size_bytes().unwrap() - cut).unwrap();
        let store = RocksDbStore::open(folder.path()).unwrap();
        let found = entries(&store);
        assert!((190..200).contains(&found), "{found} entries after {cut} bytes were torn off");
        // And what is written next follows what is left.
        store.write(append(found)).unwrap();
        sync(&store).unwrap();
        drop(store);
        assert_eq!(entries(&RocksDbStore::open(folder.path()).unwrap()), found + 1);
    }
}

#[test]
fn damage_before_the_end_is_refused() {
    for part in [4, 3, 2] {
        let folder = tempfile::tempdir().unwrap();
        let log = LiveDisk.open(&written(folder.path()), OpenMode::ReadWrite).unwrap();
        let at = log.size_bytes().unwrap() / part;
        let mut byte = [0];
        log.read_at(&mut byte, at).unwrap();
        log.write_vectored_at(&[std::io::IoSlice::new(&[byte[0] ^ 1])], at).unwrap();
        let error = RocksDbStore::open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _store = RocksDbStore::open(folder.path()).unwrap();
    assert!(RocksDbStore::open(folder.path()).is_err());
}
