//! The owner of one shard: the only task that touches its coordinator.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dohle_protocol::Writer;
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader};
use dohle_seams::WallClock;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::loader::load;
use crate::{Coordinator, CoordinatorError, Effects, Input, LogAccessError, Now, PartitionLogs, Ticket, TimerChange};

/// Bytes that a record takes in a batch at most beside its key and value.
const RECORD_OVERHEAD_BYTES: usize = 32;

type ReplySender<R> = oneshot::Sender<Result<R, CoordinatorError>>;

/// A request on its way to the owner.
pub(crate) struct Envelope<C: Coordinator> {
    pub(crate) request: C::Request,
    pub(crate) reply: ReplySender<C::Reply>,
}

/// How far a shard is, seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct ShardStatus(Arc<AtomicU8>);

impl ShardStatus {
    const LOADING: u8 = 0;
    const ACTIVE: u8 = 1;
    const FAILED: u8 = 2;

    pub(crate) fn loading() -> Self {
        Self(Arc::new(AtomicU8::new(Self::LOADING)))
    }

    fn set(&self, status: u8) {
        self.0.store(status, Ordering::Release);
    }

    /// Whether requests may be sent.
    pub(crate) fn check(&self) -> Result<(), CoordinatorError> {
        match self.0.load(Ordering::Acquire) {
            Self::ACTIVE => Ok(()),
            Self::LOADING => Err(CoordinatorError::LoadInProgress),
            _ => Err(CoordinatorError::NotCoordinator),
        }
    }
}

/// What a shard is told when it starts.
pub(crate) struct ShardOptions {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) logs: Arc<dyn PartitionLogs>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) commit_timeout: Duration,
    pub(crate) batch_bytes_max: usize,
    pub(crate) load_buffer_bytes: usize,
    pub(crate) inputs_per_turn_max: usize,
}

/// What leaves once its turn's records are committed.
enum Waiting<C: Coordinator> {
    Reply(ReplySender<C::Reply>, C::Reply),
    Completion(C::Completion),
}

/// The turns that wait for the high watermark, oldest first.
struct Committing<C: Coordinator> {
    end_offset: i64,
    deadline: Instant,
    waiting: Vec<Waiting<C>>,
}

/// The turn that is being decided.
struct Turn<C: Coordinator> {
    batch: BatchBuilder,
    records: Vec<C::Record>,
    waiting: Vec<Waiting<C>>,
}

impl<C: Coordinator> Turn<C> {
    fn new() -> Self {
        Self { batch: BatchBuilder::default(), records: Vec::new(), waiting: Vec::new() }
    }
}

struct Timers<T> {
    by_time: BTreeSet<(Instant, T)>,
    by_key: BTreeMap<T, Instant>,
}

impl<T: Clone + Ord> Timers<T> {
    fn change(&mut self, change: TimerChange<T>) {
        let (key, at) = match change {
            TimerChange::Set(key, at) => (key, Some(at)),
            TimerChange::Cancel(key) => (key, None),
        };
        let previous = match at {
            Some(at) => self.by_key.insert(key.clone(), at),
            None => self.by_key.remove(&key),
        };
        match (previous, at) {
            (Some(previous), Some(at)) => {
                if previous != at {
                    let (_, key) = self.by_time.take(&(previous, key)).expect("both indexes hold every timer");
                    self.by_time.insert((at, key));
                }
            }
            (Some(previous), None) => {
                self.by_time.remove(&(previous, key));
            }
            (None, Some(at)) => {
                self.by_time.insert((at, key));
            }
            (None, None) => {}
        }
    }

    fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn pop_expired(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

struct Shard<C: Coordinator> {
    coordinator: C,
    options: ShardOptions,
    end_offset: i64,
    timers: Timers<C::Timer>,
    parked: BTreeMap<Ticket, ReplySender<C::Reply>>,
    committing: VecDeque<Committing<C>>,
    completed: VecDeque<(C::Completion, Result<(), CoordinatorError>)>,
    turn: Turn<C>,
    effects: Effects<C>,
    next_ticket: u64,
    key_buffer: Writer,
    value_buffer: Writer,
}

enum Wake {
    Stop,
    Committed(Result<(), LogAccessError>),
    Time,
    Mail(usize),
}

/// Loads the shard and serves it until `stop` resolves (its sender is dropped). Requests that are then unanswered see
/// their reply channels closed.
pub(crate) async fn run<C: Coordinator>(
    mut coordinator: C,
    options: ShardOptions,
    status: ShardStatus,
    mut mailbox: mpsc::Receiver<Envelope<C>>,
    mut stop: oneshot::Receiver<()>,
    predecessor: Option<tokio::task::JoinHandle<()>>,
) {
    if let Some(predecessor) = predecessor {
        // An append of the shard's former owner may still be under way. A panicked one has nothing under way.
        let _ = predecessor.await;
    }
    let topic = Arc::clone(&options.topic);
    let partition = options.partition;
    let logs = Arc::clone(&options.logs);
    let started = Instant::now();
    let loading = load(&mut coordinator, &*logs, partition, options.load_buffer_bytes);
    let loaded = tokio::select! {
        biased;
        _ = &mut stop => return,
        loaded = loading => loaded,
    };
    let end_offset = match loaded {
        Ok(end_offset) => end_offset,
        Err(error) => {
            status.set(ShardStatus::FAILED);
            tracing::error!(%topic, partition, %error, "cannot load a coordinator's partition");
            return;
        }
    };
    tracing::debug!(%topic, partition, end_offset, elapsed = ?started.elapsed(), "loaded a coordinator's partition");
    let mut shard = Shard {
        coordinator,
        options,
        end_offset,
        timers: Timers { by_time: BTreeSet::new(), by_key: BTreeMap::new() },
        parked: BTreeMap::new(),
        committing: VecDeque::new(),
        completed: VecDeque::new(),
        turn: Turn::new(),
        effects: Effects::default(),
        next_ticket: 0,
        key_buffer: Writer::new(),
        value_buffer: Writer::new(),
    };
    shard.decide(Input::Loaded, None).await;
    shard.finish_turn().await;
    status.set(ShardStatus::ACTIVE);
    shard.serve(&*logs, &mut mailbox, &mut stop).await;
    tracing::debug!(%topic, partition, "unloaded a coordinator's partition");
}

impl<C: Coordinator> Shard<C> {
    async fn serve(
        &mut self,
        logs: &dyn PartitionLogs,
        mailbox: &mut mpsc::Receiver<Envelope<C>>,
        stop: &mut oneshot::Receiver<()>,
    ) {
        let partition = self.options.partition;
        let limit = self.options.inputs_per_turn_max;
        let mut inbox = Vec::new();
        let mut watermark: Option<BoxFuture<'_, Result<(), LogAccessError>>> = None;
        let sleep = tokio::time::sleep_until(Instant::now());
        tokio::pin!(sleep);
        loop {
            match (self.committing.front(), &watermark) {
                (Some(front), None) => watermark = Some(logs.committed(partition, front.end_offset)),
                (None, Some(_)) => watermark = None,
                _ => {}
            }
            let next_time = self.next_time();
            if let Some(at) = next_time
                && sleep.deadline() != at
            {
                sleep.as_mut().reset(at);
            }
            let wake = tokio::select! {
                biased;
                _ = &mut *stop => Wake::Stop,
                result = async { watermark.as_mut().expect("checked by the condition").await }, if watermark.is_some() => {
                    Wake::Committed(result)
                }
                () = &mut sleep, if next_time.is_some() => Wake::Time,
                count = mailbox.recv_many(&mut inbox, limit) => Wake::Mail(count),
            };
            match wake {
                Wake::Stop | Wake::Mail(0) => return,
                Wake::Mail(_) => {
                    for Envelope { request, reply } in inbox.drain(..) {
                        let ticket = Ticket(self.next_ticket);
                        self.next_ticket += 1;
                        self.decide(Input::Request(ticket, request), Some((ticket, reply))).await;
                    }
                }
                Wake::Time => {
                    let now = Instant::now();
                    while let Some(timer) = self.timers.pop_expired(now) {
                        self.decide(Input::Timer(timer), None).await;
                    }
                    self.fail_overdue(now);
                }
                Wake::Committed(Ok(())) => watermark = None,
                Wake::Committed(Err(error)) => {
                    watermark = None;
                    tracing::debug!(partition, %error, "cannot wait for the high watermark");
                    self.fail_committing(error.into());
                }
            }
            self.finish_turn().await;
        }
    }

    /// When something has to be done without being asked.
    fn next_time(&self) -> Option<Instant> {
        let deadline = self.committing.front().map(|front| front.deadline);
        match (self.timers.next(), deadline) {
            (Some(timer), Some(deadline)) => Some(timer.min(deadline)),
            (timer, deadline) => timer.or(deadline),
        }
    }

    /// Decides one input; its records and replies join the turn.
    async fn decide(&mut self, input: Input<C>, mut asker: Option<(Ticket, ReplySender<C::Reply>)>) {
        let alone = self.coordinator.needs_settled_state(&input);
        if alone {
            // Settled is a turn that has failed, too.
            let _ = self.append_turn().await;
        }
        let now = Now { instant: Instant::now(), wall_ms: self.options.clock.now_ms() };
        self.coordinator.decide(input, now, &mut self.effects);
        for change in self.effects.timers.drain(..) {
            self.timers.change(change);
        }
        let mut waiting = Vec::new();
        for (ticket, reply) in self.effects.replies.drain(..) {
            let sender = match asker.take_if(|(asked, _)| *asked == ticket) {
                Some((_, sender)) => Some(sender),
                None => self.parked.remove(&ticket),
            };
            if let Some(sender) = sender {
                waiting.push(Waiting::Reply(sender, reply));
            }
        }
        if let Some((ticket, sender)) = asker {
            self.parked.insert(ticket, sender);
        }
        waiting.extend(self.effects.completions.drain(..).map(Waiting::Completion));
        let records = std::mem::take(&mut self.effects.records);
        let may_be_split = std::mem::take(&mut self.effects.may_be_split);
        if let Err(error) = self.add_records(records, may_be_split, now.wall_ms).await {
            self.fail(waiting, error);
            return;
        }
        self.turn.waiting.append(&mut waiting);
        if alone {
            // Whoever waits for it is told of a failure.
            let _ = self.append_turn().await;
        }
    }

    /// Puts records into the turn's batch, appending what is there first where they would not fit.
    async fn add_records(
        &mut self,
        records: Vec<C::Record>,
        may_be_split: bool,
        timestamp_ms: i64,
    ) -> Result<(), CoordinatorError> {
        if records.is_empty() {
            return Ok(());
        }
        let encoded: Vec<(Bytes, Option<Bytes>)> = records
            .iter()
            .map(|record| {
                let has_value = C::encode(record, &mut self.key_buffer, &mut self.value_buffer);
                let value = self.value_buffer.split();
                (self.key_buffer.split(), has_value.then_some(value))
            })
            .collect();
        let size_of = |(key, value): &(Bytes, Option<Bytes>)| {
            key.len() + value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_BYTES
        };
        let size_bytes = |records: &[(Bytes, Option<Bytes>)]| records.iter().map(size_of).sum::<usize>();
        let of_topic = self.options.logs.batch_bytes_max(self.options.partition);
        let size_max = of_topic.unwrap_or(self.options.batch_bytes_max);
        let largest = if may_be_split { encoded.iter().map(size_of).max().unwrap_or(0) } else { size_bytes(&encoded) };
        if BatchHeader::SIZE_BYTES + largest > size_max {
            return Err(CoordinatorError::RecordsTooLarge);
        }
        if !may_be_split && self.turn.batch.size_bytes() + largest > size_max {
            // Those who wait for a turn that fails are told; these records are not among it.
            let _ = self.append_turn().await;
        }
        for (record, (key, value)) in records.into_iter().zip(encoded) {
            let size = key.len() + value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_BYTES;
            if may_be_split && self.turn.batch.size_bytes() + size > size_max {
                // A part that is missing is as good as all of them: the asker has to ask again.
                self.append_turn().await?;
            }
            self.turn.batch.record(timestamp_ms, Some(&key), value.as_deref(), &[]);
            self.turn.records.push(record);
        }
        Ok(())
    }

    /// Appends and applies the records of the turn, and lets its replies wait for the high watermark; where that fails,
    /// those who wait for them are told.
    async fn append_turn(&mut self) -> Result<(), CoordinatorError> {
        let turn = std::mem::replace(&mut self.turn, Turn::new());
        if !turn.records.is_empty() {
            let batch = turn.batch.build();
            match self.options.logs.append(self.options.partition, batch).await {
                Ok(range) => {
                    for (record, offset) in turn.records.into_iter().zip(range.base_offset..) {
                        self.coordinator.apply(record, offset);
                    }
                    self.end_offset = range.last_offset + 1;
                }
                Err(error) => {
                    tracing::warn!(partition = self.options.partition, %error, "cannot append a coordinator's records");
                    let error = CoordinatorError::from(error);
                    self.fail(turn.waiting, error);
                    return Err(error);
                }
            }
        }
        if turn.waiting.is_empty() {
            return Ok(());
        }
        match self.committing.back_mut() {
            Some(back) if back.end_offset == self.end_offset => back.waiting.extend(turn.waiting),
            _ => self.committing.push_back(Committing {
                end_offset: self.end_offset,
                deadline: Instant::now() + self.options.commit_timeout,
                waiting: turn.waiting,
            }),
        }
        self.release();
        Ok(())
    }

    /// Appends the turn, and decides what its commitment brings about, until nothing is left.
    async fn finish_turn(&mut self) {
        loop {
            // Whoever waits for it is told of a failure.
            let _ = self.append_turn().await;
            self.release();
            if self.completed.is_empty() {
                return;
            }
            while let Some((completion, result)) = self.completed.pop_front() {
                self.decide(Input::Completed(completion, result), None).await;
            }
        }
    }

    /// Sends what the high watermark covers.
    fn release(&mut self) {
        if self.committing.is_empty() {
            return;
        }
        let Some(high_watermark) = self.options.logs.high_watermark(self.options.partition) else { return };
        while let Some(front) = self.committing.pop_front_if(|front| front.end_offset <= high_watermark) {
            for waiting in front.waiting {
                match waiting {
                    // A caller that has gone no longer wants its reply.
                    Waiting::Reply(sender, reply) => drop(sender.send(Ok(reply))),
                    Waiting::Completion(completion) => self.completed.push_back((completion, Ok(()))),
                }
            }
        }
    }

    fn fail(&mut self, waiting: Vec<Waiting<C>>, error: CoordinatorError) {
        for waiting in waiting {
            match waiting {
                Waiting::Reply(sender, _) => drop(sender.send(Err(error))),
                Waiting::Completion(completion) => self.completed.push_back((completion, Err(error))),
            }
        }
    }

    fn fail_committing(&mut self, error: CoordinatorError) {
        while let Some(front) = self.committing.pop_front() {
            self.fail(front.waiting, error);
        }
    }

    /// The records stay in the log and may still be committed; only the callers hear no more of it.
    fn fail_overdue(&mut self, now: Instant) {
        while let Some(front) = self.committing.pop_front_if(|front| front.deadline <= now) {
            self.fail(front.waiting, CoordinatorError::NotAvailable);
        }
    }
}
