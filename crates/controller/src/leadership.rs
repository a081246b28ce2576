//! Who leads and who is in sync when a broker comes or goes.

use dohle_metadata::{LeaderRecoveryState, PartitionImage};
use dohle_model::{BrokerId, DirectoryId, PartitionIndex, TopicId};
use dohle_protocol::records::metadata::{MetadataRecord, PartitionChangeRecord};

use crate::decision::Context;

const NO_LEADER: i32 = -1;

/// Whether a broker leads any partition.
pub(crate) fn leads_any(context: &Context<'_>, broker: BrokerId) -> bool {
    context.image.partitions().any(|(_, _, partition)| partition.leader == Some(broker))
}

/// Takes a broker out of every ISR and away from every leadership: it is fenced, about to stop, or gone.
pub(crate) fn broker_leaves(context: &Context<'_>, broker: BrokerId) -> Vec<MetadataRecord> {
    leave_where(context, broker, |_| true)
}

/// As [`broker_leaves`], for the partitions in one of the broker's log directories.
pub(crate) fn directory_fails(context: &Context<'_>, broker: BrokerId, directory: DirectoryId) -> Vec<MetadataRecord> {
    leave_where(context, broker, |partition| partition.directory_of(broker) == Some(directory))
}

fn leave_where(
    context: &Context<'_>,
    broker: BrokerId,
    concerns: impl Fn(&PartitionImage) -> bool,
) -> Vec<MetadataRecord> {
    let concerned =
        context.image.partitions().filter(|(_, _, partition)| partition.isr.contains(&broker) && concerns(partition));
    let changes = concerned.filter_map(|(topic, index, partition)| {
        let change = Change {
            partition,
            target_isr: partition.isr.iter().copied().filter(|id| *id != broker).collect(),
            may_lead: &|id| id != broker && context.image.is_active(id),
            unclean: context.allows_unclean_election(&topic.name),
        };
        change.record(topic.id, index)
    });
    changes.map(MetadataRecord::from).collect()
}

/// Finds leaders for the partitions without one, now that a broker is about to be unfenced.
pub(crate) fn broker_returns(context: &Context<'_>, broker: BrokerId) -> Vec<MetadataRecord> {
    let leaderless = context.image.partitions().filter(|(_, _, partition)| partition.leader.is_none());
    let changes = leaderless.filter_map(|(topic, index, partition)| {
        let change = Change {
            partition,
            target_isr: partition.isr.clone(),
            may_lead: &|id| id == broker || context.image.is_active(id),
            unclean: context.allows_unclean_election(&topic.name),
        };
        change.record(topic.id, index)
    });
    changes.map(MetadataRecord::from).collect()
}

/// What is to become of one partition.
struct Change<'a> {
    partition: &'a PartitionImage,
    /// The replicas that are in sync from now on; empty where the last one leaves, which then stays in the ISR: it alone
    /// has everything.
    target_isr: Vec<BrokerId>,
    may_lead: &'a dyn Fn(BrokerId) -> bool,
    /// Whether a replica out of the ISR may lead if no other can.
    unclean: bool,
}

impl Change<'_> {
    /// The leader from now on, and whether records may be lost with it. A leader that can stay stays.
    fn elect(&self) -> (Option<BrokerId>, bool) {
        let can_lead = |id: &BrokerId| self.target_isr.contains(id) && (self.may_lead)(*id);
        let replicas = &self.partition.replicas;
        if let Some(leader) = self.partition.leader.filter(can_lead) {
            return (Some(leader), false);
        }
        if let Some(leader) = replicas.iter().find(|id| can_lead(id)) {
            return (Some(*leader), false);
        }
        let unclean = replicas.iter().find(|id| self.unclean && (self.may_lead)(**id));
        (unclean.copied(), unclean.is_some())
    }

    /// The record that says so, `None` where all stays as it is.
    fn record(&self, topic: TopicId, index: PartitionIndex) -> Option<PartitionChangeRecord> {
        let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
        let unchanged = PartitionChangeRecord { partition_id: index.0, topic_id: topic.0, ..Default::default() };
        let mut record = unchanged.clone();
        let (leader, unclean) = self.elect();
        if leader != self.partition.leader {
            record.leader = leader.map_or(NO_LEADER, |leader| leader.0);
        }
        if unclean {
            record.isr = Some(ids(leader.as_slice()));
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
            }
        } else if !self.target_isr.is_empty() && self.target_isr != self.partition.isr {
            record.isr = Some(ids(&self.target_isr));
        }
        (record != unchanged).then_some(record)
    }
}
