//! Metadata (API key 3): brokers, topics and who leads their partitions; creates topics by being asked for them.

use std::collections::BTreeSet;

use dohle_metadata::{PartitionImage, TopicImage};
use dohle_model::{BrokerId, PartitionIndex, TopicId, TopicName, Uuid};
use dohle_protocol::messages::metadata_request::MetadataRequestTopic;
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

/// Versions below know LEADER_NOT_AVAILABLE instead of LISTENER_NOT_FOUND.
const LISTENER_NOT_FOUND_FROM: i16 = 6;
/// Topics may be asked for by id; the field is there earlier already.
const TOPIC_IDS_FROM: i16 = 12;
/// Earlier requests always allow topics to be created.
const AUTO_CREATION_CHOICE_FROM: i16 = 4;

/// Answers from the metadata image. Topics that are not there are created in the background where the request and
/// `auto.create.topics.enable` allow it; the answer of this round is an error that clients retry.
pub(crate) async fn handle(context: &RequestContext<'_>, request: MetadataRequest) -> Answer<MetadataResponse> {
    let version = context.header.api_version;
    let authorized = request.include_topic_authorized_operations;
    let topics = match request.topics {
        None => all_topics(context, authorized),
        // Version 0 has no null: there, an empty list asks for all.
        Some(topics) if version == 0 && topics.is_empty() => all_topics(context, authorized),
        Some(topics) => {
            let is_named = |topic: &MetadataRequestTopic| topic.name.is_some() && topic.topic_id.is_zero();
            if version < TOPIC_IDS_FROM && !topics.iter().all(is_named) {
                return Answer::Now(refuse(topics, ErrorCode::InvalidRequest));
            }
            let ids: BTreeSet<_> = topics.iter().map(|topic| topic.topic_id).filter(|id| !id.is_zero()).collect();
            // One id makes Kafka look at ids alone.
            if ids.is_empty() {
                if topics.iter().any(|topic| topic.name.is_none()) {
                    // Kafka trips over it.
                    return Answer::Now(refuse(topics, ErrorCode::UnknownServerError));
                }
                let create = context.broker.config.auto_create_topics_enable
                    && (version < AUTO_CREATION_CHOICE_FROM || request.allow_auto_topic_creation);
                topics_by_name(context, topics, create, authorized)
            } else {
                topics_by_id(context, ids, authorized)
            }
        }
    };
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

/// The answer to a request that asks in a way that there is not, or not in its version.
fn refuse(topics: Vec<MetadataRequestTopic>, error: ErrorCode) -> MetadataResponse {
    let refuse = |topic: MetadataRequestTopic| MetadataResponseTopic {
        is_internal: false,
        ..failed(error, Some(topic.name.unwrap_or_default()), topic.topic_id)
    };
    MetadataResponse {
        error_code: error.code(),
        topics: topics.into_iter().map(refuse).collect(),
        ..MetadataResponse::default()
    }
}

fn all_topics(context: &RequestContext<'_>, authorized: bool) -> Vec<MetadataResponseTopic> {
    context.image.topics().map(|topic| describe(context, topic, authorized)).collect()
}

fn topics_by_id(context: &RequestContext<'_>, ids: BTreeSet<Uuid>, authorized: bool) -> Vec<MetadataResponseTopic> {
    let by_id = |id| match context.image.topic_by_id(TopicId(id)) {
        Some(found) => describe(context, found, authorized),
        None => failed(ErrorCode::UnknownTopicId, None, id),
    };
    ids.into_iter().map(by_id).collect()
}

/// Each topic once, however often it is named.
fn topics_by_name(
    context: &RequestContext<'_>,
    topics: Vec<MetadataRequestTopic>,
    create: bool,
    authorized: bool,
) -> Vec<MetadataResponseTopic> {
    let names: BTreeSet<String> = topics.into_iter().filter_map(|topic| topic.name).collect();
    let mut missing = Vec::new();
    let by_name = |name: String| {
        if let Some(found) = context.image.topic(&name) {
            return describe(context, found, authorized);
        }
        let topic_name = TopicName::from(name.as_str());
        let error = if topic_name.validate().is_err() {
            ErrorCode::InvalidTopicException
        } else {
            missing.push(topic_name);
            ErrorCode::UnknownTopicOrPartition
        };
        MetadataResponseTopic {
            topic_authorized_operations: operations(authorized),
            ..failed(error, Some(name), Uuid::ZERO)
        }
    };
    let described = names.into_iter().map(by_name).collect();
    if create {
        context.broker.topic_creation.create_in_background(&missing);
    }
    described
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

/// What the caller may do with a topic, where it wants to know.
fn operations(wanted: bool) -> i32 {
    if wanted { TOPIC_OPERATIONS } else { i32::MIN }
}

fn describe(context: &RequestContext<'_>, topic: &TopicImage, authorized: bool) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(topic.name.as_str().to_owned()),
        topic_id: topic.id.0,
        is_internal: topic.name.is_internal(),
        partitions: topic
            .partitions()
            .map(|(index, partition)| describe_partition(context, index, partition))
            .collect(),
        topic_authorized_operations: operations(authorized),
    }
}

fn describe_partition(
    context: &RequestContext<'_>,
    index: PartitionIndex,
    partition: &PartitionImage,
) -> MetadataResponsePartition {
    let version = context.header.api_version;
    // Version 0 leaves out the replicas that clients cannot reach, and says that it did.
    let shown = |replicas: &[BrokerId]| {
        let reachable = replicas.iter().filter(|id| version > 0 || context.has_endpoint(**id));
        reachable.map(|id| id.0).collect::<Vec<_>>()
    };
    let replica_nodes = shown(&partition.replicas);
    let isr_nodes = shown(&partition.isr);
    let reachable_leader = partition.leader.filter(|leader| context.has_endpoint(*leader));
    let error = match (partition.leader, reachable_leader) {
        (Some(leader), None) if version >= LISTENER_NOT_FOUND_FROM && context.image.broker(leader).is_some() => {
            ErrorCode::ListenerNotFound
        }
        (_, None) => ErrorCode::LeaderNotAvailable,
        _ if replica_nodes.len() < partition.replicas.len() || isr_nodes.len() < partition.isr.len() => {
            ErrorCode::ReplicaNotAvailable
        }
        _ => ErrorCode::None,
    };
    MetadataResponsePartition {
        error_code: error.code(),
        partition_index: index.0,
        leader_id: reachable_leader.map_or(-1, |leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes,
        isr_nodes,
        offline_replicas: context.offline_replicas(partition),
    }
}
