//! All partitions hosted by this broker, kept in step with the cluster metadata.
//!
//! One owner, the metadata publisher, changes the set; everybody else reads an immutable map that is swapped whole.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dohle_config::TopicConfig;
use dohle_log::{LogDirectory, LogError};
use dohle_metadata::{Delta, Image, PartitionImage, TopicImage};
use dohle_model::{BrokerId, DirectoryId, PartitionIndex, TopicId, TopicName, TopicPartition};
use dohle_seams::{Environment, OffloadExt};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::hosted_directory::{Checkpoint, HostedDirectory};
use crate::leader_state::LeaderState;
use crate::log_opening::Placement;
use crate::maintenance::{self, MaintenanceIntervals};
use crate::partition::{Closed, Partition};

/// Hash maps with fixed keys, so that a simulation sees the same order in every run.
type FixedHashMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Turns a topic's overrides into its settings.
pub type ResolveTopicConfig = dyn Fn(&BTreeMap<String, String>) -> TopicConfig + Send + Sync;

/// Whether the log directory that is configured as this path is to be given no new partitions (KIP-1066).
pub type IsCordoned = dyn Fn(&Path) -> bool + Send + Sync;

/// How many logs of new partitions are made at a time: it is fsyncs that take the time.
const CREATION_LANES: usize = 8;
/// After so many partitions that were brought in step others run: heartbeats among them, which share the thread.
const PARTITIONS_AT_ONCE: usize = 64;

/// What the replica manager needs from the node.
pub struct ReplicaManagerOptions {
    /// This broker.
    pub node_id: BrokerId,
    /// The world outside.
    pub environment: Environment,
    /// The log directories, opened and locked; one at least.
    pub directories: Vec<LogDirectory>,
    /// The log directories that could not be opened, and stay offline.
    pub unopened_directories: Vec<UnopenedDirectory>,
    /// Settings of a topic from its overrides and the broker's defaults.
    pub resolve_topic_config: Box<ResolveTopicConfig>,
    /// Which log directories are given no new partitions; asked again each time.
    pub is_cordoned: Box<IsCordoned>,
    /// `producer.id.expiration.ms`
    pub producer_id_expiration_ms: i64,
    /// How many logs are opened or closed at a time in each directory (`num.recovery.threads.per.data.dir`).
    pub recovery_threads_per_directory: usize,
    /// How often partitions are looked after.
    pub maintenance: MaintenanceIntervals,
}

/// A log directory that could not be opened.
#[derive(Clone, Debug)]
pub struct UnopenedDirectory {
    /// Where it stands among all that are configured.
    pub position: usize,
    /// Where it is, as configured.
    pub path: PathBuf,
    /// Why it could not be opened.
    pub reason: Arc<str>,
}

/// Why a partition is not hosted.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A log does not open.
    #[error("cannot open the log of {topic_partition}")]
    Log {
        /// Whose log.
        topic_partition: TopicPartition,
        /// Why.
        #[source]
        source: LogError,
    },
    /// The log directory itself cannot be read or written.
    #[error("log directory {path}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The log directory that the partition lies in is offline, or all are.
    #[error("the log directory of {0} is offline")]
    NoDirectory(TopicPartition),
}

/// A topic of which this broker hosts partitions.
#[derive(Debug)]
pub struct HostedTopic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// By partition index; `None` for a partition that is hosted elsewhere.
    partitions: Vec<Option<Arc<Partition>>>,
}

impl HostedTopic {
    /// The partition of an index, where it is hosted here.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index.0).ok()?)?.as_ref()
    }

    /// The partitions hosted here, in order of index.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.iter().flatten()
    }
}

/// What is hosted, by id and by name.
#[derive(Clone, Debug, Default)]
struct Hosted {
    by_id: FixedHashMap<TopicId, Arc<HostedTopic>>,
    by_name: FixedHashMap<TopicName, Arc<HostedTopic>>,
}

impl Hosted {
    /// Puts a topic in place of its former self; one without partitions goes.
    fn put(&mut self, topic: HostedTopic) {
        if topic.partitions().next().is_none() {
            self.by_id.remove(&topic.id);
            if self.by_name.get(&topic.name).is_some_and(|named| named.id == topic.id) {
                self.by_name.remove(&topic.name);
            }
            return;
        }
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        self.by_name.insert(topic.name.clone(), topic);
    }
}

/// All partitions hosted by this broker.
pub struct ReplicaManager {
    node_id: BrokerId,
    environment: Environment,
    directories: Vec<Arc<HostedDirectory>>,
    unopened_directories: Vec<UnopenedDirectory>,
    failures: watch::Receiver<usize>,
    resolve_topic_config: Box<ResolveTopicConfig>,
    is_cordoned: Box<IsCordoned>,
    producer_id_expiration_ms: AtomicI64,
    recovery_threads_per_directory: usize,
    hosted: ArcSwap<Hosted>,
    maintenance: Mutex<Option<JoinSet<()>>>,
}

impl std::fmt::Debug for ReplicaManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaManager").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

impl ReplicaManager {
    /// Opens the logs of every partition that `image` places on this broker, recovering those that were not closed
    /// cleanly, and leads those it should lead. Partitions of directories that are offline are left out. Folders of partitions that are not in the image are renamed, not deleted:
    /// so the image must hold everything that was ever committed.
    ///
    /// # Errors
    /// Where a log does not open.
    pub async fn start(options: ReplicaManagerOptions, image: &Arc<Image>) -> Result<Arc<Self>, StartError> {
        let (failures, failed) = watch::channel(0);
        let directories = options.directories.into_iter();
        let manager = Arc::new(Self {
            node_id: options.node_id,
            environment: options.environment,
            directories: directories.map(|directory| HostedDirectory::new(directory, failures.clone())).collect(),
            unopened_directories: options.unopened_directories,
            failures: failed.clone(),
            resolve_topic_config: options.resolve_topic_config,
            is_cordoned: options.is_cordoned,
            producer_id_expiration_ms: AtomicI64::new(options.producer_id_expiration_ms),
            recovery_threads_per_directory: options.recovery_threads_per_directory.max(1),
            hosted: ArcSwap::default(),
            maintenance: Mutex::new(None),
        });
        manager.forget_clean_shutdowns().await?;
        manager.set_strays_aside(image).await?;
        let topics: Vec<_> = image.topics().cloned().collect();
        let lanes = manager.recovery_threads_per_directory * manager.directories.len();
        match manager.host(image, None, &topics, lanes).await {
            // It is told as offline; the others are served.
            Ok(()) | Err(StartError::NoDirectory(_)) => {}
            Err(error) => return Err(error),
        }
        manager.replace_stale_checkpoints().await;
        manager.remove_leftovers_in_background();
        *manager.maintenance.lock() = Some(maintenance::start(&manager, &options.maintenance, failed));
        Ok(manager)
    }

    /// This broker.
    #[must_use]
    pub fn node_id(&self) -> BrokerId {
        self.node_id
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn producer_id_expiration_ms(&self) -> i64 {
        self.producer_id_expiration_ms.load(Ordering::Relaxed)
    }

    /// `producer.id.expiration.ms` has changed: it holds from now on, for all partitions.
    pub fn set_producer_id_expiration(&self, milliseconds: i64) {
        self.producer_id_expiration_ms.store(milliseconds, Ordering::Relaxed);
        for partition in self.partitions() {
            partition.with_open_log(|log| log.set_producer_id_expiration(milliseconds));
        }
    }

    /// The broker's defaults of topics have changed: every hosted partition gets its settings anew. The overrides are those
    /// in `image`.
    pub fn follow_defaults(&self, image: &Image) {
        let hosted = self.hosted.load_full();
        for topic in image.topics() {
            let Some(hosted) = hosted.by_id.get(&topic.id) else { continue };
            let config = self.config_of(image, topic);
            for partition in hosted.partitions().filter(|partition| *partition.config() != *config) {
                partition.set_config(Arc::clone(&config));
            }
        }
    }

    pub(crate) fn recovery_threads_per_directory(&self) -> usize {
        self.recovery_threads_per_directory
    }

    pub(crate) fn stop_maintenance(&self) {
        self.maintenance.lock().take();
    }

    /// The log directories, failed ones among them.
    #[must_use]
    pub fn directories(&self) -> &[Arc<HostedDirectory>] {
        &self.directories
    }

    /// The log directories that could not be opened.
    #[must_use]
    pub fn unopened_directories(&self) -> &[UnopenedDirectory] {
        &self.unopened_directories
    }

    /// How many log directories have failed since the start; changes are told.
    #[must_use]
    pub fn directory_failures(&self) -> watch::Receiver<usize> {
        self.failures.clone()
    }

    /// The log directories that have failed.
    #[must_use]
    pub fn offline_directories(&self) -> Vec<DirectoryId> {
        let failed = self.directories.iter().filter(|directory| directory.failure().is_some());
        failed.map(|directory| directory.id()).collect()
    }

    /// Whether a log directory is given no new partitions.
    #[must_use]
    pub fn is_cordoned(&self, directory: &HostedDirectory) -> bool {
        (self.is_cordoned)(directory.path())
    }

    /// The log directories that are given no new partitions.
    #[must_use]
    pub fn cordoned_directories(&self) -> Vec<DirectoryId> {
        let cordoned = self.directories.iter().filter(|directory| self.is_cordoned(directory));
        cordoned.map(|directory| directory.id()).collect()
    }

    /// A hosted topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.hosted.load().by_name.get(name).cloned()
    }

    /// A hosted topic by id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<Arc<HostedTopic>> {
        self.hosted.load().by_id.get(&id).cloned()
    }

    /// Every hosted partition, in order of topic name and index.
    #[must_use]
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        let hosted = self.hosted.load();
        let mut topics: Vec<_> = hosted.by_name.values().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics.into_iter().flat_map(|topic| topic.partitions().cloned()).collect()
    }

    /// Brings the hosted partitions in step with a committed change of the metadata: opens what is new, leads what it
    /// should lead, changes settings, and stops serving what is gone (its files are deleted after `file.delete.delay.ms`).
    ///
    /// # Errors
    /// Where the log of a new partition does not open; the others are served all the same.
    pub async fn apply(self: &Arc<Self>, delta: &Delta) -> Result<(), StartError> {
        let mut gone = Vec::new();
        let mut changed = Vec::new();
        for id in delta.touched.topics() {
            let hosted = self.topic_by_id(id);
            match delta.to.topic_by_id(id) {
                Some(topic) => {
                    let moved_away = |partition: &Arc<Partition>| {
                        let image = topic.partition(partition.index());
                        image.is_none_or(|image| !image.replicas.contains(&self.node_id))
                    };
                    gone.extend(hosted.iter().flat_map(|topic| topic.partitions()).filter(|p| moved_away(p)).cloned());
                    changed.push(Arc::clone(topic));
                }
                None => gone.extend(hosted.iter().flat_map(|topic| topic.partitions()).cloned()),
            }
        }
        self.remove(gone).await;
        for name in delta.touched.topic_configs() {
            if let (Some(hosted), Some(topic)) = (self.topic(&name), delta.to.topic(&name)) {
                let config = self.config_of(&delta.to, topic);
                for partition in hosted.partitions() {
                    partition.set_config(Arc::clone(&config));
                }
            }
        }
        self.host(&delta.to, Some(&delta.from), &changed, CREATION_LANES).await
    }

    fn config_of(&self, image: &Image, topic: &TopicImage) -> Arc<TopicConfig> {
        Arc::new((self.resolve_topic_config)(&image.topic_overrides(&topic.name)))
    }

    /// Hosts the partitions of `topics` that are placed here and are not hosted yet, and updates leadership. What is not
    /// placed here in `before` is new; without that nothing is.
    async fn host(
        self: &Arc<Self>,
        image: &Image,
        before: Option<&Image>,
        topics: &[Arc<TopicImage>],
        lanes: usize,
    ) -> Result<(), StartError> {
        let mut placements = Vec::new();
        let mut done = 0;
        for topic in topics {
            let config = self.config_of(image, topic);
            let hosted = self.topic_by_id(topic.id);
            for (index, partition) in topic.partitions() {
                done += 1;
                if done % PARTITIONS_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
                match hosted.as_ref().and_then(|hosted| hosted.partition(index)) {
                    Some(hosted) => self.follow_leadership(hosted, partition, &config),
                    None if partition.replicas.contains(&self.node_id) => placements.push(Placement {
                        is_new: before.is_some_and(|before| {
                            let known = before.topic_by_id(topic.id).and_then(|topic| topic.partition(index));
                            known.is_none_or(|known| !known.replicas.contains(&self.node_id))
                        }),
                        topic_partition: TopicPartition { topic: topic.name.clone(), partition: index },
                        topic_id: topic.id,
                        image: partition.clone(),
                        config: Arc::clone(&config),
                    }),
                    None => {}
                }
            }
        }
        let mut failure = None;
        let mut added = Vec::new();
        for (placement, opened) in self.open_logs(placements, lanes).await {
            done += 1;
            if done % PARTITIONS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            match opened {
                Ok(partition) => {
                    self.follow_leadership(&partition, &placement.image, &placement.config);
                    added.push(partition);
                }
                Err(error) => {
                    let topic_partition = &placement.topic_partition;
                    tracing::error!(%topic_partition, error = &error as &dyn std::error::Error, "cannot open a log");
                    // What must not be passed over counts for more.
                    if failure.is_none() || !matches!(error, StartError::NoDirectory(_)) {
                        failure = Some(error);
                    }
                }
            }
        }
        self.change_hosted(added, |slot, partition| *slot = Some(partition));
        failure.map_or(Ok(()), Err)
    }

    /// Swaps the map for one in which `change` was done to the slots of these partitions.
    fn change_hosted(
        &self,
        partitions: Vec<Arc<Partition>>,
        change: impl Fn(&mut Option<Arc<Partition>>, Arc<Partition>),
    ) {
        if partitions.is_empty() {
            return;
        }
        let mut by_topic: BTreeMap<TopicId, Vec<Arc<Partition>>> = BTreeMap::new();
        for partition in partitions {
            by_topic.entry(partition.topic_id()).or_default().push(partition);
        }
        let mut hosted = Hosted::clone(&self.hosted.load());
        for (id, partitions) in by_topic {
            let name = partitions[0].topic_partition().topic.clone();
            let mut slots = hosted.by_id.get(&id).map(|topic| topic.partitions.clone()).unwrap_or_default();
            for partition in partitions {
                let slot = usize::try_from(partition.index().0).expect("partition indexes are not negative");
                if slots.len() <= slot {
                    slots.resize(slot + 1, None);
                }
                change(&mut slots[slot], partition);
            }
            hosted.put(HostedTopic { id, name, partitions: slots });
        }
        self.hosted.store(Arc::new(hosted));
    }

    /// Leads or resigns as the metadata says.
    fn follow_leadership(&self, partition: &Arc<Partition>, image: &PartitionImage, config: &TopicConfig) {
        if image.leader != Some(self.node_id) {
            partition.resign();
        } else if partition.leader_epoch() == Some(image.leader_epoch) {
            partition.update_replicas(image.partition_epoch, &image.replicas, &image.isr);
        } else {
            partition.become_leader(LeaderState::new(
                self.node_id,
                image.leader_epoch,
                image.partition_epoch,
                &image.replicas,
                &image.isr,
                config.min_insync_replicas,
            ));
        }
    }

    /// Stops serving partitions and sets their files aside, to be deleted after `file.delete.delay.ms`. When it is done, a
    /// topic of the same name can be hosted.
    async fn remove(self: &Arc<Self>, gone: Vec<Arc<Partition>>) {
        if gone.is_empty() {
            return;
        }
        self.change_hosted(gone.clone(), |slot, _| *slot = None);
        for partition in &gone {
            partition.close(Closed::NotHosted);
        }
        let manager = Arc::clone(self);
        let set_aside = move || {
            let mut set_aside = Vec::new();
            for partition in gone {
                partition.wait_until_unused();
                let directory = partition.directory();
                if directory.failure().is_some() {
                    continue;
                }
                match manager.set_aside(directory, partition.topic_partition(), "delete") {
                    Ok(path) => set_aside.push((path, partition.config().file_delete_delay_ms)),
                    Err(error) => directory.fail(&error),
                }
            }
            for directory in manager.directories() {
                if directory.failure().is_none()
                    && let Err(error) = directory.log_directory().sync_names()
                {
                    directory.fail(&error);
                }
            }
            // What the checkpoints say of these partitions must not be taken for the next of the same name.
            for directory in manager.directories() {
                for checkpoint in Checkpoint::ALL {
                    if directory.failure().is_none() {
                        // A failure has taken the directory offline, which is told there.
                        let _ = manager.write_checkpoint(directory, checkpoint);
                    }
                }
            }
            set_aside
        };
        let mut by_delay: BTreeMap<i64, Vec<PathBuf>> = BTreeMap::new();
        for (path, delay_ms) in self.environment.offload.run(set_aside).await {
            by_delay.entry(delay_ms).or_default().push(path);
        }
        for (delay_ms, paths) in by_delay {
            self.remove_folders_later(paths, delay_ms);
        }
    }

    fn remove_folders_later(&self, paths: Vec<PathBuf>, delay_ms: i64) {
        let environment = self.environment.clone();
        self.environment.control_runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0))).await;
            let disk = Arc::clone(&environment.disk);
            let remove = move || {
                for path in paths {
                    match disk.remove_directory_all(&path) {
                        Ok(()) => tracing::info!(path = %path.display(), "deleted a partition's files"),
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => {
                            tracing::warn!(path = %path.display(), %error, "cannot delete a partition's files")
                        }
                    }
                }
            };
            environment.offload.run(remove).await;
        });
    }
}
