//! Produce requests as a view over their bytes, and their responses, written by hand: batches are slices of the frame,
//! and a request costs two small allocations however many partitions it has.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use bytes::Bytes;
use dohle_model::Uuid;

use crate::node_endpoint::{NodeEndpoint, encode_last_section};
use crate::wire::{DecodeError, Reader, Writer};

/// The versions that are served.
pub const FLEXIBLE_FROM: i16 = 9;
const NODE_ENDPOINTS_FROM: i16 = 10;
const TOPIC_IDS_FROM: i16 = 13;

/// A Produce request, its batches slices of the frame.
#[derive(Debug)]
pub struct ProduceView {
    /// The transactional id, where the producer has one.
    pub transactional_id: Option<String>,
    /// 0, 1 or -1 for all; other numbers are for the caller to refuse.
    pub acks: i16,
    /// How long to wait for acknowledgements, in milliseconds.
    pub timeout_ms: i32,
    /// The topics, in the request's order.
    pub topics: Vec<ProduceTopic>,
    /// The partitions of all topics, in the request's order.
    pub partitions: Vec<ProducePartition>,
}

/// One topic of a request.
#[derive(Debug)]
pub struct ProduceTopic {
    /// The name's bytes; empty from version 13 on.
    name: Bytes,
    /// The id; zero before version 13.
    pub id: Uuid,
    /// How many of the request's partitions are this topic's.
    pub partition_count: usize,
}

impl ProduceTopic {
    /// The name; what is not UTF-8 names no topic and reads as the empty name.
    #[must_use]
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default()
    }
}

/// One partition of a request.
#[derive(Debug)]
pub struct ProducePartition {
    /// The partition's index.
    pub index: i32,
    /// Its batch.
    pub records: Option<Bytes>,
}

impl ProduceView {
    /// Reads the body of a request, versions 3 to 13.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn decode(body: &Bytes, version: i16) -> Result<Self, DecodeError> {
        let reader = &mut Reader::new(body);
        let flexible = version >= FLEXIBLE_FROM;
        let transactional_id = reader.nullable_string(flexible)?;
        let acks = reader.int16()?;
        let timeout_ms = reader.int32()?;
        let topic_count = reader.array_length(flexible)?.ok_or(DecodeError::Null("TopicData"))?;
        let mut topics = Vec::with_capacity(topic_count.min(64));
        let mut partitions = Vec::with_capacity(topic_count.min(64));
        for _ in 0..topic_count {
            let (name, id) = if version >= TOPIC_IDS_FROM {
                (Bytes::new(), reader.uuid()?)
            } else {
                let length =
                    if flexible { i64::from(reader.unsigned_varint()?) - 1 } else { i64::from(reader.int16()?) };
                let length = usize::try_from(length).map_err(|_| DecodeError::Null("Name"))?;
                (reader.take_bytes(length)?, Uuid::ZERO)
            };
            let partition_count = reader.array_length(flexible)?.ok_or(DecodeError::Null("PartitionData"))?;
            for _ in 0..partition_count {
                let index = reader.int32()?;
                let records = reader.nullable_bytes(flexible)?;
                if flexible {
                    reader.skip_tagged_fields()?;
                }
                partitions.push(ProducePartition { index, records });
            }
            if flexible {
                reader.skip_tagged_fields()?;
            }
            topics.push(ProduceTopic { name, id, partition_count });
        }
        if flexible {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { transactional_id, acks, timeout_ms, topics, partitions })
    }

    /// Makes a request that names a partition several times one that names it once, where it is first named, with what it
    /// says of it last, and leaves out topics without partitions: so Kafka takes such requests.
    pub fn merge_repeated(&mut self) {
        self.topics.retain(|topic| topic.partition_count > 0);
        if self.names_each_once() {
            return;
        }
        let mut topic_places = HashMap::new();
        let mut partition_places = HashMap::new();
        let mut merged: Vec<(ProduceTopic, Vec<ProducePartition>)> = Vec::new();
        let mut rest = std::mem::take(&mut self.partitions).into_iter();
        for topic in std::mem::take(&mut self.topics) {
            let place = *topic_places.entry((topic.name.clone(), topic.id)).or_insert(merged.len());
            let count = topic.partition_count;
            if place == merged.len() {
                merged.push((topic, Vec::new()));
            }
            let partitions = &mut merged[place].1;
            for partition in rest.by_ref().take(count) {
                match partition_places.entry((place, partition.index)) {
                    Entry::Occupied(known) => partitions[*known.get()] = partition,
                    Entry::Vacant(new) => {
                        new.insert(partitions.len());
                        partitions.push(partition);
                    }
                }
            }
        }
        for (topic, partitions) in merged {
            self.topics.push(ProduceTopic { partition_count: partitions.len(), ..topic });
            self.partitions.extend(partitions);
        }
    }

    fn names_each_once(&self) -> bool {
        let mut rest = &self.partitions[..];
        is_each_once(&self.topics, |topic| (&topic.name, topic.id))
            && self.topics.iter().all(|topic| {
                let (own, others) = rest.split_at(topic.partition_count);
                rest = others;
                is_each_once(own, |partition| partition.index)
            })
    }
}

/// Whether no two items have the same key. Where keys ascend, a look at them is enough.
fn is_each_once<'a, T, K: Ord + Hash>(items: &'a [T], key: impl Fn(&'a T) -> K) -> bool {
    items.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]))
        || items.iter().map(key).collect::<HashSet<_>>().len() == items.len()
}

/// How one partition of a request ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionOutcome {
    /// 0 for success.
    pub error_code: i16,
    /// Offset of the batch's first record, -1 on an error.
    pub base_offset: i64,
    /// The broker's time in the records, -1 where they carry the producer's.
    pub log_append_time_ms: i64,
    /// The first offset of the log.
    pub log_start_offset: i64,
    /// Index and reason of each record that is wrong (version 8 and up).
    pub record_errors: Vec<(i32, String)>,
    /// What is wrong, for people (version 8 and up).
    pub error_message: Option<String>,
    /// Leader and leader epoch, where the caller asked the wrong broker (version 10 and up).
    pub current_leader: Option<(i32, i32)>,
}

impl PartitionOutcome {
    /// A refusal.
    #[must_use]
    pub fn failed(error_code: i16, error_message: Option<String>) -> Self {
        Self {
            error_code,
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: -1,
            error_message,
            ..Self::default()
        }
    }
}

/// Writes the body of a response. `outcomes` are in the order of the request's partitions; `endpoints` are those of the
/// leaders that they name (version 10 and up).
///
/// # Panics
/// Where there are fewer outcomes than partitions.
pub fn encode_response(
    writer: &mut Writer,
    version: i16,
    topics: &[ProduceTopic],
    partitions: &[ProducePartition],
    outcomes: &[PartitionOutcome],
    endpoints: &[NodeEndpoint],
) {
    let flexible = version >= FLEXIBLE_FROM;
    writer.array_length(topics.len(), flexible);
    let mut next = 0;
    for topic in topics {
        if version >= TOPIC_IDS_FROM {
            writer.uuid(topic.id);
        } else {
            writer.string(topic.name(), flexible);
        }
        writer.array_length(topic.partition_count, flexible);
        for (partition, outcome) in partitions[next..].iter().zip(&outcomes[next..]).take(topic.partition_count) {
            writer.int32(partition.index);
            encode_outcome(writer, version, outcome, flexible);
        }
        next += topic.partition_count;
        if flexible {
            writer.unsigned_varint(0);
        }
    }
    writer.int32(0);
    if flexible {
        encode_last_section(writer, if version >= NODE_ENDPOINTS_FROM { endpoints } else { &[] });
    }
}

fn encode_outcome(writer: &mut Writer, version: i16, outcome: &PartitionOutcome, flexible: bool) {
    writer.int16(outcome.error_code);
    writer.int64(outcome.base_offset);
    writer.int64(outcome.log_append_time_ms);
    if version >= 5 {
        writer.int64(outcome.log_start_offset);
    }
    if version >= 8 {
        writer.array_length(outcome.record_errors.len(), flexible);
        for (index, message) in &outcome.record_errors {
            writer.int32(*index);
            writer.string(message, flexible);
            if flexible {
                writer.unsigned_varint(0);
            }
        }
        match &outcome.error_message {
            Some(message) => writer.string(message, flexible),
            None => writer.null_string(flexible),
        }
    }
    if flexible {
        match outcome.current_leader {
            Some((leader, epoch)) if version >= 10 => {
                writer.unsigned_varint(1);
                writer.tagged_field(0, |writer| {
                    writer.int32(leader);
                    writer.int32(epoch);
                    writer.unsigned_varint(0);
                });
            }
            _ => writer.unsigned_varint(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use crate::messages::{ProduceRequest, ProduceResponse};
    use crate::wire::Message;

    #[test]
    fn a_partition_that_is_named_again_is_named_once() {
        let topic = |name: &'static [u8], partition_count| ProduceTopic {
            name: Bytes::from_static(name),
            id: Uuid::ZERO,
            partition_count,
        };
        let partition =
            |index, records: &'static [u8]| ProducePartition { index, records: Some(Bytes::from_static(records)) };
        let view =
            |topics, partitions| ProduceView { transactional_id: None, acks: 1, timeout_ms: 0, topics, partitions };
        let told = |view: &ProduceView| {
            let topics: Vec<_> =
                view.topics.iter().map(|topic| (topic.name().to_owned(), topic.partition_count)).collect();
            let records = |partition: &ProducePartition| partition.records.clone().unwrap_or_default();
            let partitions: Vec<_> = view.partitions.iter().map(|one| (one.index, records(one))).collect();
            (topics, partitions)
        };
        let mut once = view(
            vec![topic(b"b", 2), topic(b"a", 1)],
            vec![partition(4, b"1"), partition(2, b"2"), partition(4, b"3")],
        );
        let before = told(&once);
        once.merge_repeated();
        assert_eq!(told(&once), before);

        let topics = vec![topic(b"a", 2), topic(b"none", 0), topic(b"b", 1), topic(b"a", 2)];
        let partitions =
            vec![partition(0, b"1"), partition(1, b"2"), partition(0, b"3"), partition(1, b"4"), partition(1, b"5")];
        let mut repeated = view(topics, partitions);
        repeated.merge_repeated();
        let partitions =
            vec![(0, Bytes::from_static(b"1")), (1, Bytes::from_static(b"5")), (0, Bytes::from_static(b"3"))];
        assert_eq!(told(&repeated), (vec![("a".to_owned(), 2), ("b".to_owned(), 1)], partitions));
    }

    #[test]
    fn the_view_reads_what_the_generated_message_writes() {
        let partition =
            |index, records: &'static [u8]| PartitionProduceData { index, records: Some(Bytes::from_static(records)) };
        let request = ProduceRequest {
            transactional_id: Some("t".to_owned()),
            acks: -1,
            timeout_ms: 1500,
            topic_data: vec![
                TopicProduceData {
                    name: "orders".to_owned(),
                    topic_id: Uuid([3; 16]),
                    partition_data: vec![partition(0, b"abc"), partition(4, b"")],
                },
                TopicProduceData { name: "b".to_owned(), topic_id: Uuid([4; 16]), partition_data: vec![] },
            ],
        };
        for version in 3..=13 {
            let mut writer = Writer::new();
            request.encode(&mut writer, version);
            let view = ProduceView::decode(&writer.into_bytes(), version).unwrap();
            assert_eq!((view.acks, view.timeout_ms, view.transactional_id.as_deref()), (-1, 1500, Some("t")));
            assert_eq!(view.topics.iter().map(|topic| topic.partition_count).collect::<Vec<_>>(), [2, 0]);
            assert_eq!(view.partitions[0].records.as_deref(), Some(&b"abc"[..]));
            assert_eq!(view.partitions[1].index, 4);
            if version >= 13 {
                assert_eq!(view.topics[0].id, Uuid([3; 16]));
            } else {
                assert_eq!(view.topics[0].name(), "orders");
            }
            let outcomes = [
                PartitionOutcome { base_offset: 7, log_append_time_ms: -1, ..PartitionOutcome::default() },
                PartitionOutcome {
                    record_errors: vec![(1, "bad".to_owned())],
                    current_leader: Some((2, 3)),
                    ..PartitionOutcome::failed(87, Some("why".to_owned()))
                },
            ];
            let mut writer = Writer::new();
            let endpoints = [NodeEndpoint { node_id: 2, host: "b2".to_owned(), port: 9092, rack: None }];
            encode_response(&mut writer, version, &view.topics, &view.partitions, &outcomes, &endpoints);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            let response = ProduceResponse::decode(&mut reader, version).unwrap();
            reader.finish().unwrap();
            let failed = &response.responses[0].partition_responses[1];
            assert_eq!((failed.index, failed.error_code, failed.base_offset), (4, 87, -1));
            if version >= 8 {
                assert_eq!(failed.error_message.as_deref(), Some("why"));
                assert_eq!(failed.record_errors[0].batch_index, 1);
            }
            if version >= 10 {
                assert_eq!(failed.current_leader.leader_id, 2);
                assert_eq!((response.node_endpoints[0].host.as_str(), response.node_endpoints[0].port), ("b2", 9092));
            }
        }
    }
}
