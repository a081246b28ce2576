//! DescribeProducers (API key 61): the idempotent producers that a partition remembers (KIP-664).

use std::sync::Arc;

use dohle_log::ProducerState;
use dohle_model::{PartitionIndex, TopicName};
use dohle_protocol::messages::describe_producers_request::TopicRequest;
use dohle_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState as DescribedProducer, TopicResponse,
};
use dohle_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};
use dohle_replication::Partition;
use dohle_seams::OffloadExt;

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeProducers;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Kafka's words for a topic that is not there.
const NOT_HOSTED: &str = "This server does not host this topic-partition.";

/// A topic, and for each partition that was asked for where it is, or why it is not.
type Asked = (String, Vec<(i32, Result<Arc<Partition>, Refusal>)>);
/// The error and what there is to say of it.
type Refusal = (ErrorCode, Option<String>);

/// Answers each partition by itself, whoever leads it.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeProducersRequest,
) -> Answer<DescribeProducersResponse> {
    let asked: Vec<Asked> = request.topics.into_iter().map(|topic| find(context, topic)).collect();
    let offload = Arc::clone(&context.broker.environment.offload);
    Answer::Later(Box::pin(async move {
        let describe = move || asked.into_iter().map(describe_topic).collect();
        DescribeProducersResponse { topics: offload.run(describe).await, ..DescribeProducersResponse::default() }
    }))
}

fn find(context: &RequestContext<'_>, topic: TopicRequest) -> Asked {
    let refusal =
        context.image.topic(&topic.name).is_none().then(|| match TopicName::from(topic.name.as_str()).validate() {
            Ok(()) => (ErrorCode::UnknownTopicOrPartition, Some(NOT_HOSTED.to_owned())),
            Err(error) => (ErrorCode::InvalidTopicException, Some(error.to_string())),
        });
    let partition = |index: i32| {
        let found = match &refusal {
            Some(refusal) => Err(refusal.clone()),
            None => context.partition(&topic.name, PartitionIndex(index)).map_err(|error| (error, None)),
        };
        (index, found)
    };
    let partitions = topic.partition_indexes.into_iter().map(partition).collect();
    (topic.name, partitions)
}

fn describe_topic((name, partitions): Asked) -> TopicResponse {
    let describe = |(partition_index, found): (i32, Result<Arc<Partition>, Refusal>)| {
        let producers = found.and_then(|partition| partition.producers().map_err(|error| (error.error_code(), None)));
        let (producers, (error, error_message)) = match producers {
            Ok(producers) => (producers, (ErrorCode::None, None)),
            Err(refusal) => (Vec::new(), refusal),
        };
        PartitionResponse {
            partition_index,
            error_code: error.code(),
            error_message,
            active_producers: producers.into_iter().map(described).collect(),
        }
    };
    TopicResponse { name, partitions: partitions.into_iter().map(describe).collect() }
}

fn described(producer: ProducerState) -> DescribedProducer {
    DescribedProducer {
        producer_id: producer.producer_id.0,
        producer_epoch: i32::from(producer.producer_epoch.0),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        // No transaction has ever ended here, and none is open.
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    }
}
