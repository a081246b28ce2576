//! Why a record cannot be replayed.

use dohle_model::{BrokerId, PartitionIndex, TopicId};

/// A record that this node cannot follow. It must stop: going on would be serving another cluster than the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The record belongs to something that this release does not serve.
    #[error("metadata record {record} belongs to {feature}, which this release does not serve")]
    NotServed {
        /// The record's name in Kafka.
        record: &'static str,
        /// What it belongs to.
        feature: &'static str,
    },
    /// A feature or a level of it that this release does not know.
    #[error("feature {feature} is finalized at level {level}, which this release does not support")]
    FeatureLevel {
        /// The feature.
        feature: String,
        /// The level.
        level: i16,
    },
    /// Settings of something that this release does not serve.
    #[error("settings of a resource of type {resource_type} named '{name}' are not served")]
    ConfigResource {
        /// Kafka's number of the type.
        resource_type: i8,
        /// The resource's name.
        name: String,
    },
    /// A change of a broker that is not registered, or not under this epoch.
    #[error("broker {broker} is not registered with epoch {epoch}")]
    UnknownRegistration {
        /// The broker.
        broker: BrokerId,
        /// The epoch that the record names.
        epoch: i64,
    },
    /// A registration whose epoch was given to an earlier one.
    #[error("broker {broker} is registered with epoch {epoch}, but the next one is {next}")]
    BrokerEpochUsed {
        /// The broker.
        broker: BrokerId,
        /// The epoch that the record names.
        epoch: i64,
        /// The lowest that is free.
        next: i64,
    },
    /// A topic that exists, by name or by id.
    #[error("topic {name} with id {id} exists already")]
    TopicExists {
        /// The name.
        name: String,
        /// The id.
        id: TopicId,
    },
    /// A change of a topic that does not exist.
    #[error("no topic has the id {0}")]
    UnknownTopic(TopicId),
    /// An override of a topic that does not exist.
    #[error("no topic is named {0}")]
    UnknownTopicName(String),
    /// A change of a partition that does not exist.
    #[error("topic {topic} has no partition {partition}")]
    UnknownPartition {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: PartitionIndex,
    },
    /// A partition that could not be.
    #[error("partition {partition} of topic {topic}: {reason}")]
    ImpossiblePartition {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: PartitionIndex,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A block of producer ids of which some were given away before.
    #[error("the next producer id is said to be {said}, but it is {next} already")]
    ProducerIdsUsed {
        /// What the record says.
        said: i64,
        /// The first that is free.
        next: i64,
    },
    /// A field with a value that it cannot have.
    #[error("metadata record {record} has an impossible {field}")]
    ImpossibleField {
        /// The record's name in Kafka.
        record: &'static str,
        /// The field's name in Kafka.
        field: &'static str,
    },
}
