//! InitProducerId (API key 22): an id for an idempotent producer (KIP-98).

use dohle_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::InitProducerId;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

/// No producer id, and no epoch.
const NONE: i64 = -1;

/// Hands out a fresh id with epoch 0. Transactional ids are refused: there are no transactions yet.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: InitProducerIdRequest,
) -> Answer<InitProducerIdResponse> {
    let refuse = |error: ErrorCode| {
        Answer::Now(InitProducerIdResponse {
            error_code: error.code(),
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        })
    };
    match request.transactional_id.as_deref() {
        None => {}
        Some("") => return refuse(ErrorCode::InvalidRequest),
        Some(transactional_id) => {
            tracing::debug!(transactional_id, "refused a transactional producer: transactions are not served yet");
            return refuse(ErrorCode::UnsupportedVersion);
        }
    }
    // Id and epoch of a producer that wants to go on come together or not at all (KIP-360).
    if (request.producer_id == NONE) != (i64::from(request.producer_epoch) == NONE) {
        return refuse(ErrorCode::InvalidRequest);
    }
    match context.broker.producer_ids.next().await {
        Ok(producer_id) => Answer::Now(InitProducerIdResponse {
            producer_id: producer_id.0,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        }),
        Err(error) => {
            tracing::warn!(%error, "could not get a block of producer ids");
            refuse(ErrorCode::CoordinatorLoadInProgress)
        }
    }
}
