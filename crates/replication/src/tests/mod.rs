//! Partitions on a simulated disk.

mod appends;
mod leadership;
mod manager;
mod record_deletion;
mod storage;

use std::path::Path;
use std::sync::Arc;

use dohle_config::TopicConfig;
use dohle_log::{LogDirectory, MetaProperties, OpenOptions, PartitionLog};
use dohle_model::{
    BrokerId, DirectoryId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicPartition, Uuid,
};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader};
use dohle_protocol::validation::ValidatedBatch;
use dohle_seams::simulated::{SimulatedDisk, world};
use dohle_seams::{Environment, OffloadExt};
use tokio::sync::watch;

use crate::append_completion::{AppendCompletion, AppendResult};
use crate::append_queue::RequiredAcks;
use crate::hosted_directory::HostedDirectory;
use crate::leader_state::LeaderState;
use crate::partition::Partition;

const DIRECTORY: &str = "/data";

/// One partition, led by broker 1.
pub(crate) struct Fixture {
    pub(crate) disk: Arc<SimulatedDisk>,
    pub(crate) environment: Environment,
    pub(crate) directory: Arc<HostedDirectory>,
    pub(crate) failures: watch::Receiver<usize>,
    pub(crate) partition: Arc<Partition>,
}

pub(crate) fn topic_partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) }
}

/// Call it inside a runtime with a paused clock.
pub(crate) fn fixture(config: TopicConfig) -> Fixture {
    seeded_fixture(1, config)
}

pub(crate) fn seeded_fixture(seed: u64, config: TopicConfig) -> Fixture {
    let disk = SimulatedDisk::new(seed);
    let environment = world(seed, Arc::clone(&disk));
    let meta = MetaProperties { cluster_id: "c".to_owned(), node_id: 1, directory_id: DirectoryId(Uuid([7; 16])) };
    LogDirectory::format(&*disk, Path::new(DIRECTORY), &meta).unwrap();
    open(disk, environment, config)
}

/// Opens what is on the disk.
pub(crate) fn open(disk: Arc<SimulatedDisk>, environment: Environment, config: TopicConfig) -> Fixture {
    let (sender, failures) = watch::channel(0);
    let log_directory = LogDirectory::open(Arc::clone(&environment.disk), Path::new(DIRECTORY)).unwrap();
    let config = Arc::new(config);
    let log = PartitionLog::open(OpenOptions {
        disk: Arc::clone(&environment.disk),
        directory: log_directory.partition_path(&topic_partition()),
        topic_partition: topic_partition(),
        topic_id: TopicId(Uuid([9; 16])),
        config: Arc::clone(&config),
        recovery_point: log_directory.recovery_point(&topic_partition()),
        log_start_offset: log_directory.log_start_offset(&topic_partition()),
        clean_shutdown: log_directory.was_cleanly_shut_down(),
        producer_id_expiration_ms: 86_400_000,
        now_ms: environment.clock.now_ms(),
    })
    .unwrap();
    let high_watermark = log_directory.high_watermark(&topic_partition());
    let directory = HostedDirectory::new(log_directory, sender);
    let partition = Partition::new(
        topic_partition(),
        TopicId(Uuid([9; 16])),
        config,
        log,
        high_watermark,
        Arc::clone(&directory),
        environment.clone(),
    );
    lead(&partition, &[1], &[1], 0);
    Fixture { disk, environment, directory, failures, partition }
}

pub(crate) fn lead(partition: &Partition, replicas: &[i32], isr: &[i32], leader_epoch: i32) {
    let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
    partition.become_leader(LeaderState::new(
        BrokerId(1),
        LeaderEpoch(leader_epoch),
        PartitionEpoch(leader_epoch),
        &ids(replicas),
        &ids(isr),
        partition.config().min_insync_replicas,
    ));
}

/// A batch of one record.
pub(crate) fn batch(value: &str) -> ValidatedBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.record(1, None, Some(value.as_bytes()), &[]);
    let bytes = builder.build();
    ValidatedBatch { header: BatchHeader::decode(&bytes).unwrap(), bytes, log_append_time_ms: -1 }
}

/// Starts an append.
pub(crate) fn start_append(partition: &Partition, value: &str, required_acks: RequiredAcks) -> Arc<AppendCompletion> {
    let completion = AppendCompletion::new(1);
    partition.enqueue_append(batch(value), required_acks, &completion, 0);
    partition.drain_appends();
    completion
}

/// Appends and waits to be told.
pub(crate) async fn append(partition: &Partition, value: &str, required_acks: RequiredAcks) -> AppendResult {
    let completion = start_append(partition, value, required_acks);
    completion.wait().await;
    completion.take_results().remove(0)
}

/// Runs blocking work of a partition where it belongs.
pub(crate) async fn offloaded<T: Send + 'static>(
    fixture: &Fixture,
    work: impl FnOnce(&Partition) -> T + Send + 'static,
) -> T {
    let partition = Arc::clone(&fixture.partition);
    fixture.environment.offload.run(move || work(&partition)).await
}

pub(crate) fn end(partition: &Partition) -> Offset {
    partition.reader().log_end_offset()
}
