//! What happens to partitions from time to time, each job in a task of its own: flushes by time, checkpoints, retention,
//! forgetting silent producers, and closing what lies in a failed directory.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use dohle_config::ServerConfig;
use dohle_log::PartitionLog;
use dohle_seams::OffloadExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::hosted_directory::Checkpoint;
use crate::partition::Closed;
use crate::replica_manager::ReplicaManager;

/// How often the jobs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceIntervals {
    /// How long after the start the flush and retention jobs first run (`log.initial.task.delay.ms`).
    pub initial_delay: Duration,
    /// `log.flush.scheduler.interval.ms`
    pub flush_check: Duration,
    /// `log.flush.offset.checkpoint.interval.ms`
    pub recovery_point_checkpoint: Duration,
    /// `log.flush.start.offset.checkpoint.interval.ms`
    pub log_start_offset_checkpoint: Duration,
    /// `replica.high.watermark.checkpoint.interval.ms`
    pub high_watermark_checkpoint: Duration,
    /// `log.retention.check.interval.ms`
    pub retention_check: Duration,
    /// `producer.id.expiration.check.interval.ms`
    pub producer_id_expiration_check: Duration,
}

impl MaintenanceIntervals {
    /// As the node is configured.
    #[must_use]
    pub fn of(config: &ServerConfig) -> Self {
        let long = |milliseconds: i64| Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
        let int = |milliseconds: i32| long(i64::from(milliseconds));
        Self {
            initial_delay: long(config.log_initial_task_delay_ms),
            flush_check: long(config.log_flush_scheduler_interval_ms),
            recovery_point_checkpoint: int(config.log_flush_offset_checkpoint_interval_ms),
            log_start_offset_checkpoint: int(config.log_flush_start_offset_checkpoint_interval_ms),
            high_watermark_checkpoint: long(config.replica_high_watermark_checkpoint_interval_ms),
            retention_check: long(config.log_retention_check_interval_ms),
            producer_id_expiration_check: int(config.producer_id_expiration_check_interval_ms),
        }
    }
}

/// A job that runs from time to time.
#[derive(Clone, Copy, Debug)]
enum Job {
    FlushCheck,
    Checkpoint(Checkpoint),
    RetentionCheck,
    ProducerIdExpiration,
}

/// Longer intervals mean never: the largest value is the default of `log.flush.scheduler.interval.ms`.
const INTERVAL_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// No job runs more often, however it is configured.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Starts the jobs. They end when the set is dropped, or the manager is.
pub(crate) fn start(
    manager: &Arc<ReplicaManager>,
    intervals: &MaintenanceIntervals,
    failures: watch::Receiver<usize>,
) -> JoinSet<()> {
    let initial = intervals.initial_delay;
    let jobs = [
        (Job::FlushCheck, initial, intervals.flush_check),
        (Job::RetentionCheck, initial, intervals.retention_check),
        every(Job::Checkpoint(Checkpoint::RecoveryPoints), intervals.recovery_point_checkpoint),
        every(Job::Checkpoint(Checkpoint::LogStartOffsets), intervals.log_start_offset_checkpoint),
        every(Job::Checkpoint(Checkpoint::HighWatermarks), intervals.high_watermark_checkpoint),
        every(Job::ProducerIdExpiration, intervals.producer_id_expiration_check),
    ];
    let mut tasks = JoinSet::new();
    let runtime = manager.environment().control_runtime.clone();
    for (job, delay, interval) in jobs {
        if interval <= INTERVAL_MAX {
            tasks.spawn_on(run(Arc::downgrade(manager), job, delay, interval.max(INTERVAL_MIN)), &runtime);
        }
    }
    tasks.spawn_on(close_failed_directories(Arc::downgrade(manager), failures), &runtime);
    tasks
}

fn every(job: Job, interval: Duration) -> (Job, Duration, Duration) {
    (job, interval, interval)
}

async fn run(manager: Weak<ReplicaManager>, job: Job, delay: Duration, interval: Duration) {
    tokio::time::sleep(delay).await;
    while let Some(manager) = manager.upgrade() {
        match job {
            Job::FlushCheck => manager.flush_what_is_due().await,
            Job::Checkpoint(checkpoint) => manager.write_checkpoints(checkpoint).await,
            Job::RetentionCheck => manager.delete_old_segments().await,
            Job::ProducerIdExpiration => manager.expire_producers().await,
        }
        drop(manager);
        tokio::time::sleep(interval).await;
    }
}

/// Tells those who wait for partitions of a failed directory.
async fn close_failed_directories(manager: Weak<ReplicaManager>, mut failures: watch::Receiver<usize>) {
    while failures.changed().await.is_ok() {
        let Some(manager) = manager.upgrade() else { return };
        for directory in manager.directories() {
            if let Some(reason) = directory.failure() {
                for partition in manager.partitions_in(directory) {
                    partition.close(Closed::Offline(Arc::clone(reason)));
                }
            }
        }
    }
}

impl ReplicaManager {
    async fn flush_what_is_due(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let flush = move || {
            let now_ms = manager.environment().clock.now_ms();
            for partition in manager.partitions() {
                if partition.with_open_log(|log| log.needs_flush(now_ms)).unwrap_or(false) {
                    // A failure has taken the directory offline, which is told there.
                    let _ = partition.flush_log();
                }
            }
        };
        self.environment().offload.run(flush).await;
    }

    async fn delete_old_segments(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let delete = move || {
            for partition in manager.partitions() {
                let removed = partition.delete_old_segments();
                if !removed.0.is_empty() {
                    manager.remove_files_later(removed.0, partition.config().file_delete_delay_ms);
                }
            }
        };
        self.environment().offload.run(delete).await;
    }

    async fn expire_producers(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let expire = move || {
            let now_ms = manager.environment().clock.now_ms();
            for partition in manager.partitions() {
                partition.with_open_log(|log: &mut PartitionLog| log.expire_producers(now_ms));
            }
        };
        self.environment().offload.run(expire).await;
    }

    /// Removes files that nothing refers to any more, after `delay_ms`. What is left when the node stops is removed by the
    /// next start.
    fn remove_files_later(&self, paths: Vec<PathBuf>, delay_ms: i64) {
        let environment = self.environment().clone();
        self.environment().control_runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0))).await;
            let disk = Arc::clone(&environment.disk);
            let remove = move || {
                for path in paths {
                    match disk.remove_file(&path) {
                        // The partition has been deleted meanwhile, with all its files.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove a file"),
                        Ok(()) => {}
                    }
                }
            };
            environment.offload.run(remove).await;
        });
    }
}
