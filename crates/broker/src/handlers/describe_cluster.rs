//! DescribeCluster (API key 60): the brokers and the cluster's id (KIP-700, KIP-919, KIP-1073).

use dohle_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use dohle_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::authorized_operations::CLUSTER_OPERATIONS;
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeCluster;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;

/// Answers from the metadata image.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeClusterRequest,
) -> Answer<DescribeClusterResponse> {
    let refuse = |error: ErrorCode, message: String| {
        Answer::Now(DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(message),
            ..DescribeClusterResponse::default()
        })
    };
    match request.endpoint_type {
        ENDPOINT_BROKERS => {}
        ENDPOINT_CONTROLLERS => {
            return refuse(
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
                    .to_owned(),
            );
        }
        other => return refuse(ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    }
    let brokers = context
        .image
        .brokers()
        .filter(|broker| request.include_fenced_brokers || !broker.fenced)
        .filter_map(|broker| {
            let (host, port) = context.endpoint_of(broker)?;
            Some(DescribeClusterBroker {
                broker_id: broker.id.0,
                host,
                port: i32::from(port),
                rack: broker.rack.clone(),
                is_fenced: broker.fenced,
            })
        })
        .collect();
    Answer::Now(DescribeClusterResponse {
        endpoint_type: request.endpoint_type,
        cluster_id: context.broker.cluster_id.clone(),
        controller_id: context.controller_id(),
        brokers,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..DescribeClusterResponse::default()
    })
}
