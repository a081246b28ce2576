//! CreatePartitions: topics get more partitions, and never fewer (KIP-195).

use std::collections::BTreeSet;

use dohle_metadata::TopicImage;
use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use dohle_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use dohle_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use dohle_protocol::records::metadata::MetadataRecord;

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};
use crate::new_partition::{NewPartition, check_replicas};
use crate::replica_placement::{candidates, place};

/// Adds what partitions can be added; each topic has its own result.
pub(crate) fn create_partitions(
    context: &Context<'_>,
    request: &CreatePartitionsRequest,
) -> Decision<CreatePartitionsResponse> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&str> =
        request.topics.iter().map(|topic| topic.name.as_str()).filter(|name| !seen.insert(*name)).collect();
    let duplicate = || ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
    let mut results: Vec<_> = twice.iter().map(|name| result(name, Err(duplicate()))).collect();
    let mut records = Vec::new();
    for topic in request.topics.iter().filter(|topic| !twice.contains(topic.name.as_str())) {
        let added = new_partitions(context, topic, RECORDS_MAX - records.len());
        results.push(result(&topic.name, added.map(|added| records.extend(added))));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, response: CreatePartitionsResponse { results, ..Default::default() } }
}

fn result(name: &str, outcome: Result<(), ApiError>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = ApiError::parts(outcome.err());
    CreatePartitionsTopicResult { name: name.to_owned(), error_code, error_message }
}

/// The partitions that a topic gets, at most `records_max`.
fn new_partitions(
    context: &Context<'_>,
    asked: &CreatePartitionsTopic,
    records_max: usize,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let topic = context
        .image
        .topic(&asked.name)
        .ok_or_else(|| ApiError::without_message(ErrorCode::UnknownTopicOrPartition))?;
    let additional = additional_partitions(topic, asked)?;
    if let Some(assignments) = asked.assignments.as_ref().filter(|assignments| assignments.len() != additional) {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicaAssignment,
            format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            ),
        ));
    }
    // Before they are placed, which would take as much time and memory as somebody likes to ask for.
    if additional > records_max {
        return Err(ApiError::new(ErrorCode::PolicyViolation, TOO_MANY_RECORDS));
    }
    let first = topic.partition_count();
    let replication_factor = topic.partitions().next().map_or(0, |(_, partition)| partition.replicas.len());
    let placed = match &asked.assignments {
        Some(assignments) => (first..)
            .zip(assignments)
            .map(|(index, assignment)| place_as_assigned(context, index, &assignment.broker_ids, replication_factor))
            .collect::<Result<Vec<_>, _>>()?,
        None => place_automatically(context, additional, replication_factor)?,
    };
    Ok((first..).zip(placed).map(|(index, partition)| partition.record(context, topic.id.0, index).into()).collect())
}

/// How many partitions the topic is to get on top of those that it has; at least one.
fn additional_partitions(topic: &TopicImage, asked: &CreatePartitionsTopic) -> Result<usize, ApiError> {
    let current = topic.partition_count();
    let refuse = |message| Err(ApiError::new(ErrorCode::InvalidPartitions, message));
    match usize::try_from(asked.count) {
        Ok(count) if count == current => refuse(format!("Topic already has {current} partition(s).")),
        Ok(count) if count > current => Ok(count - current),
        _ => refuse(format!(
            "The topic {} currently has {current} partition(s); {} would not be an increase.",
            topic.name, asked.count
        )),
    }
}

fn place_as_assigned(
    context: &Context<'_>,
    index: usize,
    brokers: &[i32],
    replication_factor: usize,
) -> Result<NewPartition, ApiError> {
    let refuse = |message| ApiError::new(ErrorCode::InvalidReplicaAssignment, message);
    let replicas: Vec<BrokerId> = brokers.iter().copied().map(BrokerId).collect();
    check_replicas(context.image, &replicas, Some(replication_factor)).map_err(refuse)?;
    NewPartition::new(context, replicas).ok_or_else(|| {
        refuse(format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in controlled \
             shutdown."
        ))
    })
}

fn place_automatically(
    context: &Context<'_>,
    partitions: usize,
    replication_factor: usize,
) -> Result<Vec<NewPartition>, ApiError> {
    let impossible = |message: String| ApiError::new(ErrorCode::InvalidReplicationFactor, message);
    let placed = place(&candidates(context.image), partitions, replication_factor, context.randomness);
    placed
        .map_err(impossible)?
        .into_iter()
        .map(|replicas| {
            NewPartition::new(context, replicas).ok_or_else(|| {
                impossible(format!(
                    "Unable to replicate the partition {replication_factor} time(s): All brokers are currently fenced \
                     or in controlled shutdown."
                ))
            })
        })
        .collect()
}
