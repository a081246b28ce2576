//! The one task that decides while this replica leads: it gathers what waits, decides all of it on one copy of the image,
//! proposes the records as one entry, and answers once that is applied. One entry is under way at a time; what comes
//! meanwhile gathers for the next.

use std::sync::Arc;
use std::time::Duration;

use dohle_controller::{Controller, ControllerSettings};
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_seams::WallClock;
use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use openraft::type_config::alias::WatchReceiverOf;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::batch::{Applied, Batch};
use crate::operation::{Answer, Failure, Operation};
use crate::subscription::Publications;
use crate::types::{Raft, Types};

/// A batch is closed once it has this many records, as in Kafka.
const BATCH_RECORDS_MAX: usize = 10_000;
/// How long to wait before a lead that is not confirmed yet is looked at again.
const RETRY: Duration = Duration::from_millis(10);
/// Only a timer that fires later than this was held up.
const PAUSE_MIN: Duration = Duration::from_millis(100);

type Metrics = WatchReceiverOf<Types, openraft::metrics::RaftServerMetrics<Types>>;

pub(crate) struct ControllerActor {
    pub(crate) raft: Raft,
    pub(crate) metrics: Metrics,
    pub(crate) publications: Arc<Publications>,
    pub(crate) mailbox: mpsc::Receiver<Operation>,
    pub(crate) settings: ControllerSettings,
    pub(crate) clock: Arc<dyn WallClock>,
    /// The term in which this node is the active controller, if it is.
    pub(crate) active_in: watch::Sender<Option<u64>>,
    /// Monotonic times are counted from here.
    pub(crate) epoch: Instant,
}

/// What woke the controller.
enum Event {
    Operation(Operation),
    SessionsDue,
    /// Nothing leads any more, or nobody is left to ask.
    Over,
}

impl ControllerActor {
    /// Runs until everybody who could ask anything is gone.
    pub(crate) async fn run(mut self) {
        loop {
            if let Some(term) = self.leading() {
                self.lead(term).await;
                self.active_in.send_replace(None);
                if self.mailbox.is_closed() {
                    return;
                }
                continue;
            }
            let failure = self.not_controller();
            tokio::select! {
                operation = self.mailbox.recv() => match operation {
                    Some(operation) => operation.refuse(failure),
                    None => return,
                },
                changed = self.metrics.changed() => if changed.is_err() {
                    return self.refuse_all().await;
                },
            }
        }
    }

    /// The term that this replica leads in.
    fn leading(&self) -> Option<u64> {
        let metrics = self.metrics.borrow_watched();
        let vote = &metrics.vote;
        (vote.committed && vote.leader_id.voted_for == metrics.id).then_some(vote.leader_id.term)
    }

    fn not_controller(&self) -> Failure {
        let metrics = self.metrics.borrow_watched();
        Failure::NotController { leader: metrics.current_leader.map(|leader| leader.id) }
    }

    async fn refuse_all(&mut self) {
        while let Some(operation) = self.mailbox.recv().await {
            operation.refuse(Failure::Stopped);
        }
    }

    /// Leads until the lead is lost.
    async fn lead(&mut self, term: u64) {
        // Everything committed before is applied, this leader's own first entry included: nothing it does not know of
        // can be committed any more.
        if self.raft.ensure_linearizable(ReadPolicy::ReadIndex).await.is_err() {
            sleep(RETRY).await;
            return;
        }
        if i32::try_from(term).is_err() {
            tracing::error!(term, "the quorum has had more leaders than Kafka's epochs can count");
            return self.refuse_all().await;
        }
        let mut controller = Controller::new(self.settings.clone(), self.publications.image(), self.epoch.elapsed());
        controller.activate();
        let records = controller.take_records();
        if !records.is_empty() && self.commit(term, records).await.is_err() {
            return;
        }
        tracing::info!(term, "this node is the active controller");
        self.active_in.send_replace(Some(term));
        while self.lead_one_batch(&mut controller, term).await {}
        tracing::info!(term, "this node is the active controller no longer");
    }

    /// Waits for something to decide and sees it through; false once the lead is lost.
    async fn lead_one_batch(&mut self, controller: &mut Controller, term: u64) -> bool {
        let first = match self.next_event(controller, term).await {
            Event::Operation(operation) => Some(operation),
            Event::SessionsDue => None,
            Event::Over => return false,
        };
        let now = self.epoch.elapsed();
        controller.begin_batch(self.publications.image());
        let mut answers: Vec<Answer> = first.map(|operation| operation.decide(controller, now)).into_iter().collect();
        let mut drained = false;
        while !drained && controller.batch_size() < BATCH_RECORDS_MAX && answers.len() < BATCH_RECORDS_MAX {
            match self.mailbox.try_recv() {
                Ok(operation) => answers.push(operation.decide(controller, now)),
                Err(_) => drained = true,
            }
        }
        // Only when no heartbeat waits any more: a broker that was heard of is not to be fenced.
        while drained && controller.batch_size() < BATCH_RECORDS_MAX && controller.fence_expired_broker(now) {}
        let records = controller.take_records();
        let committed = if records.is_empty() { Ok(()) } else { self.commit(term, records).await };
        for answer in answers {
            answer(committed);
        }
        committed.is_ok()
    }

    async fn next_event(&mut self, controller: &mut Controller, term: u64) -> Event {
        loop {
            if self.leading() != Some(term) {
                return Event::Over;
            }
            let due = controller.next_expiry().map(|expiry| self.epoch + expiry);
            let sessions_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                operation = self.mailbox.recv() => return operation.map_or(Event::Over, Event::Operation),
                changed = self.metrics.changed() => if changed.is_err() { return Event::Over },
                () = sessions_due => {
                    // A machine that stood still heard of nobody, which is no broker's fault.
                    let pause = due.map_or(Duration::ZERO, |due| due.elapsed());
                    if pause >= PAUSE_MIN {
                        controller.extend_sessions(pause);
                    } else {
                        return Event::SessionsDue;
                    }
                }
            }
        }
    }

    /// Commits and applies records, provided that this replica has led all the while.
    async fn commit(&mut self, term: u64, records: Vec<MetadataRecord>) -> Result<(), Failure> {
        let batch = Batch { decided_in: term, decided_at_ms: self.clock.now_ms(), records };
        loop {
            let (responder, completed) = ProgressResponder::complete_only();
            let written = self.raft.write(batch.clone()).responder(responder).with_leader(term).await;
            if written.is_err() {
                return Err(Failure::Stopped);
            }
            tokio::pin!(completed);
            let result = loop {
                tokio::select! {
                    biased;
                    result = &mut completed => break result,
                    changed = self.metrics.changed() => {
                        if changed.is_err() {
                            return Err(Failure::Stopped);
                        }
                        if self.leading() != Some(term) {
                            return Err(self.not_controller());
                        }
                    }
                }
            };
            match result {
                Ok(Ok(response)) if response.data == Applied::Replayed => return Ok(()),
                // Refused before it became an entry, for want of a quorum's word that this replica still leads.
                Ok(Err(ClientWriteError::ForwardToLeader(_))) if self.leading() == Some(term) => sleep(RETRY).await,
                Ok(_) => return Err(self.not_controller()),
                Err(_) => return Err(Failure::Stopped),
            }
        }
    }
}
