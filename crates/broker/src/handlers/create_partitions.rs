//! CreatePartitions (API key 37): passed on to the controller, answered once this broker serves what was created.

use std::sync::Arc;

use dohle_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use dohle_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::CreatePartitions;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 3);

/// The answer comes when the partitions can be written to here, or when the request's time is over.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: CreatePartitionsRequest,
) -> Answer<CreatePartitionsResponse> {
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let names: Vec<String> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let timeout_ms = request.timeout_ms;
        let created = after_change(&broker, timeout_ms, broker.controller.create_partitions(request)).await;
        created.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            let refuse = |name| CreatePartitionsTopicResult { name, error_code, error_message: error_message.clone() };
            CreatePartitionsResponse { results: names.into_iter().map(refuse).collect(), ..Default::default() }
        })
    }))
}
