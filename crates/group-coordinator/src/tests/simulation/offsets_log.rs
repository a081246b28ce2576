//! One partition of the offsets topic on two brokers: appends take a while and may fail, the high watermark follows
//! later or stalls, and a new leader may lack what was not committed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dohle_coordinator_runtime::{AppendedRange, LogAccessError, LogBounds, PartitionLogs};
use dohle_protocol::record_batch::BatchHeader;
use dohle_seams::simulated::SeededRandomness;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

#[derive(Debug)]
struct State {
    leader: usize,
    leader_epoch: i32,
    batches: Vec<(i64, Bytes)>,
    end_offset: i64,
    high_watermark: i64,
    stalled_until: Instant,
    failures: u64,
}

#[derive(Debug)]
pub(super) struct OffsetsLog {
    random: SeededRandomness,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl OffsetsLog {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let state = State {
            leader: 0,
            leader_epoch: 0,
            batches: Vec::new(),
            end_offset: 0,
            high_watermark: 0,
            stalled_until: Instant::now(),
            failures: 0,
        };
        Arc::new(Self { random: SeededRandomness::new(seed), state: Mutex::new(state), changed: watch::Sender::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn pick(&self, bound: u64) -> u64 {
        self.random.next() % bound
    }

    pub(super) fn leader(&self) -> usize {
        self.state().leader
    }

    /// Makes a broker the leader, with or without what was not committed; returns its epoch.
    pub(super) fn lead(self: &Arc<Self>, broker: usize) -> i32 {
        let loses = self.pick(2) == 0;
        let epoch = {
            let mut state = self.state();
            state.leader = broker;
            state.leader_epoch += 1;
            if loses {
                let high_watermark = state.high_watermark;
                state.batches.retain(|(end_offset, _)| *end_offset <= high_watermark);
                state.end_offset = high_watermark;
            }
            state.leader_epoch
        };
        self.changed.send_modify(|count| *count += 1);
        self.replicate();
        epoch
    }

    /// The high watermark stands still for a while.
    pub(super) fn stall(&self, time: Duration) {
        self.state().stalled_until = Instant::now() + time;
    }

    /// The next appends fail.
    pub(super) fn fail_appends(&self, count: u64) {
        self.state().failures = count;
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.stalled_until = Instant::now();
        state.failures = 0;
    }

    /// Moves the high watermark to what is now the end, after a while.
    fn replicate(self: &Arc<Self>) {
        let log = Arc::clone(self);
        let delay = Duration::from_millis(1 + self.pick(20));
        let (end_offset, epoch) = {
            let state = self.state();
            (state.end_offset, state.leader_epoch)
        };
        tokio::spawn(async move {
            sleep(delay).await;
            loop {
                let stalled_until = log.state().stalled_until;
                if stalled_until <= Instant::now() {
                    break;
                }
                sleep_until(stalled_until).await;
            }
            {
                let mut state = log.state();
                if state.leader_epoch != epoch {
                    return;
                }
                state.high_watermark = state.high_watermark.max(end_offset);
            }
            log.changed.send_modify(|count| *count += 1);
        });
    }
}

/// The partition as one of the brokers has it.
#[derive(Debug)]
pub(super) struct BrokerLogs {
    log: Arc<OffsetsLog>,
    broker: usize,
}

impl BrokerLogs {
    pub(super) fn new(log: Arc<OffsetsLog>, broker: usize) -> Self {
        Self { log, broker }
    }

    fn led(&self) -> Result<MutexGuard<'_, State>, LogAccessError> {
        let state = self.log.state();
        if state.leader == self.broker { Ok(state) } else { Err(LogAccessError::NotLeader) }
    }

    fn append_now(&self, batch: &Bytes) -> Result<AppendedRange, LogAccessError> {
        let mut state = self.led()?;
        if state.failures > 0 {
            state.failures -= 1;
            return Err(LogAccessError::NotEnoughReplicas);
        }
        let header = BatchHeader::decode(batch).expect("appended batches are well formed");
        let mut bytes = BytesMut::from(&batch[..]);
        let prefix = header.patched_prefix(state.end_offset, state.leader_epoch);
        bytes[..BatchHeader::PREFIX_BYTES].copy_from_slice(&prefix);
        let base_offset = state.end_offset;
        let last_offset = base_offset + i64::from(header.last_offset_delta);
        state.end_offset = last_offset + 1;
        state.batches.push((last_offset + 1, bytes.freeze()));
        Ok(AppendedRange { base_offset, last_offset })
    }
}

impl PartitionLogs for BrokerLogs {
    fn append(&self, _partition: i32, batch: Bytes) -> BoxFuture<'_, Result<AppendedRange, LogAccessError>> {
        async move {
            sleep(Duration::from_millis(self.log.pick(5))).await;
            let range = self.append_now(&batch)?;
            self.log.replicate();
            Ok(range)
        }
        .boxed()
    }

    fn committed(&self, _partition: i32, end_offset: i64) -> BoxFuture<'_, Result<(), LogAccessError>> {
        async move {
            let mut changed = self.log.changed.subscribe();
            loop {
                if self.led()?.high_watermark >= end_offset {
                    return Ok(());
                }
                changed.changed().await.expect("the log outlives its readers");
            }
        }
        .boxed()
    }

    fn high_watermark(&self, _partition: i32) -> Option<i64> {
        self.led().ok().map(|state| state.high_watermark)
    }

    fn bounds(&self, _partition: i32) -> Result<LogBounds, LogAccessError> {
        Ok(LogBounds { log_start_offset: 0, log_end_offset: self.led()?.end_offset })
    }

    fn read(&self, _partition: i32, offset: i64, _max_bytes: usize) -> BoxFuture<'_, Result<Bytes, LogAccessError>> {
        async move {
            sleep(Duration::from_millis(self.log.pick(3))).await;
            let state = self.led()?;
            let batch = state.batches.iter().find(|(end_offset, _)| *end_offset > offset);
            Ok(batch.map(|(_, bytes)| bytes.clone()).unwrap_or_default())
        }
        .boxed()
    }
}
