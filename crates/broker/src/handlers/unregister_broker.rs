//! UnregisterBroker (API key 64): the controller forgets a broker for good (KIP-631).

use std::sync::Arc;

use dohle_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::UnregisterBroker;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// The answer comes when this broker, too, has forgotten the other. As in Kafka nobody keeps a caller from having a live
/// broker forgotten, this one included: it leads nothing more, and is let in again when it is next started.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: UnregisterBrokerRequest,
) -> Answer<UnregisterBrokerResponse> {
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let timeout_ms = broker.config.request_timeout_ms;
        let forgotten = after_change(&broker, timeout_ms, broker.controller.unregister_broker(request)).await;
        forgotten.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            UnregisterBrokerResponse { error_code, error_message, ..Default::default() }
        })
    }))
}
