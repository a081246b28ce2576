//! SaslAuthenticate (API key 36): a client of a listener without authentication is as good as authenticated.

use dohle_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::SaslAuthenticate;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// Kafka's words.
const AUTHENTICATED: &str = "SaslAuthenticate request received after successful authentication";

/// Refuses, as a PLAINTEXT listener of Kafka does; the connection goes on.
pub(crate) async fn handle(_: &RequestContext<'_>, _: SaslAuthenticateRequest) -> Answer<SaslAuthenticateResponse> {
    Answer::Now(SaslAuthenticateResponse {
        error_code: ErrorCode::IllegalSaslState.code(),
        error_message: Some(AUTHENTICATED.to_owned()),
        ..SaslAuthenticateResponse::default()
    })
}
