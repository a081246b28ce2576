//! CreateAcls (API key 30): there is no authorizer that would heed them.

use dohle_protocol::messages::create_acls_request::AclCreation;
use dohle_protocol::messages::create_acls_response::AclCreationResult;
use dohle_protocol::messages::{CreateAclsRequest, CreateAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::describe_acls::UNKNOWN;
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::CreateAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// Answers as Kafka does without an authorizer, one result for each list.
pub(crate) async fn handle(_: &RequestContext<'_>, request: CreateAclsRequest) -> Answer<CreateAclsResponse> {
    let is_unknown = |acl: &AclCreation| {
        [acl.resource_type, acl.resource_pattern_type, acl.operation, acl.permission_type].contains(&UNKNOWN)
    };
    if request.creations.iter().any(is_unknown) {
        return Answer::Malformed("an element of a list is UNKNOWN");
    }
    let refused = AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured.".to_owned()),
    };
    Answer::Now(CreateAclsResponse { results: vec![refused; request.creations.len()], ..Default::default() })
}
