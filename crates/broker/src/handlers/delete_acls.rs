//! DeleteAcls (API key 31): there is no authorizer, so there is nothing to delete.

use dohle_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use dohle_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DeleteAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// Answers as Kafka does without an authorizer, one result for each filter.
pub(crate) async fn handle(_context: &RequestContext<'_>, request: DeleteAclsRequest) -> Answer<DeleteAclsResponse> {
    let refused = DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured.".to_owned()),
        matching_acls: Vec::new(),
    };
    Answer::Now(DeleteAclsResponse { filter_results: vec![refused; request.filters.len()], ..Default::default() })
}
