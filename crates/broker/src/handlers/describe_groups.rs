//! DescribeGroups (API key 15): members and state of classic groups.

use dohle_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeGroups;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

/// Asks the group coordinator; the answer comes once what it rests on is committed.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeGroupsRequest,
) -> Answer<DescribeGroupsResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    Answer::Later(Box::pin(async move { groups.describe_groups(&info, request).await }))
}
