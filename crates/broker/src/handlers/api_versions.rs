//! ApiVersions (API key 18): what this broker speaks (KIP-35, KIP-511, KIP-584).

use dohle_metadata::{FeatureRange, features};
use dohle_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use dohle_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext, advertised_apis};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ApiVersions;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 4);

/// Earlier versions leave out what may be off: old clients choke on a lowest level of 0.
const FEATURES_FROM_LEVEL_0_FROM: i16 = 4;

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
    Answer::Now(ApiVersionsResponse {
        api_keys: advertised_apis()
            .map(|(key, range)| ApiVersion { api_key: key.code(), min_version: range.min, max_version: range.max })
            .collect(),
        supported_features: supported_features(&features::SUPPORTED, version),
        finalized_features_epoch: context.image.metadata_offset(),
        finalized_features: finalized_features(context.image.features()),
        ..ApiVersionsResponse::default()
    })
}

fn supported_features(supported: &[(&str, FeatureRange)], version: i16) -> Vec<SupportedFeatureKey> {
    let shown = supported.iter().filter(|(_, range)| range.min > 0 || version >= FEATURES_FROM_LEVEL_0_FROM);
    let key = |(name, range): &(&str, FeatureRange)| SupportedFeatureKey {
        name: (*name).to_owned(),
        min_version: range.min,
        max_version: range.max,
    };
    shown.map(key).collect()
}

/// A feature has one level, which stands for both ends; one that is off is not in the image.
fn finalized_features<'a>(levels: impl Iterator<Item = (&'a str, i16)>) -> Vec<FinalizedFeatureKey> {
    let key = |(name, level): (&str, i16)| FinalizedFeatureKey {
        name: name.to_owned(),
        max_version_level: level,
        min_version_level: level,
    };
    levels.map(key).collect()
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
    use dohle_metadata::FeatureRange;

    use super::{finalized_features, is_software_name, supported_features};

    #[test]
    fn what_may_be_off_is_shown_to_those_who_can_take_it() {
        let supported =
            [("metadata.version", FeatureRange { min: 7, max: 30 }), ("x", FeatureRange { min: 0, max: 1 })];
        let shown = |version| {
            let features = supported_features(&supported, version);
            features.into_iter().map(|key| (key.name, key.min_version, key.max_version)).collect::<Vec<_>>()
        };
        let (metadata, other) = (("metadata.version".to_owned(), 7, 30), ("x".to_owned(), 0, 1));
        assert_eq!(shown(3), std::slice::from_ref(&metadata));
        assert_eq!(shown(4), [metadata, other]);
    }

    #[test]
    fn a_finalized_level_is_both_ends() {
        let keys = finalized_features([("a", 30), ("b", 1)].into_iter());
        let keys = keys.into_iter().map(|key| (key.name, key.min_version_level, key.max_version_level));
        assert_eq!(keys.collect::<Vec<_>>(), [("a".to_owned(), 30, 30), ("b".to_owned(), 1, 1)]);
    }

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
