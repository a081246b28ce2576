//! When appends are told and committed.

use std::time::Duration;

use dohle_config::TopicConfig;
use dohle_model::{BrokerId, LeaderEpoch, Offset, PartitionEpoch};
use tokio::time::timeout;

use super::{append, batch, end, fixture, lead, start_append};
use crate::append_completion::ProduceError;
use crate::append_queue::RequiredAcks;
use crate::fetch_waiters::FetchWaiter;

#[tokio::test(start_paused = true)]
async fn a_lone_leader_commits_what_it_appends() {
    let fixture = fixture(TopicConfig::default());
    let appended = append(&fixture.partition, "a", RequiredAcks::All).await.unwrap();
    assert_eq!(appended.base_offset, Offset(0));
    let appended = append(&fixture.partition, "b", RequiredAcks::Leader).await.unwrap();
    assert_eq!(appended.base_offset, Offset(1));
    assert_eq!(fixture.partition.high_watermark(), Offset(2));
    let slice = fixture.partition.read(Offset(1), None, 1000, true).unwrap();
    assert!(slice.size_bytes > 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_while_somebody_has_the_log_is_written_when_it_is_given_up() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    let log = partition.lock_log();
    let left = start_append(partition, "a", RequiredAcks::All);
    assert!(!left.is_complete());
    drop(log);
    assert!(left.is_complete());
    partition.close(crate::partition::Closed::NotHosted);
    let log = partition.lock_log();
    let late = start_append(partition, "b", RequiredAcks::Leader);
    drop(log);
    assert!(late.is_complete(), "refused");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_given_up_does_no_harm_when_it_comes() {
    let fixture = fixture(TopicConfig { flush_messages: 1, ..TopicConfig::default() });
    let partition = &fixture.partition;
    let impatient = start_append(partition, "a", RequiredAcks::All);
    impatient.expire();
    assert!(matches!(impatient.take_results()[..], [Err(ProduceError::TimedOut { appended: Some(_) })]));
    // The disk has it now, and tells.
    let next = timeout(Duration::from_secs(60), append(partition, "b", RequiredAcks::All)).await.expect("answered");
    assert_eq!(next.unwrap().base_offset, Offset(1));
    assert_eq!(partition.high_watermark(), Offset(2));
}

#[tokio::test(start_paused = true)]
async fn acks_all_waits_for_the_followers() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    lead(partition, &[1, 2], &[1, 2], 1);
    let all = start_append(partition, "a", RequiredAcks::All);
    assert!(!all.is_complete());
    assert!(start_append(partition, "b", RequiredAcks::Leader).is_complete());
    assert!(start_append(partition, "c", RequiredAcks::AllToldEarly).is_complete());
    assert_eq!(partition.high_watermark(), Offset(0));
    partition.on_follower_fetch(BrokerId(2), Offset(1), None);
    assert!(all.is_complete());
    assert_eq!(all.take_results().remove(0).unwrap().base_offset, Offset(0));
    assert_eq!(partition.high_watermark(), Offset(1), "no further than the follower");
    partition.update_replicas(PartitionEpoch(2), &[1, 2].map(BrokerId), &[1].map(BrokerId));
    assert_eq!(partition.high_watermark(), Offset(3), "the follower has left the ISR");
}

#[tokio::test(start_paused = true)]
async fn acks_all_needs_min_insync_replicas() {
    let fixture = fixture(TopicConfig { min_insync_replicas: 2, ..TopicConfig::default() });
    let partition = &fixture.partition;
    lead(partition, &[1, 2], &[1], 1);
    for acks in [RequiredAcks::All, RequiredAcks::AllToldEarly] {
        let refused = append(partition, "a", acks).await.unwrap_err();
        assert!(matches!(refused, ProduceError::NotEnoughReplicas { insync: 1, required: 2 }), "{refused:?}");
    }
    assert_eq!(end(partition), Offset(0));
    append(partition, "b", RequiredAcks::Leader).await.unwrap();
    assert_eq!(partition.high_watermark(), Offset(0), "not committed, so not visible");
}

#[tokio::test(start_paused = true)]
async fn with_flush_messages_nothing_is_told_or_visible_before_it_is_on_disk() {
    let fixture = fixture(TopicConfig { flush_messages: 1, ..TopicConfig::default() });
    let partition = &fixture.partition;
    let first = start_append(partition, "a", RequiredAcks::Leader);
    let second = start_append(partition, "b", RequiredAcks::All);
    assert!(!first.is_complete() && !second.is_complete());
    assert_eq!((end(partition), partition.high_watermark()), (Offset(2), Offset(0)));
    first.wait().await;
    second.wait().await;
    assert_eq!(partition.high_watermark(), Offset(2));
    assert_eq!(partition.recovery_point(), Offset(2));
}

#[tokio::test(start_paused = true)]
async fn nobody_commits_what_another_is_about_to_flush() {
    let fixture = fixture(TopicConfig { flush_messages: 1, ..TopicConfig::default() });
    let partition = &fixture.partition;
    // As it stands while an append is written: the log has grown, and whether a flush must follow is not told yet.
    {
        let mut log = partition.lock_log();
        partition.flush_queue.lock().writing_from = Some(end(partition));
        log.append_as_leader(&[&batch("a")], LeaderEpoch(0), 0).remove(0).unwrap();
        assert_eq!(end(partition), Offset(1));
        partition.update_replicas(PartitionEpoch(1), &[BrokerId(1)], &[BrokerId(1)]);
        assert_eq!(partition.high_watermark(), Offset(0));
    }
    append(partition, "b", RequiredAcks::All).await.unwrap();
    assert_eq!((partition.high_watermark(), partition.recovery_point()), (Offset(2), Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn a_time_out_tells_where_the_batch_is() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    lead(partition, &[1, 2], &[1, 2], 1);
    append(partition, "a", RequiredAcks::Leader).await.unwrap();
    let all = start_append(partition, "b", RequiredAcks::All);
    all.expire();
    match all.take_results().remove(0) {
        Err(ProduceError::TimedOut { appended: Some(appended) }) => assert_eq!(appended.base_offset, Offset(1)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_fetch_is_woken_by_what_is_committed() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    lead(partition, &[1, 2], &[1, 2], 1);
    let waiter = FetchWaiter::new();
    partition.watch(&waiter);
    append(partition, "a", RequiredAcks::Leader).await.unwrap();
    timeout(Duration::from_secs(1), waiter.woken()).await.expect_err("not committed yet");
    partition.on_follower_fetch(BrokerId(2), Offset(1), None);
    timeout(Duration::from_secs(1), waiter.woken()).await.expect("committed");
    partition.unwatch(&waiter);
}
