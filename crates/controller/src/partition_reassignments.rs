//! AlterPartitionReassignments: other brokers for the replicas of partitions (KIP-455, KIP-860).
//!
//! A partition gets its new replicas beside the old ones, and loses the old ones once the new ones are in sync, which
//! whatever next changes the partition finds out. Where nothing has to be copied both happens at once.

use std::collections::BTreeSet;

use dohle_metadata::{PartitionImage, TopicImage};
use dohle_model::{BrokerId, PartitionIndex};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use dohle_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
use dohle_protocol::records::metadata::{MetadataRecord, PartitionChangeRecord};

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};
use crate::leadership::allowed_election;
use crate::new_partition::check_replicas;
use crate::partition_change::{Assignment, PartitionChange};

/// Begins, changes or cancels what can be of a request; each partition has its own result.
pub(crate) fn alter_partition_reassignments(
    context: &Context<'_>,
    request: &AlterPartitionReassignmentsRequest,
) -> Decision<AlterPartitionReassignmentsResponse> {
    if request.topics.is_empty() {
        return Decision::unchanged(AlterPartitionReassignmentsResponse::default());
    }
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let index = PartitionIndex(asked.partition_index);
            let target = asked.replicas.as_ref().map(|ids| ids.iter().copied().map(BrokerId).collect::<Vec<_>>());
            let outcome = find(context, &topic.name, index)
                .and_then(|(topic, partition)| match target {
                    Some(target) => {
                        let allows_factor = request.allow_replication_factor_change;
                        reassign(context, topic, index, partition, target, allows_factor)
                    }
                    None => cancel(context, topic, index, partition),
                })
                .and_then(|change| match change {
                    Some(_) if records.len() == RECORDS_MAX => {
                        Err(ApiError::new(ErrorCode::PolicyViolation, TOO_MANY_RECORDS))
                    }
                    change => {
                        records.extend(change.map(MetadataRecord::from));
                        Ok(())
                    }
                });
            let (error_code, error_message) = ApiError::parts(outcome.err());
            partitions.push(ReassignablePartitionResponse { partition_index: index.0, error_code, error_message });
        }
        responses.push(ReassignableTopicResponse { name: topic.name.clone(), partitions });
    }
    let allow_replication_factor_change = request.allow_replication_factor_change;
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change,
        error_message: None,
        responses,
        ..Default::default()
    };
    Decision { records, response }
}

fn find<'a>(
    context: &Context<'a>,
    name: &str,
    index: PartitionIndex,
) -> Result<(&'a TopicImage, &'a PartitionImage), ApiError> {
    let unknown = |message| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = context.image.topic(name).ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let partition =
        topic.partition(index).ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
    Ok((topic, partition))
}

fn is_in_progress(partition: &PartitionImage) -> bool {
    !partition.adding_replicas.is_empty() || !partition.removing_replicas.is_empty()
}

fn reassign(
    context: &Context<'_>,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionImage,
    target: Vec<BrokerId>,
    allows_other_factor: bool,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    check_replicas(context.image, &target, None)
        .map_err(|message| ApiError::new(ErrorCode::InvalidReplicaAssignment, message))?;
    let factor = replication_factor(partition);
    if !allows_other_factor && factor != target.len() {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            format!("The replication factor is changed from {factor} to {}", target.len()),
        ));
    }
    let current: BTreeSet<BrokerId> = partition.replicas.iter().copied().collect();
    let wanted: BTreeSet<BrokerId> = target.iter().copied().collect();
    let removing: Vec<BrokerId> = current.difference(&wanted).copied().collect();
    let adding: Vec<BrokerId> = wanted.difference(&current).copied().collect();
    let mut replicas = target;
    replicas.extend(&removing);
    // What an earlier reassignment has begun goes on where this one has nothing to say of it.
    let unless_empty = |new: Vec<BrokerId>, old: &[BrokerId]| if new.is_empty() { old.to_vec() } else { new };
    let assignment = Assignment {
        replicas,
        adding: unless_empty(adding, &partition.adding_replicas),
        removing: unless_empty(removing, &partition.removing_replicas),
    };
    Ok(PartitionChange::new(context, partition).assign(assignment).record(topic.id, index))
}

/// How many replicas a partition has, or will have once the reassignment under way is done.
fn replication_factor(partition: &PartitionImage) -> usize {
    let (replicas, adding) = (partition.replicas.iter(), partition.adding_replicas.iter());
    let all: BTreeSet<BrokerId> = replicas.chain(adding).copied().collect();
    all.iter().filter(|id| !partition.removing_replicas.contains(id)).count()
}

/// Goes back to the replicas from before the reassignment.
fn cancel(
    context: &Context<'_>,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionImage,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    if !is_in_progress(partition) {
        return Err(ApiError::without_message(ErrorCode::NoReassignmentInProgress));
    }
    let without_added = |brokers: &[BrokerId]| -> Vec<BrokerId> {
        brokers.iter().copied().filter(|id| !partition.adding_replicas.contains(id)).collect()
    };
    let (replicas, mut isr) = (without_added(&partition.replicas), without_added(&partition.isr));
    let refuse = |message: String| ApiError::new(ErrorCode::InvalidReplicaAssignment, message);
    if isr.is_empty() {
        let first = replicas.first();
        let message = "Invalid replica assignment: addingReplicas contains all replicas.";
        isr.push(*first.ok_or_else(|| refuse(message.to_owned()))?);
        if !context.allows_unclean_election(&topic.name) {
            return Err(refuse(format!(
                "Unable to revert partition assignment for {}:{index} because it would require an unclean leader \
                 election.",
                topic.name
            )));
        }
    }
    let assignment = Assignment { replicas, adding: Vec::new(), removing: Vec::new() };
    let change = PartitionChange::new(context, partition).elect(allowed_election(context, topic));
    Ok(change.in_sync(isr).assign(assignment).record(topic.id, index))
}
