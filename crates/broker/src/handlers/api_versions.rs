//! ApiVersions (API key 18): what this broker speaks (KIP-35, KIP-511, KIP-584).

use dohle_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use dohle_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext, advertised_apis};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ApiVersions;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 4);

/// The feature that gates metadata records, and its one level.
const METADATA_VERSION: (&str, i16) = ("metadata.version", 30);

/// Answers with every API the handlers declare.
pub(crate) async fn handle(context: &RequestContext<'_>, request: ApiVersionsRequest) -> Answer<ApiVersionsResponse> {
    let version = context.header.api_version;
    if version >= 3 {
        let valid =
            is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version);
        if !valid {
            return Answer::Now(ApiVersionsResponse {
                error_code: ErrorCode::InvalidRequest.code(),
                ..ApiVersionsResponse::default()
            });
        }
        context.remember_client_software(&request.client_software_name, &request.client_software_version);
    }
    let (name, level) = METADATA_VERSION;
    Answer::Now(ApiVersionsResponse {
        api_keys: advertised_apis()
            .map(|(key, range)| ApiVersion { api_key: key.code(), min_version: range.min, max_version: range.max })
            .collect(),
        supported_features: vec![SupportedFeatureKey { name: name.to_owned(), min_version: level, max_version: level }],
        finalized_features_epoch: context.image.metadata_offset(),
        finalized_features: vec![FinalizedFeatureKey {
            name: name.to_owned(),
            max_version_level: level,
            min_version_level: level,
        }],
        ..ApiVersionsResponse::default()
    })
}

/// What a client gets whose version of this API is unknown: version 0, with just this API's range, so that it can ask again.
pub(crate) fn unsupported_version() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![ApiVersion { api_key: KEY.code(), min_version: VERSIONS.min, max_version: VERSIONS.max }],
        ..ApiVersionsResponse::default()
    }
}

/// Letters and digits at both ends, and between them also `-` and `.` (KIP-511).
fn is_software_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().all(|b| inner(*b))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_names_follow_kip_511() {
        for good in ["apache-kafka-java", "4.3.1", "a", "confluent-kafka-python-1.0"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "a_b", "ä"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
