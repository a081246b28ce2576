//! The runtime around a coordinator of counters: `Add` writes a record, `Get` reads, `Park` waits for a timer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader};
use dohle_protocol::{Reader, Writer};
use dohle_seams::simulated::{SimulatedDisk, world};
use futures_util::future::join_all;

use crate::memory_logs::MemoryLogs;
use crate::{
    Coordinator, CoordinatorError, CoordinatorRuntime, Effects, Input, LogAccessError, Now, ReplayError,
    ReplayPosition, RuntimeConfig, Ticket,
};

#[derive(Debug, Default)]
struct Counter {
    total: i64,
    pending: i64,
    completions: Vec<Result<(), CoordinatorError>>,
}

#[derive(Debug)]
enum Request {
    Add(i64),
    AddMany(i64, bool),
    Get,
    Double,
    Park(Duration),
    Completions,
}

#[derive(Debug, PartialEq)]
enum Reply {
    Total(i64),
    Completions(Vec<Result<(), CoordinatorError>>),
}

impl Coordinator for Counter {
    type Request = Request;
    type Reply = Reply;
    type Record = i64;
    type Timer = ParkTimer;
    type Completion = ();

    fn encode(record: &i64, key: &mut Writer, value: &mut Writer) -> bool {
        key.int16(0);
        value.int64(*record);
        true
    }

    fn replay(&mut self, position: ReplayPosition, key: &Bytes, value: Option<&Bytes>) -> Result<(), ReplayError> {
        match Reader::new(key).int16()? {
            0 => {}
            kind => return Err(ReplayError::UnknownType(kind)),
        }
        let amount = Reader::new(value.unwrap_or(&Bytes::new())).int64()?;
        if position.transactional_producer_id.is_some() {
            self.pending += amount;
        } else {
            self.apply(amount, position.offset);
        }
        Ok(())
    }

    fn replay_end_transaction(&mut self, _producer_id: i64, committed: bool) {
        let pending = std::mem::take(&mut self.pending);
        self.total += if committed { pending } else { 0 };
    }

    fn needs_settled_state(&self, input: &Input<Self>) -> bool {
        matches!(input, Input::Request(_, Request::Double))
    }

    fn decide(&mut self, input: Input<Self>, now: Now, effects: &mut Effects<Self>) {
        match input {
            Input::Loaded => {}
            Input::Request(ticket, Request::Add(amount)) => {
                effects.append(amount);
                effects.when_committed(());
                effects.reply(ticket, Reply::Total(amount));
            }
            Input::Request(ticket, Request::AddMany(count, split)) => {
                (0..count).for_each(|_| effects.append(1));
                if split {
                    effects.allow_split();
                }
                effects.reply(ticket, Reply::Total(count));
            }
            Input::Request(ticket, Request::Get) => effects.reply(ticket, Reply::Total(self.total)),
            Input::Request(ticket, Request::Double) => {
                effects.append(self.total);
                effects.reply(ticket, Reply::Total(self.total * 2));
            }
            Input::Request(ticket, Request::Park(time)) => effects.set_timer(ParkTimer(ticket), now.instant + time),
            Input::Request(ticket, Request::Completions) => {
                effects.reply(ticket, Reply::Completions(self.completions.clone()));
            }
            Input::Timer(ParkTimer(ticket)) => effects.reply(ticket, Reply::Total(-1)),
            Input::Completed((), result) => self.completions.push(result),
        }
    }

    fn apply(&mut self, record: i64, _offset: i64) {
        self.total += record;
    }
}

/// A parked ticket as its own timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ParkTimer(Ticket);

struct Fixture {
    logs: Arc<MemoryLogs>,
    runtime: CoordinatorRuntime<Counter>,
}

impl Fixture {
    fn over(logs: Arc<MemoryLogs>) -> Self {
        let config = RuntimeConfig {
            topic: "__counters".to_owned(),
            mailbox_capacity: 64,
            commit_timeout: Duration::from_secs(5),
            batch_bytes_max: 4096,
            load_buffer_bytes: 256,
        };
        let environment = world(1, SimulatedDisk::new(1));
        let runtime = CoordinatorRuntime::new(config, Arc::clone(&logs) as _, environment, |_| Counter::default());
        Self { logs, runtime }
    }

    async fn started() -> Self {
        let fixture = Self::over(Arc::new(MemoryLogs::default()));
        fixture.elect(0).await;
        fixture
    }

    async fn elect(&self, leader_epoch: i32) {
        self.runtime.elected(0, leader_epoch);
        self.until_active().await;
    }

    async fn until_active(&self) {
        while !self.runtime.is_active(0) {
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&self, request: Request) -> Result<Reply, CoordinatorError> {
        self.runtime.request(0, request).await
    }

    fn spawn(&self, request: Request) -> tokio::task::JoinHandle<Result<Reply, CoordinatorError>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.request(0, request).await })
    }
}

/// Lets every task do what it can without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn state_survives_a_change_of_leadership() {
    let fixture = Fixture::started().await;
    for amount in 1..=100 {
        fixture.ask(Request::Add(amount)).await.unwrap();
    }
    fixture.runtime.resigned(0, Some(1));
    assert_eq!(fixture.ask(Request::Get).await, Err(CoordinatorError::NotCoordinator));
    fixture.elect(2).await;
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(5050)));
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_during_an_append_share_the_next_batch() {
    let fixture = Fixture::started().await;
    fixture.logs.set_open(false);
    let first = fixture.spawn(Request::Add(1));
    settle().await;
    let others: Vec<_> = (0..20).map(|_| fixture.spawn(Request::Add(1))).collect();
    settle().await;
    fixture.logs.set_open(true);
    first.await.unwrap().unwrap();
    join_all(others).await;
    let counts: Vec<i32> =
        fixture.logs.batches(0).iter().map(|batch| BatchHeader::decode(batch).unwrap().record_count).collect();
    assert_eq!(counts, [1, 20]);
}

#[tokio::test(start_paused = true)]
async fn reads_wait_for_the_high_watermark_too() {
    let fixture = Fixture::started().await;
    fixture.logs.set_commits_at_once(false);
    let add = fixture.spawn(Request::Add(7));
    settle().await;
    let get = fixture.spawn(Request::Get);
    settle().await;
    assert!(!add.is_finished() && !get.is_finished());
    fixture.logs.commit_all();
    assert_eq!(get.await.unwrap(), Ok(Reply::Total(7)));
    assert_eq!(add.await.unwrap(), Ok(Reply::Total(7)));
    assert_eq!(fixture.ask(Request::Completions).await, Ok(Reply::Completions(vec![Ok(())])));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_committed_in_time_fails_but_stays_in_the_state() {
    let fixture = Fixture::started().await;
    fixture.logs.set_commits_at_once(false);
    let started = tokio::time::Instant::now();
    assert_eq!(fixture.ask(Request::Add(7)).await, Err(CoordinatorError::NotAvailable));
    assert_eq!(started.elapsed().as_secs(), 5);
    fixture.logs.commit_all();
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(7)));
    let failed = vec![Err(CoordinatorError::NotAvailable)];
    assert_eq!(fixture.ask(Request::Completions).await, Ok(Reply::Completions(failed)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_append_changes_nothing() {
    let fixture = Fixture::started().await;
    for (error, expected) in [
        (LogAccessError::NotEnoughReplicas, CoordinatorError::NotAvailable),
        (LogAccessError::NotLeader, CoordinatorError::NotCoordinator),
        (LogAccessError::TooLarge, CoordinatorError::RecordsTooLarge),
    ] {
        fixture.logs.fail_next_append(error);
        assert_eq!(fixture.ask(Request::Add(7)).await, Err(expected));
        assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(0)));
    }
    fixture.ask(Request::Add(1)).await.unwrap();
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(1)));
}

#[tokio::test(start_paused = true)]
async fn a_settled_decision_sees_all_records_before_it() {
    let fixture = Fixture::started().await;
    fixture.logs.set_open(false);
    let first = fixture.spawn(Request::Add(1));
    settle().await;
    let add = fixture.spawn(Request::Add(2));
    settle().await;
    let double = fixture.spawn(Request::Double);
    settle().await;
    fixture.logs.set_open(true);
    assert_eq!(double.await.unwrap(), Ok(Reply::Total(6)));
    first.await.unwrap().unwrap();
    add.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_of_one_decision_go_into_one_batch_unless_it_allows_to_split() {
    let fixture = Fixture::started().await;
    assert_eq!(fixture.ask(Request::AddMany(1000, false)).await, Err(CoordinatorError::RecordsTooLarge));
    assert!(fixture.logs.batches(0).is_empty());
    fixture.ask(Request::AddMany(1000, true)).await.unwrap();
    let batches = fixture.logs.batches(0);
    assert!(batches.len() > 1 && batches.iter().all(|batch| batch.len() <= 4096));
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(1000)));
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_was_split_fails_with_any_part_of_it() {
    let fixture = Fixture::started().await;
    fixture.logs.fail_next_append(LogAccessError::NotEnoughReplicas);
    assert_eq!(fixture.ask(Request::AddMany(1000, true)).await, Err(CoordinatorError::NotAvailable));
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(0)), "what follows the missing part is not written");
    fixture.ask(Request::AddMany(1000, true)).await.unwrap();
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(1000)));
}

#[tokio::test(start_paused = true)]
async fn parked_requests_are_answered_by_timers_or_fail_with_leadership() {
    let fixture = Fixture::started().await;
    let early = fixture.spawn(Request::Park(Duration::from_secs(10)));
    let late = fixture.spawn(Request::Park(Duration::from_secs(20)));
    assert_eq!(early.await.unwrap(), Ok(Reply::Total(-1)));
    fixture.runtime.resigned(0, Some(1));
    assert_eq!(late.await.unwrap(), Err(CoordinatorError::NotCoordinator));
}

#[tokio::test(start_paused = true)]
async fn stale_elections_and_resignations_change_nothing() {
    let fixture = Fixture::started().await;
    fixture.elect(5).await;
    let parked = fixture.spawn(Request::Park(Duration::from_secs(10)));
    settle().await;
    fixture.runtime.elected(0, 5);
    fixture.runtime.elected(0, 4);
    fixture.runtime.resigned(0, Some(4));
    assert_eq!(parked.await.unwrap(), Ok(Reply::Total(-1)));
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_loads_what_another_leader_wrote() {
    let fixture = Fixture::started().await;
    fixture.ask(Request::Add(1)).await.unwrap();
    let mut batch = BatchBuilder::default();
    batch.record(0, Some(&[0, 0]), Some(&5_i64.to_be_bytes()), &[]);
    fixture.logs.append_now(0, &batch.build());
    fixture.runtime.elected(0, 3);
    assert_eq!(fixture.ask(Request::Get).await, Err(CoordinatorError::LoadInProgress));
    fixture.until_active().await;
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(6)));
}

#[tokio::test(start_paused = true)]
async fn a_successor_waits_for_the_append_of_its_predecessor() {
    let fixture = Fixture::started().await;
    fixture.logs.set_open(false);
    let add = fixture.spawn(Request::Add(7));
    settle().await;
    fixture.runtime.resigned(0, Some(1));
    fixture.runtime.elected(0, 2);
    settle().await;
    assert!(!fixture.runtime.is_active(0));
    fixture.logs.set_open(true);
    fixture.until_active().await;
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(7)));
    add.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn transactions_count_on_load_once_they_are_committed() {
    let logs = Arc::new(MemoryLogs::default());
    for (producer_id, amount, commits) in [(1, 10, true), (2, 100, false)] {
        let mut batch = BatchBuilder::default().producer(producer_id, 0, 0).transactional();
        batch.record(0, Some(&[0, 0]), Some(&i64::to_be_bytes(amount)), &[]);
        logs.append_now(0, &batch.build());
        let mut marker = BatchBuilder::default().producer(producer_id, 0, -1).transactional().control();
        marker.record(0, Some(&[0, 0, 0, u8::from(commits)]), Some(&[0; 6]), &[]);
        logs.append_now(0, &marker.build());
    }
    let fixture = Fixture::over(logs);
    fixture.elect(0).await;
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(10)));
}

#[tokio::test(start_paused = true)]
async fn unknown_records_are_left_out_and_malformed_ones_fail_the_load() {
    let logs = Arc::new(MemoryLogs::default());
    let append = |key: &[u8], value: &[u8]| {
        let mut batch = BatchBuilder::default();
        batch.record(0, Some(key), Some(value), &[]);
        logs.append_now(0, &batch.build());
    };
    append(&[0, 9], b"whatever");
    append(&[0, 0], &3_i64.to_be_bytes());
    let fixture = Fixture::over(Arc::clone(&logs));
    fixture.elect(0).await;
    assert_eq!(fixture.ask(Request::Get).await, Ok(Reply::Total(3)));
    append(&[0, 0], b"short");
    fixture.runtime.elected(0, 1);
    settle().await;
    assert_eq!(fixture.ask(Request::Get).await, Err(CoordinatorError::NotCoordinator));
}

#[tokio::test(start_paused = true)]
async fn shutdown_refuses_everything() {
    let fixture = Fixture::started().await;
    let parked = fixture.spawn(Request::Park(Duration::from_secs(10)));
    settle().await;
    fixture.runtime.shutdown().await;
    assert_eq!(parked.await.unwrap(), Err(CoordinatorError::NotCoordinator));
    assert_eq!(fixture.ask(Request::Get).await, Err(CoordinatorError::ShuttingDown));
    fixture.runtime.elected(0, 9);
    assert!(fixture.runtime.partitions().is_empty());
}
