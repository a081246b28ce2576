//! FindCoordinator (API key 10): which broker coordinates a group (KIP-699, KIP-932).

use dohle_protocol::messages::find_coordinator_response::Coordinator;
use dohle_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, INVALID_REQUEST, RequestContext};
use crate::topic_creation::CONSUMER_OFFSETS;

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::FindCoordinator;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Share coordinators may be asked for from this version on.
const SHARE_FROM: i16 = 6;
/// Several coordinators may be asked for from this version on.
const SEVERAL_FROM: i16 = 4;

/// What Kafka says of a coordinator that it gives, in versions with one.
const FOUND: &str = "NONE";
/// What Kafka says of one that it does not give, in versions with one.
const NOT_AVAILABLE: &str = "The coordinator is not available.";

/// Answers each key with the leader of its partition of the coordinator's topic, creating the topic on first use.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    if context.header.api_version < SEVERAL_FROM {
        let found = find(context, request.key, request.key_type);
        let message = match ErrorCode::from_code(found.error_code) {
            Some(ErrorCode::None) => FOUND.to_owned(),
            Some(ErrorCode::CoordinatorNotAvailable) => NOT_AVAILABLE.to_owned(),
            Some(ErrorCode::InvalidRequest) => INVALID_REQUEST.to_owned(),
            _ => found.error_message.unwrap_or_default(),
        };
        return Answer::Now(FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: Some(message),
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..FindCoordinatorResponse::default()
        });
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| find(context, key, request.key_type)).collect();
    Answer::Now(FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() })
}

/// As versions with several coordinators have it: mostly without a word.
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
        SHARE if context.header.api_version < SHARE_FROM => return refuse(key, ErrorCode::InvalidRequest, ""),
        SHARE => {
            return refuse(key, ErrorCode::UnsupportedVersion, "Share groups are not supported by this broker yet.");
        }
        _ => return refuse(key, ErrorCode::InvalidRequest, INVALID_REQUEST),
    }
    let partition = context.broker.groups.partition_for(&key);
    let Some(topic) = context.image.topic(CONSUMER_OFFSETS) else {
        context.broker.topic_creation.create_consumer_offsets_in_background();
        return refuse(key, ErrorCode::CoordinatorNotAvailable, "");
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
            error_message: Some(String::new()),
        },
        None => refuse(key, ErrorCode::CoordinatorNotAvailable, ""),
    }
}
