//! CreateTopics (API key 19): passed on to the controller, answered once this broker serves what was created.

use std::sync::Arc;

use dohle_protocol::messages::create_topics_response::CreatableTopicResult;
use dohle_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::CreateTopics;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 7);

/// The answer comes when the topics can be written to here, or when the request's time is over.
pub(crate) async fn handle(context: &RequestContext<'_>, request: CreateTopicsRequest) -> Answer<CreateTopicsResponse> {
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let names: Vec<String> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let timeout_ms = request.timeout_ms;
        let created = after_change(&broker, timeout_ms, broker.controller.create_topics(request)).await;
        created.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            let refuse = |name| CreatableTopicResult {
                name,
                error_code,
                error_message: error_message.clone(),
                ..CreatableTopicResult::default()
            };
            let topics = names.into_iter().map(refuse).collect();
            CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
        })
    }))
}
