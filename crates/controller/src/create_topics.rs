//! CreateTopics: names, settings, numbers of partitions and replicas, and where the replicas go.

use std::collections::{BTreeMap, BTreeSet};

use dohle_config::{describe_new_topic, validate_topic_configs};
use dohle_metadata::ConfigResource;
use dohle_model::{BrokerId, TopicId, TopicName, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::create_topics_request::CreatableTopic;
use dohle_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use dohle_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use dohle_protocol::records::metadata::{ConfigRecord, MetadataRecord, PartitionRecord, TopicRecord};
use dohle_seams::RandomnessExt;

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};
use crate::new_partition::{NewPartition, check_replicas};
use crate::replica_placement::{candidates, place};

/// The topic of the metadata itself, which Kafka keeps for itself.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// The most partitions that one request may create, as in Kafka.
const PARTITIONS_MAX: i64 = 10_000;

/// "The default": a number of partitions or replicas that is left to the broker.
const DEFAULT: i32 = -1;

/// Creates what can be created of a request; each topic has its own result, and a request that is too big none.
pub(crate) fn create_topics(context: &Context<'_>, request: &CreateTopicsRequest) -> Decision<CreateTopicsResponse> {
    let refuse_all = |message: &str| {
        let error = ApiError::new(ErrorCode::PolicyViolation, message);
        let topics = request.topics.iter().map(|topic| refusal(&topic.name, error.clone())).collect();
        Decision::unchanged(CreateTopicsResponse { topics, ..Default::default() })
    };
    let mut seen = BTreeSet::new();
    let mut refused: BTreeMap<&str, ApiError> = BTreeMap::new();
    for topic in &request.topics {
        let name = topic.name.as_str();
        if !seen.insert(name) {
            refused.insert(name, ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name."));
        } else if name == CLUSTER_METADATA {
            let message = format!("Creation of internal topic {name} is prohibited.");
            refused.insert(name, ApiError::new(ErrorCode::InvalidRequest, message));
        }
    }
    let wanted: Vec<&CreatableTopic> =
        request.topics.iter().filter(|topic| !refused.contains_key(topic.name.as_str())).collect();
    if wanted.iter().map(|topic| partitions_asked_for(context, topic)).sum::<i64>() > PARTITIONS_MAX {
        return refuse_all("Excessively large number of partitions per request.");
    }
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in wanted {
        match NewTopic::decide(context, topic) {
            Ok(new) => {
                topics.push(new.result(context));
                new.add_records(&mut records);
            }
            Err(error) => topics.push(refusal(&topic.name, error)),
        }
        if records.len() > RECORDS_MAX {
            return refuse_all(TOO_MANY_RECORDS);
        }
    }
    topics.extend(refused.into_iter().map(|(name, error)| refusal(name, error)));
    if request.validate_only {
        records.clear();
    }
    Decision { records, response: CreateTopicsResponse { topics, ..Default::default() } }
}

fn partitions_asked_for(context: &Context<'_>, topic: &CreatableTopic) -> i64 {
    if !topic.assignments.is_empty() {
        return i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX);
    }
    match topic.num_partitions {
        DEFAULT => context.config.num_partitions.into(),
        count => i64::from(count).max(0),
    }
}

fn refusal(name: &str, error: ApiError) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.to_owned(),
        error_code: error.code.code(),
        error_message: error.message,
        ..Default::default()
    }
}

/// A topic that can be created.
struct NewTopic {
    name: TopicName,
    id: Uuid,
    overrides: BTreeMap<String, String>,
    replication_factor: usize,
    partitions: Vec<PartitionRecord>,
}

impl NewTopic {
    /// Checks a topic in Kafka's order: name, whether it exists, settings, partitions.
    fn decide(context: &Context<'_>, topic: &CreatableTopic) -> Result<Self, ApiError> {
        let name = TopicName::from(topic.name.as_str());
        name.validate().map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))?;
        if context.image.topic(&name).is_some() {
            return Err(ApiError::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        if let Some(other) = context.image.colliding_topic(&name) {
            return Err(ApiError::new(
                ErrorCode::InvalidTopicException,
                format!("Topic '{name}' collides with existing topic: {other}"),
            ));
        }
        // Of two values for one setting the later counts.
        let configs: BTreeMap<String, Option<String>> =
            topic.configs.iter().map(|config| (config.name.clone(), config.value.clone())).collect();
        validate_topic_configs(context.config, &configs)
            .map_err(|message| ApiError::new(ErrorCode::InvalidConfig, message))?;
        let overrides = configs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let placed = if topic.assignments.is_empty() {
            place_automatically(context, topic)?
        } else {
            place_as_assigned(context, topic)?
        };
        let id = unused_id(context);
        Ok(Self {
            name,
            id,
            overrides,
            replication_factor: placed.first().map_or(0, NewPartition::replication_factor),
            partitions: placed
                .into_iter()
                .enumerate()
                .map(|(index, placed)| placed.record(context, id, index))
                .collect(),
        })
    }

    fn result(&self, context: &Context<'_>) -> CreatableTopicResult {
        let configs = describe_new_topic(context.config, &self.overrides).into_iter();
        let configs = configs.map(|config| CreatableTopicConfigs {
            name: config.name,
            value: config.value,
            read_only: config.read_only,
            config_source: config.source.code(),
            is_sensitive: config.is_sensitive,
        });
        CreatableTopicResult {
            name: self.name.as_str().to_owned(),
            topic_id: self.id,
            error_code: ErrorCode::None.code(),
            error_message: None,
            topic_config_error_code: ErrorCode::None.code(),
            num_partitions: i32::try_from(self.partitions.len()).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(self.replication_factor).unwrap_or(i16::MAX),
            configs: Some(configs.collect()),
        }
    }

    /// The topic, then its settings, then its partitions.
    fn add_records(self, records: &mut Vec<MetadataRecord>) {
        let (resource_type, resource_name) = ConfigResource::Topic(self.name.clone()).type_and_name();
        tracing::info!(topic = %self.name, topic_id = %self.id, partitions = self.partitions.len(), "creating a topic");
        records.push(TopicRecord { name: self.name.as_str().to_owned(), topic_id: self.id }.into());
        records.extend(self.overrides.into_iter().map(|(name, value)| {
            let resource_name = resource_name.clone();
            MetadataRecord::from(ConfigRecord { resource_type, resource_name, name, value: Some(value) })
        }));
        records.extend(self.partitions.into_iter().map(MetadataRecord::from));
    }
}

fn place_automatically(context: &Context<'_>, topic: &CreatableTopic) -> Result<Vec<NewPartition>, ApiError> {
    let replication_factor = match i32::from(topic.replication_factor) {
        DEFAULT => context.config.default_replication_factor,
        count => count,
    };
    let partitions = match topic.num_partitions {
        DEFAULT => context.config.num_partitions,
        count => count,
    };
    let Some(replication_factor) = usize::try_from(replication_factor).ok().filter(|count| *count > 0) else {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    };
    let Some(partitions) = usize::try_from(partitions).ok().filter(|count| *count > 0) else {
        return Err(ApiError::new(
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    };
    let impossible = |message: &str| {
        ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            format!("Unable to replicate the partition {replication_factor} time(s): {message}"),
        )
    };
    let candidates = candidates(context.image);
    let placed = place(&candidates, partitions, replication_factor, context.randomness)
        .map_err(|message| impossible(&message))?;
    placed
        .into_iter()
        .map(|replicas| {
            NewPartition::new(context, replicas)
                .ok_or_else(|| impossible("All brokers are currently fenced or in controlled shutdown."))
        })
        .collect()
}

fn place_as_assigned(context: &Context<'_>, topic: &CreatableTopic) -> Result<Vec<NewPartition>, ApiError> {
    let contradiction = |what: &str| {
        let message = format!("A manual partition assignment was specified, but {what} was not set to -1.");
        Err(ApiError::new(ErrorCode::InvalidRequest, message))
    };
    if i32::from(topic.replication_factor) != DEFAULT {
        return contradiction("replication factor");
    }
    if topic.num_partitions != DEFAULT {
        return contradiction("numPartitions");
    }
    let refuse = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    let mut placed: BTreeMap<i32, NewPartition> = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if placed.contains_key(&index) {
            return refuse(format!("Found multiple manual partition assignments for partition {index}"));
        }
        let replicas: Vec<BrokerId> = assignment.broker_ids.iter().copied().map(BrokerId).collect();
        if let Err(message) = check_replicas(context.image, &replicas, replication_factor) {
            return refuse(message);
        }
        replication_factor = Some(replicas.len());
        let Some(partition) = NewPartition::new(context, replicas) else {
            return refuse(format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            ));
        };
        placed.insert(index, partition);
    }
    if !placed.keys().copied().eq((0..).take(placed.len())) {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(placed.into_values().collect())
}

fn unused_id(context: &Context<'_>) -> Uuid {
    loop {
        let id = context.randomness.uuid();
        if context.image.topic_by_id(TopicId(id)).is_none() {
            return id;
        }
    }
}
