//! OffsetFetch (API key 9): gives a group's stored positions.

use dohle_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::OffsetFetch;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 10);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(context: &RequestContext<'_>, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.offset_fetch(&info, request).await }))
}
