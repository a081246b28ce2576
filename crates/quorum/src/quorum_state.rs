//! The quorum as its leader sees it: who takes part, and how far everybody is.
//!
//! Offsets are those of Kafka's metadata log: an entry's is its index, whatever number of records it holds.

use std::fmt;

use dohle_metadata::Image;
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftMetrics;
use openraft::type_config::alias::WatchReceiverOf;

use crate::error::QuorumError;
use crate::replica::{Endpoints, ReplicaKey};
use crate::types::Types;

/// What the consensus library tells of itself.
#[derive(Clone)]
pub(crate) struct Metrics(pub(crate) WatchReceiverOf<Types, RaftMetrics<Types>>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&*self.0.borrow_watched()).finish()
    }
}

/// The state of the quorum at one moment, told by its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumState {
    /// The leader's `node.id`: this node's.
    pub leader_id: i32,
    /// Counts the leaders.
    pub leader_epoch: i32,
    /// One past the last committed entry.
    pub high_watermark: i64,
    /// The replicas whose majority commits.
    pub voters: Vec<ReplicaState>,
    /// The replicas that follow without a vote.
    pub observers: Vec<ReplicaState>,
}

/// How one replica of the metadata log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Which one.
    pub replica: ReplicaKey,
    /// Where it is reached.
    pub endpoints: Endpoints,
    /// One past its last entry, as far as the leader knows; `None` where the leader has yet to hear of it.
    pub log_end_offset: Option<i64>,
}

impl QuorumState {
    /// Reads the state, which is no older than `image`.
    pub(crate) fn read(metrics: &Metrics, image: &Image) -> Result<Self, QuorumError> {
        let metrics = metrics.0.borrow_watched();
        let not_controller = || QuorumError::NotController { leader: metrics.current_leader.map(|leader| leader.id) };
        let vote = &metrics.vote;
        if !vote.committed || vote.leader_id.voted_for != metrics.id {
            return Err(not_controller());
        }
        let end =
            |index: Option<u64>| index.map_or(0, |index| i64::try_from(index).map_or(i64::MAX, |index| index + 1));
        let committed = metrics.local_committed.as_ref().map(|committed| committed.index);
        // The library tells of itself a little later than it applies.
        let high_watermark = end(committed).max(image.metadata_offset() + 1);
        let own_end = end(metrics.last_log_index).max(high_watermark);
        let state_of = |replica: ReplicaKey| {
            let followers = metrics.replication.as_ref();
            let matched = followers.and_then(|followers| followers.get(&replica)?.as_ref());
            ReplicaState {
                replica,
                endpoints: metrics.membership_config.membership().get_node(&replica).cloned().unwrap_or_default(),
                log_end_offset: match matched {
                    _ if replica == metrics.id => Some(own_end),
                    Some(matched) => Some(end(Some(matched.index))),
                    None => None,
                },
            }
        };
        let membership = metrics.membership_config.membership();
        Ok(Self {
            leader_id: metrics.id.id,
            leader_epoch: i32::try_from(vote.leader_id.term).unwrap_or(i32::MAX),
            high_watermark,
            voters: membership.voter_ids().map(state_of).collect(),
            observers: membership.learner_ids().map(state_of).collect(),
        })
    }
}
