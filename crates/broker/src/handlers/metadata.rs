//! Metadata (API key 3): brokers, topics and who leads their partitions; creates topics by being asked for them.

use std::collections::BTreeMap;

use dohle_metadata::TopicImage;
use dohle_model::{TopicId, TopicName, Uuid};
use dohle_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use dohle_protocol::messages::{MetadataRequest, MetadataResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::authorized_operations::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::Metadata;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 13);

/// Answers from the metadata image. Topics that are not there are created in the background where the request and
/// `auto.create.topics.enable` allow it; the answer of this round is an error that clients retry.
pub(crate) async fn handle(context: &RequestContext<'_>, request: MetadataRequest) -> Answer<MetadataResponse> {
    let version = context.header.api_version;
    let authorized = request.include_topic_authorized_operations;
    let mut topics = Vec::new();
    let all = match &request.topics {
        None => true,
        // Version 0 has no null: there, an empty list asks for all.
        Some(topics) => version == 0 && topics.is_empty(),
    };
    if all {
        topics.extend(context.image.topics().map(|topic| describe(context, topic, authorized)));
    } else {
        let asked = request.topics.unwrap_or_default();
        let malformed = version < 12 && asked.iter().any(|topic| topic.name.is_none() || !topic.topic_id.is_zero());
        let by_id = asked.iter().any(|topic| !topic.topic_id.is_zero());
        let mut missing = BTreeMap::new();
        for topic in asked {
            if malformed {
                topics.push(failed(ErrorCode::InvalidRequest, topic.name.or_else(|| Some(String::new())), topic.topic_id));
            } else if by_id {
                // One id makes Kafka look at ids alone.
                if topic.topic_id.is_zero() {
                    continue;
                }
                topics.push(match context.image.topic_by_id(TopicId(topic.topic_id)) {
                    Some(found) => describe(context, found, authorized),
                    None => failed(ErrorCode::UnknownTopicId, None, topic.topic_id),
                });
            } else if let Some(name) = topic.name {
                match context.image.topic(&name) {
                    Some(found) => topics.push(describe(context, found, authorized)),
                    None => {
                        missing.insert(TopicName::from(name), ());
                    }
                }
            }
        }
        let create = (version < 4 || request.allow_auto_topic_creation) && context.broker.config.auto_create_topics_enable;
        for name in missing.into_keys() {
            let error = if name.validate().is_err() {
                ErrorCode::InvalidTopicException
            } else {
                if create {
                    context.broker.topic_creation.create_in_background(&name);
                }
                ErrorCode::UnknownTopicOrPartition
            };
            topics.push(failed(error, Some(name.as_str().to_owned()), Uuid::ZERO));
        }
    }
    let brokers = context
        .image
        .brokers()
        .filter(|broker| !broker.fenced)
        .filter_map(|broker| {
            let (host, port) = context.endpoint_of(broker)?;
            Some(MetadataResponseBroker {
                node_id: broker.id.0,
                host,
                port: i32::from(port),
                rack: broker.rack.clone(),
            })
        })
        .collect();
    Answer::Now(MetadataResponse {
        brokers,
        cluster_id: Some(context.broker.cluster_id.clone()),
        controller_id: context.controller_id(),
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..MetadataResponse::default()
    })
}

fn failed(error: ErrorCode, name: Option<String>, topic_id: Uuid) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: error.code(),
        is_internal: name.as_deref().is_some_and(|name| TopicName::from(name).is_internal()),
        name,
        topic_id,
        ..MetadataResponseTopic::default()
    }
}

fn describe(context: &RequestContext<'_>, topic: &TopicImage, authorized: bool) -> MetadataResponseTopic {
    let partitions = topic
        .partitions()
        .map(|(index, partition)| {
            let leader = partition.leader;
            let error = match leader {
                None => ErrorCode::LeaderNotAvailable,
                Some(leader) if !context.has_endpoint(leader) => ErrorCode::ListenerNotFound,
                Some(_) => ErrorCode::None,
            };
            // Version 5 and below know no LISTENER_NOT_FOUND.
            let error = if error == ErrorCode::ListenerNotFound && context.header.api_version < 6 {
                ErrorCode::LeaderNotAvailable
            } else {
                error
            };
            MetadataResponsePartition {
                error_code: error.code(),
                partition_index: index.0,
                leader_id: leader.map_or(-1, |leader| leader.0),
                leader_epoch: partition.leader_epoch.0,
                replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
                isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
                offline_replicas: context.offline_replicas(partition),
            }
        })
        .collect();
    MetadataResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(topic.name.as_str().to_owned()),
        topic_id: topic.id.0,
        is_internal: topic.name.is_internal(),
        partitions,
        topic_authorized_operations: if authorized { TOPIC_OPERATIONS } else { i32::MIN },
    }
}
