//! AlterPartitionReassignments (API key 45): passed on to the controller, answered once this broker knows of it.

use std::sync::Arc;

use dohle_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use dohle_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::AlterPartitionReassignments;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

/// The answer comes when this broker has taken in what has begun, or when the request's time is over.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> Answer<AlterPartitionReassignmentsResponse> {
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let asked = request.topics.clone();
        let timeout_ms = request.timeout_ms;
        let change = broker.controller.alter_partition_reassignments(request);
        after_change(&broker, timeout_ms, change).await.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            let refuse = |partition_index| ReassignablePartitionResponse {
                partition_index,
                error_code,
                error_message: error_message.clone(),
            };
            let responses = asked.into_iter().map(|topic| ReassignableTopicResponse {
                name: topic.name,
                partitions: topic.partitions.into_iter().map(|asked| refuse(asked.partition_index)).collect(),
            });
            AlterPartitionReassignmentsResponse {
                error_code,
                responses: responses.collect(),
                error_message: error_message.clone(),
                ..Default::default()
            }
        })
    }))
}
