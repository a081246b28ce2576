//! UpdateFeatures (API key 57): passed on to the controller, answered once this broker runs with the new levels.

use std::sync::Arc;

use dohle_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};
use crate::controller_change::{after_change, as_refusal};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::UpdateFeatures;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// Later versions answer for the request as a whole.
const RESULT_PER_FEATURE_UNTIL: i16 = 1;

/// The answer comes when this broker has taken the levels in.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: UpdateFeaturesRequest,
) -> Answer<UpdateFeaturesResponse> {
    let version = context.header.api_version;
    let broker = Arc::clone(context.broker);
    Answer::Later(Box::pin(async move {
        let timeout_ms = broker.config.request_timeout_ms;
        let updated = after_change(&broker, timeout_ms, broker.controller.update_features(request)).await;
        let mut response = updated.unwrap_or_else(|error| {
            let (error_code, error_message) = as_refusal(&error);
            UpdateFeaturesResponse { error_code, error_message, ..Default::default() }
        });
        if version > RESULT_PER_FEATURE_UNTIL {
            response.results.clear();
        }
        response
    }))
}
