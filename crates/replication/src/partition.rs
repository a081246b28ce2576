//! One partition hosted by this broker: its log, its leader state, what may be read of it, and who waits for it.
//!
//! The high watermark only grows while this broker leads, and is published before anybody is told of an append. How
//! appends get into the log is told in `append_queue`.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use dohle_config::TopicConfig;
use dohle_log::{LogReader, LogSlice, PartitionLog, ProducerState, ReadError, RemovedFiles};
use dohle_model::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicPartition};
use dohle_protocol::ErrorCode;
use dohle_seams::Environment;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::append_completion::ProduceError;
use crate::append_queue::{FlushQueue, PendingAcks, PendingAppend};
use crate::fetch_waiters::{FetchWaiter, FetchWaiters};
use crate::hosted_directory::HostedDirectory;
use crate::leader_state::LeaderState;

/// Why a partition cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// This broker does not lead the partition.
    #[error("this broker does not lead the partition")]
    NotLeader,
    /// The topic was deleted, or the partition moved away.
    #[error("the partition is no longer hosted here")]
    NotHosted,
    /// The log directory has failed.
    #[error("the log directory failed: {0}")]
    Offline(Arc<str>),
    /// The caller still follows an earlier leader epoch and must refresh its metadata (KIP-320).
    #[error("leader epoch {requested} is fenced by {current}")]
    FencedLeaderEpoch {
        /// What the caller follows.
        requested: LeaderEpoch,
        /// What is in force.
        current: LeaderEpoch,
    },
    /// The caller knows a later leader epoch than this broker (KIP-320).
    #[error("leader epoch {requested} is not known yet, {current} is in force")]
    UnknownLeaderEpoch {
        /// What the caller follows.
        requested: LeaderEpoch,
        /// What is in force here.
        current: LeaderEpoch,
    },
    /// The log cannot give what was asked for.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl PartitionError {
    /// The error that the client gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotLeader => ErrorCode::NotLeaderOrFollower,
            Self::NotHosted => ErrorCode::UnknownTopicOrPartition,
            Self::Offline(_) => ErrorCode::KafkaStorageError,
            Self::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Self::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Self::Read(error) => error.error_code(),
        }
    }
}

/// Why a partition serves nothing any more.
#[derive(Clone, Debug)]
pub(crate) enum Closed {
    /// Its topic was deleted, or it moved away; its files are set aside.
    NotHosted,
    /// The disk failed under it.
    Offline(Arc<str>),
    /// The node stops.
    Stopped,
}

/// One partition hosted by this broker.
pub struct Partition {
    pub(crate) this: Weak<Self>,
    topic_partition: TopicPartition,
    topic_id: TopicId,
    pub(crate) environment: Environment,
    pub(crate) directory: Arc<HostedDirectory>,
    config: ArcSwap<TopicConfig>,
    reader: Arc<LogReader>,
    /// Waited for with [`Self::lock_log`] only.
    pub(crate) log: Mutex<PartitionLog>,
    pub(crate) queue: Mutex<Vec<PendingAppend>>,
    pub(crate) flush_queue: Mutex<FlushQueue>,
    /// Held while files are synced, by threads that may block.
    flushing: Mutex<()>,
    pub(crate) leader: RwLock<Option<LeaderState>>,
    high_watermark: AtomicI64,
    pub(crate) acks: Mutex<PendingAcks>,
    fetch_waiters: FetchWaiters,
    closed: ArcSwapOption<Closed>,
}

/// The log in the hands of somebody who does not append. Appends that come meanwhile are left in the queue by their
/// senders: whoever gives the log up writes them.
pub(crate) struct LockedLog<'a> {
    partition: &'a Partition,
    log: Option<MutexGuard<'a, PartitionLog>>,
}

impl Deref for LockedLog<'_> {
    type Target = PartitionLog;

    fn deref(&self) -> &PartitionLog {
        self.log.as_ref().expect("held until it is dropped")
    }
}

impl DerefMut for LockedLog<'_> {
    fn deref_mut(&mut self) -> &mut PartitionLog {
        self.log.as_mut().expect("held until it is dropped")
    }
}

impl Drop for LockedLog<'_> {
    fn drop(&mut self) {
        self.log = None;
        self.partition.drain_appends();
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition")
            .field("topic_partition", &self.topic_partition)
            .field("topic_id", &self.topic_id)
            .finish_non_exhaustive()
    }
}

impl Partition {
    /// Hosts the replica whose log is `log` in `directory`. `high_watermark` is what the checkpoint says; it is bounded
    /// by the log. Nobody leads yet.
    pub(crate) fn new(
        topic_partition: TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        log: PartitionLog,
        high_watermark: Offset,
        directory: Arc<HostedDirectory>,
        environment: Environment,
    ) -> Arc<Self> {
        let reader = log.reader();
        let bounded = high_watermark.min(reader.log_end_offset()).max(reader.log_start_offset());
        Arc::new_cyclic(|weak| Self {
            this: weak.clone(),
            topic_partition,
            topic_id,
            environment,
            directory,
            config: ArcSwap::new(config),
            reader,
            log: Mutex::new(log),
            queue: Mutex::default(),
            flush_queue: Mutex::default(),
            flushing: Mutex::default(),
            leader: RwLock::new(None),
            high_watermark: AtomicI64::new(bounded.0),
            acks: Mutex::default(),
            fetch_waiters: FetchWaiters::default(),
            closed: ArcSwapOption::empty(),
        })
    }

    /// The partition's topic and index.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The partition's index.
    #[must_use]
    pub fn index(&self) -> PartitionIndex {
        self.topic_partition.partition
    }

    /// The id of the partition's topic.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The topic's settings.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    /// The log directory that the partition lies in.
    #[must_use]
    pub fn directory(&self) -> &Arc<HostedDirectory> {
        &self.directory
    }

    /// What can be read of the log, whoever leads.
    #[must_use]
    pub fn reader(&self) -> &Arc<LogReader> {
        &self.reader
    }

    /// One past the last committed record: where consumers stop reading.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::SeqCst))
    }

    /// Where read-committed consumers stop. No transaction can be open, so it is the high watermark.
    #[must_use]
    pub fn last_stable_offset(&self) -> Offset {
        self.high_watermark()
    }

    /// The epoch in which this broker leads, `None` where it does not.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.leader.read().as_ref().map(LeaderState::leader_epoch)
    }

    /// Checks that this broker leads and that the caller's leader epoch, where it sent one, is the one in force.
    ///
    /// # Errors
    /// Everything but [`PartitionError::Read`].
    pub fn check_leadership(&self, requested: Option<LeaderEpoch>) -> Result<LeaderEpoch, PartitionError> {
        if let Some(reason) = self.directory.failure() {
            return Err(PartitionError::Offline(Arc::clone(reason)));
        }
        let Some(current) = self.leader_epoch() else { return Err(self.why_not_leading()) };
        match requested {
            Some(requested) if requested < current => Err(PartitionError::FencedLeaderEpoch { requested, current }),
            Some(requested) if requested > current => Err(PartitionError::UnknownLeaderEpoch { requested, current }),
            _ => Ok(current),
        }
    }

    pub(crate) fn why_not_leading(&self) -> PartitionError {
        match self.closed.load().as_deref() {
            Some(Closed::NotHosted) => PartitionError::NotHosted,
            Some(Closed::Offline(reason)) => PartitionError::Offline(Arc::clone(reason)),
            Some(Closed::Stopped) | None => PartitionError::NotLeader,
        }
    }

    /// Why an append cannot be taken, given that this broker does not lead.
    pub(crate) fn why_not_appending(&self) -> ProduceError {
        match self.closed.load().as_deref() {
            Some(Closed::NotHosted) => ProduceError::NotHosted,
            Some(Closed::Offline(reason)) => ProduceError::Storage(Arc::clone(reason)),
            Some(Closed::Stopped) | None => ProduceError::NotLeader,
        }
    }

    /// Leads from now on, in the epoch of `state`. The epoch goes into the epoch file even before any data does. What is
    /// closed stays closed.
    pub fn become_leader(&self, state: LeaderState) {
        {
            let mut log = self.lock_log();
            let mut leader = self.leader.write();
            if self.is_closed() {
                return;
            }
            log.assign_leader_epoch(state.leader_epoch(), self.reader.log_end_offset());
            *leader = Some(state);
        }
        self.advance_high_watermark();
    }

    /// Takes in a change of replicas or ISR within the leader epoch.
    pub fn update_replicas(&self, partition_epoch: PartitionEpoch, replicas: &[BrokerId], isr: &[BrokerId]) {
        if let Some(leader) = self.leader.write().as_mut() {
            leader.update_replicas(partition_epoch, replicas, isr);
        }
        self.advance_high_watermark();
    }

    /// No longer leads; whoever waits is told.
    pub fn resign(&self) {
        if self.leader.write().take().is_some() {
            self.dismiss_waiting();
        }
    }

    /// Serves nothing from now on; whoever waits is told. The first reason counts.
    pub(crate) fn close(&self, reason: Closed) {
        {
            // Under the lock, so that nobody becomes leader of what is closed.
            let mut leader = self.leader.write();
            if self.closed.load().is_none() {
                self.closed.store(Some(Arc::new(reason)));
            }
            *leader = None;
        }
        self.dismiss_waiting();
    }

    fn dismiss_waiting(&self) {
        let error = self.why_not_appending();
        for append in std::mem::take(&mut *self.queue.lock()) {
            append.completion.complete(append.index, Err(error.clone()));
        }
        self.dismiss_acks(&error);
        self.fetch_waiters.wake_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load().is_some()
    }

    /// The disk refused: the whole directory goes offline.
    pub(crate) fn fail(&self, error: &io::Error) {
        // Files of a partition that was set aside may be gone.
        if matches!(self.closed.load().as_deref(), Some(Closed::NotHosted)) {
            return;
        }
        self.directory.fail(error);
        self.close(Closed::Offline(error.to_string().into()));
    }

    /// The topic's settings have changed.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        if let Some(leader) = self.leader.write().as_mut() {
            leader.set_min_insync_replicas(config.min_insync_replicas);
        }
        self.config.store(Arc::clone(&config));
        self.with_open_log(|log| log.update_config(config));
        self.advance_high_watermark();
    }

    /// Lets the high watermark follow what the replicas have, and tells those who wait for it.
    pub(crate) fn advance_high_watermark(&self) {
        let end = self.committable_end();
        let next = self.leader.read().as_ref().and_then(|state| state.high_watermark(end));
        if let Some(next) = next {
            // In one order with the registrations of waiting fetches: a fetch that is not seen here sees what moved.
            let before = self.high_watermark.fetch_max(next.0, Ordering::SeqCst);
            if before < next.0 {
                self.directory.high_watermark_moved();
                self.complete_acks();
                self.fetch_waiters.wake_all();
            }
        }
    }

    /// Makes all that is in the log survive a crash of the machine, and moves the recovery point. Blocks.
    ///
    /// # Errors
    /// The disk's error; the log directory is then offline.
    pub fn flush_log(&self) -> io::Result<()> {
        // One at a time: a second flush could otherwise end before the first has synced the folder for both.
        let _flushing = self.flushing.lock();
        let Some(work) = self.with_open_log(PartitionLog::flush_work) else { return Ok(()) };
        let flushed = work.run().inspect_err(|error| self.fail(error))?;
        self.with_open_log(|log| log.on_flushed(flushed));
        Ok(())
    }

    /// Flushes where nobody waits for it.
    pub(crate) fn flush_in_background(&self) {
        if let Some(this) = self.this.upgrade() {
            self.environment.offload.spawn(Box::new(move || {
                // A failure has taken the directory offline, which is told there.
                let _ = this.flush_log();
            }));
        }
    }

    /// Drops what the topic's retention says. Blocks.
    pub(crate) fn delete_old_segments(&self) -> RemovedFiles {
        let now_ms = self.environment.clock.now_ms();
        let high_watermark = self.high_watermark();
        match self.with_open_log(|log| log.delete_old_segments(high_watermark, now_ms)) {
            Some(Ok(removed)) => removed,
            Some(Err(error)) => {
                self.fail(&error);
                RemovedFiles::default()
            }
            None => RemovedFiles::default(),
        }
    }

    /// Closes the log in order. Nothing is served any more. Blocks.
    ///
    /// # Errors
    /// The disk's error: the log must be recovered at the next start.
    pub(crate) fn close_log(&self) -> io::Result<()> {
        self.close(Closed::Stopped);
        let _flushing = self.flushing.lock();
        self.lock_log().close()
    }

    /// Waits until nobody works on the files of a partition that was closed. Blocks.
    pub(crate) fn wait_until_unused(&self) {
        drop(self.flushing.lock());
        drop(self.lock_log());
    }

    /// Does something with the log, then writes what others have queued meanwhile. `None` where the partition is closed.
    pub(crate) fn with_open_log<T>(&self, act: impl FnOnce(&mut PartitionLog) -> T) -> Option<T> {
        let mut log = self.lock_log();
        (!self.is_closed()).then(|| act(&mut log))
    }

    /// Waits for the log. What others have queued meanwhile, as they found it taken, is written when it is given up.
    pub(crate) fn lock_log(&self) -> LockedLog<'_> {
        LockedLog { partition: self, log: Some(self.log.lock()) }
    }

    /// The idempotent producers that the log remembers, by id.
    ///
    /// # Errors
    /// Where the partition is no longer hosted, or its disk has failed.
    pub fn producers(&self) -> Result<Vec<ProducerState>, PartitionError> {
        if let Some(reason) = self.directory.failure() {
            return Err(PartitionError::Offline(Arc::clone(reason)));
        }
        self.with_open_log(|log| log.producers()).ok_or_else(|| self.why_not_leading())
    }

    /// Everything before is on disk for certain.
    pub(crate) fn recovery_point(&self) -> Offset {
        self.lock_log().recovery_point()
    }

    /// Records for a consumer: from the batch that holds `offset` on, up to the high watermark.
    ///
    /// # Errors
    /// Where this broker does not lead in the caller's epoch, or the offset is outside the log.
    pub fn read(
        &self,
        offset: Offset,
        current_leader_epoch: Option<LeaderEpoch>,
        max_bytes: usize,
        at_least_one_batch: bool,
    ) -> Result<LogSlice, PartitionError> {
        self.check_leadership(current_leader_epoch)?;
        Ok(self.reader.read(offset, max_bytes, self.high_watermark(), at_least_one_batch)?)
    }

    /// Wakes `waiter` whenever something happens here that a fetch may wait for.
    pub fn watch(&self, waiter: &Arc<FetchWaiter>) {
        self.fetch_waiters.register(waiter);
    }

    /// Ends [`Self::watch`].
    pub fn unwatch(&self, waiter: &FetchWaiter) {
        self.fetch_waiters.deregister(waiter);
    }

    /// Whether this broker leads and `broker` follows it.
    #[must_use]
    pub fn has_follower(&self, broker: BrokerId) -> bool {
        self.leader.read().as_ref().is_some_and(|leader| leader.has_follower(broker))
    }

    /// A follower on `broker` has everything before `offset`, and its log starts at `log_start_offset`, where it says so.
    pub fn on_follower_fetch(&self, broker: BrokerId, offset: Offset, log_start_offset: Option<Offset>) {
        let mut starts_elsewhere = false;
        if let Some(leader) = self.leader.write().as_mut() {
            leader.on_follower_fetch(broker, offset);
            starts_elsewhere = log_start_offset.is_some_and(|start| leader.on_follower_log_start(broker, start));
        }
        self.advance_high_watermark();
        if starts_elsewhere {
            // Deletions of records wait for it.
            self.wake_watchers();
        }
    }

    /// Wakes whoever watches the partition.
    pub(crate) fn wake_watchers(&self) {
        self.fetch_waiters.wake_all();
    }
}
