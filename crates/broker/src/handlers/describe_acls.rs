//! DescribeAcls (API key 29): there is no authorizer, so there are no access control lists.

use dohle_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// The code that stands for what a type, pattern, operation or permission is not: no request may have it.
pub(crate) const UNKNOWN: i8 = 0;

/// Answers as Kafka does without an authorizer.
pub(crate) async fn handle(_: &RequestContext<'_>, request: DescribeAclsRequest) -> Answer<DescribeAclsResponse> {
    let DescribeAclsRequest { resource_type_filter, pattern_type_filter, operation, permission_type, .. } = request;
    if [resource_type_filter, pattern_type_filter, operation, permission_type].contains(&UNKNOWN) {
        return Answer::Malformed("an element of the filter is UNKNOWN");
    }
    Answer::Now(DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".to_owned()),
        ..Default::default()
    })
}
