//! DescribeQuorum (API key 55): who takes part in the metadata quorum, and how far everybody is (KIP-595, KIP-836).

use dohle_protocol::messages::describe_quorum_request;
use dohle_protocol::messages::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use dohle_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};
use dohle_quorum::QuorumState;

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeQuorum;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// The one topic that a quorum keeps, and its one partition.
const CLUSTER_METADATA: &str = "__cluster_metadata";
const PARTITION: i32 = 0;

/// Answers with the quorum's state where the request names its topic and partition and nothing else.
pub(crate) async fn handle(
    context: &RequestContext<'_>,
    request: DescribeQuorumRequest,
) -> Answer<DescribeQuorumResponse> {
    if request.topics.is_empty() {
        return Answer::Now(DescribeQuorumResponse::default());
    }
    if !asks_for_the_quorum(&request.topics) {
        return Answer::Now(unknown_partitions(&request.topics));
    }
    Answer::Now(match context.broker.controller.quorum_state() {
        Ok(state) => describe(state, context.broker.environment.clock.now_ms()),
        Err(_) => {
            let partition = refuse(
                PARTITION,
                ErrorCode::NotLeaderOrFollower,
                "For requests intended only for the leader, this error indicates that the broker is not the current \
                 leader. For requests intended for any replica, this error indicates that the broker is not a replica \
                 of the topic partition.",
            );
            let topics = vec![TopicData { topic_name: CLUSTER_METADATA.to_owned(), partitions: vec![partition] }];
            DescribeQuorumResponse { topics, ..Default::default() }
        }
    })
}

fn asks_for_the_quorum(topics: &[describe_quorum_request::TopicData]) -> bool {
    let [topic] = topics else { return false };
    let is_partition = |partition: &describe_quorum_request::PartitionData| partition.partition_index == PARTITION;
    topic.topic_name == CLUSTER_METADATA && topic.partitions.len() == 1 && topic.partitions.iter().all(is_partition)
}

fn unknown_partitions(asked: &[describe_quorum_request::TopicData]) -> DescribeQuorumResponse {
    let unknown = |index| {
        let message = "This server does not host this topic-partition.";
        refuse(index, ErrorCode::UnknownTopicOrPartition, message)
    };
    let topics = asked.iter().map(|topic| TopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic.partitions.iter().map(|partition| unknown(partition.partition_index)).collect(),
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}

fn refuse(partition_index: i32, error: ErrorCode, message: &str) -> PartitionData {
    PartitionData {
        partition_index,
        error_code: error.code(),
        error_message: Some(message.to_owned()),
        ..Default::default()
    }
}

fn describe(state: QuorumState, now_ms: i64) -> DescribeQuorumResponse {
    let replica = |of: &dohle_quorum::ReplicaState| {
        let mut described = ReplicaState {
            replica_id: of.replica.id,
            replica_directory_id: of.replica.directory.0,
            log_end_offset: of.log_end_offset.unwrap_or(-1),
            ..Default::default()
        };
        // It need not fetch from anybody, and so is always caught up with itself.
        if of.replica.id == state.leader_id {
            described.last_fetch_timestamp = now_ms;
            described.last_caught_up_timestamp = now_ms;
        }
        described
    };
    let listeners = |of: &dohle_quorum::ReplicaState| {
        let endpoints = of.endpoints.0.iter();
        endpoints.map(|at| Listener { name: at.listener.clone(), host: at.host.clone(), port: at.port }).collect()
    };
    let partition = PartitionData {
        partition_index: PARTITION,
        leader_id: state.leader_id,
        leader_epoch: state.leader_epoch,
        high_watermark: state.high_watermark,
        current_voters: state.voters.iter().map(replica).collect(),
        observers: state.observers.iter().map(replica).collect(),
        ..Default::default()
    };
    DescribeQuorumResponse {
        topics: vec![TopicData { topic_name: CLUSTER_METADATA.to_owned(), partitions: vec![partition] }],
        nodes: state.voters.iter().map(|of| Node { node_id: of.replica.id, listeners: listeners(of) }).collect(),
        ..Default::default()
    }
}
