//! The coordinator as handlers see it: generated requests in, complete responses out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use dohle_coordinator_runtime::{CoordinatorError, CoordinatorRuntime, PartitionLogs, RuntimeConfig, partition_for};
use dohle_model::{TopicId, TopicName, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::delete_groups_response::DeletableGroupResult;
use dohle_protocol::messages::describe_groups_response::DescribedGroup;
use dohle_protocol::messages::leave_group_request::MemberIdentity;
use dohle_protocol::messages::leave_group_response::MemberResponse;
use dohle_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use dohle_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use dohle_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use dohle_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatRequest,
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
};
use dohle_seams::{Environment, Randomness};
use futures_util::future::join_all;

use crate::commit::{Commit, CommitPartition, CommitTopic};
use crate::config::GroupCoordinatorConfig;
use crate::fetch::{Fetch, FetchTopic, partition_without_offset};
use crate::join::{Join, join_error};
use crate::member::{Protocol, milliseconds};
use crate::offsets::leader_epoch;
use crate::shard::{GroupReply, GroupRequest, GroupShard};
use crate::sync::{Sync, sync_error};
use crate::topic_index::TopicIndex;

/// The topic that holds groups and offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What a member id has behind the name of the client: a dash and a uuid.
const MEMBER_ID_SUFFIX_BYTES: usize = 1 + 36;
/// The longest string of the protocol.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub struct RequestInfo {
    /// The client's name for itself.
    pub client_id: String,
    /// The client's address in Java's form, `/127.0.0.1`.
    pub client_host: String,
    /// The version of the request.
    pub api_version: i16,
}

struct Shared {
    config: Arc<GroupCoordinatorConfig>,
    runtime: CoordinatorRuntime<GroupShard>,
    topics: Arc<dyn TopicIndex>,
    randomness: Arc<dyn Randomness>,
    /// Known once the topic exists, and then fixed: another count would put groups elsewhere.
    partition_count: OnceLock<i32>,
}

/// Coordinates the groups whose partitions of `__consumer_offsets` this broker leads. A cheap handle.
///
/// Every response waits until what it rests on is committed, or the commit time-out has passed. JoinGroup and SyncGroup
/// wait for the other members as well. A dropped future withdraws nothing: the request is decided all the same.
#[derive(Clone)]
pub struct GroupCoordinator(Arc<Shared>);

impl fmt::Debug for GroupCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCoordinator").field("runtime", &self.0.runtime).finish_non_exhaustive()
    }
}

/// The shard gave the kind of reply that belongs to the request.
macro_rules! expect_reply {
    ($reply:expr, $variant:ident) => {
        $reply.map(|reply| match reply {
            GroupReply::$variant(inner) => inner,
            other => unreachable!("a {} request was answered with {other:?}", stringify!($variant)),
        })
    };
}

impl GroupCoordinator {
    /// A coordinator that leads nothing yet.
    #[must_use]
    pub fn new(
        config: GroupCoordinatorConfig,
        logs: Arc<dyn PartitionLogs>,
        topics: Arc<dyn TopicIndex>,
        environment: Environment,
    ) -> Self {
        let config = Arc::new(config);
        let runtime_config = RuntimeConfig {
            topic: OFFSETS_TOPIC.to_owned(),
            mailbox_capacity: config.mailbox_capacity,
            commit_timeout: config.commit_timeout,
            batch_bytes_max: config.batch_bytes_max,
            load_buffer_bytes: config.load_buffer_bytes,
        };
        let randomness = Arc::clone(&environment.randomness);
        let shard_config = Arc::clone(&config);
        let new_shard = move |_partition| GroupShard::new(Arc::clone(&shard_config));
        let runtime = CoordinatorRuntime::new(runtime_config, logs, environment, new_shard);
        Self(Arc::new(Shared { config, runtime, topics, randomness, partition_count: OnceLock::new() }))
    }

    /// This broker became leader of a partition of `__consumer_offsets`: loads it. Call it in the order of epochs.
    pub fn elected(&self, partition: i32, leader_epoch: i32) {
        self.0.runtime.elected(partition, leader_epoch);
    }

    /// This broker no longer leads the partition; `leader_epoch` is the new leader's, `None` where the partition is
    /// gone. What waits is answered with `NOT_COORDINATOR`.
    pub fn resigned(&self, partition: i32, leader_epoch: Option<i32>) {
        self.0.runtime.resigned(partition, leader_epoch);
    }

    /// Removes the offsets of topics that were deleted; waits until that is committed. A topic that was created anew
    /// keeps what was committed for its own id.
    pub async fn on_topics_deleted(&self, topics: &[(TopicName, TopicId)]) {
        if topics.is_empty() {
            return;
        }
        let topics: Arc<[(TopicName, Uuid)]> = topics.iter().map(|(name, id)| (name.clone(), id.0)).collect();
        for result in self.0.runtime.request_all(|| GroupRequest::TopicsDeleted(Arc::clone(&topics))).await {
            if let Err(error) = result {
                tracing::warn!(%error, "cannot remove the offsets of deleted topics; they will expire");
            }
        }
    }

    /// Stops for good; requests are answered with `COORDINATOR_NOT_AVAILABLE` from now on.
    pub async fn shutdown(&self) {
        self.0.runtime.shutdown().await;
    }

    /// The partition of `__consumer_offsets` that holds a group.
    #[must_use]
    pub fn partition_for(&self, group_id: &str) -> i32 {
        let shared = &self.0;
        let count = match shared.partition_count.get() {
            Some(count) => *count,
            None => match shared.topics.partition_count(OFFSETS_TOPIC).filter(|count| *count > 0) {
                Some(count) => *shared.partition_count.get_or_init(|| count),
                None => shared.config.offsets_topic_partitions.max(1),
            },
        };
        partition_for(group_id, count)
    }

    /// Whether the partition is loaded and its groups are served here.
    #[must_use]
    pub fn is_active(&self, partition: i32) -> bool {
        self.0.runtime.is_active(partition)
    }

    async fn ask(&self, group_id: &str, request: GroupRequest) -> Result<GroupReply, CoordinatorError> {
        self.0.runtime.request(self.partition_for(group_id), request).await
    }

    /// JoinGroup, versions 0 to 9. Resolves when the join phase is over, or at once where there is none to wait for.
    pub async fn join_group(&self, info: &RequestInfo, request: JoinGroupRequest) -> JoinGroupResponse {
        let version = info.api_version;
        let config = &self.0.config;
        let mut response = if request.group_id.is_empty() {
            join_error(&request.member_id, ErrorCode::InvalidGroupId)
        } else if request.session_timeout_ms < 0
            || !(config.session_timeout_min..=config.session_timeout_max)
                .contains(&milliseconds(request.session_timeout_ms))
        {
            join_error(&request.member_id, ErrorCode::InvalidSessionTimeout)
        } else if request.member_id.is_empty() && !fits_member_id(info, &request) {
            // Kafka finds out when it cannot write its answer.
            join_error("", ErrorCode::UnknownServerError)
        } else {
            let group_id = request.group_id.clone();
            let join = self.join_of(info, request);
            match expect_reply!(self.ask(&group_id, GroupRequest::Join(join)).await, Join) {
                Ok(response) => response,
                Err(error) => join_error("", error.error_code()),
            }
        };
        // Null came with version 7; an empty name has meant null since.
        if version >= 7 {
            response.protocol_name = response.protocol_name.filter(|name| !name.is_empty());
        } else {
            response.protocol_name.get_or_insert_default();
        }
        response
    }

    fn join_of(&self, info: &RequestInfo, request: JoinGroupRequest) -> Join {
        // A frame must not be kept for the sake of the few bytes that a group keeps.
        let protocols = request
            .protocols
            .into_iter()
            .map(|protocol| Protocol { name: protocol.name, metadata: Bytes::copy_from_slice(&protocol.metadata) });
        Join {
            protocols: protocols.collect(),
            unique_suffix: if request.member_id.is_empty() { self.unique_suffix() } else { String::new() },
            group_id: request.group_id,
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            client_id: info.client_id.clone(),
            client_host: info.client_host.clone(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: if info.api_version == 0 {
                request.session_timeout_ms
            } else {
                request.rebalance_timeout_ms
            },
            protocol_type: request.protocol_type,
            requires_known_member_id: info.api_version >= 4,
            supports_skipping_assignment: info.api_version >= 9,
        }
    }

    /// A random uuid in Java's text form.
    fn unique_suffix(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.0.randomness.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let number = u128::from_be_bytes(bytes);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            number >> 96,
            (number >> 80) & 0xffff,
            (number >> 64) & 0xffff,
            (number >> 48) & 0xffff,
            number & 0xffff_ffff_ffff
        )
    }

    /// SyncGroup, versions 0 to 5. Resolves when the leader's assignment is stored.
    pub async fn sync_group(&self, info: &RequestInfo, request: SyncGroupRequest) -> SyncGroupResponse {
        if info.api_version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
            return sync_error(ErrorCode::InconsistentGroupProtocol);
        }
        if request.group_id.is_empty() {
            return sync_error(ErrorCode::InvalidGroupId);
        }
        let assignments = request
            .assignments
            .into_iter()
            .map(|assignment| (assignment.member_id, Bytes::copy_from_slice(&assignment.assignment)))
            .collect();
        let group_id = request.group_id.clone();
        let sync = Sync {
            group_id: request.group_id,
            generation_id: request.generation_id,
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            protocol_type: request.protocol_type,
            protocol_name: request.protocol_name,
            assignments,
        };
        match expect_reply!(self.ask(&group_id, GroupRequest::Sync(sync)).await, Sync) {
            Ok(response) => response,
            Err(error) => sync_error(error.error_code()),
        }
    }

    /// Heartbeat, versions 0 to 4. While the group's partition is loading every heartbeat is fine, so that members
    /// outlive a change of coordinator.
    pub async fn heartbeat(&self, _info: &RequestInfo, request: HeartbeatRequest) -> HeartbeatResponse {
        let code = if request.group_id.is_empty() {
            ErrorCode::InvalidGroupId
        } else {
            let partition = self.partition_for(&request.group_id);
            let reply = self.0.runtime.request(partition, GroupRequest::Heartbeat(request)).await;
            match expect_reply!(reply, Heartbeat) {
                Ok(code) => code,
                Err(CoordinatorError::LoadInProgress) => ErrorCode::None,
                Err(error) => error.error_code(),
            }
        };
        HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() }
    }

    /// LeaveGroup, versions 0 to 5. Below version 3 there is one member, whose error stands at the top.
    pub async fn leave_group(&self, info: &RequestInfo, request: LeaveGroupRequest) -> LeaveGroupResponse {
        let refuse = |code: ErrorCode| LeaveGroupResponse { error_code: code.code(), ..LeaveGroupResponse::default() };
        if request.group_id.is_empty() {
            return refuse(ErrorCode::InvalidGroupId);
        }
        let members = if info.api_version >= 3 {
            request.members
        } else {
            vec![MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() }]
        };
        let leave = GroupRequest::Leave { group_id: request.group_id.clone(), members: members.clone() };
        let members = match expect_reply!(self.ask(&request.group_id, leave).await, Leave) {
            Ok(Ok(members)) => members,
            // There is no such group: nobody is in it.
            Ok(Err(code)) => members
                .into_iter()
                .map(|member| MemberResponse {
                    member_id: member.member_id,
                    group_instance_id: member.group_instance_id,
                    error_code: code.code(),
                })
                .collect(),
            Err(error) => return refuse(error.error_code()),
        };
        if info.api_version >= 3 {
            LeaveGroupResponse { members, ..LeaveGroupResponse::default() }
        } else {
            let error_code = members.first().map_or(ErrorCode::None.code(), |member| member.error_code);
            LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
        }
    }

    /// OffsetCommit, versions 2 to 10. Topics and partitions that do not exist are refused one by one.
    pub async fn offset_commit(&self, info: &RequestInfo, request: OffsetCommitRequest) -> OffsetCommitResponse {
        let uses_topic_ids = info.api_version >= 10;
        let mut response = OffsetCommitResponse::default();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let resolved = if uses_topic_ids {
                let id = TopicId(topic.topic_id);
                self.0.topics.topic_name(id).map(|name| (name, id)).ok_or(ErrorCode::UnknownTopicId)
            } else {
                let id = self.0.topics.topic_id(&topic.name);
                id.map(|id| (TopicName::from(topic.name.as_str()), id)).ok_or(ErrorCode::UnknownTopicOrPartition)
            };
            // Kafka tells of no topic that is there and of which nothing is committed.
            if resolved.is_ok() && topic.partitions.is_empty() {
                continue;
            }
            let partition_count = match &resolved {
                Ok((name, _)) => self.0.topics.partition_count(name).unwrap_or(0),
                Err(_) => 0,
            };
            let mut answers = Vec::with_capacity(topic.partitions.len());
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (partition_index, partition) in topic.partitions.into_iter().enumerate() {
                let code = match &resolved {
                    Err(code) => *code,
                    Ok(_) if !(0..partition_count).contains(&partition.partition_index) => {
                        ErrorCode::UnknownTopicOrPartition
                    }
                    Ok(_) => ErrorCode::None,
                };
                answers.push(OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code.code(),
                });
                if code == ErrorCode::None {
                    partitions.push(CommitPartition {
                        index: partition_index,
                        partition: partition.partition_index,
                        offset: partition.committed_offset,
                        leader_epoch: leader_epoch(partition.committed_leader_epoch),
                        metadata: partition.committed_metadata.unwrap_or_default(),
                    });
                }
            }
            let index = response.topics.len();
            response.topics.push(OffsetCommitResponseTopic {
                name: topic.name,
                topic_id: topic.topic_id,
                partitions: answers,
            });
            if let Ok((name, id)) = resolved
                && !partitions.is_empty()
            {
                topics.push(CommitTopic { index, name, topic_id: id.0, partitions });
            }
        }
        if topics.is_empty() {
            return response;
        }
        let partition = self.partition_for(&request.group_id);
        let commit = Commit {
            group_id: request.group_id,
            generation_id: request.generation_id_or_member_epoch,
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            retention_ms: (request.retention_time_ms != -1).then_some(request.retention_time_ms),
            topics,
            reports_missing_groups: info.api_version >= 9,
        };
        let reply = self.0.runtime.request(partition, GroupRequest::Commit(commit)).await;
        let failed = match expect_reply!(reply, Commit) {
            Ok(Ok(refused)) => {
                for (topic, partition, code) in refused {
                    response.topics[topic].partitions[partition].error_code = code.code();
                }
                return response;
            }
            Ok(Err(code)) => code,
            Err(error) => error.error_code(),
        };
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.error_code == ErrorCode::None.code() {
                partition.error_code = failed.code();
            }
        }
        response
    }

    /// OffsetFetch, versions 1 to 10: one group at the top below version 8, several from there on.
    pub async fn offset_fetch(&self, info: &RequestInfo, request: OffsetFetchRequest) -> OffsetFetchResponse {
        let version = info.api_version;
        if version >= 8 {
            let fetches =
                request.groups.into_iter().map(|group| self.fetch_group(version, group, request.require_stable));
            return OffsetFetchResponse { groups: join_all(fetches).await, ..OffsetFetchResponse::default() };
        }
        let topics = request.topics.map(|topics| {
            let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                topic_id: Uuid::ZERO,
                partition_indexes: topic.partition_indexes,
            });
            topics.collect()
        });
        let group =
            OffsetFetchRequestGroup { group_id: request.group_id, topics, ..OffsetFetchRequestGroup::default() };
        let group = self.fetch_group(version, group, request.require_stable).await;
        let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
            name: topic.name,
            partitions: topic
                .partitions
                .into_iter()
                .map(|partition| OffsetFetchResponsePartition {
                    partition_index: partition.partition_index,
                    committed_offset: partition.committed_offset,
                    committed_leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.metadata,
                    error_code: partition.error_code,
                })
                .collect(),
        });
        OffsetFetchResponse { topics: topics.collect(), error_code: group.error_code, ..OffsetFetchResponse::default() }
    }

    async fn fetch_group(
        &self,
        version: i16,
        request: OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> OffsetFetchResponseGroup {
        let uses_topic_ids = version >= 10;
        let topics = request
            .topics
            .map(|topics| topics.into_iter().map(|topic| self.fetch_topic(uses_topic_ids, topic)).collect::<Vec<_>>());
        // Below version 2 an error has no place but the partitions.
        let error_topics = if version < 2 { topics.clone() } else { None };
        let group_id = request.group_id.clone();
        let fetch = Fetch { group_id: request.group_id, topics, require_stable };
        match expect_reply!(self.ask(&group_id, GroupRequest::Fetch(fetch)).await, Fetch) {
            Ok(mut group) => {
                if uses_topic_ids {
                    self.add_topic_ids(&mut group.topics);
                }
                group
            }
            Err(error) => {
                // Consumers do not expect COORDINATOR_NOT_AVAILABLE here; this one makes them look for the coordinator.
                let code = match error {
                    CoordinatorError::NotAvailable => ErrorCode::NotCoordinator,
                    error => error.error_code(),
                };
                group_error(group_id, code, error_topics)
            }
        }
    }

    fn fetch_topic(&self, uses_topic_ids: bool, topic: OffsetFetchRequestTopics) -> FetchTopic {
        let mut name = topic.name;
        let mut refused = None;
        if uses_topic_ids {
            match self.0.topics.topic_name(TopicId(topic.topic_id)) {
                Some(resolved) => resolved.as_str().clone_into(&mut name),
                None => refused = Some(ErrorCode::UnknownTopicId),
            }
        }
        FetchTopic { name, topic_id: topic.topic_id, partitions: topic.partition_indexes, refused }
    }

    /// Topics of a fetch of everything come by name; those that no longer exist cannot be written with an id. One that was
    /// asked for by the id that none has comes without either, and stays.
    fn add_topic_ids(&self, topics: &mut Vec<OffsetFetchResponseTopics>) {
        topics.retain_mut(|topic| {
            if topic.topic_id.is_zero()
                && let Some(id) = self.0.topics.topic_id(&topic.name)
            {
                topic.topic_id = id.0;
            }
            !topic.topic_id.is_zero() || topic.name.is_empty()
        });
    }

    /// DescribeGroups, versions 0 to 6. Authorized operations are the caller's to add.
    pub async fn describe_groups(&self, info: &RequestInfo, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
        let reports_missing_groups = info.api_version >= 6;
        let described = request.groups.into_iter().map(|group_id| async move {
            let describe = GroupRequest::Describe { group_ids: vec![group_id.clone()], reports_missing_groups };
            match expect_reply!(self.ask(&group_id, describe).await, Describe) {
                Ok(groups) => groups,
                Err(error) => vec![DescribedGroup {
                    group_id,
                    error_code: error.error_code().code(),
                    ..DescribedGroup::default()
                }],
            }
        });
        let groups = join_all(described).await.into_iter().flatten().collect();
        DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
    }

    /// ListGroups, versions 0 to 5: the groups that this broker coordinates. An error where some are still loading.
    pub async fn list_groups(&self, _info: &RequestInfo, request: ListGroupsRequest) -> ListGroupsResponse {
        let list = || GroupRequest::List { states: request.states_filter.clone(), types: request.types_filter.clone() };
        let mut response = ListGroupsResponse::default();
        for reply in self.0.runtime.request_all(list).await {
            match expect_reply!(reply, List) {
                Ok(mut groups) => response.groups.append(&mut groups),
                // It moved away: its new coordinator lists its groups.
                Err(CoordinatorError::NotCoordinator) => {}
                Err(error) => {
                    return ListGroupsResponse {
                        error_code: error.error_code().code(),
                        ..ListGroupsResponse::default()
                    };
                }
            }
        }
        response
    }

    /// DeleteGroups, versions 0 to 2: removes empty groups and their offsets. A group that is named more than once is
    /// deleted, and told of, once.
    pub async fn delete_groups(&self, _info: &RequestInfo, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
        let group_ids: BTreeSet<String> = request.groups_names.into_iter().collect();
        let deletions = group_ids.into_iter().map(|group_id| async move {
            let deletion = GroupRequest::DeleteGroups(vec![group_id.clone()]);
            let code = match expect_reply!(self.ask(&group_id, deletion).await, DeleteGroups) {
                Ok(results) => results.first().map_or(ErrorCode::GroupIdNotFound, |(_, code)| *code),
                Err(error) => error.error_code(),
            };
            DeletableGroupResult { group_id, error_code: code.code() }
        });
        DeleteGroupsResponse { results: join_all(deletions).await, ..DeleteGroupsResponse::default() }
    }

    /// OffsetDelete, version 0: removes offsets of topics that no member reads.
    pub async fn offset_delete(&self, _info: &RequestInfo, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
        let refuse =
            |code: ErrorCode| OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() };
        if request.group_id.is_empty() {
            return refuse(ErrorCode::InvalidGroupId);
        }
        let partition = self.partition_for(&request.group_id);
        let reply = self.0.runtime.request(partition, GroupRequest::DeleteOffsets(request)).await;
        match expect_reply!(reply, DeleteOffsets) {
            Ok(response) => response,
            Err(error) => refuse(error.error_code()),
        }
    }
}

/// Whether a member id made from what the client calls itself can be written into a response.
fn fits_member_id(info: &RequestInfo, request: &JoinGroupRequest) -> bool {
    let prefix = request.group_instance_id.as_ref().unwrap_or(&info.client_id);
    prefix.len() + MEMBER_ID_SUFFIX_BYTES <= STRING_BYTES_MAX
}

/// An error of a whole group, in the partitions where `topics` are given.
fn group_error(group_id: String, code: ErrorCode, topics: Option<Vec<FetchTopic>>) -> OffsetFetchResponseGroup {
    let Some(topics) = topics else {
        return OffsetFetchResponseGroup { group_id, error_code: code.code(), ..OffsetFetchResponseGroup::default() };
    };
    let topics = topics.into_iter().map(|topic| OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic.partitions.into_iter().map(|partition| partition_without_offset(partition, code)).collect(),
    });
    OffsetFetchResponseGroup { group_id, topics: topics.collect(), ..OffsetFetchResponseGroup::default() }
}
