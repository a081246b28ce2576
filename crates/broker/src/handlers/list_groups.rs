//! ListGroups (API key 16): the groups that this broker coordinates.

use dohle_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::ListGroups;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: ListGroupsRequest) -> Answer<ListGroupsResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.list_groups(&info, request).await }))
}
