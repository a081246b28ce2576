//! One partition hosted by this broker: its log, its append queue, its leader state, and who waits for it.
//!
//! Appends of all connections gather in a queue; whoever gets the log's lock drains it with one gathered write.
//! A caller that finds the lock taken leaves its batch behind and goes on: nobody blocks a worker on the lock.
//! The high watermark only grows while this broker leads, and is published before anybody is told of an append.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use dohle_config::TopicConfig;
use dohle_log::{Appended, LogReader, LogSlice, PartitionLog, ReadError};
use dohle_model::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use dohle_protocol::validation::ValidatedBatch;
use dohle_seams::Environment;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::append_completion::{AppendCompletion, ProduceError};
use crate::fetch_waiters::{FetchWaiter, FetchWaiters};
use crate::leader_state::LeaderState;

/// Which acknowledgements a produce request asks for (`acks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAcks {
    /// None, or the leader's alone: `acks=0` and `acks=1`.
    Leader,
    /// All in-sync replicas: `acks=all`.
    All,
}

/// Why a partition cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// This broker does not lead the partition.
    #[error("this broker does not lead the partition")]
    NotLeader,
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
    pub fn error_code(&self) -> dohle_protocol::ErrorCode {
        use dohle_protocol::ErrorCode;
        match self {
            Self::NotLeader => ErrorCode::NotLeaderOrFollower,
            Self::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Self::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Self::Read(error) => error.error_code(),
        }
    }
}

struct PendingAppend {
    batch: ValidatedBatch,
    required_acks: RequiredAcks,
    completion: Arc<AppendCompletion>,
    index: usize,
}

/// An append that is in the leader's log and waits for the high watermark.
struct PendingAck {
    end_offset: Offset,
    appended: Appended,
    completion: Arc<AppendCompletion>,
    index: usize,
}

/// Appends that wait for the disk, where the topic asks for flushes (`flush.messages`). One flush runs at a time;
/// what is appended meanwhile waits for the next one, so that one fsync serves many appends.
#[derive(Default)]
struct FlushQueue {
    running: bool,
    waiting: Vec<(PendingAppend, Appended)>,
    /// While a flush runs: everything below is as durable as the topic asks for and may be committed.
    durable_end: Offset,
}

/// One partition hosted by this broker.
pub struct Partition {
    this: Weak<Self>,
    topic_partition: TopicPartition,
    topic_id: TopicId,
    environment: Environment,
    config: ArcSwap<TopicConfig>,
    reader: Arc<LogReader>,
    log: Mutex<PartitionLog>,
    queue: Mutex<Vec<PendingAppend>>,
    flush: Mutex<FlushQueue>,
    leader: RwLock<Option<LeaderState>>,
    high_watermark: AtomicI64,
    acks: Mutex<VecDeque<PendingAck>>,
    fetch_waiters: FetchWaiters,
    /// Set when the log directory failed or the topic was deleted: nothing is served any more.
    closed: ArcSwapOption<String>,
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
    /// Hosts the replica whose log is `log`. `high_watermark` is what the checkpoint says; it is bounded by the log.
    #[must_use]
    pub fn new(
        topic_partition: TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        log: PartitionLog,
        high_watermark: Offset,
        environment: Environment,
    ) -> Arc<Self> {
        let reader = log.reader();
        let bounded = high_watermark.min(reader.log_end_offset()).max(reader.log_start_offset());
        Arc::new_cyclic(|weak| Self {
            this: weak.clone(),
            topic_partition,
            topic_id,
            environment,
            config: ArcSwap::new(config),
            reader,
            log: Mutex::new(log),
            queue: Mutex::default(),
            flush: Mutex::default(),
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

    /// What can be read of the log, whoever leads.
    #[must_use]
    pub fn reader(&self) -> &Arc<LogReader> {
        &self.reader
    }

    /// One past the last committed record: where consumers stop reading.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::Acquire))
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
    /// [`PartitionError::NotLeader`], [`PartitionError::FencedLeaderEpoch`], [`PartitionError::UnknownLeaderEpoch`].
    pub fn check_leadership(&self, requested: Option<LeaderEpoch>) -> Result<LeaderEpoch, PartitionError> {
        let current = self.leader_epoch().ok_or(PartitionError::NotLeader)?;
        match requested {
            Some(requested) if requested < current => Err(PartitionError::FencedLeaderEpoch { requested, current }),
            Some(requested) if requested > current => Err(PartitionError::UnknownLeaderEpoch { requested, current }),
            _ => Ok(current),
        }
    }

    /// Leads from now on, in the epoch of `state`. The epoch goes into the epoch file even before any data does.
    pub fn become_leader(&self, state: LeaderState) {
        {
            let mut log = self.log.lock();
            let end = self.reader.log_end_offset();
            log.assign_leader_epoch(state.leader_epoch(), end);
            *self.leader.write() = Some(state);
        }
        self.advance_high_watermark();
        self.drain_appends();
    }

    /// The topic's settings have changed.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        if let Some(leader) = self.leader.write().as_mut() {
            leader.set_min_insync_replicas(config.min_insync_replicas);
        }
        self.config.store(Arc::clone(&config));
        self.with_log(|log| log.update_config(config));
        self.advance_high_watermark();
    }

    /// Queues a checked batch. Nothing is written before [`Self::drain_appends`]. The result goes to slot `index` of `completion`.
    pub fn enqueue_append(
        &self,
        batch: ValidatedBatch,
        required_acks: RequiredAcks,
        completion: &Arc<AppendCompletion>,
        index: usize,
    ) {
        self.queue.lock().push(PendingAppend { batch, required_acks, completion: Arc::clone(completion), index });
    }

    /// Writes what is queued, unless somebody else holds the log and will.
    pub fn drain_appends(&self) {
        loop {
            let Some(mut log) = self.log.try_lock() else { return };
            let pending = std::mem::take(&mut *self.queue.lock());
            if !pending.is_empty() {
                self.append(&mut log, pending);
            }
            drop(log);
            // Whoever queued while the lock was held has seen it taken and gone: look again after giving it up.
            if self.queue.lock().is_empty() {
                return;
            }
        }
    }

    fn append(&self, log: &mut MutexGuard<'_, PartitionLog>, pending: Vec<PendingAppend>) {
        let epoch = {
            let leader = self.leader.read();
            match leader.as_ref() {
                Some(state) if self.closed.load().is_none() => {
                    let enough = state.has_enough_insync_replicas();
                    Some((state.leader_epoch(), enough, state.isr().len(), state.effective_min_insync_replicas()))
                }
                _ => None,
            }
        };
        let Some((leader_epoch, enough, insync, required)) = epoch else {
            for append in pending {
                append.completion.complete(append.index, Err(ProduceError::NotLeader));
            }
            return;
        };
        let (pending, refused): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|append| enough || append.required_acks == RequiredAcks::Leader);
        for append in refused {
            append.completion.complete(append.index, Err(ProduceError::NotEnoughReplicas { insync, required }));
        }
        let now_ms = self.environment.clock.now_ms();
        let batches: Vec<&ValidatedBatch> = pending.iter().map(|append| &append.batch).collect();
        let results = log.append_as_leader(&batches, leader_epoch, now_ms);
        drop(batches);
        let flush = log.needs_flush(now_ms);
        let mut appended = Vec::with_capacity(pending.len());
        for (append, result) in pending.into_iter().zip(results) {
            match result {
                Ok(result) => appended.push((append, result)),
                Err(error) => {
                    append.completion.complete(append.index, Err(ProduceError::Append(Arc::new(error))));
                }
            }
        }
        if appended.is_empty() {
            return;
        }
        if self.queue_for_flush(flush, &mut appended) {
            self.start_flush();
        } else if !appended.is_empty() {
            self.finish_appends(appended);
        }
    }

    /// Moves `appended` behind the running flush, or behind one to be started (then true is returned). While a flush
    /// runs, later appends wait as well, so that the high watermark never passes what is not on disk.
    fn queue_for_flush(&self, needed: bool, appended: &mut Vec<(PendingAppend, Appended)>) -> bool {
        let mut flush = self.flush.lock();
        let start = needed && !flush.running;
        if start {
            flush.running = true;
            flush.durable_end = appended.iter().map(|(_, result)| result.base_offset).min().unwrap_or_default();
        }
        if flush.running {
            flush.waiting.append(appended);
        }
        start
    }

    fn start_flush(&self) {
        let Some(this) = self.this.upgrade() else { return };
        self.environment.offload.spawn(Box::new(move || {
            loop {
                let waiting = std::mem::take(&mut this.flush.lock().waiting);
                let end = this.reader.log_end_offset();
                let result = this.flush_log();
                this.flush.lock().durable_end = end;
                match result {
                    Ok(()) => this.finish_appends(waiting),
                    Err(error) => {
                        this.close(&error.to_string());
                        for (append, _) in waiting {
                            append.completion.complete(append.index, Err(ProduceError::Storage(error.to_string())));
                        }
                    }
                }
                let mut flush = this.flush.lock();
                if flush.waiting.is_empty() {
                    flush.running = false;
                    break;
                }
            }
            this.advance_high_watermark();
        }));
    }

    /// The appends are in the log (and on disk, where the topic asks for that): commit what can be, tell the rest to wait.
    fn finish_appends(&self, appended: Vec<(PendingAppend, Appended)>) {
        self.advance_high_watermark();
        let high_watermark = self.high_watermark();
        for (append, result) in appended {
            let end_offset = result.last_offset.plus(1);
            if append.required_acks == RequiredAcks::Leader || end_offset <= high_watermark {
                append.completion.complete(append.index, Ok(result));
            } else {
                self.acks.lock().push_back(PendingAck {
                    end_offset,
                    appended: result,
                    completion: append.completion,
                    index: append.index,
                });
            }
        }
        self.complete_acks();
        self.fetch_waiters.wake_all();
    }

    fn advance_high_watermark(&self) {
        let end = self.reader.log_end_offset();
        let target = {
            let flush = self.flush.lock();
            // What waits for the disk is not committed.
            if flush.running { end.min(flush.durable_end) } else { end }
        };
        let next = self.leader.read().as_ref().and_then(|state| state.high_watermark(target));
        if let Some(next) = next {
            let before = self.high_watermark.fetch_max(next.0, Ordering::AcqRel);
            if before < next.0 {
                self.complete_acks();
                self.fetch_waiters.wake_all();
            }
        }
    }

    fn complete_acks(&self) {
        let high_watermark = self.high_watermark();
        let mut acks = self.acks.lock();
        while acks.front().is_some_and(|ack| ack.end_offset <= high_watermark) {
            if let Some(ack) = acks.pop_front() {
                ack.completion.complete(ack.index, Ok(ack.appended));
            }
        }
    }

    /// Makes all that is in the log survive a crash of the machine, and moves the recovery point. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    pub fn flush_log(&self) -> std::io::Result<()> {
        let work = self.with_log(PartitionLog::flush_work);
        let flushed = work.run()?;
        self.with_log(|log| log.on_flushed(flushed));
        Ok(())
    }

    /// Does something with the log, then writes what others have queued meanwhile.
    pub fn with_log<T>(&self, act: impl FnOnce(&mut PartitionLog) -> T) -> T {
        let result = act(&mut self.log.lock());
        self.drain_appends();
        result
    }

    /// Serves nothing from now on; whoever waits is told. `reason` is for the log.
    pub fn close(&self, reason: &str) {
        self.closed.store(Some(Arc::new(reason.to_owned())));
        *self.leader.write() = None;
        for append in std::mem::take(&mut *self.queue.lock()) {
            append.completion.complete(append.index, Err(ProduceError::NotLeader));
        }
        for ack in std::mem::take(&mut *self.acks.lock()) {
            ack.completion.complete(ack.index, Err(ProduceError::NotLeader));
        }
        self.fetch_waiters.wake_all();
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

    /// A follower on `broker` has everything before `offset`.
    pub fn on_follower_fetch(&self, broker: BrokerId, offset: Offset) {
        if let Some(leader) = self.leader.write().as_mut() {
            leader.on_follower_fetch(broker, offset);
        }
        self.advance_high_watermark();
    }
}
