//! Requests as whole frames, and the two kinds of frame of which a few bytes change: fetches, whose offset moves, and
//! batches of idempotent producers, whose sequence does.

use bytes::Bytes;
use dohle_protocol::header::RequestHeader;
use dohle_protocol::messages::FetchRequest;
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use dohle_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use dohle_protocol::record_batch::BatchHeader;
use dohle_protocol::{ApiKey, Message, Writer};

use super::{CLIENT_ID, CORRELATION_ID, versions};

const TIMEOUT_MS: i32 = 30_000;
const CRC_POSITION: usize = 17;
/// From here on the CRC covers a batch.
const ATTRIBUTES_POSITION: usize = 21;
const SEQUENCE_POSITION: usize = 53;

/// A request with its length before it.
pub(crate) fn frame(api_key: ApiKey, version: i16, request: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    writer.int32(0);
    let header = RequestHeader {
        api_key: api_key.code(),
        api_version: version,
        correlation_id: CORRELATION_ID,
        client_id: Some(CLIENT_ID.to_owned()),
    };
    header.encode(&mut writer);
    request.encode(&mut writer, version);
    let length = i32::try_from(writer.len() - 4).expect("frames are smaller than 2 GiB");
    writer.as_mut_slice()[..4].copy_from_slice(&length.to_be_bytes());
    writer.into_bytes()
}

/// A Produce request with a batch for each of `partitions`.
pub(crate) fn produce(topic: &str, partitions: impl IntoIterator<Item = i32>, batch: &Bytes, acks: i16) -> Bytes {
    let partition_data =
        partitions.into_iter().map(|index| PartitionProduceData { index, records: Some(batch.clone()) }).collect();
    let topic_data = vec![TopicProduceData { name: topic.to_owned(), partition_data, ..Default::default() }];
    let request = ProduceRequest { transactional_id: None, acks, timeout_ms: TIMEOUT_MS, topic_data };
    frame(ApiKey::Produce, versions::PRODUCE, &request)
}

/// A Produce request of an idempotent producer. Its bytes change from one sending to the next.
#[derive(Debug)]
pub(crate) struct SequencedProduce {
    frame: Vec<u8>,
    /// Where each batch lies.
    batches: Vec<std::ops::Range<usize>>,
    records: i32,
    next_sequence: i32,
}

impl SequencedProduce {
    /// Finds the copies of `batch`, at sequence 0, in a frame that [`produce`] made.
    pub(crate) fn new(frame: &Bytes, batch: &Bytes) -> Self {
        let records = BatchHeader::decode(batch).expect("a batch that was built here").record_count;
        let mut batches = Vec::new();
        let mut position = 0;
        while position + batch.len() <= frame.len() {
            if frame[position..position + batch.len()] == batch[..] {
                batches.push(position..position + batch.len());
                position += batch.len();
            } else {
                position += 1;
            }
        }
        Self { frame: frame.to_vec(), batches, records, next_sequence: records }
    }

    /// The bytes to send next.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Moves every batch to the sequence that follows.
    pub(crate) fn advance(&mut self) {
        for batch in &self.batches {
            let batch = &mut self.frame[batch.clone()];
            batch[SEQUENCE_POSITION..SEQUENCE_POSITION + 4].copy_from_slice(&self.next_sequence.to_be_bytes());
            let crc = crc32c::crc32c(&batch[ATTRIBUTES_POSITION..]);
            batch[CRC_POSITION..ATTRIBUTES_POSITION].copy_from_slice(&crc.to_be_bytes());
        }
        // Sequences wrap from 2^31-1 to 0; a measurement ends long before.
        self.next_sequence = self.next_sequence.wrapping_add(self.records) & i32::MAX;
    }
}

/// How much a fetch asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLimits {
    /// The most bytes of a response.
    pub(crate) max_bytes: i32,
    /// How long the broker may wait for the first byte, in milliseconds.
    pub(crate) max_wait_ms: i32,
}

/// A Fetch request for one partition, outside any session. Its offset changes from one sending to the next.
#[derive(Debug)]
pub(crate) struct Fetch {
    frame: Vec<u8>,
    offset_position: usize,
}

impl Fetch {
    /// A fetch that has no offset yet.
    pub(crate) fn new(topic: &str, partition: i32, limits: FetchLimits) -> Self {
        /// An offset that stands nowhere else in the frame.
        const MARK: i64 = 0x5a5a_1234_5678_5a5a;
        let request = FetchRequest {
            max_wait_ms: limits.max_wait_ms,
            min_bytes: 1,
            max_bytes: limits.max_bytes,
            topics: vec![FetchTopic {
                topic: topic.to_owned(),
                partitions: vec![FetchPartition {
                    partition,
                    fetch_offset: MARK,
                    partition_max_bytes: limits.max_bytes,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let frame = frame(ApiKey::Fetch, versions::FETCH, &request).to_vec();
        let offset_position =
            frame.windows(8).position(|window| window == MARK.to_be_bytes()).expect("the offset is in the request");
        Self { frame, offset_position }
    }

    /// Sets the offset.
    pub(crate) fn set_offset(&mut self, offset: i64) {
        self.frame[self.offset_position..self.offset_position + 8].copy_from_slice(&offset.to_be_bytes());
    }

    /// The bytes to send next.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use dohle_protocol::Reader;
    use dohle_protocol::produce::ProduceView;
    use dohle_protocol::record_batch::crc_is_right;

    use super::*;
    use crate::frames::batches::{Producer, Shape};

    fn body(frame: &[u8]) -> (RequestHeader, Bytes) {
        let bytes = Bytes::copy_from_slice(&frame[4..]);
        assert_eq!(frame[..4], i32::try_from(bytes.len()).unwrap().to_be_bytes());
        let mut reader = Reader::new(&bytes);
        let header = RequestHeader::decode(&mut reader).unwrap();
        (header, bytes.slice(reader.position()..))
    }

    #[test]
    fn produce_frames_are_requests() {
        let batch = Shape::plain(2, 10).build().bytes;
        let (header, body) = body(&produce("events", [3, 1], &batch, 1));
        assert_eq!((header.api_key, header.api_version), (0, versions::PRODUCE));
        let view = ProduceView::decode(&body, header.api_version).unwrap();
        assert_eq!((view.acks, view.topics[0].name()), (1, "events"));
        assert_eq!(view.partitions.iter().map(|partition| partition.index).collect::<Vec<_>>(), [3, 1]);
        assert!(view.partitions.iter().all(|partition| partition.records.as_ref() == Some(&batch)));
    }

    #[test]
    fn sequences_move_on_in_every_batch() {
        let producer = Producer { producer_id: 4000, producer_epoch: 0 };
        let batch = Shape::plain(3, 50).build_for(Some(producer)).bytes;
        let mut sequenced = SequencedProduce::new(&produce("events", 0..5, &batch, 1), &batch);
        for sequence in [0, 3, 6] {
            let (header, body) = body(sequenced.frame());
            let view = ProduceView::decode(&body, header.api_version).unwrap();
            assert_eq!(view.partitions.len(), 5);
            for partition in view.partitions {
                let batch = partition.records.unwrap();
                assert!(crc_is_right(&batch));
                let header = BatchHeader::decode(&batch).unwrap();
                assert_eq!((header.base_sequence, header.producer_id), (sequence, 4000));
            }
            sequenced.advance();
        }
    }

    #[test]
    fn fetches_ask_for_the_offset_that_was_set() {
        let mut fetch = Fetch::new("events", 7, FetchLimits { max_bytes: 1 << 20, max_wait_ms: 500 });
        fetch.set_offset(123_456);
        let (header, body) = body(fetch.frame());
        let request = FetchRequest::decode(&mut Reader::new(&body), header.api_version).unwrap();
        let partition = &request.topics[0].partitions[0];
        assert_eq!((partition.partition, partition.fetch_offset), (7, 123_456));
        assert_eq!((request.session_id, request.session_epoch), (0, -1), "no session");
        assert_eq!((request.replica_id, request.min_bytes, request.max_wait_ms), (-1, 1, 500));
    }
}
