//! ListPartitionReassignments (API key 46): the partitions whose replicas are on their way to other brokers.

use dohle_metadata::{PartitionImage, TopicImage};
use dohle_model::{BrokerId, PartitionIndex};
use dohle_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use dohle_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ListPartitionReassignments;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Answers from the metadata image. Topics and partitions that are not there have no reassignment either.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: ListPartitionReassignmentsRequest,
) -> Answer<ListPartitionReassignmentsResponse> {
    let topics = match request.topics {
        None => context
            .image
            .topics()
            .filter_map(|topic| ongoing(topic, topic.partitions().map(|(index, _)| index)))
            .collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let indexes = asked.partition_indexes.iter().copied().map(PartitionIndex);
                ongoing(context.image.topic(&asked.name)?, indexes)
            })
            .collect(),
    };
    Answer::Now(ListPartitionReassignmentsResponse { error_message: None, topics, ..Default::default() })
}

fn ongoing(topic: &TopicImage, indexes: impl Iterator<Item = PartitionIndex>) -> Option<OngoingTopicReassignment> {
    let partitions: Vec<_> = indexes.filter_map(|index| describe(index, topic.partition(index)?)).collect();
    (!partitions.is_empty()).then(|| OngoingTopicReassignment { name: topic.name.as_str().to_owned(), partitions })
}

fn describe(index: PartitionIndex, partition: &PartitionImage) -> Option<OngoingPartitionReassignment> {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
    let (adding, removing) = (&partition.adding_replicas, &partition.removing_replicas);
    (!adding.is_empty() || !removing.is_empty()).then(|| OngoingPartitionReassignment {
        partition_index: index.0,
        replicas: ids(&partition.replicas),
        adding_replicas: ids(adding),
        removing_replicas: ids(removing),
    })
}
