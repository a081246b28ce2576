//! ListConfigResources (API key 74): everything whose settings can be described (KIP-1142); in version 0 the subscriptions to
//! clients' metrics (KIP-714).

use dohle_metadata::ConfigResource;
use dohle_metadata::config_resource_type::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use dohle_protocol::messages::list_config_resources_response;
use dohle_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ListConfigResources;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

/// In the order in which Kafka answers.
const ALL: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

/// Answers from the metadata alone: groups are those that have settings of their own, whether they exist or not.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: ListConfigResourcesRequest,
) -> Answer<ListConfigResourcesResponse> {
    let supported: &[i8] = if context.header.api_version == 0 { &[CLIENT_METRICS] } else { &ALL };
    let wanted = if request.resource_types.is_empty() { supported } else { &request.resource_types };
    if wanted.iter().any(|wanted| !supported.contains(wanted)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return Answer::Now(ListConfigResourcesResponse { error_code, ..Default::default() });
    }
    let listed = ALL.into_iter().filter(|resource_type| wanted.contains(resource_type));
    let config_resources = listed.flat_map(|resource_type| {
        let resource =
            move |resource_name| list_config_resources_response::ConfigResource { resource_name, resource_type };
        names_of(context, resource_type).into_iter().map(resource)
    });
    Answer::Now(ListConfigResourcesResponse { config_resources: config_resources.collect(), ..Default::default() })
}

fn names_of(context: &RequestContext<'_>, resource_type: i8) -> Vec<String> {
    let image = &context.image;
    match resource_type {
        TOPIC => image.topics().map(|topic| topic.name.as_str().to_owned()).collect(),
        BROKER | BROKER_LOGGER => {
            let reached = image.brokers().filter(|broker| context.has_endpoint(broker.id));
            reached.map(|broker| broker.id.to_string()).collect()
        }
        _ => {
            let of_type = |resource: &ConfigResource| {
                let (configured, name) = resource.type_and_name();
                (configured == resource_type).then_some(name)
            };
            image.configured().filter_map(of_type).collect()
        }
    }
}
