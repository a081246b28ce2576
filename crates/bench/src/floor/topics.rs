//! The topics of the floor server: made and removed by the requests that do so for a broker.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use bytes::Bytes;
use dohle_protocol::header::{RequestHeader, encode_response_header};
use dohle_protocol::messages::api_versions_response::ApiVersionsResponse;
use dohle_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use dohle_protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use dohle_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use dohle_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use dohle_protocol::messages::list_offsets_request::ListOffsetsRequest;
use dohle_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use dohle_protocol::{ApiKey, ErrorCode, Message, Reader, Writer};

use super::partition::Partition;

/// The partitions of a topic.
pub(super) type Topic = Arc<Vec<Partition>>;

/// All topics.
#[derive(Debug)]
pub(super) struct Topics {
    folder: PathBuf,
    by_name: RwLock<HashMap<Vec<u8>, Topic>>,
}

impl Topics {
    /// None yet; their data will lie in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, by_name: RwLock::default() }
    }

    /// The topic of that name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Topic> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Answers a request about topics: `frame` without its length. The answer has none either.
    ///
    /// # Errors
    /// It is a request that the floor does not know.
    pub(super) fn answer(&self, frame: &[u8]) -> Result<Bytes> {
        let frame = Bytes::copy_from_slice(frame);
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader)?;
        let key = ApiKey::from_code(header.api_key).context("an unknown API")?;
        let version = header.api_version;
        let mut writer = Writer::new();
        encode_response_header(&mut writer, key, version, header.correlation_id);
        match key {
            ApiKey::ApiVersions => ApiVersionsResponse::default().encode(&mut writer, version),
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode(&mut reader, version)?;
                let topics = request.topics.into_iter().map(|topic| self.create(topic)).collect::<Result<_>>()?;
                CreateTopicsResponse { topics, ..Default::default() }.encode(&mut writer, version);
            }
            ApiKey::DeleteTopics => {
                let request = DeleteTopicsRequest::decode(&mut reader, version)?;
                let responses = request.topic_names.into_iter().map(|name| self.delete(name)).collect();
                DeleteTopicsResponse { responses, ..Default::default() }.encode(&mut writer, version);
            }
            ApiKey::ListOffsets => {
                let request = ListOffsetsRequest::decode(&mut reader, version)?;
                self.list_offsets(request).encode(&mut writer, version);
            }
            other => anyhow::bail!("the floor does not know {other:?}"),
        }
        Ok(writer.into_bytes())
    }

    fn create(&self, topic: CreatableTopic) -> Result<CreatableTopicResult> {
        let flushes =
            topic.configs.iter().any(|config| config.name == "flush.messages" && config.value.as_deref() == Some("1"));
        let partitions: Vec<Partition> = (0..topic.num_partitions)
            .map(|index| Partition::create(&self.folder.join(format!("{}-{index}", topic.name)), flushes))
            .collect::<Result<_>>()?;
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        by_name.insert(topic.name.clone().into_bytes(), Arc::new(partitions));
        Ok(CreatableTopicResult { name: topic.name, ..Default::default() })
    }

    fn delete(&self, name: String) -> DeletableTopicResult {
        let removed = self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name.as_bytes());
        let error = if removed.is_some() { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
        // Whoever waits in a fetch finds nothing more.
        for partition in removed.iter().flat_map(|partitions| partitions.iter()) {
            partition.remove();
        }
        DeletableTopicResult { name: Some(name), error_code: error.code(), ..Default::default() }
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let found = self.find(topic.name.as_bytes());
            let partition = |partition_index: i32| {
                let index = usize::try_from(partition_index).unwrap_or(usize::MAX);
                let offset = found.as_ref().and_then(|partitions| Some(partitions.get(index)?.end_offset()));
                let error = if offset.is_some() { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
                ListOffsetsPartitionResponse {
                    partition_index,
                    error_code: error.code(),
                    offset: offset.unwrap_or(-1),
                    ..Default::default()
                }
            };
            let partitions = topic.partitions.iter().map(|asked| partition(asked.partition_index)).collect();
            ListOffsetsTopicResponse { name: topic.name, partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }
}
