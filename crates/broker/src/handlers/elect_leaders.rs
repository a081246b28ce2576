//! ElectLeaders (API key 43): passed on to the controller, answered once this broker knows who leads.

use std::sync::Arc;

use dohle_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use dohle_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ElectLeaders;
/// Versions served. Version 0 knows preferred leaders only.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// The answer comes when this broker has taken the elections in, or when the request's time is over.
pub(crate) async fn handle(context: &RequestContext<'_>, request: ElectLeadersRequest) -> Answer<ElectLeadersResponse> {
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let asked = request.topic_partitions.clone().unwrap_or_default();
        let timeout_ms = request.timeout_ms;
        let elected = after_change(&broker, timeout_ms, broker.controller.elect_leaders(request)).await;
        elected.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            let refuse =
                |partition_id| PartitionResult { partition_id, error_code, error_message: error_message.clone() };
            let results = asked.into_iter().map(|asked| ReplicaElectionResult {
                topic: asked.topic,
                partition_result: asked.partitions.into_iter().map(refuse).collect(),
            });
            ElectLeadersResponse { error_code, replica_election_results: results.collect(), ..Default::default() }
        })
    }))
}
