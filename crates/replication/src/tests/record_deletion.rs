//! DeleteRecords on a partition.

use std::time::Duration;

use dohle_config::{CleanupPolicy, TopicConfig};
use dohle_model::{BrokerId, Offset};
use dohle_protocol::ErrorCode;
use tokio::time::timeout;

use super::{append, end, fixture, lead, offloaded};
use crate::append_queue::RequiredAcks;
use crate::fetch_waiters::FetchWaiter;
use crate::partition::{Closed, PartitionError};
use crate::record_deletion::DeleteRecordsError;

fn nobody(_: BrokerId) -> bool {
    false
}

#[tokio::test(start_paused = true)]
async fn the_log_starts_where_it_is_told_to_and_never_moves_back() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    for value in ["a", "b", "c"] {
        append(partition, value, RequiredAcks::All).await.unwrap();
    }
    let start = || partition.reader().log_start_offset();
    assert_eq!(partition.delete_records(Some(Offset(2))).unwrap(), Offset(2));
    assert_eq!((start(), partition.low_watermark(nobody).unwrap()), (Offset(2), Some(Offset(2))));
    let below = partition.read(Offset(1), None, 1000, true).unwrap_err();
    assert_eq!(below.error_code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(partition.delete_records(Some(Offset(1))).unwrap(), Offset(1), "it is deleted already");
    assert_eq!(start(), Offset(2));
    assert_eq!(partition.delete_records(None).unwrap(), Offset(3), "all that is committed");
    assert_eq!((start(), end(partition)), (Offset(3), Offset(3)));
    let appended = append(partition, "d", RequiredAcks::All).await.unwrap();
    assert_eq!((appended.base_offset, appended.log_start_offset), (Offset(3), Offset(3)));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_committed_may_be_deleted() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    append(partition, "a", RequiredAcks::All).await.unwrap();
    lead(partition, &[1, 2], &[1, 2], 1);
    append(partition, "b", RequiredAcks::Leader).await.unwrap();
    for offset in [-2, -1, 2, 3] {
        let refused = partition.delete_records(Some(Offset(offset))).unwrap_err();
        assert!(matches!(refused, DeleteRecordsError::OutOfRange { high_watermark: Offset(1), .. }), "{refused}");
        assert_eq!(refused.error_code(), ErrorCode::OffsetOutOfRange);
    }
    assert_eq!(partition.reader().log_start_offset(), Offset(0));
    assert_eq!(partition.delete_records(None).unwrap(), Offset(1));
}

#[tokio::test(start_paused = true)]
async fn the_policy_must_allow_it() {
    for (compact, delete, is_allowed) in
        [(true, false, false), (true, true, true), (false, true, true), (false, false, true)]
    {
        let cleanup_policy = CleanupPolicy { compact, delete };
        let fixture = fixture(TopicConfig { cleanup_policy, ..TopicConfig::default() });
        append(&fixture.partition, "a", RequiredAcks::All).await.unwrap();
        match fixture.partition.delete_records(Some(Offset(1))) {
            Ok(_) => assert!(is_allowed),
            Err(error) => assert_eq!((error.error_code(), is_allowed), (ErrorCode::PolicyViolation, false)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_low_watermark_follows_the_live_replicas_and_wakes_who_waits() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    append(partition, "a", RequiredAcks::All).await.unwrap();
    lead(partition, &[1, 2, 3], &[1, 2], 1);
    let waiter = FetchWaiter::new();
    partition.watch(&waiter);
    partition.delete_records(Some(Offset(1))).unwrap();
    timeout(Duration::from_secs(1), waiter.woken()).await.expect("the log starts elsewhere");
    let low = || partition.low_watermark(|id| id == BrokerId(2)).unwrap();
    assert_eq!(low(), None);
    partition.on_follower_fetch(BrokerId(2), Offset(1), Some(Offset(0)));
    assert_eq!(low(), Some(Offset(0)));
    timeout(Duration::from_secs(1), waiter.woken()).await.expect("the follower has told");
    partition.on_follower_fetch(BrokerId(2), Offset(1), Some(Offset(1)));
    timeout(Duration::from_secs(1), waiter.woken()).await.expect("the follower has deleted");
    assert_eq!(low(), Some(Offset(1)));
    assert_eq!(partition.low_watermark(|_| true).unwrap(), None, "broker 3 has told nothing");
    partition.unwatch(&waiter);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_lead_deletes_nothing() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    append(partition, "a", RequiredAcks::All).await.unwrap();
    partition.resign();
    let refused = partition.delete_records(None).unwrap_err();
    assert!(matches!(refused, DeleteRecordsError::Partition(PartitionError::NotLeader)), "{refused}");
    assert!(partition.low_watermark(nobody).is_err());
    assert_eq!(partition.producers().unwrap(), [], "the log is here all the same");
    partition.close(Closed::NotHosted);
    assert!(matches!(partition.producers(), Err(PartitionError::NotHosted)));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_take_it_goes_offline() {
    let fixture = fixture(TopicConfig::default());
    append(&fixture.partition, "a", RequiredAcks::All).await.unwrap();
    // The epochs are written anew where the log starts elsewhere.
    fixture.disk.set_capacity_bytes(Some(0));
    let refused = offloaded(&fixture, |partition| partition.delete_records(None)).await.unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
    assert!(fixture.directory.failure().is_some());
}
