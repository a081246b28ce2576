//! DeleteTopics, by name or by id (KIP-516).

use std::collections::{BTreeMap, BTreeSet};

use dohle_model::{TopicId, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::delete_topics_response::DeletableTopicResult;
use dohle_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use dohle_protocol::records::metadata::{MetadataRecord, RemoveTopicRecord};

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};

/// Deletes what can be deleted of a request; each topic has its own result. Takes the form of version 6 as well as the
/// names of earlier versions, and answers both with names and ids.
pub(crate) fn delete_topics(context: &Context<'_>, request: &DeleteTopicsRequest) -> Decision<DeleteTopicsResponse> {
    let by_name = |name: &String| DeleteTopicState { name: Some(name.clone()), topic_id: Uuid::ZERO };
    let wanted: Vec<DeleteTopicState> =
        request.topics.iter().cloned().chain(request.topic_names.iter().map(by_name)).collect();
    let refuse_all = |error: ErrorCode, message: Option<&str>| {
        let refuse = |state: &DeleteTopicState| DeletableTopicResult {
            name: state.name.clone(),
            topic_id: state.topic_id,
            error_code: error.code(),
            error_message: message.map(str::to_owned),
        };
        let responses = wanted.iter().map(refuse).collect();
        Decision::unchanged(DeleteTopicsResponse { responses, ..Default::default() })
    };
    if !context.config.delete_topic_enable {
        return refuse_all(ErrorCode::TopicDeletionDisabled, None);
    }
    let asked_for = AskedFor::new(&wanted);
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut responses = Vec::with_capacity(wanted.len());
    let mut answered = BTreeSet::new();
    for state in &wanted {
        let is_named = state.name.is_some() || !state.topic_id.is_zero();
        if is_named && !answered.insert((state.name.as_deref(), state.topic_id)) {
            continue;
        }
        match find(context, &asked_for, state) {
            Ok(Some((name, id))) => {
                tracing::info!(topic = name, topic_id = %id, "deleting a topic");
                records.push(RemoveTopicRecord { topic_id: id.0 }.into());
                responses.push(DeletableTopicResult {
                    name: Some(name),
                    topic_id: id.0,
                    error_code: ErrorCode::None.code(),
                    error_message: None,
                });
            }
            Ok(None) => {}
            Err((topic_id, error)) => responses.push(DeletableTopicResult {
                name: state.name.clone(),
                topic_id,
                error_code: error.code.code(),
                error_message: error.message,
            }),
        }
    }
    if records.len() > RECORDS_MAX {
        return refuse_all(ErrorCode::PolicyViolation, Some(TOO_MANY_RECORDS));
    }
    Decision { records, response: DeleteTopicsResponse { responses, ..Default::default() } }
}

/// How many entries of a request give a name alone, and an id alone.
struct AskedFor<'a> {
    names: BTreeMap<&'a str, usize>,
    ids: BTreeMap<Uuid, usize>,
}

impl<'a> AskedFor<'a> {
    fn new(wanted: &'a [DeleteTopicState]) -> Self {
        let mut asked_for = Self { names: BTreeMap::new(), ids: BTreeMap::new() };
        for state in wanted {
            match &state.name {
                Some(name) if state.topic_id.is_zero() => *asked_for.names.entry(name).or_default() += 1,
                None if !state.topic_id.is_zero() => *asked_for.ids.entry(state.topic_id).or_default() += 1,
                _ => {}
            }
        }
        asked_for
    }

    fn by_name(&self, name: &str) -> usize {
        self.names.get(name).copied().unwrap_or(0)
    }

    fn by_id(&self, id: Uuid) -> usize {
        self.ids.get(&id).copied().unwrap_or(0)
    }
}

/// The topic that one entry of a request means. `None` where another entry answers for it; an error comes with the id to
/// answer.
fn find(
    context: &Context<'_>,
    asked_for: &AskedFor<'_>,
    state: &DeleteTopicState,
) -> Result<Option<(String, TopicId)>, (Uuid, ApiError)> {
    let refuse = |id: Uuid, code: ErrorCode, message: &str| Err((id, ApiError::new(code, message)));
    let invalid = |message: &str| refuse(state.topic_id, ErrorCode::InvalidRequest, message);
    match (&state.name, state.topic_id) {
        (Some(_), id) if !id.is_zero() => invalid("You may not specify both topic name and topic id."),
        (None, Uuid::ZERO) => invalid("Neither topic name nor id were specified."),
        (None, id) if asked_for.by_id(id) > 1 => invalid("Duplicate topic id."),
        (None, id) => match context.image.topic_by_id(TopicId(id)) {
            None => refuse(id, ErrorCode::UnknownTopicId, "This server does not host this topic ID."),
            // The entry with the name is answered, with an error.
            Some(topic) if asked_for.by_name(&topic.name) == 1 => Ok(None),
            Some(topic) => Ok(Some((topic.name.as_str().to_owned(), topic.id))),
        },
        (Some(name), _) if asked_for.by_name(name) > 1 => invalid("Duplicate topic name."),
        (Some(name), _) => match context.image.topic(name) {
            None => refuse(
                Uuid::ZERO,
                ErrorCode::UnknownTopicOrPartition,
                "This server does not host this topic-partition.",
            ),
            Some(topic) if asked_for.by_id(topic.id.0) > 0 => refuse(
                topic.id.0,
                ErrorCode::InvalidRequest,
                "The provided topic name maps to an ID that was already supplied.",
            ),
            Some(topic) => Ok(Some((name.clone(), topic.id))),
        },
    }
}
