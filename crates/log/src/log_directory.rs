//! One entry of `log.dirs`: its lock, its identity (`meta.properties`), its checkpoints and its clean-shutdown mark.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_model::{DirectoryId, Offset, PartitionIndex, TopicName, TopicPartition};
use dohle_seams::{Disk, DiskLock};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::checkpoint;

const META_PROPERTIES: &str = "meta.properties";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_START_OFFSETS: &str = "log-start-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

/// Whose a log directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: i32,
    /// The directory itself.
    pub directory_id: DirectoryId,
}

/// Why a log directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogDirectoryError {
    /// It was never formatted.
    #[error("No `meta.properties` found in {0} (have you run `dohle storage format` to format the directory?)")]
    NotFormatted(PathBuf),
    /// Another process has it.
    #[error("Failed to acquire lock on file .lock in {0}. A broker or another process is using this directory.")]
    Locked(PathBuf),
    /// It is there already.
    #[error(
        "Log directory {0} is already formatted. Use --ignore-formatted to ignore this directory and format the others."
    )]
    AlreadyFormatted(PathBuf),
    /// `meta.properties` is not what it should be.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk failed.
    #[error("{path}: {source}")]
    Storage {
        /// The directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

impl LogDirectoryError {
    /// Whether it is the disk that refuses the directory: a node with others does without it.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Malformed { .. } | Self::Storage { .. } => true,
            Self::NotFormatted(_) | Self::Locked(_) | Self::AlreadyFormatted(_) => false,
        }
    }
}

/// The content of `.kafka_cleanshutdown`.
#[derive(Debug, Serialize, Deserialize)]
struct CleanShutdown {
    version: i32,
    #[serde(rename = "brokerEpoch")]
    broker_epoch: i64,
}

type Offsets = BTreeMap<TopicPartition, Offset>;

/// An opened and locked log directory.
#[derive(Debug)]
pub struct LogDirectory {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    meta: MetaProperties,
    clean_broker_epoch: Option<i64>,
    recovery_points: Offsets,
    log_start_offsets: Offsets,
    high_watermarks: Offsets,
    _lock: Mutex<Box<dyn DiskLock>>,
}

impl LogDirectory {
    /// Reads whose a directory is, without opening it.
    ///
    /// # Errors
    /// [`LogDirectoryError::NotFormatted`] and the like.
    pub fn read_meta(disk: &dyn Disk, path: &Path) -> Result<MetaProperties, LogDirectoryError> {
        let file = path.join(META_PROPERTIES);
        let bytes = match disk.read_to_end(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogDirectoryError::NotFormatted(path.to_owned()));
            }
            other => other.map_err(|source| LogDirectoryError::Storage { path: file.clone(), source })?,
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let properties: BTreeMap<&str, &str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        let malformed = |reason: &str| LogDirectoryError::Malformed { path: file.clone(), reason: reason.to_owned() };
        if properties.get("version") != Some(&"1") {
            return Err(malformed("its version is not 1"));
        }
        let cluster_id = properties.get("cluster.id").ok_or_else(|| malformed("it has no cluster.id"))?;
        let node_id = properties.get("node.id").and_then(|id| id.parse().ok());
        let directory_id = match properties.get("directory.id") {
            Some(id) => DirectoryId(id.parse().map_err(|_| malformed("its directory.id is not a uuid"))?),
            None => return Err(malformed("it has no directory.id")),
        };
        Ok(MetaProperties {
            cluster_id: (*cluster_id).to_owned(),
            node_id: node_id.ok_or_else(|| malformed("it has no node.id"))?,
            directory_id,
        })
    }

    /// Formats a directory, making it where needed.
    ///
    /// # Errors
    /// [`LogDirectoryError::AlreadyFormatted`], or the disk's error.
    pub fn format(disk: &dyn Disk, path: &Path, meta: &MetaProperties) -> Result<(), LogDirectoryError> {
        let storage = |source| LogDirectoryError::Storage { path: path.to_owned(), source };
        disk.create_directories(path).map_err(storage)?;
        let file = path.join(META_PROPERTIES);
        if disk.facts(&file).map_err(storage)?.is_some() {
            return Err(LogDirectoryError::AlreadyFormatted(path.to_owned()));
        }
        // Java's properties form; none of the values needs escaping but a backslash would, and ids hold none.
        let text = format!(
            "cluster.id={}\ndirectory.id={}\nnode.id={}\nversion=1\n",
            meta.cluster_id, meta.directory_id, meta.node_id
        );
        disk.replace_file(&file, text.as_bytes()).map_err(storage)
    }

    /// Locks and opens a directory. The clean-shutdown mark is read, and stays until [`Self::forget_clean_shutdown`]: a
    /// process that ends before it opens a log leaves the directory as it was.
    ///
    /// # Errors
    /// [`LogDirectoryError`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, LogDirectoryError> {
        let storage = |source| LogDirectoryError::Storage { path: path.to_owned(), source };
        let meta = Self::read_meta(&*disk, path)?;
        let lock = match disk.lock(&path.join(".lock")) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(LogDirectoryError::Locked(path.to_owned()));
            }
            other => other.map_err(storage)?,
        };
        let mark = path.join(CLEAN_SHUTDOWN);
        let clean_broker_epoch = match disk.read_to_end(&mark) {
            // A mark that cannot be read is still a mark, as in Kafka; only the epoch is unknown.
            Ok(bytes) => Some(serde_json::from_slice::<CleanShutdown>(&bytes).map_or(-1, |mark| mark.broker_epoch)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(storage(error)),
        };
        let read = |name: &str| read_offsets(&*disk, &path.join(name)).map_err(storage);
        Ok(Self {
            path: path.to_owned(),
            meta,
            clean_broker_epoch,
            recovery_points: read(RECOVERY_POINTS)?,
            log_start_offsets: read(LOG_START_OFFSETS)?,
            high_watermarks: read(HIGH_WATERMARKS)?,
            _lock: Mutex::new(lock),
            disk,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    #[must_use]
    pub fn meta(&self) -> &MetaProperties {
        &self.meta
    }

    /// Whether all logs in it were closed in order.
    #[must_use]
    pub fn was_cleanly_shut_down(&self) -> bool {
        self.clean_broker_epoch.is_some()
    }

    /// The broker epoch of the process that closed it in order, -1 for an unknown one (KIP-966).
    #[must_use]
    pub fn clean_broker_epoch(&self) -> Option<i64> {
        self.clean_broker_epoch
    }

    /// Where a partition's files lie, or would.
    #[must_use]
    pub fn partition_path(&self, partition: &TopicPartition) -> PathBuf {
        self.path.join(partition.to_string())
    }

    /// The partitions that have a folder here.
    ///
    /// # Errors
    /// The disk's error.
    pub fn partitions(&self) -> io::Result<Vec<TopicPartition>> {
        let entries = self.disk.list(&self.path)?;
        Ok(entries.iter().filter(|entry| entry.is_directory).filter_map(|entry| parse_partition(&entry.name)).collect())
    }

    /// Whether a partition has its folder here.
    ///
    /// # Errors
    /// The disk's error.
    pub fn has_partition(&self, partition: &TopicPartition) -> io::Result<bool> {
        Ok(self.disk.facts(&self.partition_path(partition))?.is_some_and(|facts| facts.is_directory))
    }

    /// How many partitions have their folder here. Reads the whole directory.
    ///
    /// # Errors
    /// The disk's error.
    pub fn partition_count(&self) -> io::Result<usize> {
        Ok(self.partitions()?.len())
    }

    /// Removes what earlier runs left for removal (`-delete`).
    ///
    /// # Errors
    /// The disk's error.
    pub fn remove_leftovers(&self) -> io::Result<()> {
        for entry in self.disk.list(&self.path)? {
            if entry.is_directory && entry.name.ends_with("-delete") {
                self.disk.remove_directory_all(&self.path.join(&entry.name))?;
            }
        }
        Ok(())
    }

    /// Makes the folder of a partition that has none. It lasts once [`Self::sync_names`] has run.
    ///
    /// # Errors
    /// The disk's error.
    pub fn make_partition_folder(&self, partition: &TopicPartition) -> io::Result<()> {
        self.disk.create_directories(&self.partition_path(partition))
    }

    /// Makes the names of all folders in the directory durable: once for many that were made or renamed.
    ///
    /// # Errors
    /// The disk's error.
    pub fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_directory(&self.path)
    }

    /// Gives a partition's folder a name that tells it is no longer in use: `TOPIC-P.<unique>-delete` or `-stray`. It lasts
    /// once [`Self::sync_names`] has run.
    ///
    /// # Errors
    /// The disk's error.
    pub fn set_aside(&self, partition: &TopicPartition, unique: &str, suffix: &str) -> io::Result<PathBuf> {
        const NAME_BYTES_MAX: usize = 255;
        let ending = format!(".{unique}-{suffix}");
        let mut name = partition.to_string();
        name.truncate(NAME_BYTES_MAX - ending.len());
        let to = self.path.join(name + &ending);
        self.disk.rename(&self.partition_path(partition), &to)?;
        Ok(to)
    }

    /// Everything of a partition before this is on disk for certain.
    #[must_use]
    pub fn recovery_point(&self, partition: &TopicPartition) -> Offset {
        self.recovery_points.get(partition).copied().unwrap_or_default()
    }

    /// The first readable offset of a partition, where it lies beyond its first segment's base.
    #[must_use]
    pub fn log_start_offset(&self, partition: &TopicPartition) -> Offset {
        self.log_start_offsets.get(partition).copied().unwrap_or_default()
    }

    /// The high watermark of a partition when it was last written down.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Offset {
        self.high_watermarks.get(partition).copied().unwrap_or_default()
    }

    /// All recovery points as they were found when the directory was opened.
    #[must_use]
    pub fn found_recovery_points(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.recovery_points
    }

    /// All log start offsets as they were found when the directory was opened.
    #[must_use]
    pub fn found_log_start_offsets(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.log_start_offsets
    }

    /// All high watermarks as they were found when the directory was opened.
    #[must_use]
    pub fn found_high_watermarks(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.high_watermarks
    }

    /// Writes all recovery points. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn write_recovery_points(&self, offsets: &[(TopicPartition, Offset)]) -> io::Result<()> {
        self.write(RECOVERY_POINTS, offsets)
    }

    /// Writes all log start offsets. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn write_log_start_offsets(&self, offsets: &[(TopicPartition, Offset)]) -> io::Result<()> {
        self.write(LOG_START_OFFSETS, offsets)
    }

    /// Writes all high watermarks. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn write_high_watermarks(&self, offsets: &[(TopicPartition, Offset)]) -> io::Result<()> {
        self.write(HIGH_WATERMARKS, offsets)
    }

    fn write(&self, name: &str, offsets: &[(TopicPartition, Offset)]) -> io::Result<()> {
        let lines: Vec<String> = offsets
            .iter()
            .map(|(partition, offset)| format!("{} {} {offset}", partition.topic, partition.partition))
            .collect();
        self.disk.replace_file(&self.path.join(name), &checkpoint::encode(&lines))
    }

    /// Takes the clean-shutdown mark away, before the first log is opened: should this process die, the next one recovers.
    /// What was found of the mark is still told. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn forget_clean_shutdown(&self) -> io::Result<()> {
        match self.disk.remove_file(&self.path.join(CLEAN_SHUTDOWN)) {
            Ok(()) => self.disk.sync_directory(&self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Leaves the mark that all logs were closed in order. The last thing to be written. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn mark_clean_shutdown(&self, broker_epoch: i64) -> io::Result<()> {
        let mark = serde_json::to_vec(&CleanShutdown { version: 0, broker_epoch }).map_err(io::Error::other)?;
        self.disk.replace_file(&self.path.join(CLEAN_SHUTDOWN), &mark)
    }
}

fn read_offsets(disk: &dyn Disk, path: &Path) -> io::Result<Offsets> {
    let mut offsets = Offsets::new();
    for line in checkpoint::read(disk, path)? {
        let mut words = line.split(' ');
        let entry = (|| {
            let topic = TopicName::from(words.next()?);
            let partition = PartitionIndex(words.next()?.parse().ok()?);
            let offset = Offset(words.next()?.parse().ok()?);
            Some((TopicPartition { topic, partition }, offset))
        })();
        let (partition, offset) =
            entry.ok_or_else(|| checkpoint::malformed(path, "an entry is not topic, partition and offset"))?;
        offsets.insert(partition, offset);
    }
    Ok(offsets)
}

/// `TOPIC-P`, where the name is one of a live partition.
fn parse_partition(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let topic = TopicName::from(topic);
    let index: i32 = partition.parse().ok().filter(|index| *index >= 0)?;
    (topic.validate().is_ok() && topic.as_str() != "__cluster_metadata")
        .then_some(TopicPartition { topic, partition: PartitionIndex(index) })
}
