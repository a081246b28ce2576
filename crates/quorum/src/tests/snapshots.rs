//! Snapshots: when they are written, what they hold, and starting from one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_seams::Disk;
use openraft::async_runtime::WatchReceiver;
use tokio::time::sleep;

use super::{Machine, contents, create_topic, join, simulate};
use crate::snapshot::{self, SnapshotContents};
use crate::types::{StoredMembership, log_id};

fn checkpoints(machine: &Machine) -> Vec<String> {
    let names = machine.disk.list(&Machine::folder()).unwrap().into_iter().map(|entry| entry.name);
    names.filter(|name| name.contains(".checkpoint")).collect()
}

#[test]
fn bytes_bring_a_snapshot_and_a_restart_begins_from_it() {
    simulate(1, async {
        let mut machine = Machine::new(1);
        machine.config.metadata_log_max_record_bytes_between_snapshots = 20_000;
        let quorum = machine.start().await;
        let controller = quorum.controller();
        join(&controller, 1).await;
        assert_eq!(create_topic(&controller, "kept").await.unwrap(), ErrorCode::None);
        // More entries than are kept behind a snapshot.
        for _ in 0..600 {
            controller.allocate_producer_ids(BrokerId(1)).await.unwrap();
        }
        sleep(Duration::from_secs(5)).await;
        let metrics = quorum.raft.metrics().borrow_watched().clone();
        let purged = metrics.purged.map(|log_id| log_id.index);
        assert!(purged.is_some_and(|purged| purged > 0), "{purged:?}");
        let before = controller.image();
        let names = checkpoints(&machine);
        assert_eq!(names.len(), 1, "{names:?}");
        quorum.shutdown().await;
        let quorum = machine.start().await;
        assert_eq!(contents(&quorum.controller().image()), contents(&before));
        assert_eq!(create_topic(&quorum.controller(), "kept").await.unwrap(), ErrorCode::TopicAlreadyExists);
        drop(quorum);
        sleep(Duration::from_millis(5)).await;
        let bytes = machine.disk.read_to_end(&Machine::folder().join(&names[0])).unwrap();
        machine.disk.remove_file(&Machine::folder().join(&names[0])).unwrap();
        let error = machine.try_start().await.unwrap_err().to_string();
        assert!(error.contains("snapshot") && error.contains("missing"), "{error}");
        machine.disk.replace_file(&Machine::folder().join(&names[0]), &bytes).unwrap();
        let quorum = machine.start().await;
        // Once more, now on the snapshot and what came after it.
        join(&quorum.controller(), 2).await;
        let before = quorum.controller().image();
        machine.disk.power_loss();
        drop(quorum);
        sleep(Duration::from_millis(5)).await;
        let quorum = machine.start().await;
        assert_eq!(contents(&quorum.controller().image()), contents(&before));
    });
}

#[test]
fn time_brings_a_snapshot_where_anything_changed() {
    simulate(2, async {
        let mut machine = Machine::new(2);
        let quorum = machine.start().await;
        sleep(Duration::from_secs(59 * 60)).await;
        assert_eq!(checkpoints(&machine), Vec::<String>::new());
        sleep(Duration::from_secs(2 * 60)).await;
        let first = checkpoints(&machine);
        // Membership, the leader's own entry, the feature level: offsets 0 to 2.
        assert_eq!(first, ["00000000000000000003-0000000001.checkpoint"]);
        sleep(Duration::from_secs(3 * 60 * 60)).await;
        assert_eq!(checkpoints(&machine), first, "nothing has changed since");
        drop(quorum);
    });
}

#[test]
fn no_damage_to_a_snapshot_goes_unnoticed() {
    simulate(3, async {
        let mut machine = Machine::new(3);
        let quorum = machine.start().await;
        join(&quorum.controller(), 1).await;
        create_topic(&quorum.controller(), "t").await.unwrap();
        let image = quorum.controller().image();
        let environment = machine.environment();
        let folder = PathBuf::from("/snapshots");
        environment.disk.create_directories(&folder).unwrap();
        let last = log_id(3, 9);
        let contents = SnapshotContents {
            image: Arc::new(image.at(9)),
            membership: StoredMembership::default(),
            last_decided_at_ms: 1234,
        };
        let file = snapshot::write(&environment.disk, &folder, Some(&last), &contents).unwrap();
        let read = file.read(&last).unwrap();
        assert_eq!((&read.image, read.last_decided_at_ms), (&contents.image, 1234));
        let size = machine.disk.read_to_end(&file.path).unwrap().len();
        for at in 0..size {
            machine.disk.flip_bit(&file.path, at);
            // Base offset and leader epoch of a batch are outside its CRC, and mean nothing here.
            if let Ok(read) = file.read(&last) {
                assert_eq!(read.image, contents.image, "byte {at}");
            }
            machine.disk.flip_bit(&file.path, at);
        }
        let opened = machine.disk.open(&file.path, dohle_seams::OpenMode::ReadWrite).unwrap();
        for cut in (0..size as u64).rev() {
            opened.set_size(cut).unwrap();
            assert!(file.read(&last).is_err(), "cut to {cut} bytes");
        }
    });
}

#[test]
fn what_is_unfinished_or_older_is_removed() {
    simulate(4, async {
        let machine = Machine::new(4);
        let environment = machine.environment();
        let folder = PathBuf::from("/snapshots");
        environment.disk.create_directories(&folder).unwrap();
        let contents =
            SnapshotContents { image: Arc::default(), membership: StoredMembership::default(), last_decided_at_ms: 0 };
        assert!(snapshot::newest(&environment.disk, &folder).unwrap().is_none());
        for index in [4, 8] {
            snapshot::write(&environment.disk, &folder, Some(&log_id(1, index)), &contents).unwrap();
        }
        for name in ["00000000000000000003-0000000001.checkpoint.part", "other.checkpoint.part"] {
            environment.disk.replace_file(&folder.join(name), b"").unwrap();
        }
        let (meta, _) = snapshot::newest(&environment.disk, &folder).unwrap().unwrap();
        assert_eq!(meta.last_log_id, Some(log_id(1, 8)));
        let names: Vec<_> = environment.disk.list(&folder).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["00000000000000000009-0000000001.checkpoint", "other.checkpoint.part"]);
    });
}
