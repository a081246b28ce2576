//! OffsetDelete (API key 47): removes a group's offsets of topics that none of its members reads (KIP-496).

use std::collections::BTreeMap;

use dohle_model::PartitionIndex;
use dohle_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use dohle_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use dohle_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::OffsetDelete;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Refuses partitions that do not exist, and asks the group coordinator for the others; the answer comes once what it rests
/// on is committed. The coordinator is asked even where no partition is left: the group may be wrong as well.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    mut request: OffsetDeleteRequest,
) -> Answer<OffsetDeleteResponse> {
    let refused: Vec<_> = request.topics.iter_mut().filter_map(|topic| take_unknown(context, topic)).collect();
    request.topics.retain(|topic| !topic.partitions.is_empty());
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move {
        let response = groups.offset_delete(&info, request).await;
        if response.error_code == ErrorCode::None.code() { merge(refused, response) } else { response }
    }))
}

/// Takes the partitions that do not exist out of a topic and refuses them; `None` where there is none.
fn take_unknown(
    context: &RequestContext<'_>,
    topic: &mut OffsetDeleteRequestTopic,
) -> Option<OffsetDeleteResponseTopic> {
    let known = context.image.topic(&topic.name);
    let refuse = |index| OffsetDeleteResponsePartition {
        partition_index: index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
    };
    let is_unknown = |index: i32| known.is_none_or(|topic| topic.partition(PartitionIndex(index)).is_none());
    let unknown = topic.partitions.extract_if(.., |partition| is_unknown(partition.partition_index));
    let partitions: Vec<_> = unknown.map(|partition| refuse(partition.partition_index)).collect();
    (!partitions.is_empty()).then(|| OffsetDeleteResponseTopic { name: topic.name.clone(), partitions })
}

/// Puts what was refused in front, one entry for each of its topics; of the others there are as many as in the request.
fn merge(refused: Vec<OffsetDeleteResponseTopic>, response: OffsetDeleteResponse) -> OffsetDeleteResponse {
    let mut topics: Vec<OffsetDeleteResponseTopic> = Vec::with_capacity(refused.len() + response.topics.len());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for mut topic in refused {
        match places.get(&topic.name) {
            Some(place) => topics[*place].partitions.append(&mut topic.partitions),
            None => {
                places.insert(topic.name.clone(), topics.len());
                topics.push(topic);
            }
        }
    }
    for mut topic in response.topics {
        match places.get(&topic.name) {
            Some(place) => topics[*place].partitions.append(&mut topic.partitions),
            None => topics.push(topic),
        }
    }
    OffsetDeleteResponse { topics, ..response }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, partitions: &[i32], error: ErrorCode) -> OffsetDeleteResponseTopic {
        let partition =
            |index: &i32| OffsetDeleteResponsePartition { partition_index: *index, error_code: error.code() };
        OffsetDeleteResponseTopic { name: name.to_owned(), partitions: partitions.iter().map(partition).collect() }
    }

    #[test]
    fn what_was_refused_comes_first_and_topics_come_once() {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let refused = vec![topic("a", &[5], unknown), topic("x", &[0, 1], unknown), topic("a", &[6], unknown)];
        let answered = vec![topic("b", &[0], ErrorCode::None), topic("a", &[0], ErrorCode::None)];
        let merged = merge(refused, OffsetDeleteResponse { topics: answered, ..OffsetDeleteResponse::default() });
        let found: Vec<(&str, Vec<(i32, i16)>)> = merged
            .topics
            .iter()
            .map(|topic| {
                let partitions = topic.partitions.iter().map(|found| (found.partition_index, found.error_code));
                (topic.name.as_str(), partitions.collect())
            })
            .collect();
        assert_eq!(found, [("a", vec![(5, 3), (6, 3), (0, 0)]), ("x", vec![(0, 3), (1, 3)]), ("b", vec![(0, 0)])]);
    }
}
