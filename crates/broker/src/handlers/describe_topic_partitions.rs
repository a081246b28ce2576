//! DescribeTopicPartitions (API key 75): topics in pages (KIP-966).

use std::collections::BTreeSet;

use dohle_metadata::PartitionImage;
use dohle_model::{BrokerId, PartitionIndex, TopicName, Uuid};
use dohle_protocol::messages::describe_topic_partitions_request::TopicRequest;
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
    let all = request.topics.is_empty();
    let is_named = |name: &str| request.topics.iter().any(|topic| topic.name == name);
    if is_named("") {
        return Answer::Now(refuse(request.topics, ErrorCode::UnknownServerError));
    }
    // The cursor names a topic that was not asked for, or no partition.
    if request.cursor.as_ref().is_some_and(|at| at.partition_index < 0 || !(all || is_named(&at.topic_name))) {
        return Answer::Now(refuse(request.topics, ErrorCode::InvalidRequest));
    }
    let mut names: BTreeSet<String> = if all {
        context.image.topics().map(|topic| topic.name.as_str().to_owned()).collect()
    } else {
        request.topics.into_iter().map(|topic| topic.name).collect()
    };
    let (first_topic, first_index) =
        request.cursor.map_or_else(Default::default, |cursor| (cursor.topic_name, cursor.partition_index));
    let names = names.split_off(&first_topic);
    let limit = request.response_partition_limit.min(context.broker.config.max_request_partition_size_limit).max(1);
    let mut left = usize::try_from(limit).unwrap_or(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let next = |partition_index| Some(Cursor { topic_name: name.clone(), partition_index });
        if left == 0 {
            response.next_cursor = next(0);
            break;
        }
        let Some(topic) = context.image.topic(&name) else {
            // A topic that has gone between two pages is left out of the later one.
            if !all {
                let is_valid = TopicName::from(name.as_str()).validate().is_ok();
                let error =
                    if is_valid { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
                response.topics.push(failed(error, name));
            }
            continue;
        };
        let first = if name == first_topic { first_index } else { 0 };
        let mut rest = topic.partitions().filter(|(index, _)| index.0 >= first);
        let shown = rest.by_ref().take(left);
        let partitions: Vec<_> = shown.map(|(index, partition)| describe(context, index, partition)).collect();
        left -= partitions.len();
        response.next_cursor = rest.next().and_then(|(index, _)| next(index.0));
        response.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(name),
            topic_id: topic.id.0,
            is_internal: topic.name.is_internal(),
            partitions,
            topic_authorized_operations: TOPIC_OPERATIONS,
        });
        if response.next_cursor.is_some() {
            break;
        }
    }
    Answer::Now(response)
}

fn describe(
    context: &RequestContext<'_>,
    index: PartitionIndex,
    partition: &PartitionImage,
) -> DescribeTopicPartitionsResponsePartition {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
    let reachable_leader = partition.leader.filter(|leader| context.has_endpoint(*leader));
    let error = match (partition.leader, reachable_leader) {
        (_, Some(_)) => ErrorCode::None,
        (Some(leader), None) if context.image.broker(leader).is_some() => ErrorCode::ListenerNotFound,
        (_, None) => ErrorCode::LeaderNotAvailable,
    };
    DescribeTopicPartitionsResponsePartition {
        error_code: error.code(),
        partition_index: index.0,
        leader_id: reachable_leader.map_or(-1, |leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        eligible_leader_replicas: Some(ids(&partition.eligible_leader_replicas)),
        last_known_elr: Some(ids(&partition.last_known_elr)),
        offline_replicas: context.offline_replicas(partition),
    }
}

/// The same error for every topic, as often as it is named.
fn refuse(topics: Vec<TopicRequest>, error: ErrorCode) -> DescribeTopicPartitionsResponse {
    let refuse = |topic: TopicRequest| DescribeTopicPartitionsResponseTopic {
        topic_authorized_operations: i32::MIN,
        ..failed(error, topic.name)
    };
    DescribeTopicPartitionsResponse {
        topics: topics.into_iter().map(refuse).collect(),
        ..DescribeTopicPartitionsResponse::default()
    }
}

fn failed(error: ErrorCode, name: String) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name),
        topic_id: Uuid::ZERO,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}
