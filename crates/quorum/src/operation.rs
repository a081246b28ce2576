//! What can be asked of the controller.

use std::time::Duration;

use dohle_controller::{Controller, Registrant};
use dohle_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterConfigsRequest, AlterConfigsResponse,
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    UnregisterBrokerRequest, UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::QuorumError;

/// Where the answer goes. Whoever has stopped waiting no longer wants it.
pub(crate) type Reply<R> = oneshot::Sender<Result<R, QuorumError>>;

/// Why an operation was not carried out, or is not known to have been.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    NotController { leader: Option<i32> },
    TimedOut,
    Stopped,
}

impl From<Failure> for QuorumError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotController { leader } => Self::NotController { leader },
            Failure::TimedOut => Self::TimedOut,
            Failure::Stopped => Self::Stopped,
        }
    }
}

/// An answer that waits for what was decided to be committed.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// A request with the way back.
#[derive(Debug)]
pub(crate) enum Operation {
    CreateTopics {
        request: CreateTopicsRequest,
        deadline: Instant,
        reply: Reply<CreateTopicsResponse>,
    },
    DeleteTopics {
        request: DeleteTopicsRequest,
        deadline: Instant,
        reply: Reply<DeleteTopicsResponse>,
    },
    CreatePartitions {
        request: CreatePartitionsRequest,
        deadline: Instant,
        reply: Reply<CreatePartitionsResponse>,
    },
    ElectLeaders {
        request: ElectLeadersRequest,
        deadline: Instant,
        reply: Reply<ElectLeadersResponse>,
    },
    AlterPartitionReassignments {
        request: AlterPartitionReassignmentsRequest,
        deadline: Instant,
        reply: Reply<AlterPartitionReassignmentsResponse>,
    },
    IncrementalAlterConfigs {
        request: IncrementalAlterConfigsRequest,
        deadline: Instant,
        reply: Reply<IncrementalAlterConfigsResponse>,
    },
    AlterConfigs {
        request: AlterConfigsRequest,
        deadline: Instant,
        reply: Reply<AlterConfigsResponse>,
    },
    UpdateFeatures {
        request: UpdateFeaturesRequest,
        reply: Reply<UpdateFeaturesResponse>,
    },
    RegisterBroker {
        request: BrokerRegistrationRequest,
        registrant: Registrant,
        reply: Reply<BrokerRegistrationResponse>,
    },
    UnregisterBroker {
        request: UnregisterBrokerRequest,
        reply: Reply<UnregisterBrokerResponse>,
    },
    BrokerHeartbeat {
        request: BrokerHeartbeatRequest,
        reply: Reply<BrokerHeartbeatResponse>,
    },
    AllocateProducerIds {
        request: AllocateProducerIdsRequest,
        reply: Reply<AllocateProducerIdsResponse>,
    },
}

impl Operation {
    /// Decides it, as part of the controller's batch. What its caller has given up on is not begun; heartbeats are, since
    /// a broker that was heard of late was heard of.
    pub(crate) fn decide(self, controller: &mut Controller, now: Duration) -> Answer {
        match self {
            Self::CreateTopics { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::DeleteTopics { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::CreatePartitions { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::ElectLeaders { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::AlterPartitionReassignments { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::IncrementalAlterConfigs { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::AlterConfigs { deadline, reply, .. } if deadline <= Instant::now() => late(reply),
            Self::CreateTopics { request, reply, .. } => answer(controller.create_topics(&request), reply),
            Self::DeleteTopics { request, reply, .. } => answer(controller.delete_topics(&request), reply),
            Self::CreatePartitions { request, reply, .. } => answer(controller.create_partitions(&request), reply),
            Self::ElectLeaders { request, reply, .. } => answer(controller.elect_leaders(&request), reply),
            Self::AlterPartitionReassignments { request, reply, .. } => {
                answer(controller.alter_partition_reassignments(&request), reply)
            }
            Self::IncrementalAlterConfigs { request, reply, .. } => {
                answer(controller.incremental_alter_configs(&request), reply)
            }
            Self::AlterConfigs { request, reply, .. } => answer(controller.alter_configs(&request), reply),
            Self::UpdateFeatures { request, reply } => answer(controller.update_features(&request), reply),
            Self::RegisterBroker { request, registrant, reply } => {
                answer(controller.register_broker(&request, registrant, now), reply)
            }
            Self::UnregisterBroker { request, reply } => answer(controller.unregister_broker(&request), reply),
            Self::BrokerHeartbeat { request, reply } => answer(controller.broker_heartbeat(&request, now), reply),
            Self::AllocateProducerIds { request, reply } => answer(controller.allocate_producer_ids(&request), reply),
        }
    }

    /// Answers without having decided anything.
    pub(crate) fn refuse(self, failure: Failure) {
        match self {
            Self::CreateTopics { reply, .. } => refuse(reply, failure),
            Self::DeleteTopics { reply, .. } => refuse(reply, failure),
            Self::CreatePartitions { reply, .. } => refuse(reply, failure),
            Self::ElectLeaders { reply, .. } => refuse(reply, failure),
            Self::AlterPartitionReassignments { reply, .. } => refuse(reply, failure),
            Self::IncrementalAlterConfigs { reply, .. } => refuse(reply, failure),
            Self::AlterConfigs { reply, .. } => refuse(reply, failure),
            Self::UpdateFeatures { reply, .. } => refuse(reply, failure),
            Self::RegisterBroker { reply, .. } => refuse(reply, failure),
            Self::UnregisterBroker { reply, .. } => refuse(reply, failure),
            Self::BrokerHeartbeat { reply, .. } => refuse(reply, failure),
            Self::AllocateProducerIds { reply, .. } => refuse(reply, failure),
        }
    }
}

fn answer<R: Send + 'static>(response: R, reply: Reply<R>) -> Answer {
    Box::new(move |committed| drop(reply.send(committed.map(|()| response).map_err(QuorumError::from))))
}

fn late<R: Send + 'static>(reply: Reply<R>) -> Answer {
    Box::new(move |_| refuse(reply, Failure::TimedOut))
}

fn refuse<R>(reply: Reply<R>, failure: Failure) {
    drop(reply.send(Err(failure.into())));
}
