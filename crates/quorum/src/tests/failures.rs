//! What a replica must not go on with.

use std::path::Path;
use std::time::Duration;

use dohle_model::{DirectoryId, Uuid};
use dohle_protocol::records::metadata::{ClearElrRecord, NoOpRecord};
use dohle_seams::{Disk, OpenMode};
use openraft::async_runtime::WatchReceiver;
use openraft::impls::ProgressResponder;
use tokio::time::timeout;

use super::{Machine, create_topic, join, simulate};
use crate::batch::{Applied, Batch};
use crate::{Quorum, QuorumError};

async fn propose(quorum: &Quorum, batch: Batch) -> Option<Applied> {
    let (responder, completed) = ProgressResponder::complete_only();
    quorum.raft.write(batch).responder(responder).await.unwrap();
    Some(completed.await.ok()?.unwrap().data)
}

#[test]
fn a_batch_of_another_term_is_ignored() {
    simulate(1, async {
        let quorum = Machine::new(1).start().await;
        let before = quorum.controller().image();
        let batch = Batch { decided_in: 7, decided_at_ms: 0, records: vec![ClearElrRecord::default().into()] };
        assert_eq!(propose(&quorum, batch).await, Some(Applied::Ignored));
        let after = quorum.controller().image();
        assert_eq!(*after, before.at(before.metadata_offset() + 1));
    });
}

#[test]
fn a_record_that_cannot_be_replayed_stops_the_replica_for_good() {
    simulate(2, async {
        let mut machine = Machine::new(2);
        let quorum = machine.start().await;
        let term = quorum.raft.metrics().borrow_watched().current_term;
        let records = vec![NoOpRecord {}.into(), ClearElrRecord::default().into()];
        let batch = Batch { decided_in: term, decided_at_ms: 0, records };
        assert_eq!(propose(&quorum, batch).await, None);
        let reason = quorum.failed().await.to_string();
        assert!(reason.contains("ClearElrRecord"), "{reason}");
        let asked = create_topic(&quorum.controller(), "t").await;
        assert!(matches!(asked, Err(QuorumError::Stopped | QuorumError::NotController { .. })), "{asked:?}");
        quorum.shutdown().await;
        // The entry is committed, so there is no way round it.
        let error = machine.try_start().await.unwrap_err().to_string();
        assert!(error.contains("ClearElrRecord"), "{error}");
    });
}

#[test]
fn a_failed_disk_stops_the_replica() {
    simulate(3, async {
        let mut machine = Machine::new(3);
        let quorum = machine.start().await;
        join(&quorum.controller(), 1).await;
        machine.disk.set_capacity_bytes(Some(0));
        let asked = create_topic(&quorum.controller(), "t").await;
        assert!(matches!(asked, Err(QuorumError::Stopped | QuorumError::NotController { .. })), "{asked:?}");
        timeout(Duration::from_secs(1), quorum.failed()).await.unwrap();
    });
}

#[test]
fn a_directory_that_was_formatted_anew_is_another_replica() {
    simulate(4, async {
        let mut machine = Machine::new(4);
        machine.start().await.shutdown().await;
        machine.directory = DirectoryId(Uuid([8; 16]));
        let error = machine.try_start().await.unwrap_err();
        assert!(matches!(error, QuorumError::ForeignLog { .. }), "{error}");
    });
}

#[test]
fn a_log_that_lost_its_end_is_refused() {
    simulate(5, async {
        let mut machine = Machine::new(5);
        let quorum = machine.start().await;
        join(&quorum.controller(), 1).await;
        quorum.shutdown().await;
        // The whole end, so that nothing in the file itself tells.
        let path = Machine::folder().join("quorum/quorum.log");
        let file = machine.disk.open(&path, OpenMode::ReadWrite).unwrap();
        file.set_size(file.size_bytes().unwrap() / 2).unwrap();
        let error = machine.try_start().await.unwrap_err();
        assert!(matches!(error, QuorumError::LogLost { .. }), "{error}");
    });
}

#[test]
fn how_far_the_log_is_durable_is_noted_within_seconds() {
    simulate(6, async {
        let mut machine = Machine::new(6);
        let quorum = machine.start().await;
        join(&quorum.controller(), 1).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let noted = machine.disk.read_to_end(&Machine::folder().join("log-end-checkpoint")).unwrap();
        let expected = format!("0\n1\n1 {}\n", quorum.controller().image().metadata_offset());
        assert_eq!(String::from_utf8(noted).unwrap(), expected);
        machine.disk.power_loss();
        drop(quorum);
        tokio::time::sleep(Duration::from_millis(5)).await;
        machine.start().await;
    });
}

#[test]
fn another_form_of_the_note_is_refused() {
    simulate(7, async {
        let mut machine = Machine::new(7);
        machine.start().await.shutdown().await;
        let path = Machine::folder().join("log-end-checkpoint");
        machine.disk.replace_file(Path::new(&path), b"0\n1\n1 ").unwrap();
        let error = machine.try_start().await.unwrap_err();
        assert!(matches!(error, QuorumError::Storage { .. }), "{error}");
    });
}
