//! DescribeConfigs (API key 32): the settings of topics, of this broker and its loggers, of groups and of subscriptions to
//! clients' metrics, and where each comes from (KIP-133, KIP-226, KIP-412, KIP-569, KIP-714, KIP-848).

use dohle_config::{
    ConfigSource, ConfigSynonym, ConfigType, DescribedConfig, describe_broker, describe_broker_default,
    describe_client_metrics, describe_group, describe_topic,
};
use dohle_metadata::config_resource_type::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use dohle_model::TopicName;
use dohle_protocol::messages::describe_configs_request::DescribeConfigsResource;
use dohle_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use dohle_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, INVALID_REQUEST, RequestContext};
use crate::loggers::{LogLevel, Loggers};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeConfigs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 4);

/// Why a resource is not described.
type Refusal = (ErrorCode, String);

/// Answers each resource by itself, unless the type of one is unknown.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let (synonyms, documentation) = (request.include_synonyms, request.include_documentation);
    let is_known = |it: &DescribeConfigsResource| {
        matches!(it.resource_type, TOPIC | BROKER | BROKER_LOGGER | CLIENT_METRICS | GROUP)
    };
    let all_are_known = request.resources.iter().all(is_known);
    let describe = |resource: DescribeConfigsResource| {
        let described = match all_are_known {
            true => describe(context, &resource, synonyms, documentation),
            false => Err(invalid(INVALID_REQUEST.to_owned())),
        };
        let (described, (error, error_message)) = match described {
            Ok(described) => (described, (ErrorCode::None, String::new())),
            Err(refusal) => (Vec::new(), refusal),
        };
        DescribeConfigsResult {
            error_code: error.code(),
            error_message: Some(error_message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs: described.into_iter().map(entry).collect(),
        }
    };
    Answer::Now(DescribeConfigsResponse {
        results: request.resources.into_iter().map(describe).collect(),
        ..DescribeConfigsResponse::default()
    })
}

fn describe(
    context: &RequestContext<'_>,
    resource: &DescribeConfigsResource,
    synonyms: bool,
    documentation: bool,
) -> Result<Vec<DescribedConfig>, Refusal> {
    let config = &context.broker.effective.load();
    let own = context.broker.node_id;
    let name = resource.resource_name.as_str();
    let keys = wanted(resource.configuration_keys.as_deref());
    match resource.resource_type {
        TOPIC => {
            let name = TopicName::from(name);
            name.validate().map_err(|error| (ErrorCode::InvalidTopicException, error.to_string()))?;
            if context.image.topic(&name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, String::new()));
            }
            Ok(describe_topic(config, &context.image.topic_overrides(&name), keys, synonyms, documentation))
        }
        BROKER if name.is_empty() => Ok(describe_broker_default(config, keys, synonyms, documentation)),
        BROKER => {
            if broker_id(name)? != own.0 {
                return Err(invalid(format!(
                    "Unexpected broker id, expected {own} or empty string, but received {name}"
                )));
            }
            Ok(describe_broker(config, keys, synonyms, documentation))
        }
        BROKER_LOGGER if name.is_empty() => Err(invalid("Broker id must not be empty".to_owned())),
        BROKER_LOGGER => {
            if broker_id(name)? != own.0 {
                return Err(invalid(format!("Unexpected broker id, expected {own} but received {name}")));
            }
            Ok(describe_loggers(&*context.broker.loggers, keys))
        }
        CLIENT_METRICS if name.is_empty() => {
            Err(invalid("Client metrics subscription name must not be empty".to_owned()))
        }
        CLIENT_METRICS => {
            Ok(describe_client_metrics(&context.image.client_metrics(name), keys, synonyms, documentation))
        }
        GROUP if name.is_empty() => Err(invalid("Group name must not be empty".to_owned())),
        GROUP => Ok(describe_group(config, &context.image.group_overrides(name), keys, synonyms, documentation)),
        _ => Err(invalid(INVALID_REQUEST.to_owned())),
    }
}

fn broker_id(name: &str) -> Result<i32, Refusal> {
    name.parse().map_err(|_| invalid(format!("Broker id must be an integer, but it is: {name}")))
}

/// The level of each logger. As in Kafka nothing more is told of one, whatever is asked for.
fn describe_loggers(loggers: &dyn Loggers, keys: Option<&[String]>) -> Vec<DescribedConfig> {
    let levels = loggers.levels().into_iter();
    let wanted = levels.filter(|(name, _)| keys.is_none_or(|keys| keys.contains(name)));
    let describe = |(name, level): (String, LogLevel)| DescribedConfig {
        name,
        value: Some(level.name().to_owned()),
        read_only: false,
        is_default: false,
        source: ConfigSource::BrokerLogger,
        is_sensitive: false,
        synonyms: Vec::new(),
        config_type: ConfigType::Unknown,
        documentation: Some(""),
    };
    wanted.map(describe).collect()
}

/// The settings asked for, `None` for all: an empty list means all, too.
fn wanted(keys: Option<&[String]>) -> Option<&[String]> {
    keys.filter(|keys| !keys.is_empty())
}

fn invalid(message: String) -> Refusal {
    (ErrorCode::InvalidRequest, message)
}

fn entry(described: DescribedConfig) -> DescribeConfigsResourceResult {
    let synonym = |layer: ConfigSynonym| DescribeConfigsSynonym {
        name: layer.name,
        value: layer.value,
        source: layer.source.code(),
    };
    DescribeConfigsResourceResult {
        name: described.name,
        value: described.value,
        read_only: described.read_only,
        config_source: described.source.code(),
        is_sensitive: described.is_sensitive,
        synonyms: described.synonyms.into_iter().map(synonym).collect(),
        config_type: described.config_type.code(),
        documentation: described.documentation.map(str::to_owned),
    }
}
