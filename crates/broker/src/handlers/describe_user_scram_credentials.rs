//! DescribeUserScramCredentials (API key 50): who has credentials, and for which mechanism (KIP-554). None can be stored
//! so far, so nobody has any.

use std::collections::BTreeMap;

use dohle_protocol::messages::describe_user_scram_credentials_response::DescribeUserScramCredentialsResult;
use dohle_protocol::messages::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeUserScramCredentials;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Has a result for each user that is asked for, each once; where nobody is asked for that is everybody, which is nobody.
pub(crate) async fn handle(
    _context: &RequestContext<'_>,
    request: DescribeUserScramCredentialsRequest,
) -> Answer<DescribeUserScramCredentialsResponse> {
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    for user in request.users.unwrap_or_default() {
        *users.entry(user.name).or_default() += 1;
    }
    let results = users.into_iter().map(|(user, times)| {
        let (error, message) = if times > 1 {
            let message =
                format!("Cannot describe SCRAM credentials for the same user twice in a single request: {user}");
            (ErrorCode::DuplicateResource, message)
        } else {
            let message = format!("Attempt to describe a user credential that does not exist: {user}");
            (ErrorCode::ResourceNotFound, message)
        };
        DescribeUserScramCredentialsResult {
            user,
            error_code: error.code(),
            error_message: Some(message),
            credential_infos: Vec::new(),
        }
    });
    Answer::Now(DescribeUserScramCredentialsResponse { results: results.collect(), ..Default::default() })
}
