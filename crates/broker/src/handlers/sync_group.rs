//! SyncGroup (API key 14): hands out the assignment that the group's leader made.

use dohle_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::SyncGroup;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: SyncGroupRequest) -> Answer<SyncGroupResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.sync_group(&info, request).await }))
}
