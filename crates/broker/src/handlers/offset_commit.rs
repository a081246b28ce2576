//! OffsetCommit (API key 8): stores a group's positions.

use dohle_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::OffsetCommit;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 10);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: OffsetCommitRequest) -> Answer<OffsetCommitResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.offset_commit(&info, request).await }))
}
