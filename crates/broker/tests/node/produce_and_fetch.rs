//! Produce and Fetch as clients see them: order, errors, limits, sessions, waiting.

use std::time::Duration;

use bytes::Bytes;
use dohle_model::Uuid;
use dohle_protocol::compression::Compression;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use dohle_protocol::messages::fetch_response::PartitionData;
use dohle_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dohle_protocol::messages::produce_response::PartitionProduceResponse;
use dohle_protocol::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse,
};
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader};
use dohle_protocol::{ApiKey, ErrorCode, Message, Reader};
use tokio::time::Instant;

use crate::requests::{TOPIC, batch};
use crate::simulation::{Client, World, simulate};

const NAMES: i16 = 12;
const IDS: i16 = 13;
const ALL: i16 = -1;
const LEADER: i16 = 1;
const NO_ACKS: i16 = 0;
const MAX_BYTES: i32 = 1 << 20;

fn produce_request(topic: &str, topic_id: Uuid, acks: i16, batches: Vec<(i32, Option<Bytes>)>) -> ProduceRequest {
    let partition_data = batches.into_iter().map(|(index, records)| PartitionProduceData { index, records }).collect();
    let topic_data = vec![TopicProduceData { name: topic.to_owned(), topic_id, partition_data }];
    ProduceRequest { acks, timeout_ms: 1000, topic_data, ..ProduceRequest::default() }
}

/// What becomes of one batch.
async fn produce(client: &mut Client, topic: &str, acks: i16, batch: Bytes) -> PartitionProduceResponse {
    let request = produce_request(topic, Uuid::ZERO, acks, vec![(0, Some(batch))]);
    let response: ProduceResponse = client.call(ApiKey::Produce, NAMES, &request).await.unwrap();
    response.responses[0].partition_responses[0].clone()
}

/// A batch of an idempotent producer: two records from `sequence` on.
fn idempotent(producer_id: i64, epoch: i16, sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.record(1_767_225_600_000, Some(b"k"), Some(b"a"), &[]);
    builder.record(1_767_225_600_000, Some(b"k"), Some(b"b"), &[]);
    let mut bytes = builder.build().to_vec();
    bytes[43..51].copy_from_slice(&producer_id.to_be_bytes());
    bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
    bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
    with_crc(bytes)
}

/// A batch whose attributes are `attributes`.
fn with_attributes(attributes: u8) -> Bytes {
    let mut bytes = batch().to_vec();
    bytes[22] = attributes;
    with_crc(bytes)
}

fn with_crc(mut bytes: Vec<u8>) -> Bytes {
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

fn position(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: MAX_BYTES, ..FetchPartition::default() }
}

fn fetch_request(topic: &str, topic_id: Uuid, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topics = vec![FetchTopic { topic: topic.to_owned(), topic_id, partitions }];
    FetchRequest { min_bytes: 1, topics, ..FetchRequest::default() }
}

async fn fetch(client: &mut Client, version: i16, request: &FetchRequest) -> FetchResponse {
    client.call(ApiKey::Fetch, version, request).await.unwrap()
}

/// The partitions of a response, whatever their topics.
fn partitions(response: &FetchResponse) -> Vec<&PartitionData> {
    response.responses.iter().flat_map(|topic| &topic.partitions).collect()
}

fn size(partition: &PartitionData) -> usize {
    partition.records.as_ref().map_or(0, Bytes::len)
}

async fn topic_id(client: &mut Client, name: &str) -> Uuid {
    let topics = client.metadata().await.unwrap().topics;
    topics.iter().find(|topic| topic.name.as_deref() == Some(name)).unwrap().topic_id
}

fn code(error: ErrorCode) -> i16 {
    error.code()
}

#[test]
fn each_partition_has_its_own_result() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 3, &[]).await.unwrap();
        let batches =
            vec![(0, Some(batch())), (7, Some(batch())), (1, Some(with_attributes(0x20))), (2, Some(batch()))];
        let request = produce_request(TOPIC, Uuid::ZERO, ALL, batches);
        let response: ProduceResponse = client.call(ApiKey::Produce, NAMES, &request).await.unwrap();
        let results: Vec<_> =
            response.responses[0].partition_responses.iter().map(|p| (p.index, p.error_code, p.base_offset)).collect();
        let unknown = code(ErrorCode::UnknownTopicOrPartition);
        let invalid = code(ErrorCode::InvalidRecord);
        assert_eq!(results, [(0, 0, 0), (7, unknown, -1), (1, invalid, -1), (2, 0, 0)]);
        node.shutdown().await;
    });
}

#[test]
fn batches_are_refused_as_kafka_does() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        client.create_topic("small", 1, &[("max.message.bytes", "60")]).await.unwrap();
        client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]).await.unwrap();
        while client.find_coordinator("g").await.unwrap().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut keyless = BatchBuilder::new(Compression::None);
        keyless.record(1_767_225_600_000, Some(b"k"), None, &[]);
        keyless.record(1_767_225_600_000, None, Some(b"v"), &[]);
        let mut broken = batch().to_vec();
        *broken.last_mut().unwrap() ^= 1;
        for (topic, acks, batch, expected) in [
            ("nowhere", LEADER, batch(), ErrorCode::UnknownTopicOrPartition),
            (TOPIC, 2, batch(), ErrorCode::InvalidRequiredAcks),
            ("__consumer_offsets", LEADER, batch(), ErrorCode::InvalidTopicException),
            ("small", LEADER, batch(), ErrorCode::MessageTooLarge),
            ("compacted", LEADER, keyless.build(), ErrorCode::InvalidRecord),
            (TOPIC, LEADER, broken.into(), ErrorCode::CorruptMessage),
            (TOPIC, LEADER, Bytes::new(), ErrorCode::InvalidRecord),
            (TOPIC, LEADER, batch().slice(..30), ErrorCode::InvalidRecord),
            (TOPIC, LEADER, with_attributes(0x10), ErrorCode::InvalidTxnState),
            (TOPIC, LEADER, with_attributes(0x20), ErrorCode::InvalidRecord),
        ] {
            let result = produce(&mut client, topic, acks, batch).await;
            assert_eq!((result.error_code, result.base_offset), (code(expected), -1), "{topic} {expected}");
            assert_eq!(result.record_errors.len(), usize::from(topic == "compacted"));
        }
        // By id.
        let request = produce_request("", Uuid([9; 16]), LEADER, vec![(0, Some(batch()))]);
        let response: ProduceResponse = client.call(ApiKey::Produce, IDS, &request).await.unwrap();
        assert_eq!(response.responses[0].partition_responses[0].error_code, code(ErrorCode::UnknownTopicId));
        assert_eq!(client.read_all(TOPIC, 0).await.unwrap(), []);
        node.shutdown().await;
    });
}

#[test]
fn what_is_sent_again_is_there_once() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let unordered = code(ErrorCode::OutOfOrderSequenceNumber);
        let fenced = code(ErrorCode::InvalidProducerEpoch);
        for (epoch, sequence, expected) in [
            (0, 0, (0, 0)),
            (0, 2, (0, 2)),
            (0, 0, (0, 0)),
            (0, 9, (unordered, -1)),
            (0, 4, (0, 4)),
            (0, 2, (0, 2)),
            (1, 3, (unordered, -1)),
            (1, 0, (0, 6)),
            (0, 6, (fenced, -1)),
        ] {
            let result = produce(&mut client, TOPIC, ALL, idempotent(5, epoch, sequence)).await;
            assert_eq!((result.error_code, result.base_offset), expected, "epoch {epoch} sequence {sequence}");
        }
        assert_eq!(client.read_all(TOPIC, 0).await.unwrap().len(), 8);
        node.shutdown().await;
    });
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let request = |acks| produce_request(TOPIC, Uuid::ZERO, acks, vec![(0, Some(batch()))]);
        for number in 0..50 {
            // Those without acks are not answered at all.
            let acks = [ALL, LEADER, NO_ACKS][number % 3];
            client.send(ApiKey::Produce, NAMES, &request(acks)).await.unwrap();
        }
        for number in (0..50).filter(|number| number % 3 != 2) {
            let frame = client.read_frame().await.unwrap();
            let mut reader = Reader::new(&frame);
            reader.int32().unwrap();
            reader.skip_tagged_fields().unwrap();
            let response = ProduceResponse::decode(&mut reader, NAMES).unwrap();
            assert_eq!(response.responses[0].partition_responses[0].base_offset, number);
        }
        node.shutdown().await;
    });
}

#[test]
fn a_failure_without_acks_ends_the_connection() {
    simulate(5, |mut world: World| async move {
        let node = world.start().await;
        world.connect().create_topic(TOPIC, 1, &[]).await.unwrap();
        for (topic, batch) in [("nowhere", batch()), (TOPIC, with_attributes(0x20)), (TOPIC, idempotent(5, 0, 9))] {
            let mut client = world.connect();
            if topic == TOPIC {
                produce(&mut client, TOPIC, ALL, idempotent(5, 0, 0)).await;
            }
            let request = produce_request(topic, Uuid::ZERO, NO_ACKS, vec![(0, Some(batch))]);
            client.send(ApiKey::Produce, NAMES, &request).await.unwrap();
            assert!(client.read_frame().await.is_err());
        }
        node.shutdown().await;
    });
}

#[test]
fn the_topic_says_who_stamps_and_compresses() {
    simulate(6, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await.unwrap();
        client.create_topic("packed", 1, &[("compression.type", "zstd")]).await.unwrap();
        let stamped = produce(&mut client, "stamped", ALL, batch()).await;
        assert!(stamped.log_append_time_ms > 0);
        assert_eq!(produce(&mut client, "packed", ALL, batch()).await.log_append_time_ms, -1);
        for topic in ["stamped", "packed"] {
            let response = fetch(&mut client, NAMES, &fetch_request(topic, Uuid::ZERO, vec![position(0, 0)])).await;
            let records = partitions(&response)[0].records.clone().unwrap();
            let header = BatchHeader::decode(&records).unwrap();
            match topic {
                "stamped" => assert_eq!(header.max_timestamp, stamped.log_append_time_ms),
                _ => assert_eq!(header.compression(), Ok(Compression::Zstd)),
            }
        }
        node.shutdown().await;
    });
}

#[test]
fn a_fetch_waits_for_records_and_no_longer() {
    simulate(7, |mut world: World| async move {
        let node = world.start().await;
        let (mut reader, mut writer) = (world.connect(), world.connect());
        writer.create_topic(TOPIC, 1, &[]).await.unwrap();
        let wait = |max_wait_ms, min_bytes| FetchRequest {
            max_wait_ms,
            min_bytes,
            ..fetch_request(TOPIC, Uuid::ZERO, vec![position(0, 0)])
        };
        let started = Instant::now();
        let empty = fetch(&mut reader, NAMES, &wait(500, 1)).await;
        assert!((500..600).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        assert_eq!(size(partitions(&empty)[0]), 0);

        let started = Instant::now();
        let request = wait(60_000, 1);
        let (response, ()) = tokio::join!(fetch(&mut reader, NAMES, &request), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            produce(&mut writer, TOPIC, LEADER, batch()).await;
        });
        assert!((2000..2100).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        let one = size(partitions(&response)[0]);
        assert!(one > 0);

        // It goes on waiting while there is less than it wants.
        let started = Instant::now();
        let request = wait(60_000, i32::try_from(3 * one).unwrap());
        let (response, ()) = tokio::join!(fetch(&mut reader, NAMES, &request), async {
            for _ in 0..2 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                produce(&mut writer, TOPIC, LEADER, batch()).await;
            }
        });
        assert!((2000..2100).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        assert_eq!(size(partitions(&response)[0]), 3 * one);
        node.shutdown().await;
    });
}

#[test]
fn deleting_a_topic_ends_the_waiting_for_it() {
    simulate(8, |mut world: World| async move {
        let node = world.start().await;
        let mut admin = world.connect();
        for (version, expected) in [(NAMES, ErrorCode::UnknownTopicOrPartition), (IDS, ErrorCode::UnknownTopicId)] {
            admin.create_topic(TOPIC, 1, &[]).await.unwrap();
            let id = topic_id(&mut admin, TOPIC).await;
            let mut reader = world.connect();
            let request = FetchRequest { max_wait_ms: 60_000, ..fetch_request(TOPIC, id, vec![position(0, 0)]) };
            let started = Instant::now();
            let (response, ()) = tokio::join!(fetch(&mut reader, version, &request), async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let topics = vec![DeleteTopicState { name: Some(TOPIC.to_owned()), topic_id: Uuid::ZERO }];
                let request = DeleteTopicsRequest { topics, timeout_ms: 10_000, ..DeleteTopicsRequest::default() };
                let deleted: DeleteTopicsResponse = admin.call(ApiKey::DeleteTopics, 6, &request).await.unwrap();
                assert_eq!(deleted.responses[0].error_code, 0);
                // Who deletes sees it gone at once.
                assert!(
                    admin.metadata().await.unwrap().topics.iter().all(|topic| topic.name.as_deref() != Some(TOPIC))
                );
            });
            assert_eq!(partitions(&response)[0].error_code, code(expected));
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        }
        node.shutdown().await;
    });
}

#[test]
fn limits_hold_but_for_one_batch() {
    simulate(9, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 3, &[]).await.unwrap();
        let values = vec!["x".repeat(1000); 3];
        for partition in 0..3 {
            for value in &values {
                client.produce(TOPIC, partition, std::slice::from_ref(value)).await.unwrap().unwrap();
            }
        }
        let sizes = |response: &FetchResponse| partitions(response).iter().map(|p| size(p)).collect::<Vec<_>>();
        let all = || vec![position(0, 0), position(1, 0), position(2, 0)];
        let full = fetch(&mut client, NAMES, &fetch_request(TOPIC, Uuid::ZERO, all())).await;
        let batch_size = sizes(&full)[0] / 3;
        assert_eq!(sizes(&full), [3 * batch_size; 3]);

        let tiny = all().into_iter().map(|position| FetchPartition { partition_max_bytes: 10, ..position }).collect();
        let response = fetch(&mut client, NAMES, &fetch_request(TOPIC, Uuid::ZERO, tiny)).await;
        assert_eq!(sizes(&response), [batch_size, 0, 0]);

        let max_bytes = i32::try_from(4 * batch_size).unwrap();
        let response =
            fetch(&mut client, NAMES, &FetchRequest { max_bytes, ..fetch_request(TOPIC, Uuid::ZERO, all()) }).await;
        assert_eq!(sizes(&response), [3 * batch_size, batch_size, 0]);
        node.shutdown().await;
    });
}

#[test]
fn positions_that_do_not_fit_the_log() {
    simulate(10, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        produce(&mut client, TOPIC, ALL, batch()).await;
        let epoch = |current_leader_epoch, last_fetched_epoch, offset| FetchPartition {
            current_leader_epoch,
            last_fetched_epoch,
            ..position(0, offset)
        };
        for (asked, expected) in [
            (position(0, 2), ErrorCode::OffsetOutOfRange),
            (position(0, -1), ErrorCode::OffsetOutOfRange),
            (position(9, 0), ErrorCode::UnknownTopicOrPartition),
            (epoch(7, -1, 0), ErrorCode::UnknownLeaderEpoch),
            (epoch(0, 7, 0), ErrorCode::OffsetOutOfRange),
            (epoch(0, 0, 1), ErrorCode::None),
        ] {
            let response = fetch(&mut client, NAMES, &fetch_request(TOPIC, Uuid::ZERO, vec![asked.clone()])).await;
            let partition = partitions(&response)[0];
            assert_eq!(partition.error_code, code(expected), "{asked:?}");
            assert_eq!(partition.high_watermark, if expected == ErrorCode::None { 1 } else { -1 });
        }
        // What the client has ends beyond this log: it is told where the two part.
        let response = fetch(&mut client, NAMES, &fetch_request(TOPIC, Uuid::ZERO, vec![epoch(0, 0, 5)])).await;
        let partition = partitions(&response)[0];
        assert_eq!(partition.error_code, 0);
        assert_eq!((partition.diverging_epoch.epoch, partition.diverging_epoch.end_offset), (0, 1));
        // In the name of a replica that there is not.
        let asked = FetchRequest {
            replica_state: ReplicaState { replica_id: 2, replica_epoch: 1 },
            ..fetch_request("", topic_id(&mut client, TOPIC).await, vec![position(0, 0)])
        };
        let response = fetch(&mut client, 16, &asked).await;
        let partition = partitions(&response)[0];
        assert_eq!(partition.error_code, code(ErrorCode::NotLeaderOrFollower));
        // Replicas know where the others are.
        assert_eq!((partition.current_leader.leader_id, response.node_endpoints.len()), (1, 0));
        node.shutdown().await;
    });
}

#[test]
fn a_session_tells_what_is_new() {
    simulate(11, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 3, &[]).await.unwrap();
        let id = topic_id(&mut client, TOPIC).await;
        let session = |session_id, session_epoch, partitions: Vec<FetchPartition>| FetchRequest {
            max_wait_ms: 10,
            session_id,
            session_epoch,
            ..fetch_request("", id, partitions)
        };
        let indexes = |response: &FetchResponse| -> Vec<i32> {
            partitions(response).iter().map(|partition| partition.partition_index).collect()
        };
        let all = vec![position(0, 0), position(1, 0), position(2, 0)];
        let opened = fetch(&mut client, IDS, &session(0, 0, all)).await;
        assert_ne!(opened.session_id, 0);
        assert_eq!(indexes(&opened), [0, 1, 2]);
        let next = |epoch, changed| session(opened.session_id, epoch, changed);
        assert_eq!(indexes(&fetch(&mut client, IDS, &next(1, vec![])).await), [] as [i32; 0]);

        client.produce(TOPIC, 0, &["a".to_owned()]).await.unwrap().unwrap();
        client.produce(TOPIC, 2, &["b".to_owned()]).await.unwrap().unwrap();
        let response = fetch(&mut client, IDS, &next(2, vec![])).await;
        assert_eq!(indexes(&response), [0, 2]);
        // Both have had records: partition 1 is first now.
        client.produce(TOPIC, 1, &["c".to_owned()]).await.unwrap().unwrap();
        let response = fetch(&mut client, IDS, &next(3, vec![position(2, 1), position(0, 1)])).await;
        assert_eq!(indexes(&response), [1]);

        let forgetting = FetchRequest {
            forgotten_topics_data: vec![ForgottenTopic { topic_id: id, partitions: vec![1], ..Default::default() }],
            ..next(4, vec![])
        };
        assert_eq!(indexes(&fetch(&mut client, IDS, &forgetting).await), [] as [i32; 0]);
        let error = fetch(&mut client, IDS, &next(4, vec![])).await.error_code;
        assert_eq!(error, code(ErrorCode::InvalidFetchSessionEpoch));
        let error = fetch(&mut client, NAMES, &next(5, vec![])).await.error_code;
        assert_eq!(error, code(ErrorCode::FetchSessionTopicIdError));
        // A full request in the session's name ends it.
        fetch(&mut client, IDS, &next(-1, vec![position(0, 0)])).await;
        let error = fetch(&mut client, IDS, &next(5, vec![])).await.error_code;
        assert_eq!(error, code(ErrorCode::FetchSessionIdNotFound));
        node.shutdown().await;
    });
}

/// The first record of a later segment must not wait for min bytes.
#[test]
fn a_fetch_of_an_older_segment_does_not_wait() {
    simulate(12, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[("segment.bytes", "1048576"), ("max.message.bytes", "1048576")]).await.unwrap();
        for _ in 0..3 {
            client.produce(TOPIC, 0, &["x".repeat(700_000)]).await.unwrap().unwrap();
        }
        let request = FetchRequest {
            max_wait_ms: 60_000,
            min_bytes: 10_000_000,
            ..fetch_request(TOPIC, Uuid::ZERO, vec![position(0, 0)])
        };
        let started = Instant::now();
        let response = fetch(&mut client, NAMES, &request).await;
        assert!(started.elapsed() < Duration::from_secs(1));
        assert!(size(partitions(&response)[0]) > 700_000);
        node.shutdown().await;
    });
}

/// Kafka looks into the beginning of each first batch before anything else.
#[test]
fn a_batch_that_begins_wrong_ends_its_whole_request() {
    simulate(13, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        let mut wrong = batch().to_vec();
        wrong[16] = 3;
        let request = produce_request(TOPIC, Uuid::ZERO, ALL, vec![(0, Some(batch())), (1, Some(wrong.into()))]);
        let response: ProduceResponse = client.call(ApiKey::Produce, NAMES, &request).await.unwrap();
        let answers: Vec<_> = response.responses[0]
            .partition_responses
            .iter()
            .map(|answer| (answer.index, answer.error_code, answer.error_message.as_deref()))
            .collect();
        let (corrupt, message) = (code(ErrorCode::CorruptMessage), Some("Invalid magic found in record: 3"));
        assert_eq!(answers, [(0, corrupt, message), (1, corrupt, message)]);
        assert_eq!(produce(&mut client, TOPIC, ALL, batch()).await.base_offset, 0, "nothing was written");
        node.shutdown().await;
    });
}

#[test]
fn a_partition_named_twice_is_answered_once() {
    simulate(14, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        for _ in 0..2 {
            produce(&mut client, TOPIC, ALL, batch()).await;
        }
        let request = fetch_request(TOPIC, Uuid::ZERO, vec![position(0, 0), position(1, 0), position(0, 1)]);
        let response = fetch(&mut client, NAMES, &request).await;
        let answers: Vec<_> =
            partitions(&response).iter().map(|answer| (answer.partition_index, size(answer))).collect();
        assert_eq!(answers, [(0, batch().len()), (1, 0)], "from where it was last said");
        node.shutdown().await;
    });
}
