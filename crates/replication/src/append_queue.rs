//! How batches get into a partition's log, and when their senders hear of it.
//!
//! Appends of all connections gather in a queue; whoever gets the log's lock drains it with one gathered write.
//! A caller that finds the lock taken leaves its batch behind and goes on: nobody blocks a worker on the lock.
//! Where the topic asks for flushes (`flush.messages`), appends are told and committed only once they are on disk.

use std::collections::VecDeque;
use std::sync::Arc;

use dohle_log::{AppendError, Appended, PartitionLog};
use dohle_model::Offset;
use dohle_protocol::validation::ValidatedBatch;

use crate::append_completion::{AppendCompletion, ProduceError};
use crate::partition::Partition;

/// Which acknowledgements an append needs, and when it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAcks {
    /// None, or the leader's alone: `acks=0` and `acks=1`.
    Leader,
    /// All in-sync replicas: `acks=all`.
    All,
    /// All in-sync replicas, of which enough must be there; but told as soon as the leader has it. For those who watch
    /// the high watermark themselves.
    AllToldEarly,
}

impl RequiredAcks {
    fn needs_insync_replicas(self) -> bool {
        match self {
            Self::Leader => false,
            Self::All | Self::AllToldEarly => true,
        }
    }

    fn waits_for_commit(self) -> bool {
        match self {
            Self::All => true,
            Self::Leader | Self::AllToldEarly => false,
        }
    }
}

/// A checked batch in the queue.
pub(crate) struct PendingAppend {
    batch: ValidatedBatch,
    required_acks: RequiredAcks,
    pub(crate) completion: Arc<AppendCompletion>,
    pub(crate) index: usize,
}

impl PendingAppend {
    fn refuse(self, error: ProduceError) {
        self.completion.complete(self.index, Err(error));
    }
}

/// An append that is in the leader's log and waits for the high watermark.
pub(crate) struct PendingAck {
    end_offset: Offset,
    appended: Appended,
    completion: Arc<AppendCompletion>,
    index: usize,
}

/// In the order of the log.
pub(crate) type PendingAcks = VecDeque<PendingAck>;

/// Appends that wait for the disk. One flush runs at a time; what is appended meanwhile waits for the next one, so that
/// one fsync serves many appends.
#[derive(Default)]
pub(crate) struct FlushQueue {
    running: bool,
    waiting: Vec<(PendingAppend, Appended)>,
    /// While a flush runs: everything below is as durable as the topic asks for and may be committed.
    durable_end: Offset,
    /// While batches are being written that a flush may have to follow: where they begin. Until it is known whether one
    /// has, nobody may commit them.
    pub(crate) writing_from: Option<Offset>,
}

impl Partition {
    /// Queues a checked batch. Nothing is written before [`Self::drain_appends`]. The result goes to slot `index` of
    /// `completion`.
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

    fn append(&self, log: &mut PartitionLog, mut pending: Vec<PendingAppend>) {
        let standing = self.leader.read().as_ref().map(|state| {
            let required = state.effective_min_insync_replicas();
            (state.leader_epoch(), state.isr().len(), required)
        });
        let Some((leader_epoch, insync, required)) = standing else {
            let error = self.why_not_appending();
            pending.into_iter().for_each(|append| append.refuse(error.clone()));
            return;
        };
        if insync < required {
            let refused = pending.extract_if(.., |append| append.required_acks.needs_insync_replicas());
            refused.for_each(|append| append.refuse(ProduceError::NotEnoughReplicas { insync, required }));
        }
        let now_ms = self.environment.clock.now_ms();
        let batches: Vec<&ValidatedBatch> = pending.iter().map(|append| &append.batch).collect();
        if log.may_need_flushes() {
            self.flush_queue.lock().writing_from = Some(self.reader().log_end_offset());
        }
        let results = log.append_as_leader(&batches, leader_epoch, now_ms);
        drop(batches);
        let needs_flush = log.needs_flush(now_ms);
        let rolled = log.take_rolled();
        let mut appended = Vec::with_capacity(pending.len());
        let mut failure = None;
        for (append, result) in pending.into_iter().zip(results) {
            match result {
                Ok(result) => appended.push((append, result)),
                Err(error) => {
                    if let AppendError::Storage(error) = &error {
                        failure = Some(Arc::clone(error));
                    }
                    append.refuse(ProduceError::Append(Arc::new(error)));
                }
            }
        }
        if let Some(error) = failure {
            self.fail(&error);
        }
        if self.queue_for_flush(needs_flush, &mut appended) {
            self.start_flush();
        } else {
            if rolled {
                self.flush_in_background();
            }
            if !appended.is_empty() {
                self.finish_appends(appended);
            }
        }
    }

    /// Moves `appended` behind the running flush, or behind one to be started (then true is returned). While a flush
    /// runs, later appends wait as well, so that the high watermark never passes what is not on disk.
    fn queue_for_flush(&self, needed: bool, appended: &mut Vec<(PendingAppend, Appended)>) -> bool {
        let mut flush = self.flush_queue.lock();
        flush.writing_from = None;
        let Some(start) = appended.iter().map(|(_, result)| result.base_offset).min() else { return false };
        let starts = needed && !flush.running;
        if starts {
            flush.running = true;
            flush.durable_end = start;
        }
        if flush.running {
            for (append, result) in appended.iter() {
                append.completion.note_appended(append.index, result);
            }
            flush.waiting.append(appended);
        }
        starts
    }

    fn start_flush(&self) {
        let Some(this) = self.this.upgrade() else { return };
        self.environment.offload.spawn(Box::new(move || {
            loop {
                let waiting = std::mem::take(&mut this.flush_queue.lock().waiting);
                let end = this.reader().log_end_offset();
                if this.flush_log().is_ok() && !this.is_closed() {
                    this.flush_queue.lock().durable_end = end;
                    this.finish_appends(waiting);
                } else {
                    let error = this.why_not_appending();
                    waiting.into_iter().for_each(|(append, _)| append.refuse(error.clone()));
                }
                let mut flush = this.flush_queue.lock();
                if flush.waiting.is_empty() {
                    // All that was flushed is committed already. What has been appended since is its appender's to commit,
                    // who may be about to ask for another flush.
                    flush.running = false;
                    return;
                }
            }
        }));
    }

    /// One past the last record that may be committed: what waits for the disk may not.
    pub(crate) fn committable_end(&self) -> Offset {
        let end = self.reader().log_end_offset();
        let flush = self.flush_queue.lock();
        let settled = flush.writing_from.map_or(end, |from| end.min(from));
        if flush.running { settled.min(flush.durable_end) } else { settled }
    }

    /// The appends are in the log (and on disk, where the topic asks for that): commit what can be, tell whom it is time
    /// to tell.
    fn finish_appends(&self, appended: Vec<(PendingAppend, Appended)>) {
        self.advance_high_watermark();
        let high_watermark = self.high_watermark();
        let mut waits = false;
        for (append, result) in appended {
            let end_offset = result.last_offset.plus(1);
            if !append.required_acks.waits_for_commit() || end_offset <= high_watermark {
                append.completion.complete(append.index, Ok(result));
            } else {
                waits = true;
                let PendingAppend { completion, index, .. } = append;
                completion.note_appended(index, &result);
                self.acks.lock().push_back(PendingAck { end_offset, appended: result, completion, index });
            }
        }
        if waits {
            self.complete_acks();
            // Leadership may have gone before these were there to be told.
            if self.leader.read().is_none() {
                self.dismiss_acks(&self.why_not_appending());
            }
        }
    }

    pub(crate) fn complete_acks(&self) {
        let high_watermark = self.high_watermark();
        let mut acks = self.acks.lock();
        while acks.front().is_some_and(|ack| ack.end_offset <= high_watermark) {
            if let Some(ack) = acks.pop_front() {
                ack.completion.complete(ack.index, Ok(ack.appended));
            }
        }
    }

    /// Tells everybody who waits for the high watermark that it will not come.
    pub(crate) fn dismiss_acks(&self, error: &ProduceError) {
        for ack in std::mem::take(&mut *self.acks.lock()) {
            ack.completion.complete(ack.index, Err(error.clone()));
        }
    }
}
