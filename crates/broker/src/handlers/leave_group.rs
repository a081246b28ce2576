//! LeaveGroup (API key 13): takes members out of a classic group.

use dohle_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::LeaveGroup;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: LeaveGroupRequest) -> Answer<LeaveGroupResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.leave_group(&info, request).await }))
}
