//! Reading for one Fetch request: limits over all its partitions, and waiting until there is enough.
//!
//! As in Kafka, the first partition with records gives at least one whole batch, whatever the limits say, and a request
//! waits for `min_bytes` unless there is something that the client has to act on.

use std::sync::Arc;

use dohle_log::LogSlice;
use dohle_model::{BrokerId, LeaderEpoch, Offset};
use dohle_protocol::ErrorCode;
use dohle_protocol::fetch::FetchPartitionHead;
use dohle_replication::{Partition, PartitionError};
use tokio::time::{Instant, timeout_at};

use crate::fetch_sessions::{FetchContext, FetchPosition, FetchTopicKey, Found};
use crate::watching::Watching;

/// What a request asks for as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLimits {
    /// When to answer with whatever there is.
    pub(crate) deadline: Instant,
    /// How many bytes are worth an answer before.
    pub(crate) min_bytes: usize,
    /// At most so many bytes of records, but for one batch.
    pub(crate) max_bytes: usize,
    /// Whether records of open transactions are held back.
    pub(crate) read_committed: bool,
    /// The follower that asks; `None` for consumers.
    pub(crate) follower: Option<BrokerId>,
}

/// What was read of a partition.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) head: FetchPartitionHead,
    pub(crate) records: Option<LogSlice>,
    /// Whether the client is to hear of it without waiting.
    is_urgent: bool,
}

impl Reading {
    fn failed(index: i32, error: ErrorCode, is_urgent: bool) -> Self {
        Self { head: FetchPartitionHead::failed(index, error.code()), records: None, is_urgent }
    }

    /// Bytes of records.
    pub(crate) fn size_bytes(&self) -> usize {
        self.records.as_ref().map_or(0, |records| records.size_bytes)
    }

    /// What its session goes by.
    pub(crate) fn found(&self) -> Found {
        Found {
            has_records: self.size_bytes() > 0,
            is_irregular: self.head.error_code != ErrorCode::None.code() || self.head.diverging_epoch.is_some(),
            high_watermark: self.head.high_watermark,
            log_start_offset: self.head.log_start_offset,
        }
    }
}

/// How far a partition was when it was read: if it is still there, nothing else would be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stand {
    end: Offset,
    log_start_offset: Offset,
    leader_epoch: Option<LeaderEpoch>,
}

/// A request that is being served.
#[derive(Debug)]
pub(crate) struct Fetching {
    pub(crate) context: FetchContext,
    /// One for each target, in its order.
    pub(crate) readings: Vec<Reading>,
    /// The hosted partitions among the targets.
    partitions: Vec<Option<Arc<Partition>>>,
    stands: Vec<Option<Stand>>,
    pub(crate) limits: FetchLimits,
    readable_bytes: usize,
    is_urgent: bool,
}

impl Fetching {
    /// Reads what there is. `partitions` has one for each target, or why there is none.
    pub(crate) fn start(
        context: FetchContext,
        partitions: Vec<Result<Arc<Partition>, ErrorCode>>,
        limits: FetchLimits,
    ) -> Self {
        let count = context.targets.len();
        let mut fetching = Self {
            context,
            readings: Vec::with_capacity(count),
            partitions: Vec::with_capacity(count),
            stands: vec![None; count],
            limits,
            readable_bytes: 0,
            is_urgent: false,
        };
        for (target, partition) in fetching.context.targets.iter().zip(partitions) {
            let error = partition.as_ref().err().copied().unwrap_or(ErrorCode::None);
            // As in Kafka, a request goes on waiting for its other partitions where one is unknown altogether.
            let is_urgent =
                !matches!(error, ErrorCode::None | ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition);
            let mut reading = Reading::failed(target.partition, error, is_urgent);
            // Where there is no log to speak of, Kafka lists aborted transactions, none.
            reading.head.read_committed = !is_urgent;
            fetching.readings.push(reading);
            fetching.partitions.push(partition.ok());
        }
        fetching.read();
        if let Some(follower) = limits.follower {
            fetching.note_follower(follower);
        }
        fetching
    }

    /// What must come from the disk before it can be sent without waiting.
    pub(crate) fn on_disk(&self) -> Vec<LogSlice> {
        let slices = self.readings.iter().filter_map(|reading| reading.records.as_ref());
        let is_on_disk =
            |slice: &&LogSlice| !slice.is_recent && !slice.file.is_in_memory(slice.position, slice.size_bytes);
        slices.filter(is_on_disk).cloned().collect()
    }

    /// Whether to answer now.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_urgent
            || self.readable_bytes >= self.limits.min_bytes
            || self.partitions.iter().all(Option::is_none)
            || Instant::now() >= self.limits.deadline
    }

    /// Waits until there is enough, or for as long as the request says.
    pub(crate) async fn wait(&mut self) {
        let watching = Watching::new(self.partitions.iter().flatten().cloned().collect());
        loop {
            // Looked at once more after registering: what moved in between wakes nobody.
            if self.has_moved() {
                self.read();
            }
            if self.is_ready() {
                return;
            }
            if timeout_at(self.limits.deadline, watching.woken()).await.is_err() {
                return;
            }
        }
    }

    fn stand(&self, partition: &Partition) -> Stand {
        let end = match self.limits.follower {
            Some(_) => partition.reader().log_end_offset(),
            None if self.limits.read_committed => partition.last_stable_offset(),
            None => partition.high_watermark(),
        };
        let log_start_offset = partition.reader().log_start_offset();
        Stand { end, log_start_offset, leader_epoch: partition.leader_epoch() }
    }

    fn has_moved(&self) -> bool {
        let pairs = self.partitions.iter().zip(&self.stands);
        pairs
            .into_iter()
            .any(|(partition, stand)| partition.as_ref().is_some_and(|partition| *stand != Some(self.stand(partition))))
    }

    /// Reads all partitions in their order.
    fn read(&mut self) {
        let mut bytes_left = self.limits.max_bytes;
        self.readable_bytes = 0;
        self.is_urgent = false;
        for index in 0..self.readings.len() {
            if let Some(partition) = &self.partitions[index] {
                let stand = self.stand(partition);
                let target = &self.context.targets[index];
                let is_first = self.readable_bytes == 0;
                let reading = self
                    .read_partition(partition, target.partition, &target.position, stand.end, bytes_left, is_first)
                    .unwrap_or_else(|error| {
                        let by_id = matches!(target.topic, FetchTopicKey::Id(_));
                        Reading::failed(target.partition, error_code(&error, by_id), true)
                    });
                self.stands[index] = Some(stand);
                self.readings[index] = reading;
            }
            let reading = &self.readings[index];
            let size_bytes = reading.size_bytes();
            self.readable_bytes += size_bytes;
            self.is_urgent |= reading.is_urgent;
            bytes_left = bytes_left.saturating_sub(size_bytes);
        }
    }

    fn read_partition(
        &self,
        partition: &Partition,
        index: i32,
        position: &FetchPosition,
        end: Offset,
        bytes_left: usize,
        is_first: bool,
    ) -> Result<Reading, PartitionError> {
        let known_epoch = (position.current_leader_epoch >= 0).then_some(LeaderEpoch(position.current_leader_epoch));
        let current = partition.check_leadership(known_epoch)?;
        if let Some(follower) = self.limits.follower
            && !partition.has_follower(follower)
        {
            // With an epoch, it is the follower that may know of an assignment that has yet to come here.
            return Err(known_epoch.map_or(PartitionError::NotLeader, |requested| {
                PartitionError::UnknownLeaderEpoch { requested, current }
            }));
        }
        // Taken before the records: what is appended meanwhile is for the next answer.
        let high_watermark = partition.high_watermark();
        let reader = partition.reader();
        let log_start_offset = reader.log_start_offset();
        let mut reading = Reading {
            head: FetchPartitionHead {
                high_watermark: high_watermark.0,
                last_stable_offset: partition.last_stable_offset().0,
                log_start_offset: log_start_offset.0,
                read_committed: self.limits.read_committed && self.limits.follower.is_none(),
                ..FetchPartitionHead::failed(index, ErrorCode::None.code())
            },
            records: None,
            is_urgent: false,
        };
        let offset = Offset(position.offset);
        if position.last_fetched_epoch >= 0 {
            let last_fetched = LeaderEpoch(position.last_fetched_epoch);
            let (epoch, epoch_end) = match reader.end_offset_for_epoch(last_fetched) {
                Some(known) if offset >= log_start_offset => known,
                // Nothing can be said of where the two logs part.
                _ => return Err(out_of_range(offset, log_start_offset, end)),
            };
            if epoch < last_fetched || epoch_end < offset {
                reading.head.diverging_epoch = Some((epoch.0, epoch_end.0));
                reading.is_urgent = true;
                return Ok(reading);
            }
        }
        // Mostly the client has all there is.
        if offset != end {
            let max_bytes = usize::try_from(position.max_bytes).unwrap_or(0).min(bytes_left);
            let slice = reader.read(offset, max_bytes, end, is_first)?;
            reading.is_urgent = slice.size_bytes > 0 && slice.more_follows;
            reading.records = Some(slice).filter(|slice| slice.size_bytes > 0);
        }
        Ok(reading)
    }

    /// The leader learns from what a follower asks for how far it is.
    fn note_follower(&self, follower: BrokerId) {
        for ((target, partition), reading) in self.context.targets.iter().zip(&self.partitions).zip(&self.readings) {
            if let Some(partition) = partition
                && !reading.found().is_irregular
            {
                let log_start_offset = target.position.log_start_offset;
                let log_start_offset = (log_start_offset >= 0).then_some(Offset(log_start_offset));
                partition.on_follower_fetch(follower, Offset(target.position.offset), log_start_offset);
            }
        }
    }
}

fn out_of_range(requested: Offset, log_start_offset: Offset, log_end_offset: Offset) -> PartitionError {
    PartitionError::Read(dohle_log::ReadError::OutOfRange { requested, log_start_offset, log_end_offset })
}

fn error_code(error: &PartitionError, by_id: bool) -> ErrorCode {
    match error {
        PartitionError::NotHosted if by_id => ErrorCode::UnknownTopicId,
        error => error.error_code(),
    }
}
