//! AlterConfigs (API key 33): all settings of a resource in place of those that it had (KIP-133).

use std::sync::Arc;

use dohle_metadata::config_resource_type::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use dohle_protocol::messages::alter_configs_request::AlterConfigsResource;
use dohle_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use dohle_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::config_requests::{
    Decided, Refusal, Step, check_broker_settings, check_entries, layer_of, preprocess, results, unknown_resource_type,
};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::AlterConfigs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// The answer comes when this broker runs with what was changed, or when `request.timeout.ms` is over.
pub(crate) async fn handle(context: &RequestContext<'_>, request: AlterConfigsRequest) -> Answer<AlterConfigsResponse> {
    let AlterConfigsRequest { resources, validate_only } = request;
    let key = |it: &AlterConfigsResource| (it.resource_type, it.resource_name.clone());
    let outcomes =
        preprocess(&resources, |it| (it.resource_type, &it.resource_name), |resource| check(context, resource));
    let keys: Vec<_> = resources.iter().map(key).collect();
    let left = resources.into_iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Ok(Step::Forward));
    let left: Vec<_> = left.map(|(resource, _)| resource).collect();
    if left.is_empty() {
        return Answer::Now(answer(keys, outcomes, &Decided::new()));
    }
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let left_keys: Vec<_> = left.iter().map(key).collect();
        let change = AlterConfigsRequest { resources: left, validate_only };
        let timeout_ms = broker.config.request_timeout_ms;
        let decided: Decided = match after_change(&broker, timeout_ms, broker.controller.alter_configs(change)).await {
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

fn check(context: &RequestContext<'_>, resource: &AlterConfigsResource) -> Result<Step, Refusal> {
    let configs = &resource.configs;
    let has_no_value = configs.iter().filter(|it| it.value.is_none()).map(|it| it.name.as_str());
    check_entries(configs.iter().map(|it| it.name.as_str()), has_no_value)?;
    match resource.resource_type {
        BROKER => {
            let layer = layer_of(context.broker.node_id, &resource.resource_name)?;
            let settings = configs.iter().filter_map(|it| Some((it.name.clone(), it.value.clone()?))).collect();
            check_broker_settings(&context.broker.effective.load(), layer, &settings)?;
            Ok(Step::Forward)
        }
        TOPIC | CLIENT_METRICS | GROUP => Ok(Step::Forward),
        // Levels of loggers cannot be changed with this request.
        other => Err(unknown_resource_type(other)),
    }
}

fn answer(keys: Vec<(i8, String)>, outcomes: Vec<Result<Step, Refusal>>, decided: &Decided) -> AlterConfigsResponse {
    let responses = results(keys, outcomes, decided)
        .map(|((resource_type, resource_name), (error_code, error_message))| AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        })
        .collect();
    AlterConfigsResponse { responses, ..Default::default() }
}
