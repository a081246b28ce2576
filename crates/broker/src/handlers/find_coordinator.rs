//! FindCoordinator (API key 10): which broker coordinates a group (KIP-699, KIP-932).

use dohle_protocol::messages::find_coordinator_response::Coordinator;
use dohle_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};
use crate::topic_creation::CONSUMER_OFFSETS;

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::FindCoordinator;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Kafka's words.
const NOT_AVAILABLE: &str = "The coordinator is not available.";

/// Answers each key with the leader of its partition of the coordinator's topic, creating the topic on first use.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    if context.header.api_version < 4 {
        let found = find(context, request.key, request.key_type);
        return Answer::Now(FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..FindCoordinatorResponse::default()
        });
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| find(context, key, request.key_type)).collect();
    Answer::Now(FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() })
}

fn find(context: &RequestContext<'_>, key: String, key_type: i8) -> Coordinator {
    let refuse = |key: String, error: ErrorCode, message: &str| Coordinator {
        key,
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code: error.code(),
        error_message: Some(message.to_owned()),
    };
    match key_type {
        GROUP => {}
        // COORDINATOR_NOT_AVAILABLE would have clients ask again for ever.
        TRANSACTION => {
            return refuse(key, ErrorCode::UnsupportedVersion, "Transactions are not supported by this broker yet.");
        }
        SHARE => {
            return refuse(key, ErrorCode::UnsupportedVersion, "Share groups are not supported by this broker yet.");
        }
        other => return refuse(key, ErrorCode::InvalidRequest, &format!("Unknown coordinator type {other}.")),
    }
    let partition = context.broker.groups.partition_for(&key);
    let Some(topic) = context.image.topic(CONSUMER_OFFSETS) else {
        context.broker.topic_creation.create_consumer_offsets_in_background();
        return refuse(key, ErrorCode::CoordinatorNotAvailable, NOT_AVAILABLE);
    };
    let endpoint = topic
        .partition(dohle_model::PartitionIndex(partition))
        .and_then(|partition| partition.leader)
        .and_then(|leader| context.image.broker(leader))
        .and_then(|broker| Some((broker.id, context.endpoint_of(broker)?)));
    match endpoint {
        Some((id, (host, port))) => Coordinator {
            key,
            node_id: id.0,
            host,
            port: i32::from(port),
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        None => refuse(key, ErrorCode::CoordinatorNotAvailable, NOT_AVAILABLE),
    }
}
