//! AlterClientQuotas (API key 49): refused, entry by entry, because nothing would enforce the quotas.

use dohle_protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use dohle_protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::AlterClientQuotas;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

/// An error that clients do not try again after, and that administrators are shown with these words.
const REFUSAL: (ErrorCode, &str) =
    (ErrorCode::UnsupportedVersion, "Client quotas are not supported by this broker: they would not be enforced.");

/// Changes nothing.
pub(crate) async fn handle(
    _context: &RequestContext<'_>,
    request: AlterClientQuotasRequest,
) -> Answer<AlterClientQuotasResponse> {
    let (error, message) = REFUSAL;
    let entries = request.entries.into_iter().map(|entry| EntryData {
        error_code: error.code(),
        error_message: Some(message.to_owned()),
        entity: entry
            .entity
            .into_iter()
            .map(|entity| EntityData { entity_type: entity.entity_type, entity_name: entity.entity_name })
            .collect(),
    });
    Answer::Now(AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() })
}
