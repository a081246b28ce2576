//! A blocking client for what surrounds a measurement: topics, offsets, producer ids, whether the broker answers at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use dohle_protocol::messages::api_versions_request::ApiVersionsRequest;
use dohle_protocol::messages::api_versions_response::ApiVersionsResponse;
use dohle_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use dohle_protocol::messages::create_partitions_response::CreatePartitionsResponse;
use dohle_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use dohle_protocol::messages::create_topics_response::CreateTopicsResponse;
use dohle_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use dohle_protocol::messages::delete_topics_response::DeleteTopicsResponse;
use dohle_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use dohle_protocol::messages::find_coordinator_response::FindCoordinatorResponse;
use dohle_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use dohle_protocol::messages::init_producer_id_response::InitProducerIdResponse;
use dohle_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use dohle_protocol::messages::list_offsets_response::ListOffsetsResponse;
use dohle_protocol::{ApiKey, ErrorCode, Message, Reader};

use crate::frames::batches::Producer;
use crate::frames::requests::frame;
use crate::frames::responses::check_produce;
use crate::frames::versions;
use crate::interrupt::wait_for;

/// Ten thousand partitions take their time.
const PATIENCE: Duration = Duration::from_secs(120);
/// A request may not lead to more than ten thousand records of metadata.
const PARTITIONS_AT_ONCE: i32 = 5000;
const ASK_EVERY: Duration = Duration::from_millis(5);
const LATEST: i64 = -1;

/// A connection on which one request after the other is answered.
#[derive(Debug)]
pub(crate) struct Admin {
    stream: TcpStream,
}

impl Admin {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }

    /// Sends a frame and waits for its response, which is given back without its length.
    ///
    /// # Errors
    /// The connection ends, or no answer comes.
    pub(crate) fn exchange(&mut self, frame: &[u8]) -> Result<Bytes> {
        self.stream.write_all(frame).context("send a request")?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).context("wait for a response")?;
        let mut response = vec![0; usize::try_from(i32::from_be_bytes(length))?];
        self.stream.read_exact(&mut response).context("read a response")?;
        Ok(response.into())
    }

    /// Sends a request and decodes its response.
    ///
    /// # Errors
    /// The connection ends, no answer comes, or it is not such a response.
    pub(crate) fn call<R: Message>(&mut self, key: ApiKey, version: i16, request: &impl Message) -> Result<R> {
        let response = self.exchange(&frame(key, version, request))?;
        decode_response(key, version, &response)
    }

    /// Asks what the broker speaks.
    ///
    /// # Errors
    /// It does not answer, or with an error.
    pub(crate) fn api_versions(&mut self) -> Result<()> {
        let request = ApiVersionsRequest {
            client_software_name: "dohle-bench".to_owned(),
            client_software_version: "1".to_owned(),
        };
        let response: ApiVersionsResponse = self.call(ApiKey::ApiVersions, versions::API_VERSIONS, &request)?;
        succeeded("ApiVersions", response.error_code)
    }

    /// Creates a topic, and waits until all its partitions have leaders that answer.
    ///
    /// # Errors
    /// The broker refuses, or the partitions do not come up.
    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<()> {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions.min(PARTITIONS_AT_ONCE),
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: i32::try_from(PATIENCE.as_millis())?,
            ..Default::default()
        };
        let response: CreateTopicsResponse = self.call(ApiKey::CreateTopics, versions::CREATE_TOPICS, &request)?;
        let result = response.topics.first().context("no answer about the topic")?;
        succeeded(&format!("create {name}"), result.error_code)
            .with_context(|| result.error_message.clone().unwrap_or_default())?;
        let mut created = PARTITIONS_AT_ONCE;
        while created < partitions {
            created = partitions.min(created + PARTITIONS_AT_ONCE);
            self.grow_topic(name, created)?;
        }
        wait_for(&format!("leaders of {name}"), PATIENCE, ASK_EVERY, || {
            Ok(self.try_end_offsets(name, partitions)?.ok())
        })?;
        Ok(())
    }

    /// Gives a topic as many partitions as that.
    fn grow_topic(&mut self, name: &str, partitions: i32) -> Result<()> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic { name: name.to_owned(), count: partitions, assignments: None }],
            timeout_ms: i32::try_from(PATIENCE.as_millis())?,
            ..Default::default()
        };
        let response: CreatePartitionsResponse =
            self.call(ApiKey::CreatePartitions, versions::CREATE_PARTITIONS, &request)?;
        let result = response.results.first().context("no answer about the topic")?;
        succeeded(&format!("grow {name}"), result.error_code)
            .with_context(|| result.error_message.clone().unwrap_or_default())
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// The broker refuses.
    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest {
            topic_names: vec![name.to_owned()],
            timeout_ms: i32::try_from(PATIENCE.as_millis())?,
            ..Default::default()
        };
        let response: DeleteTopicsResponse = self.call(ApiKey::DeleteTopics, versions::DELETE_TOPICS, &request)?;
        let result = response.responses.first().context("no answer about the topic")?;
        succeeded(&format!("delete {name}"), result.error_code)
    }

    /// Where each of the first `partitions` partitions of a topic ends.
    ///
    /// # Errors
    /// A partition does not answer, or with an error.
    pub(crate) fn end_offsets(&mut self, topic: &str, partitions: i32) -> Result<Vec<i64>> {
        self.try_end_offsets(topic, partitions)?.map_err(|error_code| {
            let name = ErrorCode::from_code(error_code).map_or("unknown", ErrorCode::name);
            anyhow::anyhow!("end of {topic}: error {error_code} ({name})")
        })
    }

    /// As [`end_offsets`](Self::end_offsets); what a partition refuses with is inside.
    fn try_end_offsets(&mut self, topic: &str, partitions: i32) -> Result<Result<Vec<i64>, i16>> {
        let partition =
            |partition_index| ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp: LATEST };
        let topics =
            vec![ListOffsetsTopic { name: topic.to_owned(), partitions: (0..partitions).map(partition).collect() }];
        let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
        let response: ListOffsetsResponse = self.call(ApiKey::ListOffsets, versions::LIST_OFFSETS, &request)?;
        let topic = response.topics.first().context("no answer about the topic")?;
        let mut offsets = vec![-1; usize::try_from(partitions)?];
        for partition in &topic.partitions {
            if partition.error_code != 0 {
                return Ok(Err(partition.error_code));
            }
            let index = usize::try_from(partition.partition_index)?;
            *offsets.get_mut(index).context("a partition that was not asked for")? = partition.offset;
        }
        ensure!(offsets.iter().all(|offset| *offset >= 0), "no answer about some partition");
        Ok(Ok(offsets))
    }

    /// A new idempotent producer.
    ///
    /// # Errors
    /// The broker does not give one out in time.
    pub(crate) fn init_producer_id(&mut self) -> Result<Producer> {
        let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
        wait_for("a producer id", PATIENCE, ASK_EVERY, || {
            let response: InitProducerIdResponse =
                self.call(ApiKey::InitProducerId, versions::INIT_PRODUCER_ID, &request)?;
            let InitProducerIdResponse { producer_id, producer_epoch, error_code, .. } = response;
            if may_pass(error_code) {
                return Ok(None);
            }
            succeeded("a producer id", error_code)?;
            Ok(Some(Producer { producer_id, producer_epoch }))
        })
    }

    /// Waits until every one of these groups has a coordinator.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) fn await_coordinators(&mut self, groups: &[String]) -> Result<()> {
        let request = FindCoordinatorRequest { coordinator_keys: groups.to_vec(), ..Default::default() };
        wait_for("coordinators", PATIENCE, ASK_EVERY, || {
            let response: FindCoordinatorResponse =
                self.call(ApiKey::FindCoordinator, versions::FIND_COORDINATOR, &request)?;
            ensure!(response.coordinators.len() == groups.len(), "not an answer for each group");
            for coordinator in &response.coordinators {
                if may_pass(coordinator.error_code) {
                    return Ok(None);
                }
                succeeded("a coordinator", coordinator.error_code)?;
            }
            Ok(Some(()))
        })
    }

    /// Produces a frame, and waits for its success.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn produce(&mut self, frame: &[u8]) -> Result<i64> {
        check_produce(&self.exchange(frame)?)
    }
}

/// Decodes a response that came without its length.
///
/// # Errors
/// It is not such a response.
pub(crate) fn decode_response<R: Message>(key: ApiKey, version: i16, response: &Bytes) -> Result<R> {
    let mut reader = Reader::new(response);
    reader.int32()?;
    if key != ApiKey::ApiVersions && key.is_flexible(version) {
        reader.skip_tagged_fields()?;
    }
    R::decode(&mut reader, version).with_context(|| format!("response to {key:?}"))
}

/// Whether a broker that answers so may answer otherwise soon.
fn may_pass(error_code: i16) -> bool {
    let passing = [ErrorCode::CoordinatorNotAvailable, ErrorCode::CoordinatorLoadInProgress];
    passing.iter().any(|error| error.code() == error_code)
}

fn succeeded(what: &str, error_code: i16) -> Result<()> {
    if error_code != 0 {
        bail!("{what}: error {error_code} ({})", ErrorCode::from_code(error_code).map_or("unknown", ErrorCode::name));
    }
    Ok(())
}
