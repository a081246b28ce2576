//! What a partition remembers of idempotent producers (KIP-98): the last five batches of each, so that a batch sent again
//! is recognised and a gap is refused. Pure, with the snapshot file's codec.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use dohle_model::{Offset, ProducerEpoch, ProducerId};
use dohle_protocol::ErrorCode;
use dohle_protocol::record_batch::BatchHeader;

/// How many batches are remembered for each producer.
const BATCHES_REMEMBERED: usize = 5;
const SNAPSHOT_VERSION: i16 = 1;
/// What the CRC covers starts here.
const SNAPSHOT_CRC_END: usize = 6;
const SNAPSHOT_ENTRY_BYTES: usize = 46;

/// Why a producer's batch does not fit what it sent before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerStateError {
    /// A later incarnation of the producer has taken over.
    #[error("producer {producer_id} sent epoch {sent}, {current} is in force")]
    InvalidEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// What it sent.
        sent: ProducerEpoch,
        /// What is in force.
        current: ProducerEpoch,
    },
    /// A batch is missing before this one, or this one is older than all that are remembered.
    #[error("producer {producer_id} sent sequence {sent} after {last}")]
    OutOfOrder {
        /// The producer.
        producer_id: ProducerId,
        /// The first sequence of the batch.
        sent: i32,
        /// The last sequence appended, -1 for none in this epoch.
        last: i32,
    },
}

impl ProducerStateError {
    /// The error that the producer gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::InvalidEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::OutOfOrder { .. } => ErrorCode::OutOfOrderSequenceNumber,
        }
    }
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchMemory {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: Offset,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: i64,
}

impl BatchMemory {
    fn first_sequence(self) -> i32 {
        // Sequences wrap from 2^31-1 to 0.
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        i32::try_from(first.rem_euclid(1 << 31)).expect("a remainder of 2^31 fits")
    }

    pub(crate) fn first_offset(self) -> Offset {
        self.last_offset.plus(-i64::from(self.offset_delta))
    }
}

/// What is remembered of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    epoch: ProducerEpoch,
    /// Oldest first, those there are first. In place, as every append of an idempotent producer touches it.
    batches: [Option<BatchMemory>; BATCHES_REMEMBERED],
    last_timestamp: i64,
}

impl ProducerEntry {
    fn new(epoch: ProducerEpoch, last_timestamp: i64) -> Self {
        Self { epoch, batches: [None; BATCHES_REMEMBERED], last_timestamp }
    }

    fn last(&self) -> Option<BatchMemory> {
        self.batches.iter().rev().find_map(|batch| *batch)
    }

    fn last_sequence(&self) -> i32 {
        self.last().map_or(-1, |batch| batch.last_sequence)
    }

    fn push(&mut self, batch: BatchMemory) {
        if let Some(free) = self.batches.iter_mut().find(|batch| batch.is_none()) {
            *free = Some(batch);
        } else {
            self.batches.rotate_left(1);
            self.batches[BATCHES_REMEMBERED - 1] = Some(batch);
        }
    }
}

/// What a partition knows of a producer, for those who ask (`DescribeProducers`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer.
    pub producer_id: ProducerId,
    /// The epoch in force.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record, -1 for none in this epoch.
    pub last_sequence: i32,
    /// The timestamp of its last batch, in milliseconds, -1 for none.
    pub last_timestamp: i64,
}

/// What is to be done with a producer's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SequenceCheck {
    /// It follows what is there.
    Append,
    /// It is there already.
    Duplicate(BatchMemory),
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProducerStates {
    producers: BTreeMap<ProducerId, ProducerEntry>,
}

impl ProducerStates {
    /// Compares an idempotent batch with what its producer sent before.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, ProducerStateError> {
        let producer_id = ProducerId(header.producer_id);
        // Without a memory of the producer any sequence will do: its state may have expired.
        let Some(entry) = self.producers.get(&producer_id) else { return Ok(SequenceCheck::Append) };
        let sent = ProducerEpoch(header.producer_epoch);
        let (first, last) = (header.base_sequence, header.last_sequence());
        if sent == entry.epoch {
            let same = |batch: &&BatchMemory| batch.first_sequence() == first && batch.last_sequence == last;
            if let Some(batch) = entry.batches.iter().flatten().find(same) {
                return Ok(SequenceCheck::Duplicate(*batch));
            }
        }
        if sent < entry.epoch {
            return Err(ProducerStateError::InvalidEpoch { producer_id, sent, current: entry.epoch });
        }
        let (last_known, expected) = if sent > entry.epoch {
            (-1, 0)
        } else {
            let last = entry.last_sequence();
            (last, if last == i32::MAX { 0 } else { last + 1 })
        };
        if first == expected {
            Ok(SequenceCheck::Append)
        } else {
            Err(ProducerStateError::OutOfOrder { producer_id, sent: first, last: last_known })
        }
    }

    /// Remembers an appended batch, live or while replaying. Gives back what was remembered of its producer before.
    pub(crate) fn update(&mut self, header: &BatchHeader, base_offset: Offset) -> Option<ProducerEntry> {
        let epoch = ProducerEpoch(header.producer_epoch);
        let producer_id = ProducerId(header.producer_id);
        let before = self.producers.get(&producer_id).copied();
        let mut entry = before
            .filter(|entry| entry.epoch == epoch)
            .unwrap_or_else(|| ProducerEntry::new(epoch, header.max_timestamp));
        entry.push(BatchMemory {
            last_sequence: header.last_sequence(),
            last_offset: base_offset.plus(i64::from(header.last_offset_delta)),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        entry.last_timestamp = header.max_timestamp;
        self.producers.insert(producer_id, entry);
        before
    }

    /// Takes back an [`Self::update`] whose batch was not written after all.
    pub(crate) fn restore(&mut self, producer_id: ProducerId, before: Option<ProducerEntry>) {
        match before {
            Some(entry) => self.producers.insert(producer_id, entry),
            None => self.producers.remove(&producer_id),
        };
    }

    /// Forgets producers that wrote nothing for `expiration_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| now_ms.saturating_sub(entry.last_timestamp) < expiration_ms);
    }

    /// All producers, by id.
    pub(crate) fn list(&self) -> Vec<ProducerState> {
        let state = |(producer_id, entry): (&ProducerId, &ProducerEntry)| ProducerState {
            producer_id: *producer_id,
            producer_epoch: entry.epoch,
            last_sequence: entry.last_sequence(),
            last_timestamp: entry.last_timestamp,
        };
        self.producers.iter().map(state).collect()
    }

    /// The snapshot file. Of each producer only the last batch is kept: that is Kafka's format.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_i16(SNAPSHOT_VERSION);
        bytes.put_u32(0);
        bytes.put_i32(i32::try_from(self.producers.len()).expect("producers fit in memory"));
        for (producer_id, entry) in &self.producers {
            let last = entry.last();
            bytes.put_i64(producer_id.0);
            bytes.put_i16(entry.epoch.0);
            bytes.put_i32(last.map_or(-1, |batch| batch.last_sequence));
            bytes.put_i64(last.map_or(-1, |batch| batch.last_offset.0));
            bytes.put_i32(last.map_or(0, |batch| batch.offset_delta));
            bytes.put_i64(entry.last_timestamp);
            // No coordinator has written a marker, and no transaction is open.
            bytes.put_i32(-1);
            bytes.put_i64(-1);
        }
        let crc = crc32c::crc32c(&bytes[SNAPSHOT_CRC_END..]);
        bytes[2..SNAPSHOT_CRC_END].copy_from_slice(&crc.to_be_bytes());
        bytes.freeze()
    }

    /// Reads a snapshot file; `None` where it is damaged.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < SNAPSHOT_CRC_END + 4 || bytes.get_i16() != SNAPSHOT_VERSION {
            return None;
        }
        if bytes.get_u32() != crc32c::crc32c(bytes) {
            return None;
        }
        let count = usize::try_from(bytes.get_i32()).ok()?;
        if bytes.len() != count.checked_mul(SNAPSHOT_ENTRY_BYTES)? {
            return None;
        }
        let mut states = Self::default();
        for _ in 0..count {
            let producer_id = ProducerId(bytes.get_i64());
            let epoch = ProducerEpoch(bytes.get_i16());
            let last_sequence = bytes.get_i32();
            let last_offset = Offset(bytes.get_i64());
            let offset_delta = bytes.get_i32();
            let timestamp = bytes.get_i64();
            let _coordinator_epoch = bytes.get_i32();
            let _transaction_first_offset = bytes.get_i64();
            let mut entry = ProducerEntry::new(epoch, timestamp);
            if last_offset.0 >= 0 {
                entry.push(BatchMemory { last_sequence, last_offset, offset_delta, timestamp });
            }
            states.producers.insert(producer_id, entry);
        }
        Some(states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dohle_protocol::record_batch::BatchBuilder;

    fn header(epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        let mut builder = BatchBuilder::default().producer(7, epoch, sequence);
        for n in 0..count {
            builder.record(i64::from(n), None, Some(b"v"), &[]);
        }
        BatchHeader::decode(&builder.build()).unwrap()
    }

    #[test]
    fn the_last_five_batches_are_known_again_and_older_ones_are_out_of_order() {
        let mut states = ProducerStates::default();
        for n in 0..6 {
            assert_eq!(states.check(&header(0, n * 2, 2)), Ok(SequenceCheck::Append));
            states.update(&header(0, n * 2, 2), Offset(i64::from(n) * 10));
        }
        assert!(matches!(states.check(&header(0, 0, 2)), Err(ProducerStateError::OutOfOrder { .. })));
        for n in 1..6 {
            let Ok(SequenceCheck::Duplicate(batch)) = states.check(&header(0, n * 2, 2)) else { panic!("batch {n}") };
            assert_eq!(batch.first_offset(), Offset(i64::from(n) * 10));
        }
        assert!(states.check(&header(0, 13, 1)).is_err(), "a gap");
    }

    #[test]
    fn sequences_wrap_and_epochs_fence() {
        let mut states = ProducerStates::default();
        states.update(&header(1, i32::MAX - 1, 3), Offset(0));
        assert_eq!(states.check(&header(1, 1, 1)), Ok(SequenceCheck::Append));
        assert!(matches!(states.check(&header(1, i32::MAX - 1, 3)), Ok(SequenceCheck::Duplicate(_))));
        assert!(matches!(states.check(&header(0, 1, 1)), Err(ProducerStateError::InvalidEpoch { .. })));
        assert!(states.check(&header(2, 1, 1)).is_err());
        assert_eq!(states.check(&header(2, 0, 1)), Ok(SequenceCheck::Append));
    }

    #[test]
    fn snapshots_read_back_and_damage_is_noticed() {
        let mut states = ProducerStates::default();
        states.update(&header(1, 5, 3), Offset(40));
        let bytes = states.encode();
        assert_eq!(ProducerStates::decode(&bytes), Some(states));
        for position in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[position] ^= 1;
            assert_eq!(ProducerStates::decode(&damaged), None, "byte {position}");
        }
    }
}
