//! AlterConfigs and IncrementalAlterConfigs (KIP-133, KIP-339): the settings of topics, brokers, groups and subscriptions to
//! clients' metrics.
//!
//! What a broker can take was checked by that broker, which alone knows its file; here its settings are only put together.

use std::collections::{BTreeMap, BTreeSet};

use dohle_config::{
    ClientMetricsRefusal, ConfigOperation, change_list, list_property, property, validate_client_metrics,
    validate_group_configs, validate_topic_configs,
};
use dohle_metadata::ConfigResource;
use dohle_metadata::config_resource_type::BROKER;
use dohle_model::TopicName;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as LegacyResult;
use dohle_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use dohle_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use dohle_protocol::records::metadata::{ConfigRecord, MetadataRecord};

use crate::decision::{ApiError, Context, Decision, RECORDS_MAX, TOO_MANY_RECORDS};

/// The longest value, in UTF-16 units, as in Kafka.
const VALUE_LENGTH_MAX: usize = i16::MAX as usize;

/// What a setting becomes; `None`: it is set no more.
type Changed = (String, Option<String>);

/// A resource as a request names it, with what comes of it.
type Outcome = (i8, String, Result<(), ApiError>);

/// Changes single settings; each resource has its own result.
pub(crate) fn incremental_alter_configs(
    context: &Context<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> Decision<IncrementalAlterConfigsResponse> {
    let mut changes = Changes::default();
    for resource in &request.resources {
        let mut operations = Vec::with_capacity(resource.configs.len());
        for config in &resource.configs {
            let Some(operation) = ConfigOperation::from_code(config.config_operation) else {
                // Kafka stumbles over it, and with it all that was asked for at the same time.
                let names = request.resources.iter().map(|it| (it.resource_type, it.resource_name.clone()));
                let error = ApiError::without_message(ErrorCode::UnknownServerError);
                return Decision::unchanged(incremental(refuse_all(names, &error)));
            };
            operations.push((config.name.as_str(), operation, config.value.as_deref()));
        }
        changes.add(resource.resource_type, &resource.resource_name, |resource| {
            let current = context.image.overrides(resource);
            let changed = apply(resource, &current, &operations)?;
            check(context, resource, current, &changed)?;
            Ok(changed)
        });
    }
    let Decision { records, response } = changes.decide(request.validate_only);
    Decision { records, response: incremental(response) }
}

/// Replaces all settings of resources; each has its own result.
pub(crate) fn alter_configs(context: &Context<'_>, request: &AlterConfigsRequest) -> Decision<AlterConfigsResponse> {
    let mut changes = Changes::default();
    for resource in &request.resources {
        let wanted = || resource.configs.iter().map(|config| (config.name.clone(), config.value.clone()));
        changes.add(resource.resource_type, &resource.resource_name, |resource| {
            let current = context.image.overrides(resource);
            let names: BTreeSet<String> = wanted().map(|(name, _)| name).collect();
            let set = wanted().filter(|(name, value)| is_recorded(resource, current.get(name), value.as_ref()));
            let gone = current.keys().filter(|name| !names.contains(*name)).map(|name| (name.clone(), None));
            let changed: Vec<Changed> = set.chain(gone).collect();
            check(context, resource, current.clone(), &changed)?;
            Ok(changed)
        });
    }
    let Decision { records, response } = changes.decide(request.validate_only);
    let result = |(resource_type, resource_name, outcome): Outcome| {
        let (error_code, error_message) = ApiError::parts(outcome.err());
        LegacyResult { error_code, error_message, resource_type, resource_name }
    };
    let responses = response.into_iter().map(result).collect();
    Decision { records, response: AlterConfigsResponse { responses, ..Default::default() } }
}

fn incremental(outcomes: Vec<Outcome>) -> IncrementalAlterConfigsResponse {
    let result = |(resource_type, resource_name, outcome): Outcome| {
        let (error_code, error_message) = ApiError::parts(outcome.err());
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    };
    IncrementalAlterConfigsResponse { responses: outcomes.into_iter().map(result).collect(), ..Default::default() }
}

fn refuse_all(names: impl Iterator<Item = (i8, String)>, error: &ApiError) -> Vec<Outcome> {
    names.map(|(resource_type, name)| (resource_type, name, Err(error.clone()))).collect()
}

/// What the resources of one request come to, in its order.
#[derive(Default)]
struct Changes {
    records: Vec<MetadataRecord>,
    outcomes: Vec<Outcome>,
    /// Where each resource stands among them.
    seen: BTreeMap<ConfigResource, usize>,
    twice: BTreeSet<ConfigResource>,
    records_of: BTreeMap<ConfigResource, Vec<Changed>>,
}

impl Changes {
    fn add(
        &mut self,
        resource_type: i8,
        name: &str,
        decide: impl FnOnce(&ConfigResource) -> Result<Vec<Changed>, ApiError>,
    ) {
        let outcome = read_resource(resource_type, name).and_then(|resource| {
            if self.seen.contains_key(&resource) {
                self.twice.insert(resource);
                return Err(duplicate());
            }
            self.seen.insert(resource.clone(), self.outcomes.len());
            let changed = decide(&resource)?;
            self.records_of.insert(resource, changed);
            Ok(())
        });
        self.outcomes.push((resource_type, name.to_owned(), outcome));
    }

    /// Ends the request: its records, and what is answered.
    fn decide(mut self, validate_only: bool) -> Decision<Vec<Outcome>> {
        for resource in &self.twice {
            self.records_of.remove(resource);
            self.outcomes[self.seen[resource]].2 = Err(duplicate());
        }
        if self.records_of.values().map(Vec::len).sum::<usize>() > RECORDS_MAX {
            let names = self.outcomes.into_iter().map(|(resource_type, name, _)| (resource_type, name));
            let error = ApiError::new(ErrorCode::PolicyViolation, TOO_MANY_RECORDS);
            return Decision::unchanged(refuse_all(names, &error));
        }
        if validate_only {
            self.records_of.clear();
        }
        // In the request's order, as the outcomes are.
        let mut changed: Vec<_> = std::mem::take(&mut self.records_of).into_iter().collect();
        changed.sort_by_key(|(resource, _)| self.seen[resource]);
        for (resource, changed) in changed {
            let (resource_type, resource_name) = resource.type_and_name();
            let names: Vec<&str> = changed.iter().map(|(name, _)| name.as_str()).collect();
            tracing::info!(resource_type, resource_name, ?names, "changing settings");
            self.records.extend(changed.into_iter().map(|(name, value)| {
                let resource_name = resource_name.clone();
                MetadataRecord::from(ConfigRecord { resource_type, resource_name, name, value })
            }));
        }
        Decision { records: self.records, response: self.outcomes }
    }
}

fn duplicate() -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, "Duplicate resource.")
}

fn read_resource(resource_type: i8, name: &str) -> Result<ConfigResource, ApiError> {
    ConfigResource::from_type_and_name(resource_type, name).ok_or_else(|| match (resource_type, name.parse::<i32>()) {
        (BROKER, Ok(_)) => ApiError::new(ErrorCode::InvalidRequest, "Invalid negative broker ID."),
        (BROKER, Err(_)) => {
            ApiError::new(ErrorCode::InvalidRequest, "Unable to parse broker name as a base 10 number.")
        }
        _ => ApiError::new(ErrorCode::UnsupportedVersion, format!("Unknown resource type {resource_type}.")),
    })
}

/// Whether a change is written down. Brokers take settings in again that are as they were, as in Kafka: that is how they are
/// made to look at the files that settings name.
fn is_recorded(resource: &ConfigResource, before: Option<&String>, after: Option<&String>) -> bool {
    before != after || matches!(resource, ConfigResource::Broker(_))
}

/// Carries out operations one by one, each on what is set now.
fn apply(
    resource: &ConfigResource,
    current: &BTreeMap<String, String>,
    operations: &[(&str, ConfigOperation, Option<&str>)],
) -> Result<Vec<Changed>, ApiError> {
    let mut changed = Vec::new();
    for (name, operation, value) in operations.iter().copied() {
        let before = current.get(name);
        let after = match operation {
            ConfigOperation::Set => value.map(str::to_owned),
            ConfigOperation::Delete => None,
            ConfigOperation::Append | ConfigOperation::Subtract => {
                let property = scope_of(resource).and_then(|scope| list_property(scope, name)).ok_or_else(|| {
                    let operation = operation.name();
                    let message = format!("Can't {operation} to key {name} because its type is not LIST.");
                    ApiError::new(ErrorCode::InvalidConfig, message)
                })?;
                Some(change_list(property, before.map(String::as_str), operation, value.unwrap_or_default()))
            }
        };
        if is_recorded(resource, before, after.as_ref()) {
            changed.push((name.to_owned(), after));
        }
    }
    Ok(changed)
}

/// The properties among which there are lists that can be added to.
fn scope_of(resource: &ConfigResource) -> Option<property::Scope> {
    match resource {
        ConfigResource::Topic(_) => Some(property::Scope::Topic),
        ConfigResource::Broker(_) => Some(property::Scope::Broker),
        ConfigResource::ClientMetrics(_) | ConfigResource::Group(_) => None,
    }
}

/// Checks what a resource has set once it is changed, and then whether it is there at all: in Kafka's order.
fn check(
    context: &Context<'_>,
    resource: &ConfigResource,
    current: BTreeMap<String, String>,
    changed: &[Changed],
) -> Result<(), ApiError> {
    let mut all = current;
    for (name, value) in changed {
        match value {
            Some(value) if value.encode_utf16().count() > VALUE_LENGTH_MAX => {
                let message = format!(
                    "The configuration value cannot be added because it exceeds the maximum value size of \
                     {VALUE_LENGTH_MAX} bytes."
                );
                return Err(ApiError::new(ErrorCode::InvalidConfig, message));
            }
            Some(value) => drop(all.insert(name.clone(), value.clone())),
            None => drop(all.remove(name)),
        }
    }
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidConfig, message);
    match resource {
        ConfigResource::Topic(name) => {
            check_topic_name(name)?;
            let all = all.into_iter().map(|(name, value)| (name, Some(value))).collect();
            validate_topic_configs(context.config, &all).map_err(invalid)?;
            if context.image.topic(name).is_none() {
                let message = format!("The topic '{name}' does not exist.");
                return Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message));
            }
            Ok(())
        }
        ConfigResource::Broker(None) => Ok(()),
        ConfigResource::Broker(Some(id)) => {
            if context.image.broker(*id).is_some() || context.image.controller(id.0).is_some() {
                return Ok(());
            }
            Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, format!("No node with id {id} found.")))
        }
        ConfigResource::ClientMetrics(name) => validate_client_metrics(name, &all).map_err(|refusal| match refusal {
            ClientMetricsRefusal::Request(message) => ApiError::new(ErrorCode::InvalidRequest, message),
            ClientMetricsRefusal::Config(message) => invalid(message),
        }),
        ConfigResource::Group(name) if name.is_empty() => {
            Err(ApiError::new(ErrorCode::InvalidRequest, "Default group resources are not allowed."))
        }
        ConfigResource::Group(_) => validate_group_configs(context.config, &all).map_err(invalid),
    }
}

fn check_topic_name(name: &TopicName) -> Result<(), ApiError> {
    if name.as_str().is_empty() {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "Default topic resources are not allowed."));
    }
    name.validate().map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))
}
