//! JoinGroup (API key 11): joins a classic group; answered when the join phase is over.

use dohle_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::JoinGroup;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 9);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: JoinGroupRequest) -> Answer<JoinGroupResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.join_group(&info, request).await }))
}
