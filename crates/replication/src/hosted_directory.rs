//! A log directory in use: whether it has failed, and what its checkpoints say.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use dohle_log::LogDirectory;
use dohle_model::{DirectoryId, Offset, TopicPartition};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What is written down of the partitions of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// `recovery-point-offset-checkpoint`
    RecoveryPoints,
    /// `log-start-offset-checkpoint`
    LogStartOffsets,
    /// `replication-offset-checkpoint`
    HighWatermarks,
}

impl Checkpoint {
    pub(crate) const ALL: [Self; 3] = [Self::RecoveryPoints, Self::LogStartOffsets, Self::HighWatermarks];
}

/// The offsets of one checkpoint file, in order of partition.
pub(crate) type CheckpointOffsets = Vec<(TopicPartition, Offset)>;

/// What this process wrote last, so that nothing is written twice.
#[derive(Debug, Default)]
struct WrittenCheckpoints {
    recovery_points: Option<CheckpointOffsets>,
    log_start_offsets: Option<CheckpointOffsets>,
    high_watermarks: Option<CheckpointOffsets>,
}

/// One log directory that partitions live in. It is online until the disk refuses a write, and then offline for good:
/// nobody knows what it still holds.
#[derive(Debug)]
pub struct HostedDirectory {
    log_directory: LogDirectory,
    failure: OnceLock<Arc<str>>,
    /// Counts failed directories, for whoever must act on them.
    failures: watch::Sender<usize>,
    /// Whether a high watermark has moved since they were last written down.
    high_watermarks_moved: AtomicBool,
    written: Mutex<WrittenCheckpoints>,
}

impl HostedDirectory {
    pub(crate) fn new(log_directory: LogDirectory, failures: watch::Sender<usize>) -> Arc<Self> {
        Arc::new(Self {
            log_directory,
            failure: OnceLock::new(),
            failures,
            high_watermarks_moved: AtomicBool::new(false),
            written: Mutex::default(),
        })
    }

    /// The directory on disk.
    #[must_use]
    pub fn log_directory(&self) -> &LogDirectory {
        &self.log_directory
    }

    /// Where it is, as configured.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.log_directory.path()
    }

    /// The directory's identity.
    #[must_use]
    pub fn id(&self) -> DirectoryId {
        self.log_directory.meta().directory_id
    }

    /// Why the directory is offline; `None` while it is online.
    #[must_use]
    pub fn failure(&self) -> Option<&Arc<str>> {
        self.failure.get()
    }

    /// Takes the directory offline. Partitions in it serve nothing from now on.
    pub(crate) fn fail(&self, error: &io::Error) {
        if self.failure.set(error.to_string().into()).is_ok() {
            tracing::error!(
                directory = %self.log_directory.path().display(),
                %error,
                "a log directory has failed; its partitions are offline until the node is started again"
            );
            self.failures.send_modify(|count| *count += 1);
        }
    }

    /// A high watermark in here has moved. Called for each append: most of the time it only reads.
    pub(crate) fn high_watermark_moved(&self) {
        if !self.high_watermarks_moved.load(Ordering::Relaxed) {
            self.high_watermarks_moved.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a high watermark has moved since the last call.
    pub(crate) fn take_high_watermarks_moved(&self) -> bool {
        self.high_watermarks_moved.swap(false, Ordering::Relaxed)
    }

    /// Writes a checkpoint, unless it says that already. `offsets` is asked while no other is being written, so that the
    /// newest wins. Blocks.
    ///
    /// # Errors
    /// The disk's error; the directory is then offline.
    pub(crate) fn write_checkpoint(
        &self,
        checkpoint: Checkpoint,
        offsets: impl FnOnce() -> CheckpointOffsets,
    ) -> io::Result<()> {
        let mut written = self.written.lock();
        let offsets = offsets();
        let last = match checkpoint {
            Checkpoint::RecoveryPoints => &mut written.recovery_points,
            Checkpoint::LogStartOffsets => &mut written.log_start_offsets,
            Checkpoint::HighWatermarks => &mut written.high_watermarks,
        };
        if last.as_ref() == Some(&offsets) {
            return Ok(());
        }
        let result = match checkpoint {
            Checkpoint::RecoveryPoints => self.log_directory.write_recovery_points(&offsets),
            Checkpoint::LogStartOffsets => self.log_directory.write_log_start_offsets(&offsets),
            Checkpoint::HighWatermarks => self.log_directory.write_high_watermarks(&offsets),
        };
        result.inspect_err(|error| self.fail(error))?;
        *last = Some(offsets);
        Ok(())
    }
}
