//! What becomes of those who wait when leadership changes.

use dohle_config::TopicConfig;
use dohle_model::{LeaderEpoch, Offset};

use super::{append, end, fixture, lead, start_append};
use crate::append_completion::ProduceError;
use crate::append_queue::RequiredAcks;
use crate::fetch_waiters::FetchWaiter;
use crate::partition::{Closed, PartitionError};

#[tokio::test(start_paused = true)]
async fn who_resigns_tells_those_who_wait() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    lead(partition, &[1, 2], &[1, 2], 1);
    let waiting = start_append(partition, "a", RequiredAcks::All);
    let fetch = FetchWaiter::new();
    partition.watch(&fetch);
    partition.resign();
    assert!(matches!(waiting.take_results().remove(0), Err(ProduceError::NotLeader)));
    fetch.woken().await;
    assert!(matches!(partition.check_leadership(None), Err(PartitionError::NotLeader)));
    assert!(matches!(append(partition, "b", RequiredAcks::Leader).await, Err(ProduceError::NotLeader)));
    assert_eq!(end(partition), Offset(1), "nothing is appended without leadership");
}

#[tokio::test(start_paused = true)]
async fn epochs_of_callers_are_fenced() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    lead(partition, &[1], &[1], 5);
    assert_eq!(partition.check_leadership(Some(LeaderEpoch(5))).unwrap(), LeaderEpoch(5));
    let fenced = partition.check_leadership(Some(LeaderEpoch(4)));
    assert!(matches!(fenced, Err(PartitionError::FencedLeaderEpoch { .. })));
    let unknown = partition.check_leadership(Some(LeaderEpoch(6)));
    assert!(matches!(unknown, Err(PartitionError::UnknownLeaderEpoch { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_closed_never_leads_again() {
    let fixture = fixture(TopicConfig::default());
    let partition = &fixture.partition;
    partition.close(Closed::NotHosted);
    lead(partition, &[1], &[1], 7);
    assert_eq!(partition.leader_epoch(), None);
    assert!(matches!(append(partition, "a", RequiredAcks::Leader).await, Err(ProduceError::NotHosted)));
    assert!(matches!(partition.check_leadership(None), Err(PartitionError::NotHosted)));
}
