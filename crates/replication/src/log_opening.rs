//! Which directory a partition's log lies in, opening it, and setting aside what nobody knows.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use dohle_config::TopicConfig;
use dohle_log::{LogError, OpenOptions, PartitionLog};
use dohle_metadata::{Image, PartitionImage};
use dohle_model::{DirectoryId, Offset, TopicId, TopicPartition};
use dohle_seams::{OffloadExt, RandomnessExt};

use crate::hosted_directory::HostedDirectory;
use crate::partition::Partition;
use crate::replica_manager::{ReplicaManager, StartError};

/// A partition to be hosted.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    /// It is placed here just now: that no log lies here is as it should be.
    pub(crate) is_new: bool,
    pub(crate) topic_partition: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) image: PartitionImage,
    pub(crate) config: Arc<TopicConfig>,
}

/// A partition that is hosted now, or why it is not.
pub(crate) type Opened = (Placement, Result<Arc<Partition>, StartError>);

/// A partition with the directory that it lies in, or is to lie in.
type Chosen = (Placement, Option<Arc<HostedDirectory>>);

/// Whether a partition had a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    Found,
    Made,
}

/// How many partitions a line about many of them names.
const NAMED_MAX: usize = 10;

impl ReplicaManager {
    /// Opens the logs of new partitions, `lanes` at a time, and gives them back in the order of `placements`.
    pub(crate) async fn open_logs(self: &Arc<Self>, placements: Vec<Placement>, lanes: usize) -> Vec<Opened> {
        if placements.is_empty() {
            return Vec::new();
        }
        let manager = Arc::clone(self);
        let choose = move || manager.choose_directories(placements);
        let chosen = self.environment().offload.run(choose).await;
        let share = chosen.len().div_ceil(lanes.max(1)).max(1);
        let jobs: Vec<_> = chosen
            .chunks(share)
            .map(|chunk| {
                let (manager, chunk) = (Arc::clone(self), chunk.to_vec());
                let open = move || -> (Vec<Opened>, Vec<TopicPartition>) {
                    let mut missing = Vec::new();
                    let found = manager.find_or_make_folders(&chunk);
                    let open_one = |((placement, directory), found): (Chosen, io::Result<Folder>)| {
                        let opened = match (directory, found) {
                            (Some(directory), Ok(folder)) => {
                                if folder == Folder::Made && !placement.is_new {
                                    missing.push(placement.topic_partition.clone());
                                }
                                manager.open_log(&placement, directory, folder)
                            }
                            (Some(directory), Err(error)) => Err(manager.storage(&directory, error)),
                            (None, _) => Err(StartError::NoDirectory(placement.topic_partition.clone())),
                        };
                        (placement, opened)
                    };
                    let opened = chunk.into_iter().zip(found).map(open_one).collect();
                    (opened, missing)
                };
                self.environment().offload.run(open)
            })
            .collect();
        let (opened, missing): (Vec<_>, Vec<_>) = futures_util::future::join_all(jobs).await.into_iter().unzip();
        warn_of_missing_logs(&missing.concat());
        opened.into_iter().flatten().collect()
    }

    /// Takes away the marks that tell how earlier runs ended: from now on logs are written.
    pub(crate) async fn forget_clean_shutdowns(self: &Arc<Self>) -> Result<(), StartError> {
        let manager = Arc::clone(self);
        let forget = move || {
            manager.directories().iter().try_for_each(|directory| {
                let forgotten = directory.log_directory().forget_clean_shutdown();
                forgotten.map_err(|error| manager.storage(directory, error))
            })
        };
        self.environment().offload.run(forget).await
    }

    /// For each partition the directory where it lies; for a new one the directory that the controller chose, or else the
    /// one with the fewest partitions among those that are given any. None for a partition that lies in a directory that is
    /// offline: it must not begin anew elsewhere. Blocks.
    fn choose_directories(&self, placements: Vec<Placement>) -> Vec<Chosen> {
        let online: Vec<_> = self.directories().iter().filter(|directory| directory.failure().is_none()).collect();
        let mut counts: BTreeMap<DirectoryId, usize> = online.iter().map(|directory| (directory.id(), 0)).collect();
        for partition in self.partitions() {
            if let Some(count) = counts.get_mut(&partition.directory().id()) {
                *count += 1;
            }
        }
        let some_offline = online.len() < self.directories().len() || !self.unopened_directories().is_empty();
        let mut choose = |placement: &Placement| {
            if let [only] = online[..]
                && !some_offline
            {
                return Some(Arc::clone(only));
            }
            let lies_in = |directory: &HostedDirectory| {
                directory.log_directory().has_partition(&placement.topic_partition).unwrap_or_else(|error| {
                    directory.fail(&error);
                    false
                })
            };
            let assigned = placement.image.directory_of(self.node_id());
            let is_elsewhere = some_offline
                && assigned.is_some_and(|id| {
                    !matches!(id, DirectoryId::UNASSIGNED | DirectoryId::MIGRATING)
                        && online.iter().all(|directory| directory.id() != id)
                });
            let chosen = online
                .iter()
                .find(|directory| lies_in(directory))
                .or_else(|| online.iter().find(|directory| Some(directory.id()) == assigned))
                .or_else(|| {
                    // Where all are cordoned the controller does not know that yet; the partition is here all the same.
                    let emptiest = online
                        .iter()
                        .min_by_key(|directory| (self.is_cordoned(directory), counts.get(&directory.id())));
                    // As in Kafka: a log that is not to be found may lie in the one that is offline. Begun anew here, it
                    // would hide what lies there.
                    emptiest.filter(|_| !is_elsewhere && (placement.is_new || !some_offline))
                });
            if let Some(count) = chosen.and_then(|directory| counts.get_mut(&directory.id())) {
                *count += 1;
            }
            chosen.map(|directory| Arc::clone(directory))
        };
        placements
            .into_iter()
            .map(|placement| {
                let directory = choose(&placement);
                (placement, directory)
            })
            .collect()
    }

    /// The folder of each partition, made durably where there was none; nothing is done where no directory was chosen. Blocks.
    fn find_or_make_folders(&self, chosen: &[Chosen]) -> Vec<io::Result<Folder>> {
        let mut changed: Vec<&Arc<HostedDirectory>> = Vec::new();
        let mut folders: Vec<io::Result<Folder>> = Vec::with_capacity(chosen.len());
        for (placement, directory) in chosen {
            let Some(directory) = directory else {
                folders.push(Ok(Folder::Found));
                continue;
            };
            let log_directory = directory.log_directory();
            folders.push(log_directory.has_partition(&placement.topic_partition).and_then(|found| {
                if found {
                    return Ok(Folder::Found);
                }
                log_directory.make_partition_folder(&placement.topic_partition)?;
                if !changed.iter().any(|known| Arc::ptr_eq(known, directory)) {
                    changed.push(directory);
                }
                Ok(Folder::Made)
            }));
        }
        for directory in changed {
            let Err(error) = directory.log_directory().sync_names() else { continue };
            for ((_, chosen), folder) in chosen.iter().zip(&mut folders) {
                if chosen.as_ref().is_some_and(|chosen| Arc::ptr_eq(chosen, directory)) {
                    *folder = Err(error.kind().into());
                }
            }
        }
        folders
    }

    /// Opens one log. Blocks.
    fn open_log(
        &self,
        placement: &Placement,
        directory: Arc<HostedDirectory>,
        folder: Folder,
    ) -> Result<Arc<Partition>, StartError> {
        let Placement { topic_partition, topic_id, config, .. } = placement;
        let log_directory = directory.log_directory();
        let environment = self.environment();
        let existing = folder == Folder::Found;
        let open = |existing: bool| {
            // What was written down is of the log that lies here, not of one that is made now under the same name.
            let known = |offset: Offset| if existing { offset } else { Offset(0) };
            PartitionLog::open(OpenOptions {
                disk: Arc::clone(&environment.disk),
                directory: log_directory.partition_path(topic_partition),
                topic_partition: topic_partition.clone(),
                topic_id: *topic_id,
                config: Arc::clone(config),
                recovery_point: known(log_directory.recovery_point(topic_partition)),
                log_start_offset: known(log_directory.log_start_offset(topic_partition)),
                clean_shutdown: log_directory.was_cleanly_shut_down(),
                producer_id_expiration_ms: self.producer_id_expiration_ms(),
                now_ms: environment.clock.now_ms(),
            })
        };
        let mut known_high_watermark = if existing { log_directory.high_watermark(topic_partition) } else { Offset(0) };
        let opened = match open(existing) {
            Err(LogError::TopicId { found, .. }) => {
                tracing::warn!(%topic_partition, %topic_id, %found, "set aside the log of an earlier topic of this name");
                self.set_aside(&directory, topic_partition, "stray")
                    .map_err(|error| self.storage(&directory, error))?;
                known_high_watermark = Offset(0);
                open(false)
            }
            other => other,
        };
        let log = opened.map_err(|source| {
            if let LogError::Storage { source, .. } = &source {
                directory.fail(source);
            }
            StartError::Log { topic_partition: topic_partition.clone(), source }
        })?;
        Ok(Partition::new(
            topic_partition.clone(),
            *topic_id,
            Arc::clone(config),
            log,
            known_high_watermark,
            directory,
            environment.clone(),
        ))
    }

    fn storage(&self, directory: &HostedDirectory, source: io::Error) -> StartError {
        directory.fail(&source);
        StartError::Directory { path: directory.log_directory().path().to_owned(), source }
    }

    /// Gives a partition's folder another name, `-delete` or `-stray`; `LogDirectory::sync_names` makes it last. Blocks.
    pub(crate) fn set_aside(
        &self,
        directory: &HostedDirectory,
        topic_partition: &TopicPartition,
        suffix: &str,
    ) -> io::Result<std::path::PathBuf> {
        let bytes = self.environment().randomness.uuid().0;
        let unique: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        directory.log_directory().set_aside(topic_partition, &unique, suffix)
    }

    /// Renames the folders of partitions that `image` does not place here: they are kept, and served no more.
    ///
    /// # Errors
    /// The disk's error.
    pub(crate) async fn set_strays_aside(self: &Arc<Self>, image: &Arc<Image>) -> Result<(), StartError> {
        let (manager, image) = (Arc::clone(self), Arc::clone(image));
        let job = move || {
            for directory in manager.directories() {
                let found =
                    directory.log_directory().partitions().map_err(|error| manager.storage(directory, error))?;
                if !found.is_empty() && !directory.log_directory().was_cleanly_shut_down() {
                    let path = directory.log_directory().path().display();
                    tracing::info!(directory = %path, "recovering a log directory that was not closed in order");
                }
                for topic_partition in found {
                    if manager.is_placed_here(&image, &topic_partition) {
                        continue;
                    }
                    let path = manager
                        .set_aside(directory, &topic_partition, "stray")
                        .map_err(|error| manager.storage(directory, error))?;
                    tracing::warn!(
                        %topic_partition,
                        path = %path.display(),
                        "set aside the log of a partition that the cluster does not place here"
                    );
                }
                directory.log_directory().sync_names().map_err(|error| manager.storage(directory, error))?;
            }
            Ok(())
        };
        self.environment().offload.run(job).await
    }

    fn is_placed_here(&self, image: &Image, topic_partition: &TopicPartition) -> bool {
        image
            .topic(&topic_partition.topic)
            .and_then(|topic| topic.partition(topic_partition.partition))
            .is_some_and(|partition| partition.replicas.contains(&self.node_id()))
    }

    /// Removes what earlier runs have set aside for deletion.
    pub(crate) fn remove_leftovers_in_background(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        self.environment().offload.spawn(Box::new(move || {
            for directory in manager.directories() {
                if let Err(error) = directory.log_directory().remove_leftovers() {
                    let path = directory.log_directory().path().display();
                    tracing::warn!(%path, %error, "cannot remove what earlier runs have left for deletion");
                }
            }
        }));
    }
}

/// Says which partitions begin anew though they were there before. A node that was killed when it had just learnt of them has
/// lost nothing; one whose folders somebody removed has, and its operator should know.
fn warn_of_missing_logs(missing: &[TopicPartition]) {
    if missing.is_empty() {
        return;
    }
    let mut partitions: Vec<String> = missing.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    if missing.len() > NAMED_MAX {
        partitions.push("...".to_owned());
    }
    tracing::warn!(
        count = missing.len(),
        partitions = partitions.join(","),
        "partitions that the metadata knows had no log here: they begin anew, empty"
    );
}
