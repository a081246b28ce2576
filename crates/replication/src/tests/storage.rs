//! What a disk that fails does to a partition, and what survives it.

use std::sync::Arc;

use dohle_config::TopicConfig;
use dohle_model::Offset;
use dohle_protocol::ErrorCode;

use super::{append, end, fixture, offloaded, open, seeded_fixture};
use crate::append_queue::RequiredAcks;
use crate::partition::PartitionError;

#[tokio::test(start_paused = true)]
async fn a_failed_write_takes_the_directory_offline_and_leaves_nothing() {
    let mut fixture = fixture(TopicConfig::default());
    append(&fixture.partition, "a", RequiredAcks::All).await.unwrap();
    fixture.disk.set_capacity_bytes(Some(0));
    let failed = append(&fixture.partition, "b", RequiredAcks::All).await.unwrap_err();
    assert_eq!(failed.error_code(), ErrorCode::KafkaStorageError);
    assert_eq!((end(&fixture.partition), fixture.partition.high_watermark()), (Offset(1), Offset(1)));
    fixture.failures.changed().await.unwrap();
    assert!(fixture.directory.failure().is_some());
    fixture.disk.set_capacity_bytes(None);
    let still = append(&fixture.partition, "c", RequiredAcks::Leader).await.unwrap_err();
    assert_eq!(still.error_code(), ErrorCode::KafkaStorageError, "offline for good");
    assert!(matches!(fixture.partition.read(Offset(0), None, 1, true), Err(PartitionError::Offline(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_flushed_survives_a_power_loss() {
    for seed in 0..20 {
        let before = seeded_fixture(seed, TopicConfig { flush_messages: 1, ..TopicConfig::default() });
        for value in ["a", "b", "c"] {
            append(&before.partition, value, RequiredAcks::All).await.unwrap();
        }
        before.disk.power_loss();
        let failed = append(&before.partition, "d", RequiredAcks::Leader).await;
        assert!(failed.is_err(), "seed {seed}: the power is gone");
        let after = open(Arc::clone(&before.disk), before.environment.clone(), TopicConfig::default());
        assert_eq!(end(&after.partition), Offset(3));
        assert_eq!(after.partition.high_watermark(), Offset(3), "a lone leader commits all it has");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_closed_in_order_takes_nothing_more() {
    let fixture = fixture(TopicConfig::default());
    append(&fixture.partition, "a", RequiredAcks::All).await.unwrap();
    offloaded(&fixture, |partition| partition.close_log()).await.unwrap();
    assert_eq!(fixture.partition.recovery_point(), Offset(1));
    append(&fixture.partition, "b", RequiredAcks::Leader).await.unwrap_err();
    assert_eq!(end(&fixture.partition), Offset(1));
}
