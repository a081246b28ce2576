//! What administrators do to partitions and groups: records, producers, log directories, groups and offsets.

use std::time::Duration;

use bytes::Bytes;
use dohle_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use dohle_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use dohle_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use dohle_protocol::messages::describe_producers_request::TopicRequest;
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use dohle_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use dohle_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dohle_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use dohle_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use dohle_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use dohle_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dohle_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeProducersRequest, DescribeProducersResponse, FetchRequest, FetchResponse, JoinGroupResponse,
    ListOffsetsRequest, ListOffsetsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse, SyncGroupRequest, SyncGroupResponse,
};
use dohle_protocol::record_batch::BatchBuilder;
use dohle_protocol::{ApiKey, ErrorCode};
use tokio::time::{Instant, timeout};

use crate::requests::{GROUP, TOPIC};
use crate::simulation::{Client, World, simulate};

const OUT_OF_RANGE: i16 = ErrorCode::OffsetOutOfRange.code();
const UNKNOWN: i16 = ErrorCode::UnknownTopicOrPartition.code();
const EARLIEST: i64 = -2;

/// A topic and some of its partitions.
type Partitions<'a> = (&'a str, &'a [i32]);
/// A topic, a partition, and the error that it has.
type Code<'a> = (&'a str, i32, i16);

fn values(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("value-{number}")).collect()
}

/// Topic, partition, low watermark and error of each answer.
async fn delete_records(client: &mut Client, asked: &[(&str, i32, i64)]) -> Vec<(String, i32, i64, i16)> {
    let topic = |(topic, partition_index, offset): &(&str, i32, i64)| DeleteRecordsTopic {
        name: (*topic).to_owned(),
        partitions: vec![DeleteRecordsPartition { partition_index: *partition_index, offset: *offset }],
    };
    let request = DeleteRecordsRequest { topics: asked.iter().map(topic).collect(), timeout_ms: 1000 };
    let response: DeleteRecordsResponse = client.call(ApiKey::DeleteRecords, 2, &request).await.unwrap();
    let answers = response.topics.into_iter().flat_map(|topic| {
        topic.partitions.into_iter().map(move |partition| {
            (topic.name.clone(), partition.partition_index, partition.low_watermark, partition.error_code)
        })
    });
    answers.collect()
}

/// What a partition's one answer says.
async fn delete_one(client: &mut Client, topic: &str, partition: i32, offset: i64) -> (i64, i16) {
    let answers = delete_records(client, &[(topic, partition, offset)]).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    (answers[0].2, answers[0].3)
}

async fn list_offset(client: &mut Client, topic: &str, timestamp: i64) -> i64 {
    let partitions = vec![ListOffsetsPartition { current_leader_epoch: -1, timestamp, ..Default::default() }];
    let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    let response: ListOffsetsResponse = client.call(ApiKey::ListOffsets, 7, &request).await.unwrap();
    response.topics[0].partitions[0].offset
}

fn fetch_from(offset: i64, min_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    let partitions = vec![FetchPartition {
        fetch_offset: offset,
        current_leader_epoch: -1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    }];
    FetchRequest {
        replica_id: -1,
        min_bytes,
        max_wait_ms,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic { topic: TOPIC.to_owned(), partitions, ..Default::default() }],
        ..Default::default()
    }
}

async fn fetch(client: &mut Client, request: &FetchRequest) -> (i16, i64) {
    let response: FetchResponse = client.call(ApiKey::Fetch, 12, request).await.unwrap();
    let partition = &response.responses[0].partitions[0];
    (partition.error_code, partition.log_start_offset)
}

#[test]
fn records_are_deleted_up_to_an_offset_and_for_good() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        client.produce(TOPIC, 0, &values(10)).await.unwrap().unwrap();
        assert_eq!(delete_one(&mut client, TOPIC, 0, 4).await, (4, 0));
        assert_eq!(delete_one(&mut client, TOPIC, 0, 2).await, (4, 0), "the start never moves back");
        assert_eq!(list_offset(&mut client, TOPIC, EARLIEST).await, 4);
        assert_eq!(list_offset(&mut client, TOPIC, 0).await, 4, "by time as well");
        assert_eq!(fetch(&mut client, &fetch_from(3, 1, 0)).await, (OUT_OF_RANGE, -1));
        assert_eq!(fetch(&mut client, &fetch_from(4, 1, 0)).await, (0, 4));
        for offset in [11, -2, i64::MIN] {
            assert_eq!(delete_one(&mut client, TOPIC, 0, offset).await, (-1, OUT_OF_RANGE), "{offset}");
        }
        node.shutdown().await;

        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(list_offset(&mut client, TOPIC, EARLIEST).await, 4, "as the checkpoint says");
        assert_eq!(delete_one(&mut client, TOPIC, 0, -1).await, (10, 0), "all that is committed");
        assert_eq!(client.produce(TOPIC, 0, &values(1)).await.unwrap(), Ok(10));
        node.shutdown().await;
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(list_offset(&mut client, TOPIC, EARLIEST).await, 10);
        node.shutdown().await;
    });
}

#[test]
fn records_that_may_not_be_deleted_stay() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]).await.unwrap();
        client.create_topic("both", 1, &[("cleanup.policy", "compact,delete")]).await.unwrap();
        while client.find_coordinator(GROUP).await.unwrap().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (policy, topic) = (ErrorCode::PolicyViolation.code(), ErrorCode::InvalidTopicException.code());
        assert_eq!(delete_one(&mut client, "compacted", 0, 0).await, (-1, policy));
        assert_eq!(delete_one(&mut client, "both", 0, 0).await, (0, 0));
        assert_eq!(delete_one(&mut client, "__consumer_offsets", 0, 0).await, (-1, topic));
        assert_eq!(delete_one(&mut client, "__consumer_offsets", 99, 0).await, (-1, UNKNOWN));
        for (topic, partition) in [(TOPIC, 1), (TOPIC, -1), ("nothing", 0), ("a b", 0)] {
            assert_eq!(delete_one(&mut client, topic, partition, 0).await, (-1, UNKNOWN), "{topic}-{partition}");
        }
        client.produce(TOPIC, 0, &values(10)).await.unwrap().unwrap();
        let answers = delete_records(&mut client, &[(TOPIC, 0, 6), ("nothing", 0, 1), (TOPIC, 0, 7)]).await;
        let expected = [("nothing".to_owned(), 0, -1, UNKNOWN), (TOPIC.to_owned(), 0, 7, 0)];
        assert_eq!(answers, expected, "each once, and the last word counts");
        assert_eq!(delete_records(&mut client, &[]).await, []);
        node.shutdown().await;
    });
}

#[test]
fn a_waiting_fetch_hears_of_deleted_records_at_once() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        client.produce(TOPIC, 0, &values(10)).await.unwrap().unwrap();
        let mut waiting = world.connect();
        let began = Instant::now();
        let (heard, _) = tokio::join!(async { fetch(&mut waiting, &fetch_from(5, 1 << 19, 60_000)).await }, async {
            // The fetch is waiting by then.
            tokio::time::sleep(Duration::from_secs(1)).await;
            delete_one(&mut client, TOPIC, 0, 8).await
        });
        assert_eq!(heard, (OUT_OF_RANGE, -1));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        node.shutdown().await;
    });
}

async fn produce_idempotent(client: &mut Client, partition: i32, sequence: i32, count: i32) {
    let mut builder = BatchBuilder::default().producer(77, 3, sequence);
    for number in 0..count {
        builder.record(1_767_225_600_000 + i64::from(number), None, Some(b"value"), &[]);
    }
    let partition_data = vec![PartitionProduceData { index: partition, records: Some(builder.build()) }];
    let topic_data = vec![TopicProduceData { name: TOPIC.to_owned(), partition_data, ..Default::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() };
    let response: ProduceResponse = client.call(ApiKey::Produce, 9, &request).await.unwrap();
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[test]
fn producers_are_described_with_their_last_batch() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        produce_idempotent(&mut client, 1, 0, 3).await;
        produce_idempotent(&mut client, 1, 3, 2).await;
        let topic = |name: &str, partition_indexes: &[i32]| TopicRequest {
            name: name.to_owned(),
            partition_indexes: partition_indexes.to_vec(),
        };
        let request = DescribeProducersRequest {
            topics: vec![topic(TOPIC, &[1, 0, 9, 1]), topic("nothing", &[0]), topic("a b", &[0])],
        };
        let response: DescribeProducersResponse = client.call(ApiKey::DescribeProducers, 0, &request).await.unwrap();
        let [known, unknown, invalid] = &response.topics[..] else { panic!("{response:?}") };
        let found: Vec<_> = known
            .partitions
            .iter()
            .map(|found| (found.partition_index, found.error_code, found.active_producers.len()))
            .collect();
        assert_eq!(found, [(1, 0, 1), (0, 0, 0), (9, UNKNOWN, 0), (1, 0, 1)]);
        assert_eq!(known.partitions[2].error_message, None);
        let producer = &known.partitions[0].active_producers[0];
        assert_eq!((producer.producer_id, producer.producer_epoch, producer.last_sequence), (77, 3, 4));
        assert_eq!(producer.last_timestamp, 1_767_225_600_001);
        assert_eq!((producer.coordinator_epoch, producer.current_txn_start_offset), (-1, -1));
        let error = |topic: &dohle_protocol::messages::describe_producers_response::TopicResponse| {
            (topic.partitions[0].error_code, topic.partitions[0].error_message.clone().unwrap())
        };
        assert_eq!(error(unknown), (UNKNOWN, "This server does not host this topic-partition.".to_owned()));
        let (code, message) = error(invalid);
        assert_eq!(code, ErrorCode::InvalidTopicException.code());
        assert!(message.starts_with("Topic name is invalid: 'a b'"), "{message}");
        node.shutdown().await;
    });
}

async fn describe_log_dirs(
    client: &mut Client,
    version: i16,
    topics: Option<&[Partitions<'_>]>,
) -> DescribeLogDirsResponse {
    let topic = |(topic, partitions): &Partitions<'_>| DescribableLogDirTopic {
        topic: (*topic).to_owned(),
        partitions: partitions.to_vec(),
    };
    let request = DescribeLogDirsRequest { topics: topics.map(|topics| topics.iter().map(topic).collect()) };
    client.call(ApiKey::DescribeLogDirs, version, &request).await.unwrap()
}

#[test]
fn log_directories_tell_what_lies_in_them() {
    simulate(5, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        client.create_topic("other", 1, &[]).await.unwrap();
        client.produce(TOPIC, 0, &values(3)).await.unwrap().unwrap();
        let all = describe_log_dirs(&mut client, 5, None).await;
        assert_eq!((all.error_code, all.results.len()), (0, 1));
        let directory = &all.results[0];
        assert!(directory.log_dir.starts_with('/') && directory.error_code == 0 && !directory.is_cordoned);
        assert!(directory.usable_bytes > 0 && directory.usable_bytes < directory.total_bytes);
        let names: Vec<_> = directory.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(names, [TOPIC, "other"]);
        let topic = directory.topics.iter().find(|topic| topic.name == TOPIC).unwrap();
        assert!(topic.partitions[0].partition_size > 0 && topic.partitions[1].partition_size == 0);
        assert!(topic.partitions.iter().all(|partition| partition.offset_lag == 0 && !partition.is_future_key));

        let cases: [(&[Partitions<'_>], usize); 4] =
            [(&[], 0), (&[(TOPIC, &[1, 7]), ("nothing", &[0])], 1), (&[(TOPIC, &[])], 0), (&[(TOPIC, &[0, 1, 1])], 2)];
        for (wanted, count) in cases {
            let told = describe_log_dirs(&mut client, 4, Some(wanted)).await;
            let partitions: usize = told.results[0].topics.iter().map(|topic| topic.partitions.len()).sum();
            assert_eq!(partitions, count, "{wanted:?}");
        }
        let old = describe_log_dirs(&mut client, 1, None).await;
        assert_eq!((old.results[0].total_bytes, old.results[0].usable_bytes), (-1, -1), "not told yet");
        node.shutdown().await;
    });
}

#[test]
fn a_replica_stays_where_it_lies() {
    simulate(6, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        let home = describe_log_dirs(&mut client, 2, Some(&[])).await.results[0].log_dir.clone();
        let long = "x".repeat(240);
        let (not_found, too_long) = (ErrorCode::LogDirNotFound.code(), ErrorCode::InvalidTopicException.code());
        let cases = [
            (home.clone(), TOPIC, 0, 0),
            (format!("{home}/"), TOPIC, 0, not_found),
            ("/nowhere".to_owned(), TOPIC, 0, not_found),
            ("/nowhere".to_owned(), "nothing", 0, not_found),
            (home.clone(), "nothing", 0, UNKNOWN),
            (home.clone(), TOPIC, 7, UNKNOWN),
            (home.clone(), TOPIC, -1, UNKNOWN),
            (home.clone(), &long, 0, too_long),
        ];
        let wanted = |path: &str, topic: &str, partition: i32| AlterReplicaLogDir {
            path: path.to_owned(),
            topics: vec![AlterReplicaLogDirTopic { name: topic.to_owned(), partitions: vec![partition] }],
        };
        for (path, topic, partition, expected) in cases {
            let request = AlterReplicaLogDirsRequest { dirs: vec![wanted(&path, topic, partition)] };
            let response: AlterReplicaLogDirsResponse =
                client.call(ApiKey::AlterReplicaLogDirs, 2, &request).await.unwrap();
            let answer = &response.results[0];
            assert_eq!((answer.topic_name.as_str(), answer.partitions[0].partition_index), (topic, partition));
            assert_eq!(answer.partitions[0].error_code, expected, "{topic}-{partition} in {path}");
        }
        let dirs = vec![wanted("/nowhere", TOPIC, 0), wanted(&home, TOPIC, 1), wanted(&home, TOPIC, 0)];
        let response: AlterReplicaLogDirsResponse =
            client.call(ApiKey::AlterReplicaLogDirs, 1, &AlterReplicaLogDirsRequest { dirs }).await.unwrap();
        assert_eq!(response.results.len(), 1);
        let codes: Vec<_> = response.results[0].partitions.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, [0, 0], "the last word counts");
        node.shutdown().await;
    });
}

async fn commit(client: &mut Client, group: &str, member: Option<(&str, i32)>, topic: &str, partition: i32) {
    let partitions = vec![OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: 3,
        committed_leader_epoch: -1,
        ..Default::default()
    }];
    let topics = vec![OffsetCommitRequestTopic { name: topic.to_owned(), partitions, ..Default::default() }];
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: member.map_or(-1, |(_, generation)| generation),
        member_id: member.map_or_else(String::new, |(member, _)| member.to_owned()),
        topics,
        ..Default::default()
    };
    let response: OffsetCommitResponse = client.call(ApiKey::OffsetCommit, 7, &request).await.unwrap();
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
}

/// How many offsets a group has.
async fn offset_count(client: &mut Client, group: &str) -> usize {
    let group = OffsetFetchRequestGroup { group_id: group.to_owned(), topics: None, ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    let response: OffsetFetchResponse = client.call(ApiKey::OffsetFetch, 8, &request).await.unwrap();
    response.groups[0].topics.iter().map(|topic| topic.partitions.len()).sum()
}

async fn delete_groups(client: &mut Client, groups: &[&str]) -> Vec<(String, i16)> {
    let request = DeleteGroupsRequest { groups_names: groups.iter().map(|group| (*group).to_owned()).collect() };
    let response: DeleteGroupsResponse = client.call(ApiKey::DeleteGroups, 2, &request).await.unwrap();
    response.results.into_iter().map(|result| (result.group_id, result.error_code)).collect()
}

async fn offset_delete(client: &mut Client, group: &str, topics: &[Partitions<'_>]) -> OffsetDeleteResponse {
    let topic = |(name, partitions): &Partitions<'_>| OffsetDeleteRequestTopic {
        name: (*name).to_owned(),
        partitions: partitions.iter().map(|index| OffsetDeleteRequestPartition { partition_index: *index }).collect(),
    };
    let request = OffsetDeleteRequest { group_id: group.to_owned(), topics: topics.iter().map(topic).collect() };
    client.call(ApiKey::OffsetDelete, 0, &request).await.unwrap()
}

fn codes(response: &OffsetDeleteResponse) -> Vec<Code<'_>> {
    let topics = response.topics.iter();
    let partitions = topics.flat_map(|topic| topic.partitions.iter().map(|found| (topic.name.as_str(), found)));
    partitions.map(|(topic, found)| (topic, found.partition_index, found.error_code)).collect()
}

/// A broker with two topics and a coordinator.
async fn with_coordinator(client: &mut Client) {
    client.create_topic(TOPIC, 2, &[]).await.unwrap();
    client.create_topic("other", 1, &[]).await.unwrap();
    while client.find_coordinator(GROUP).await.unwrap().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn groups_and_offsets_are_deleted_for_good() {
    simulate(7, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        with_coordinator(&mut client).await;
        for (group, topic, partition) in
            [(GROUP, TOPIC, 0), (GROUP, TOPIC, 1), (GROUP, "other", 0), ("gone", TOPIC, 0), ("", TOPIC, 0)]
        {
            commit(&mut client, group, None, topic, partition).await;
        }
        let deleted =
            offset_delete(&mut client, GROUP, &[(TOPIC, &[0, 5, 0]), ("nothing", &[0]), ("other", &[])]).await;
        let expected = [(TOPIC, 5, UNKNOWN), (TOPIC, 0, 0), (TOPIC, 0, 0), ("nothing", 0, UNKNOWN)];
        assert_eq!((deleted.error_code, codes(&deleted)), (0, expected.to_vec()));
        let twice = offset_delete(&mut client, GROUP, &[(TOPIC, &[0]), (TOPIC, &[0])]).await;
        assert_eq!((twice.topics.len(), codes(&twice)), (2, vec![(TOPIC, 0, 0); 2]), "as often as it is named");
        let not_found = ErrorCode::GroupIdNotFound.code();
        for (group, code) in [("nobody", not_found), ("", 0)] {
            let refused = offset_delete(&mut client, group, &[(TOPIC, &[1])]).await.error_code;
            let expected = if group.is_empty() { ErrorCode::InvalidGroupId.code() } else { code };
            assert_eq!(refused, expected, "{group:?}");
        }
        let unknown = offset_delete(&mut client, "nobody", &[("nothing", &[0])]).await;
        assert_eq!((unknown.error_code, unknown.topics.len()), (not_found, 0), "the group counts for more");

        let results = delete_groups(&mut client, &["gone", "nobody", "", "gone"]).await;
        let expected = [("", 0), ("gone", 0), ("nobody", not_found)].map(|(group, code)| (group.to_owned(), code));
        assert_eq!(results, expected, "each once");
        node.shutdown().await;

        let node = world.start().await;
        let mut client = world.connect();
        while client.find_coordinator(GROUP).await.unwrap().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(offset_count(&mut client, GROUP).await, 2);
        assert_eq!(offset_count(&mut client, "gone").await, 0);
        assert_eq!(delete_groups(&mut client, &["gone"]).await[0].1, not_found);
        node.shutdown().await;
    });
}

/// Makes a group of one member, and gives its id and the generation.
async fn join(client: &mut Client, group: &str, protocol_type: &str, metadata: &Bytes) -> (String, i32) {
    use dohle_protocol::messages::JoinGroupRequest;
    use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
    let mut request = JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: protocol_type.to_owned(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata: metadata.clone() }],
        ..Default::default()
    };
    let first: JoinGroupResponse = client.call(ApiKey::JoinGroup, 4, &request).await.unwrap();
    request.member_id = first.member_id;
    let joined: JoinGroupResponse = client.call(ApiKey::JoinGroup, 4, &request).await.unwrap();
    assert_eq!(joined.error_code, 0);
    let sync = SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    };
    let synced: SyncGroupResponse = client.call(ApiKey::SyncGroup, 3, &sync).await.unwrap();
    assert_eq!(synced.error_code, 0);
    (joined.member_id, joined.generation_id)
}

#[test]
fn what_members_use_stays() {
    // Version 0, and one topic: "orders".
    let subscribed = Bytes::from_static(b"\x00\x00\x00\x00\x00\x01\x00\x06orders\xff\xff\xff\xff");
    let unreadable = Bytes::from_static(b"\x00");
    simulate(8, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        with_coordinator(&mut client).await;
        let in_use = ErrorCode::GroupSubscribedToTopic.code();
        let non_empty = ErrorCode::NonEmptyGroup.code();
        let cases: [(&str, &str, &Bytes, i16, &[Code<'_>]); 3] = [
            ("opaque", "connect", &subscribed, non_empty, &[]),
            ("consumers", "consumer", &subscribed, 0, &[(TOPIC, 0, in_use), ("other", 0, 0)]),
            ("unknown", "consumer", &unreadable, 0, &[(TOPIC, 0, in_use), ("other", 0, in_use)]),
        ];
        for (group, protocol_type, metadata, code, partitions) in cases {
            let (member, generation) = join(&mut client, group, protocol_type, metadata).await;
            for topic in [TOPIC, "other"] {
                commit(&mut client, group, Some((&member, generation)), topic, 0).await;
            }
            let deleted = offset_delete(&mut client, group, &[(TOPIC, &[0]), ("other", &[0])]).await;
            assert_eq!((deleted.error_code, codes(&deleted)), (code, partitions.to_vec()), "{group}");
            assert_eq!(delete_groups(&mut client, &[group]).await, [(group.to_owned(), non_empty)]);
            let left = 2 - partitions.iter().filter(|(.., code)| *code == 0).count();
            assert_eq!(offset_count(&mut client, group).await, left, "{group}");
        }
        node.shutdown().await;
    });
}

#[test]
fn a_topic_is_listed_once_however_often_it_is_named() {
    simulate(9, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 2, &[]).await.unwrap();
        let asked = |partition_index| ListOffsetsTopic {
            name: TOPIC.to_owned(),
            partitions: vec![ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp: EARLIEST }],
        };
        let request =
            ListOffsetsRequest { replica_id: -1, topics: vec![asked(0), asked(0), asked(1)], ..Default::default() };
        let response: ListOffsetsResponse = client.call(ApiKey::ListOffsets, 7, &request).await.unwrap();
        assert_eq!(response.topics.len(), 1);
        let found: Vec<_> =
            response.topics[0].partitions.iter().map(|found| (found.partition_index, found.error_code)).collect();
        assert_eq!(found, [(0, ErrorCode::InvalidRequest.code()), (1, 0)]);
        node.shutdown().await;
    });
}

#[test]
fn a_level_of_isolation_that_nobody_knows_is_refused_for_each_partition_as_it_was_asked_for() {
    simulate(11, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        let asked = |indexes: &[i32]| ListOffsetsTopic {
            name: TOPIC.to_owned(),
            partitions: indexes
                .iter()
                .map(|index| ListOffsetsPartition {
                    partition_index: *index,
                    current_leader_epoch: -1,
                    timestamp: EARLIEST,
                })
                .collect(),
        };
        let topics = vec![asked(&[0, 0]), asked(&[9]), asked(&[])];
        for isolation_level in [-1, 2] {
            let request =
                ListOffsetsRequest { replica_id: -1, isolation_level, topics: topics.clone(), ..Default::default() };
            let response: ListOffsetsResponse = client.call(ApiKey::ListOffsets, 7, &request).await.unwrap();
            let found: Vec<Vec<_>> = response
                .topics
                .iter()
                .map(|topic| topic.partitions.iter().map(|found| (found.partition_index, found.error_code)).collect())
                .collect();
            let unknown = ErrorCode::UnknownServerError.code();
            assert_eq!(found, [vec![(0, unknown), (0, unknown)], vec![(9, unknown)], vec![]]);
        }
        node.shutdown().await;
    });
}

#[test]
fn an_epoch_below_none_is_one_that_has_gone() {
    simulate(12, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        for (current_leader_epoch, error) in
            [(-2, ErrorCode::FencedLeaderEpoch), (-1, ErrorCode::None), (1, ErrorCode::UnknownLeaderEpoch)]
        {
            let partitions =
                vec![ListOffsetsPartition { partition_index: 0, current_leader_epoch, timestamp: EARLIEST }];
            let topics = vec![ListOffsetsTopic { name: TOPIC.to_owned(), partitions }];
            let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
            let listed: ListOffsetsResponse = client.call(ApiKey::ListOffsets, 7, &request).await.unwrap();
            let partitions = vec![OffsetForLeaderPartition { partition: 0, current_leader_epoch, leader_epoch: 0 }];
            let topics = vec![OffsetForLeaderTopic { topic: TOPIC.to_owned(), partitions }];
            let request = OffsetForLeaderEpochRequest { replica_id: -1, topics };
            let ended: OffsetForLeaderEpochResponse =
                client.call(ApiKey::OffsetForLeaderEpoch, 4, &request).await.unwrap();
            let found = (listed.topics[0].partitions[0].error_code, ended.topics[0].partitions[0].error_code);
            assert_eq!(found, (error.code(), error.code()), "{current_leader_epoch}");
        }
        node.shutdown().await;
    });
}

#[test]
fn a_start_that_opens_no_log_leaves_the_next_one_nothing_to_recover() {
    simulate(10, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic(TOPIC, 1, &[]).await.unwrap();
        node.shutdown().await;
        assert!(world.was_stopped_in_order());
        let refused = timeout(Duration::from_secs(60), world.start_without_network()).await.expect("it fails at once");
        assert!(refused.is_err(), "it cannot listen");
        assert!(world.was_stopped_in_order(), "the mark stays");
        let node = world.start().await;
        assert!(!world.was_stopped_in_order(), "logs are open now");
        node.shutdown().await;
    });
}
