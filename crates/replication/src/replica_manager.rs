//! All partitions hosted by this broker, kept in step with the cluster metadata.
//!
//! One owner, the metadata publisher, changes the set; everybody else reads an immutable map that is swapped whole.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dohle_config::TopicConfig;
use dohle_log::{LogDirectory, LogError, OpenOptions, PartitionLog};
use dohle_metadata::{Delta, Image, PartitionImage, TopicImage};
use dohle_model::{BrokerId, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};
use dohle_seams::{Environment, OffloadExt};

use crate::leader_state::LeaderState;
use crate::partition::Partition;

/// Hash maps with fixed keys, so that a simulation sees the same order in every run.
type FixedHashMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Turns a topic's overrides into its settings.
pub type ResolveTopicConfig = dyn Fn(&BTreeMap<String, String>) -> TopicConfig + Send + Sync;

/// What the replica manager needs from the node.
pub struct ReplicaManagerOptions {
    /// This broker.
    pub node_id: BrokerId,
    /// The world outside.
    pub environment: Environment,
    /// The log directories, opened and locked.
    pub directories: Vec<Arc<LogDirectory>>,
    /// Settings of a topic from its overrides and the broker's defaults.
    pub resolve_topic_config: Box<ResolveTopicConfig>,
    /// `producer.id.expiration.ms`
    pub producer_id_expiration_ms: i64,
    /// How many logs are opened at a time in each directory (`num.recovery.threads.per.data.dir`).
    pub recovery_threads_per_directory: usize,
}

/// Why the partitions of a log directory could not be opened.
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

/// All partitions hosted by this broker.
pub struct ReplicaManager {
    options: ReplicaManagerOptions,
    hosted: ArcSwap<Hosted>,
}

impl std::fmt::Debug for ReplicaManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaManager").field("node_id", &self.options.node_id).finish_non_exhaustive()
    }
}

impl ReplicaManager {
    /// Opens the logs of every partition that `image` places on this broker, recovering those that were not closed
    /// cleanly, and leads those it should lead. Folders of partitions that are not in the image are renamed, not deleted.
    ///
    /// # Errors
    /// Where a log does not open.
    pub async fn start(options: ReplicaManagerOptions, image: &Image) -> Result<Arc<Self>, StartError> {
        let manager = Arc::new(Self { options, hosted: ArcSwap::default() });
        manager.set_strays_aside(image).await?;
        let topics: Vec<_> = image.topics().cloned().collect();
        manager.host(image, &topics).await?;
        Ok(manager)
    }

    /// The world outside.
    pub(crate) fn environment(&self) -> &Environment {
        &self.options.environment
    }

    /// The log directories.
    #[must_use]
    pub fn directories(&self) -> &[Arc<LogDirectory>] {
        &self.options.directories
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
            match delta.to.topic_by_id(id) {
                Some(topic) => changed.push(topic.clone()),
                None => gone.extend(self.topic_by_id(id)),
            }
        }
        for topic in gone {
            self.remove(&topic).await;
        }
        for name in delta.touched.topic_configs() {
            if let (Some(hosted), Some(topic)) = (self.topic(&name), delta.to.topic(&name)) {
                let config = self.config_of(&delta.to, topic);
                for partition in hosted.partitions() {
                    partition.set_config(Arc::clone(&config));
                }
            }
        }
        self.host(&delta.to, &changed).await
    }

    fn config_of(&self, image: &Image, topic: &TopicImage) -> Arc<TopicConfig> {
        Arc::new((self.options.resolve_topic_config)(&image.topic_overrides(&topic.name)))
    }

    /// Hosts the partitions of `topics` that are placed here and are not hosted yet, and updates leadership.
    async fn host(self: &Arc<Self>, image: &Image, topics: &[Arc<TopicImage>]) -> Result<(), StartError> {
        let local = self.options.node_id;
        let mut opening = Vec::new();
        for topic in topics {
            let config = self.config_of(image, topic);
            for (index, partition) in topic.partitions() {
                let hosted = self.topic_by_id(topic.id).and_then(|hosted| hosted.partition(index).cloned());
                match hosted {
                    Some(hosted) => self.lead(&hosted, partition, &config),
                    None if partition.replicas.contains(&local) => {
                        let topic_partition = TopicPartition { topic: topic.name.clone(), partition: index };
                        opening.push((topic_partition, topic.id, partition.clone(), Arc::clone(&config)));
                    }
                    None => {}
                }
            }
        }
        let lanes = (self.options.recovery_threads_per_directory * self.options.directories.len()).max(1);
        let share = opening.len().div_ceil(lanes).max(1);
        let jobs: Vec<_> = opening
            .chunks(share)
            .map(|chunk| {
                let manager = Arc::clone(self);
                let chunk = chunk.to_vec();
                self.options.environment.offload.run(move || {
                    chunk
                        .into_iter()
                        .map(|(topic_partition, id, image, config)| {
                            let opened = manager.open(&topic_partition, id, &config);
                            (topic_partition, image, config, opened)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut failure = None;
        let mut added: BTreeMap<TopicName, Vec<Arc<Partition>>> = BTreeMap::new();
        for job in jobs {
            for (topic_partition, image, config, opened) in job.await {
                match opened {
                    Ok(partition) => {
                        self.lead(&partition, &image, &config);
                        added.entry(topic_partition.topic).or_default().push(partition);
                    }
                    Err(error) => {
                        tracing::error!(%topic_partition, error = &error as &dyn std::error::Error, "cannot open a log");
                        failure = Some(error);
                    }
                }
            }
        }
        self.add(added);
        failure.map_or(Ok(()), Err)
    }

    fn add(&self, added: BTreeMap<TopicName, Vec<Arc<Partition>>>) {
        if added.is_empty() {
            return;
        }
        let mut hosted = Hosted::clone(&self.hosted.load());
        for (name, partitions) in added {
            let id = partitions[0].topic_id();
            let mut slots = hosted.by_id.get(&id).map(|topic| topic.partitions.clone()).unwrap_or_default();
            for partition in partitions {
                let slot = usize::try_from(partition.index().0).expect("partition indexes are not negative");
                if slots.len() <= slot {
                    slots.resize(slot + 1, None);
                }
                slots[slot] = Some(partition);
            }
            let topic = Arc::new(HostedTopic { id, name: name.clone(), partitions: slots });
            hosted.by_id.insert(id, Arc::clone(&topic));
            hosted.by_name.insert(name, topic);
        }
        self.hosted.store(Arc::new(hosted));
    }

    fn lead(&self, partition: &Arc<Partition>, image: &PartitionImage, config: &TopicConfig) {
        let local = self.options.node_id;
        if image.leader != Some(local) || partition.leader_epoch() == Some(image.leader_epoch) {
            return;
        }
        partition.become_leader(LeaderState::new(
            local,
            image.leader_epoch,
            image.partition_epoch,
            &image.replicas,
            &image.isr,
            config.min_insync_replicas,
        ));
    }

    /// The directory where a partition lies, or else the one with the fewest partitions.
    fn directory_for(&self, topic_partition: &TopicPartition) -> std::io::Result<Arc<LogDirectory>> {
        let mut fewest: Option<(usize, &Arc<LogDirectory>)> = None;
        for directory in &self.options.directories {
            if directory.has_partition(topic_partition)? {
                return Ok(Arc::clone(directory));
            }
            let count = directory.partition_count()?;
            if fewest.is_none_or(|(least, _)| count < least) {
                fewest = Some((count, directory));
            }
        }
        let (_, directory) = fewest.expect("a broker has a log directory at least");
        Ok(Arc::clone(directory))
    }

    /// Opens one log. Blocks.
    fn open(
        &self,
        topic_partition: &TopicPartition,
        topic_id: TopicId,
        config: &Arc<TopicConfig>,
    ) -> Result<Arc<Partition>, StartError> {
        let environment = &self.options.environment;
        let directory = self.directory_for(topic_partition).map_err(|source| StartError::Directory {
            path: PathBuf::from("log.dirs"),
            source,
        })?;
        let log = PartitionLog::open(OpenOptions {
            disk: Arc::clone(&environment.disk),
            directory: directory.partition_path(topic_partition),
            topic_partition: topic_partition.clone(),
            topic_id,
            config: Arc::clone(config),
            recovery_point: directory.recovery_point(topic_partition),
            log_start_offset: directory.log_start_offset(topic_partition),
            clean_shutdown: directory.was_cleanly_shut_down(),
            producer_id_expiration_ms: self.options.producer_id_expiration_ms,
            now_ms: environment.clock.now_ms(),
        })
        .map_err(|source| StartError::Log { topic_partition: topic_partition.clone(), source })?;
        let high_watermark = directory.high_watermark(topic_partition);
        Ok(Partition::new(
            topic_partition.clone(),
            topic_id,
            Arc::clone(config),
            log,
            high_watermark,
            directory,
            environment.clone(),
        ))
    }
}
