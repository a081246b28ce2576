//! DescribeTopicPartitions (API key 75): topics in pages (KIP-966).

use std::collections::BTreeSet;

use dohle_model::{PartitionIndex, Uuid};
use dohle_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use dohle_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::authorized_operations::TOPIC_OPERATIONS;
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeTopicPartitions;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Answers from the metadata image, topics in order of name, at most as many partitions as the request and
/// `max.request.partition.size.limit` allow.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeTopicPartitionsRequest,
) -> Answer<DescribeTopicPartitionsResponse> {
    let mut names: BTreeSet<String> = request.topics.into_iter().map(|topic| topic.name).collect();
    let all = names.is_empty();
    if all {
        names = context.image.topics().map(|topic| topic.name.as_str().to_owned()).collect();
    }
    let cursor = request.cursor;
    if let Some(cursor) = &cursor {
        if !all && !names.contains(&cursor.topic_name) {
            return refuse(names);
        }
        names = names.split_off(&cursor.topic_name);
    }
    let limit = request.response_partition_limit.min(context.broker.config.max_request_partition_size_limit).max(1);
    let mut left = usize::try_from(limit).unwrap_or(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let first = match &cursor {
            Some(cursor) if cursor.topic_name == name => cursor.partition_index,
            _ => 0,
        };
        let Some(topic) = context.image.topic(&name) else {
            // A topic that has gone between two pages is left out of the later one.
            if !all {
                let valid = dohle_model::TopicName::from(name.as_str()).validate().is_ok();
                let error = if valid { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
                response.topics.push(failed(error, name));
            }
            continue;
        };
        let mut partitions = Vec::new();
        for (index, partition) in topic.partitions().filter(|(index, _)| index.0 >= first) {
            if left == 0 {
                response.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: index.0 });
                break;
            }
            left -= 1;
            let leader = partition.leader;
            partitions.push(DescribeTopicPartitionsResponsePartition {
                error_code: if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable }.code(),
                partition_index: PartitionIndex(index.0).0,
                leader_id: leader.map_or(-1, |leader| leader.0),
                leader_epoch: partition.leader_epoch.0,
                replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
                isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
                eligible_leader_replicas: Some(partition.eligible_leader_replicas.iter().map(|id| id.0).collect()),
                last_known_elr: Some(partition.last_known_elr.iter().map(|id| id.0).collect()),
                offline_replicas: context.offline_replicas(partition),
            });
        }
        let truncated = response.next_cursor.is_some();
        if !truncated || !partitions.is_empty() {
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::None.code(),
                name: Some(name),
                topic_id: topic.id.0,
                is_internal: topic.name.is_internal(),
                partitions,
                topic_authorized_operations: TOPIC_OPERATIONS,
            });
        }
        if truncated {
            break;
        }
    }
    Answer::Now(response)
}

/// The cursor names a topic that was not asked for.
fn refuse(names: BTreeSet<String>) -> Answer<DescribeTopicPartitionsResponse> {
    Answer::Now(DescribeTopicPartitionsResponse {
        topics: names.into_iter().map(|name| failed(ErrorCode::InvalidRequest, name)).collect(),
        ..DescribeTopicPartitionsResponse::default()
    })
}

fn failed(error: ErrorCode, name: String) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name),
        topic_id: Uuid::ZERO,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}
