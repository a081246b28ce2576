//! Heartbeat (API key 12): keeps a classic group member alive and tells it about a rebalance.

use dohle_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::Heartbeat;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 4);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: HeartbeatRequest) -> Answer<HeartbeatResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.heartbeat(&info, request).await }))
}
