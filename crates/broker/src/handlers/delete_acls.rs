//! DeleteAcls (API key 31): there is no authorizer, so there is nothing to delete.

use dohle_protocol::messages::delete_acls_request::DeleteAclsFilter;
use dohle_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use dohle_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::describe_acls::UNKNOWN;
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DeleteAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// Answers as Kafka does without an authorizer, one result for each filter.
pub(crate) async fn handle(_: &RequestContext<'_>, request: DeleteAclsRequest) -> Answer<DeleteAclsResponse> {
    let is_unknown = |filter: &DeleteAclsFilter| {
        let elements =
            [filter.resource_type_filter, filter.pattern_type_filter, filter.operation, filter.permission_type];
        elements.contains(&UNKNOWN)
    };
    if request.filters.iter().any(is_unknown) {
        return Answer::Malformed("an element of a filter is UNKNOWN");
    }
    let refused = DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured.".to_owned()),
        matching_acls: Vec::new(),
    };
    Answer::Now(DeleteAclsResponse { filter_results: vec![refused; request.filters.len()], ..Default::default() })
}
