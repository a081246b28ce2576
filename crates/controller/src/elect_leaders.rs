//! ElectLeaders: the preferred leader back, or any leader at the price of records (KIP-183, KIP-460).

use dohle_metadata::{PartitionImage, TopicImage};
use dohle_model::PartitionIndex;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use dohle_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use dohle_protocol::records::metadata::{MetadataRecord, PartitionChangeRecord};

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};
use crate::partition_change::{Election, PartitionChange};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Elects what can be elected of a request; each partition has its own result. Asked for all partitions it tells of those
/// only whose election was needed.
pub(crate) fn elect_leaders(context: &Context<'_>, request: &ElectLeadersRequest) -> Decision<ElectLeadersResponse> {
    if request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
        return Decision::unchanged(ElectLeadersResponse::default());
    }
    let election = match request.election_type {
        PREFERRED => Election::Preferred,
        UNCLEAN => Election::Unclean,
        other => {
            let error = ApiError::new(ErrorCode::InvalidRequest, format!("Unknown election type {other}"));
            return refuse_all(request, &error);
        }
    };
    let mut records = Vec::new();
    let mut elect = |topic: &TopicImage, index, partition| {
        elect_leader(context, election, topic, index, partition).map(|change| records.push(change.into()))
    };
    let replica_election_results = match &request.topic_partitions {
        None => context
            .image
            .topics()
            .map(|topic| ReplicaElectionResult {
                topic: topic.name.as_str().to_owned(),
                partition_result: topic
                    .partitions()
                    .map(|(index, partition)| (index, elect(topic, index, partition)))
                    .filter(|(_, elected)| !is_not_needed(elected))
                    .map(|(index, elected)| result(index.0, elected))
                    .collect(),
            })
            .collect(),
        Some(asked) => asked
            .iter()
            .map(|asked| ReplicaElectionResult {
                topic: asked.topic.clone(),
                partition_result: asked
                    .partitions
                    .iter()
                    .map(|index| {
                        let found = find(context, &asked.topic, PartitionIndex(*index));
                        let elected =
                            found.and_then(|(topic, partition)| elect(topic, PartitionIndex(*index), partition));
                        result(*index, elected)
                    })
                    .collect(),
            })
            .collect(),
    };
    if records.len() > RECORDS_MAX {
        return refuse_all(request, &ApiError::new(ErrorCode::PolicyViolation, TOO_MANY_RECORDS));
    }
    let records: Vec<MetadataRecord> = records;
    Decision { records, response: ElectLeadersResponse { replica_election_results, ..Default::default() } }
}

fn is_not_needed(elected: &Result<(), ApiError>) -> bool {
    matches!(elected, Err(error) if error.code == ErrorCode::ElectionNotNeeded)
}

fn result(partition_id: i32, elected: Result<(), ApiError>) -> PartitionResult {
    let (error_code, error_message) = ApiError::parts(elected.err());
    PartitionResult { partition_id, error_code, error_message }
}

fn refuse_all(request: &ElectLeadersRequest, error: &ApiError) -> Decision<ElectLeadersResponse> {
    let asked = request.topic_partitions.iter().flatten();
    let refuse = |partition: &i32| result(*partition, Err(error.clone()));
    Decision::unchanged(ElectLeadersResponse {
        error_code: error.code.code(),
        replica_election_results: asked
            .map(|asked| ReplicaElectionResult {
                topic: asked.topic.clone(),
                partition_result: asked.partitions.iter().map(refuse).collect(),
            })
            .collect(),
        ..Default::default()
    })
}

fn find<'a>(
    context: &Context<'a>,
    name: &str,
    index: PartitionIndex,
) -> Result<(&'a TopicImage, &'a PartitionImage), ApiError> {
    let unknown = |message| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = context.image.topic(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let partition = topic.partition(index).ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
    Ok((topic, partition))
}

fn elect_leader(
    context: &Context<'_>,
    election: Election,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionImage,
) -> Result<PartitionChangeRecord, ApiError> {
    let is_preferred = election == Election::Preferred;
    let is_needed = match partition.leader {
        None => true,
        leader => is_preferred && leader != partition.replicas.first().copied(),
    };
    if !is_needed {
        let message = "Leader election not needed for topic partition.";
        return Err(ApiError::new(ErrorCode::ElectionNotNeeded, message));
    }
    let change = PartitionChange::new(context, partition).elect(election).record(topic.id, index);
    change.ok_or_else(|| {
        if is_preferred {
            ApiError::new(ErrorCode::PreferredLeaderNotAvailable, "The preferred leader was not available.")
        } else {
            let message = "Eligible topic partition leaders are not available.";
            ApiError::new(ErrorCode::EligibleLeadersNotAvailable, message)
        }
    })
}
