//! SaslHandshake (API key 17): every listener takes clients as they come, so that there is nothing to agree on.

use dohle_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::SaslHandshake;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

/// Refuses, and names no mechanism, as a PLAINTEXT listener of Kafka does; the connection goes on.
pub(crate) async fn handle(_: &RequestContext<'_>, _: SaslHandshakeRequest) -> Answer<SaslHandshakeResponse> {
    Answer::Now(SaslHandshakeResponse { error_code: ErrorCode::IllegalSaslState.code(), mechanisms: Vec::new() })
}
