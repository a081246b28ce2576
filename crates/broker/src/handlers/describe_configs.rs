//! DescribeConfigs (API key 32): the settings of topics and of this broker, and where each comes from (KIP-133, KIP-226,
//! KIP-569).

use dohle_config::{ConfigSynonym, DescribedConfig, describe_broker, describe_topic};
use dohle_model::TopicName;
use dohle_protocol::messages::describe_configs_request::DescribeConfigsResource;
use dohle_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use dohle_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeConfigs;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 4);

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Why a resource is not described.
type Refusal = (ErrorCode, String);

/// Answers each resource by itself.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let (synonyms, documentation) = (request.include_synonyms, request.include_documentation);
    let describe = |resource: DescribeConfigsResource| {
        let (described, (error, error_message)) = match describe(context, &resource, synonyms, documentation) {
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
    let config = &context.broker.config;
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
        // What was set for all brokers while they ran: nothing can be.
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER => {
            let own = context.broker.node_id;
            let id: i32 =
                name.parse().map_err(|_| invalid(format!("Broker id must be an integer, but it is: {name}")))?;
            if id != own.0 {
                return Err(invalid(format!(
                    "Unexpected broker id, expected {own} or empty string, but received {name}"
                )));
            }
            Ok(describe_broker(config, keys, synonyms, documentation))
        }
        other => Err(invalid(format!("Unsupported resource type: {}", resource_type_name(other)))),
    }
}

/// The settings asked for, `None` for all: an empty list means all, too.
fn wanted(keys: Option<&[String]>) -> Option<&[String]> {
    keys.filter(|keys| !keys.is_empty())
}

fn invalid(message: String) -> Refusal {
    (ErrorCode::InvalidRequest, message)
}

/// Kafka's names; loggers, client metrics and groups have no settings here.
fn resource_type_name(resource_type: i8) -> &'static str {
    match resource_type {
        8 => "BROKER_LOGGER",
        16 => "CLIENT_METRICS",
        32 => "GROUP",
        _ => "UNKNOWN",
    }
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
