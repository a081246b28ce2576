//! The consensus library's types, with ours filled in.

use openraft::impls::TokioRuntime;
use openraft::impls::leader_id_std::LeaderId;
use openraft::rt::deterministic_rng::DeterministicRng;

use crate::batch::{Applied, Batch};
use crate::replica::{Endpoints, ReplicaKey};
use crate::state_machine::StateMachine;

/// Tokio, with randomness that grows out of one seed: election time-outs are as random as the seed is, and the same under
/// the same one. Whatever calls into the library must run in the scope of such a seed.
pub(crate) type SeededRuntime = DeterministicRng<TokioRuntime>;

openraft::declare_raft_types!(
    /// Entries of decided records, one leader per term, replicas by node and directory.
    pub(crate) Types:
        D = Batch,
        R = Applied,
        NodeId = ReplicaKey,
        Node = Endpoints,
        LeaderId = LeaderId<u64, ReplicaKey>,
        AsyncRuntime = SeededRuntime,
);

/// A running replica.
pub(crate) type Raft = openraft::Raft<Types, StateMachine>;
pub(crate) type CommittedLeaderId = <LeaderId<u64, ReplicaKey> as openraft::vote::RaftLeaderId>::Committed;
pub(crate) type LogId = openraft::LogId<CommittedLeaderId>;
pub(crate) type Vote = openraft::Vote<LeaderId<u64, ReplicaKey>>;
pub(crate) type Payload = openraft::EntryPayload<Batch, ReplicaKey, Endpoints>;
pub(crate) type Entry = openraft::Entry<CommittedLeaderId, Payload>;
pub(crate) type Membership = openraft::Membership<ReplicaKey, Endpoints>;
pub(crate) type StoredMembership = openraft::StoredMembership<CommittedLeaderId, ReplicaKey, Endpoints>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<CommittedLeaderId, ReplicaKey, Endpoints>;
pub(crate) type Snapshot = openraft::Snapshot<CommittedLeaderId, ReplicaKey, Endpoints, crate::snapshot::SnapshotFile>;

pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(term.into(), index)
}
