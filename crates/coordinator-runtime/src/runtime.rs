//! The shards of one internal topic on this broker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dohle_seams::Environment;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::shard::{Envelope, ShardOptions, ShardStatus, run};
use crate::{Coordinator, CoordinatorError, PartitionLogs};

/// How a runtime works.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// The internal topic, for logs.
    pub topic: String,
    /// How many requests may wait for a shard; callers beyond that wait for room.
    pub mailbox_capacity: usize,
    /// How long a reply may wait for the high watermark (`offsets.commit.timeout.ms`).
    pub commit_timeout: Duration,
    /// Bytes of a batch at most: the topic's `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// Bytes read at once while loading (`offsets.load.buffer.size`).
    pub load_buffer_bytes: usize,
}

struct ShardHandle<C: Coordinator> {
    leader_epoch: i32,
    status: ShardStatus,
    mailbox: mpsc::Sender<Envelope<C>>,
    /// Dropped to stop the shard.
    _stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Shards<C: Coordinator> {
    open: bool,
    led: BTreeMap<i32, ShardHandle<C>>,
    /// Tasks of shards that were told to stop; a successor waits for its predecessor.
    stopping: BTreeMap<i32, JoinHandle<()>>,
}

struct Shared<C: Coordinator> {
    config: RuntimeConfig,
    topic: Arc<str>,
    logs: Arc<dyn PartitionLogs>,
    environment: Environment,
    new_coordinator: Box<dyn Fn(i32) -> C + Send + Sync>,
    shards: RwLock<Shards<C>>,
}

/// Runs a coordinator for each partition that this broker leads. A cheap handle; clones share the shards.
pub struct CoordinatorRuntime<C: Coordinator>(Arc<Shared<C>>);

impl<C: Coordinator> Clone for CoordinatorRuntime<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Coordinator> fmt::Debug for CoordinatorRuntime<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoordinatorRuntime").field("topic", &self.0.topic).finish_non_exhaustive()
    }
}

impl<C: Coordinator> CoordinatorRuntime<C> {
    /// A runtime without shards. `new_coordinator` makes the empty state of a partition; shards run on the data runtime.
    #[must_use]
    pub fn new(
        config: RuntimeConfig,
        logs: Arc<dyn PartitionLogs>,
        environment: Environment,
        new_coordinator: impl Fn(i32) -> C + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            topic: config.topic.as_str().into(),
            config,
            logs,
            environment,
            new_coordinator: Box::new(new_coordinator),
            shards: RwLock::new(Shards { open: true, led: BTreeMap::new(), stopping: BTreeMap::new() }),
        }))
    }

    /// This broker became leader of the partition: starts loading it. A shard of an earlier epoch is dropped and loaded
    /// anew, since another leader may have written in between; an epoch that is not newer changes nothing.
    pub fn elected(&self, partition: i32, leader_epoch: i32) {
        let shared = &self.0;
        let mut shards = shared.shards.write().unwrap_or_else(PoisonError::into_inner);
        if !shards.open || shards.led.get(&partition).is_some_and(|shard| shard.leader_epoch >= leader_epoch) {
            return;
        }
        let predecessor = match shards.led.remove(&partition) {
            Some(former) => Some(former.task),
            None => shards.stopping.remove(&partition),
        };
        let status = ShardStatus::loading();
        let (mailbox, inbox) = mpsc::channel(shared.config.mailbox_capacity);
        let (stop, stopped) = oneshot::channel();
        let options = ShardOptions {
            topic: Arc::clone(&shared.topic),
            partition,
            logs: Arc::clone(&shared.logs),
            clock: Arc::clone(&shared.environment.clock),
            commit_timeout: shared.config.commit_timeout,
            batch_bytes_max: shared.config.batch_bytes_max,
            load_buffer_bytes: shared.config.load_buffer_bytes,
            inputs_per_turn_max: shared.config.mailbox_capacity,
        };
        let coordinator = (shared.new_coordinator)(partition);
        let task = shared.environment.data_runtime.spawn(run(
            coordinator,
            options,
            status.clone(),
            inbox,
            stopped,
            predecessor,
        ));
        shards.led.insert(partition, ShardHandle { leader_epoch, status, mailbox, _stop: stop, task });
    }

    /// This broker no longer leads the partition: unloads it; what waits fails with
    /// [`CoordinatorError::NotCoordinator`]. `leader_epoch` is that of the new leader, `None` where the partition is
    /// gone; a shard of a later epoch stays.
    pub fn resigned(&self, partition: i32, leader_epoch: Option<i32>) {
        let mut shards = self.0.shards.write().unwrap_or_else(PoisonError::into_inner);
        let stale = |shard: &ShardHandle<C>| leader_epoch.is_none_or(|epoch| shard.leader_epoch <= epoch);
        if shards.led.get(&partition).is_some_and(stale)
            && let Some(shard) = shards.led.remove(&partition)
        {
            shards.stopping.insert(partition, shard.task);
        }
    }

    /// Unloads everything for good and waits until the shards have stopped. Later requests fail with
    /// [`CoordinatorError::ShuttingDown`].
    pub async fn shutdown(&self) {
        let tasks: Vec<JoinHandle<()>> = {
            let mut shards = self.0.shards.write().unwrap_or_else(PoisonError::into_inner);
            shards.open = false;
            let led = std::mem::take(&mut shards.led).into_values().map(|shard| shard.task);
            led.chain(std::mem::take(&mut shards.stopping).into_values()).collect()
        };
        for task in tasks {
            // A shard that panicked has stopped as well.
            let _ = task.await;
        }
    }

    /// Whether the partition's shard is loaded and serves.
    #[must_use]
    pub fn is_active(&self, partition: i32) -> bool {
        let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.led.get(&partition).is_some_and(|shard| shard.status.check().is_ok())
    }

    /// The partitions whose shards are loading, loaded or failed, in order.
    #[must_use]
    pub fn partitions(&self) -> Vec<i32> {
        let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.led.keys().copied().collect()
    }

    /// Asks a shard. Waits for room in its mailbox, for its decision, which may take as long as a rebalance, and for
    /// the commitment of what the decision rests on.
    ///
    /// # Errors
    /// See [`CoordinatorError`].
    pub async fn request(&self, partition: i32, request: C::Request) -> Result<C::Reply, CoordinatorError> {
        let (reply, answer) = oneshot::channel();
        let mailbox = {
            let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
            if !shards.open {
                return Err(CoordinatorError::ShuttingDown);
            }
            let shard = shards.led.get(&partition).ok_or(CoordinatorError::NotCoordinator)?;
            shard.status.check()?;
            shard.mailbox.clone()
        };
        mailbox.send(Envelope { request, reply }).await.map_err(|_| CoordinatorError::NotCoordinator)?;
        drop(mailbox);
        answer.await.unwrap_or(Err(CoordinatorError::NotCoordinator))
    }

    /// Asks every shard of this broker, in the order of their partitions.
    pub async fn request_all(&self, request: impl Fn() -> C::Request) -> Vec<Result<C::Reply, CoordinatorError>> {
        let partitions = self.partitions();
        join_all(partitions.into_iter().map(|partition| self.request(partition, request()))).await
    }
}
