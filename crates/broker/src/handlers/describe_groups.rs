//! DescribeGroups (API key 15): members and state of classic groups.

use dohle_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use dohle_protocol::{ApiKey, VersionRange};

use super::authorized_operations::GROUP_OPERATIONS;
use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeGroups;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

/// Asks the group coordinator; the answer comes once what it rests on is committed. Operations are told where they are asked
/// for and the group has no error: up to version 5 that is also a group that is not there.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeGroupsRequest,
) -> Answer<DescribeGroupsResponse> {
    let groups = context.broker.groups.clone();
    let info = context.group_request_info();
    let include_operations = request.include_authorized_operations;
    Answer::Later(Box::pin(async move {
        let mut response = groups.describe_groups(&info, request).await;
        if include_operations {
            for group in response.groups.iter_mut().filter(|group| group.error_code == 0) {
                group.authorized_operations = GROUP_OPERATIONS;
            }
        }
        response
    }))
}
