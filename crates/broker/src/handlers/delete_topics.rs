//! DeleteTopics (API key 20): passed on to the controller, answered once this broker serves them no more.

use std::sync::Arc;

use dohle_model::Uuid;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::delete_topics_response::DeletableTopicResult;
use dohle_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DeleteTopics;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 6);

/// The first version that knows TOPIC_DELETION_DISABLED.
const DELETION_DISABLED_FROM: i16 = 3;

/// The answer comes when this broker has let the topics go, or when the request's time is over.
pub(crate) async fn handle(context: &RequestContext<'_>, request: DeleteTopicsRequest) -> Answer<DeleteTopicsResponse> {
    let asked = in_latest_form(request.topics, request.topic_names);
    if !context.broker.config.delete_topic_enable {
        return Answer::Now(refuse_all(asked, deletion_disabled(context.header.api_version)));
    }
    let broker = Arc::clone(context.broker);
    let timeout_ms = request.timeout_ms;
    Answer::Later(Box::pin(async move {
        let request = DeleteTopicsRequest { topics: asked.clone(), timeout_ms, ..DeleteTopicsRequest::default() };
        let deleted = after_change(&broker, timeout_ms, broker.controller.delete_topics(request)).await;
        deleted.unwrap_or_else(|error| refuse_all(asked, as_refusal(&error)))
    }))
}

/// Names alone, as versions below 6 have them, as entries of version 6.
fn in_latest_form(mut topics: Vec<DeleteTopicState>, names: Vec<String>) -> Vec<DeleteTopicState> {
    topics.extend(names.into_iter().map(|name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO }));
    topics
}

fn deletion_disabled(version: i16) -> (i16, Option<String>) {
    if version < DELETION_DISABLED_FROM {
        let message = "This version does not support topic deletion being disabled.";
        return (ErrorCode::InvalidRequest.code(), Some(message.to_owned()));
    }
    (ErrorCode::TopicDeletionDisabled.code(), Some("Topic deletion is disabled.".to_owned()))
}

fn refuse_all(
    topics: Vec<DeleteTopicState>,
    (error_code, error_message): (i16, Option<String>),
) -> DeleteTopicsResponse {
    let refuse = |topic: DeleteTopicState| DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code,
        error_message: error_message.clone(),
    };
    DeleteTopicsResponse { responses: topics.into_iter().map(refuse).collect(), ..DeleteTopicsResponse::default() }
}
