//! A client that speaks the protocol over a simulated stream, one request at a time.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use dohle_network::simulated::SimulatedStream;
use dohle_protocol::compression::Compression;
use dohle_protocol::header::RequestHeader;
use dohle_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use dohle_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use dohle_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dohle_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse,
};
use dohle_protocol::record_batch::{BatchBuilder, BatchHeader, records};
use dohle_protocol::{ApiKey, ErrorCode, Message, Reader, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const API_VERSIONS_VERSION: i16 = 3;
const METADATA_VERSION: i16 = 12;
const FIND_COORDINATOR_VERSION: i16 = 4;
const JOIN_GROUP_VERSION: i16 = 9;
const CREATE_TOPICS_VERSION: i16 = 7;
const PRODUCE_VERSION: i16 = 9;
const FETCH_VERSION: i16 = 12;
const ACKS_ALL: i16 = -1;
const FETCH_BYTES_MAX: i32 = 4 * 1024;

/// One connection.
pub struct Client {
    stream: SimulatedStream,
    correlation_id: i32,
}

impl Client {
    pub fn new(stream: SimulatedStream) -> Self {
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request and reads its response to its last byte.
    pub async fn call<Q: Message, R: Message>(&mut self, api: ApiKey, version: i16, request: &Q) -> io::Result<R> {
        let mut writer = Writer::new();
        request.encode(&mut writer, version);
        let body = self.call_raw(api.code(), version, &writer.into_bytes()).await?;
        let mut reader = Reader::new(&body);
        let decoded = R::decode(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0, "nothing is left behind a response");
        Ok(decoded)
    }

    /// Sends a request whose body is `body`, and gives the body of its response.
    pub async fn call_raw(&mut self, api_key: i16, version: i16, body: &[u8]) -> io::Result<Bytes> {
        self.send_raw(api_key, version, body).await?;
        let response = self.read_frame().await?;
        let mut reader = Reader::new(&response);
        assert_eq!(reader.int32().unwrap(), self.correlation_id, "responses come in the order of requests");
        let api = ApiKey::from_code(api_key);
        if api.is_some_and(|api| api.is_flexible(version) && api != ApiKey::ApiVersions) {
            reader.skip_tagged_fields().unwrap();
        }
        Ok(response.slice(reader.position()..))
    }

    /// Sends a request and waits for nothing.
    pub async fn send<Q: Message>(&mut self, api: ApiKey, version: i16, request: &Q) -> io::Result<()> {
        let mut writer = Writer::new();
        request.encode(&mut writer, version);
        self.send_raw(api.code(), version, &writer.into_bytes()).await
    }

    async fn send_raw(&mut self, api_key: i16, version: i16, body: &[u8]) -> io::Result<()> {
        self.correlation_id += 1;
        let header = RequestHeader {
            api_key,
            api_version: version,
            correlation_id: self.correlation_id,
            client_id: Some("simulation".to_owned()),
        };
        let mut writer = Writer::new();
        header.encode(&mut writer);
        writer.raw(body);
        let frame = writer.into_bytes();
        self.send_bytes(&i32::try_from(frame.len()).unwrap().to_be_bytes()).await?;
        self.send_bytes(&frame).await
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame of the broker's.
    pub async fn read_frame(&mut self) -> io::Result<Bytes> {
        let size = usize::try_from(self.stream.read_i32().await?).unwrap();
        let mut response = BytesMut::zeroed(size);
        self.stream.read_exact(&mut response).await?;
        Ok(response.freeze())
    }

    /// What the broker speaks.
    pub async fn api_versions(&mut self) -> io::Result<ApiVersionsResponse> {
        let request = ApiVersionsRequest {
            client_software_name: "simulation".to_owned(),
            client_software_version: "1".to_owned(),
        };
        self.call(ApiKey::ApiVersions, API_VERSIONS_VERSION, &request).await
    }

    /// All topics and live brokers.
    pub async fn metadata(&mut self) -> io::Result<MetadataResponse> {
        let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
        self.call(ApiKey::Metadata, METADATA_VERSION, &request).await
    }

    /// The coordinator of a group, or the error.
    pub async fn find_coordinator(&mut self, group: &str) -> io::Result<Result<i32, i16>> {
        let request =
            FindCoordinatorRequest { coordinator_keys: vec![group.to_owned()], ..FindCoordinatorRequest::default() };
        let response: FindCoordinatorResponse =
            self.call(ApiKey::FindCoordinator, FIND_COORDINATOR_VERSION, &request).await?;
        let found = &response.coordinators[0];
        Ok(if found.error_code == ErrorCode::None.code() { Ok(found.node_id) } else { Err(found.error_code) })
    }

    /// Joins a group as its first member.
    pub async fn join_group(&mut self, group: &str, member_id: &str) -> io::Result<JoinGroupResponse> {
        let request = JoinGroupRequest {
            group_id: group.to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: member_id.to_owned(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata: Bytes::new() }],
            ..JoinGroupRequest::default()
        };
        self.call(ApiKey::JoinGroup, JOIN_GROUP_VERSION, &request).await
    }

    /// Creates a topic with one replica of each partition.
    pub async fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> io::Result<()> {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.to_owned(),
                num_partitions: partitions,
                replication_factor: 1,
                configs: configs.iter().map(config).collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: 10_000,
            ..CreateTopicsRequest::default()
        };
        let response: CreateTopicsResponse = self.call(ApiKey::CreateTopics, CREATE_TOPICS_VERSION, &request).await?;
        assert_eq!(response.topics[0].error_code, ErrorCode::None.code(), "{:?}", response.topics[0].error_message);
        Ok(())
    }

    /// Appends values as one batch with acks=all: the offset of the first, or the partition's error.
    pub async fn produce(&mut self, topic: &str, partition: i32, values: &[String]) -> io::Result<Result<i64, i16>> {
        let mut builder = BatchBuilder::new(Compression::None);
        for value in values {
            builder.record(1_767_225_600_000, None, Some(value.as_bytes()), &[]);
        }
        let request = ProduceRequest {
            acks: ACKS_ALL,
            timeout_ms: 10_000,
            topic_data: vec![TopicProduceData {
                name: topic.to_owned(),
                partition_data: vec![PartitionProduceData { index: partition, records: Some(builder.build()) }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let response: ProduceResponse = self.call(ApiKey::Produce, PRODUCE_VERSION, &request).await?;
        let answer = &response.responses[0].partition_responses[0];
        Ok(if answer.error_code == ErrorCode::None.code() { Ok(answer.base_offset) } else { Err(answer.error_code) })
    }

    /// All values of a partition, with their offsets.
    pub async fn read_all(&mut self, topic: &str, partition: i32) -> io::Result<Vec<(i64, String)>> {
        let mut values = Vec::new();
        let mut position = 0;
        loop {
            let request = FetchRequest {
                replica_id: -1,
                min_bytes: 0,
                max_bytes: FETCH_BYTES_MAX,
                session_epoch: -1,
                topics: vec![FetchTopic {
                    topic: topic.to_owned(),
                    partitions: vec![FetchPartition {
                        partition,
                        current_leader_epoch: -1,
                        fetch_offset: position,
                        partition_max_bytes: FETCH_BYTES_MAX,
                        ..FetchPartition::default()
                    }],
                    ..FetchTopic::default()
                }],
                ..FetchRequest::default()
            };
            let response: FetchResponse = self.call(ApiKey::Fetch, FETCH_VERSION, &request).await?;
            let answer = &response.responses[0].partitions[0];
            assert_eq!(answer.error_code, ErrorCode::None.code(), "fetch of {topic}-{partition} at {position}");
            let before = position;
            let mut bytes = answer.records.clone().unwrap_or_default();
            while let Some(batch) = next_batch(&mut bytes) {
                for record in records(&batch).unwrap().into_iter().filter(|record| record.offset >= position) {
                    let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    values.push((record.offset, value));
                }
                position = BatchHeader::decode(&batch).unwrap().last_offset() + 1;
            }
            if position == before {
                assert_eq!(position, answer.high_watermark, "everything committed can be read");
                return Ok(values);
            }
        }
    }
}

/// The next whole batch; the last one of a response may be cut off.
fn next_batch(bytes: &mut Bytes) -> Option<Bytes> {
    let header = BatchHeader::decode(bytes).ok()?;
    (bytes.len() >= header.size_bytes()).then(|| {
        let batch = bytes.slice(..header.size_bytes());
        bytes.advance(header.size_bytes());
        batch
    })
}
