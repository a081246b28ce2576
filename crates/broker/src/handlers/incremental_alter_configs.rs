//! IncrementalAlterConfigs (API key 44): changes of single settings (KIP-339) and of levels of loggers (KIP-412).

use std::sync::Arc;

use dohle_metadata::config_resource_type::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use dohle_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use dohle_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use dohle_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::config_requests::{
    Decided, Refusal, Step, change_loggers, check_broker_changes, check_entries, layer_of, preprocess, results,
    unknown_resource_type,
};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::IncrementalAlterConfigs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

const DELETE: i8 = 1;

/// The answer comes when this broker runs with what was changed, or when `request.timeout.ms` is over.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: IncrementalAlterConfigsRequest,
) -> Answer<IncrementalAlterConfigsResponse> {
    let IncrementalAlterConfigsRequest { resources, validate_only } = request;
    let key = |it: &AlterConfigsResource| (it.resource_type, it.resource_name.clone());
    let outcomes = preprocess(
        &resources,
        |it| (it.resource_type, &it.resource_name),
        |resource| check(context, resource, validate_only),
    );
    let keys: Vec<_> = resources.iter().map(key).collect();
    let left = resources.into_iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Ok(Step::Forward));
    let left: Vec<_> = left.map(|(resource, _)| resource).collect();
    if left.is_empty() {
        return Answer::Now(answer(keys, outcomes, &Decided::new()));
    }
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let left_keys: Vec<_> = left.iter().map(key).collect();
        let change = IncrementalAlterConfigsRequest { resources: left, validate_only };
        let timeout_ms = broker.config.request_timeout_ms;
        let decided: Decided =
            match after_change(&broker, timeout_ms, broker.controller.incremental_alter_configs(change)).await {
                Ok(response) => response
                    .responses
                    .into_iter()
                    .map(|it| ((it.resource_type, it.resource_name), (it.error_code, it.error_message)))
                    .collect(),
                Err(error) => left_keys.into_iter().map(|key| (key, as_refusal(&error))).collect(),
            };
        answer(keys, outcomes, &decided)
    }))
}

fn check(context: &RequestContext<'_>, resource: &AlterConfigsResource, validate_only: bool) -> Result<Step, Refusal> {
    let changes = &resource.configs;
    let has_no_value = changes.iter().filter(|it| it.config_operation != DELETE && it.value.is_none());
    check_entries(changes.iter().map(|it| it.name.as_str()), has_no_value.map(|it| it.name.as_str()))?;
    let (broker, name) = (context.broker, resource.resource_name.as_str());
    match resource.resource_type {
        BROKER_LOGGER => {
            change_loggers(&*broker.loggers, broker.node_id, name, changes, validate_only)?;
            Ok(Step::Done)
        }
        BROKER => {
            let layer = layer_of(broker.node_id, name)?;
            check_broker_changes(&broker.effective.load(), &context.image, layer, changes)?;
            Ok(Step::Forward)
        }
        TOPIC | CLIENT_METRICS | GROUP => Ok(Step::Forward),
        other => Err(unknown_resource_type(other)),
    }
}

/// One result for each resource: the controller's, or this broker's own.
fn answer(
    keys: Vec<(i8, String)>,
    outcomes: Vec<Result<Step, Refusal>>,
    decided: &Decided,
) -> IncrementalAlterConfigsResponse {
    let responses = results(keys, outcomes, decided)
        .map(|((resource_type, resource_name), (error_code, error_message))| AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        })
        .collect();
    IncrementalAlterConfigsResponse { responses, ..Default::default() }
}
