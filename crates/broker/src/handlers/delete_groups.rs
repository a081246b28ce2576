//! DeleteGroups (API key 42): removes groups without members, and their offsets (KIP-229).

use dohle_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DeleteGroups;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: DeleteGroupsRequest) -> Answer<DeleteGroupsResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.delete_groups(&info, request).await }))
}
