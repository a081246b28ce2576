//! CreateAcls (API key 30): there is no authorizer that would heed them.

use dohle_protocol::messages::create_acls_response::AclCreationResult;
use dohle_protocol::messages::{CreateAclsRequest, CreateAclsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::CreateAcls;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 3);

/// Answers as Kafka does without an authorizer, one result for each list.
pub(crate) async fn handle(_context: &RequestContext<'_>, request: CreateAclsRequest) -> Answer<CreateAclsResponse> {
    let refused = AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured.".to_owned()),
    };
    Answer::Now(CreateAclsResponse { results: vec![refused; request.creations.len()], ..Default::default() })
}
