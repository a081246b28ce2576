//! DescribeGroups and ListGroups.

use bytes::Bytes;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use dohle_protocol::messages::list_groups_response::ListedGroup;

use crate::group::{DEAD, Group, GroupState};
use crate::shard::GroupShard;

/// The type of groups served here, as ListGroups names it.
const GROUP_TYPE: &str = "classic";

impl GroupShard {
    /// Describes groups; a missing one is `Dead`, and from version 6 on also `GROUP_ID_NOT_FOUND`.
    pub(crate) fn describe(&self, group_ids: Vec<String>, reports_missing_groups: bool) -> Vec<DescribedGroup> {
        group_ids
            .into_iter()
            .map(|group_id| match self.groups.get(group_id.as_str()) {
                Some(group) => group.describe(),
                None if reports_missing_groups => DescribedGroup {
                    error_code: ErrorCode::GroupIdNotFound.code(),
                    error_message: Some(format!("Group {group_id} not found.")),
                    group_state: DEAD.to_owned(),
                    group_id,
                    ..DescribedGroup::default()
                },
                None => DescribedGroup { group_state: DEAD.to_owned(), group_id, ..DescribedGroup::default() },
            })
            .collect()
    }

    /// Lists the groups in one of the states and of one of the types, all where none is named.
    pub(crate) fn list(&self, states: &[String], types: &[String]) -> Vec<ListedGroup> {
        let names = |filter: &[String], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
        };
        if !names(types, GROUP_TYPE) {
            return Vec::new();
        }
        self.groups
            .values()
            .filter(|group| names(states, &group.state.to_string()))
            .map(|group| ListedGroup {
                group_id: group.id.as_ref().to_owned(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                group_state: group.state.to_string(),
                group_type: GROUP_TYPE.to_owned(),
            })
            .collect()
    }
}

impl Group {
    fn describe(&self) -> DescribedGroup {
        // Before there is an assignment for all, what members say of themselves would not fit together. What they were
        // assigned last stays told, as in Kafka.
        let protocol = self.protocol_name.as_deref().filter(|_| self.state == GroupState::Stable);
        DescribedGroup {
            group_id: self.id.as_ref().to_owned(),
            group_state: self.state.to_string(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: self
                .members
                .values()
                .map(|member| DescribedGroupMember {
                    member_id: member.id.as_ref().to_owned(),
                    group_instance_id: member.instance_id.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    member_metadata: protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol)),
                    member_assignment: member.assignment.clone(),
                })
                .collect(),
            ..DescribedGroup::default()
        }
    }
}
