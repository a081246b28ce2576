//! DescribeAcls (API key 29): there is no authorizer, so there are no access control lists.

use dohle_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// Answers as Kafka does without an authorizer.
pub(crate) async fn handle(
    _context: &RequestContext<'_>,
    _request: DescribeAclsRequest,
) -> Answer<DescribeAclsResponse> {
    Answer::Now(DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".to_owned()),
        ..Default::default()
    })
}
