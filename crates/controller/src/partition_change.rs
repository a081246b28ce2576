//! One change of a partition that exists: who leads it, who is in sync, where its replicas are. Every such change is
//! decided here, so that elections, fencing and reassignments follow the same rules.

use dohle_metadata::{LeaderRecoveryState, PartitionImage};
use dohle_model::{BrokerId, DirectoryId, PartitionIndex, TopicId};
use dohle_protocol::records::metadata::PartitionChangeRecord;

use crate::decision::Context;
use crate::new_partition::default_directory;

const NO_LEADER: i32 = -1;
/// The leader of a record that does not change it.
const LEADER_UNCHANGED: i32 = -2;

/// Who may be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Election {
    /// The first replica where it can lead; otherwise as [`Online`](Self::Online).
    Preferred,
    /// A leader that can stay stays; otherwise the first replica in sync that can lead.
    Online,
    /// As [`Online`](Self::Online); where no replica in sync can lead, any other that can, though records may be lost.
    Unclean,
}

/// What is to become of one partition.
pub(crate) struct PartitionChange<'a> {
    context: &'a Context<'a>,
    partition: &'a PartitionImage,
    election: Election,
    /// May not lead any more, whatever the image says of it.
    leaving: Option<BrokerId>,
    /// May lead from now on, whatever the image says of it.
    returning: Option<BrokerId>,
    /// The replicas that are in sync from now on; empty where the last one leaves, which then stays in the ISR: it alone
    /// has everything.
    target_isr: Vec<BrokerId>,
    target: Assignment,
}

/// The replicas of a partition, and those of them that a reassignment adds and takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) adding: Vec<BrokerId>,
    pub(crate) removing: Vec<BrokerId>,
}

impl<'a> PartitionChange<'a> {
    /// Nothing but an election, of the kind [`Election::Online`].
    pub(crate) fn new(context: &'a Context<'a>, partition: &'a PartitionImage) -> Self {
        Self {
            context,
            partition,
            election: Election::Online,
            leaving: None,
            returning: None,
            target_isr: partition.isr.clone(),
            target: Assignment {
                replicas: partition.replicas.clone(),
                adding: partition.adding_replicas.clone(),
                removing: partition.removing_replicas.clone(),
            },
        }
    }

    /// Elects in another way.
    pub(crate) fn elect(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// Takes a broker out of the ISR and away from the lead.
    pub(crate) fn without(mut self, broker: BrokerId) -> Self {
        self.leaving = Some(broker);
        self.target_isr.retain(|id| *id != broker);
        self
    }

    /// Lets a broker lead that the image still has as fenced.
    pub(crate) fn with_returning(mut self, broker: BrokerId) -> Self {
        self.returning = Some(broker);
        self
    }

    /// Changes who is in sync.
    pub(crate) fn in_sync(mut self, isr: Vec<BrokerId>) -> Self {
        self.target_isr = isr;
        self
    }

    /// Changes where the replicas are.
    pub(crate) fn assign(mut self, assignment: Assignment) -> Self {
        self.target = assignment;
        self
    }

    /// The record that says so, `None` where all stays as it is. A reassignment that has come to its end is completed.
    pub(crate) fn record(mut self, topic: TopicId, index: PartitionIndex) -> Option<PartitionChangeRecord> {
        self.complete_reassignment();
        let before = self.partition;
        let unchanged = PartitionChangeRecord { partition_id: index.0, topic_id: topic.0, ..Default::default() };
        let mut record = unchanged.clone();
        let (leader, unclean) = self.elected();
        if leader != before.leader {
            record.leader = leader_code(leader);
            if unclean {
                record.isr = Some(ids(leader.as_slice()));
                if before.leader_recovery_state != LeaderRecoveryState::Recovering {
                    record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
                }
            }
        }
        // Who is no replica any more must see another leader epoch, lest it go on as one.
        if record.leader == LEADER_UNCHANGED && !before.replicas.iter().all(|id| self.target.replicas.contains(id)) {
            record.leader = leader_code(before.leader);
        }
        if record.isr.is_none() && !self.target_isr.is_empty() && self.target_isr != before.isr {
            record.isr = Some(ids(&self.target_isr));
        }
        let directories = self.directories();
        if directories != before.directories {
            record.directories = Some(directories.iter().map(|directory| directory.0).collect());
        }
        let changed = |new: &[BrokerId], old: &[BrokerId]| (new != old).then(|| ids(new));
        record.replicas = changed(&self.target.replicas, &before.replicas);
        record.adding_replicas = changed(&self.target.adding, &before.adding_replicas);
        record.removing_replicas = changed(&self.target.removing, &before.removing_replicas);
        (record != unchanged).then_some(record)
    }

    fn may_lead(&self, id: BrokerId) -> bool {
        let lives = self.context.image.is_active(id) || self.returning == Some(id);
        lives && self.leaving != Some(id) && self.has_directory(id)
    }

    /// Whether the log directory with the replica is online.
    fn has_directory(&self, id: BrokerId) -> bool {
        match self.partition.directory_of(id) {
            Some(DirectoryId::LOST) => false,
            None | Some(DirectoryId::UNASSIGNED | DirectoryId::MIGRATING) => true,
            Some(directory) => {
                self.context.image.broker(id).is_some_and(|broker| {
                    broker.log_directories.is_empty() || broker.log_directories.contains(&directory)
                })
            }
        }
    }

    /// The leader from now on, and whether records may be lost with it.
    fn elected(&self) -> (Option<BrokerId>, bool) {
        let can_lead = |id: &BrokerId| self.target_isr.contains(id) && self.may_lead(*id);
        let replicas = &self.target.replicas;
        let preferred = replicas.first().filter(|id| self.election == Election::Preferred && can_lead(id));
        let stays = self.partition.leader.filter(can_lead);
        if let Some(leader) = preferred.copied().or(stays).or_else(|| replicas.iter().copied().find(can_lead)) {
            return (Some(leader), false);
        }
        let unclean = replicas.iter().copied().find(|id| self.election == Election::Unclean && self.may_lead(*id));
        (unclean, unclean.is_some())
    }

    fn directories(&self) -> Vec<DirectoryId> {
        let directory_of = |id: &BrokerId| {
            self.partition.directory_of(*id).unwrap_or_else(|| default_directory(self.context.image, *id))
        };
        self.target.replicas.iter().map(directory_of).collect()
    }

    /// Ends a reassignment: all that are added are in sync, and so is one that is not taken away. Where the partition
    /// gets fewer replicas, all that it keeps must be in sync, or it would be left with fewer copies than before.
    fn complete_reassignment(&mut self) {
        let Assignment { replicas, adding, removing } = &self.target;
        if adding.is_empty() && removing.is_empty() {
            return;
        }
        let without_removed = |brokers: &[BrokerId]| -> Vec<BrokerId> {
            brokers.iter().copied().filter(|id| !removing.contains(id)).collect()
        };
        let (isr, kept) = (without_removed(&self.target_isr), without_removed(replicas));
        let in_sync = |brokers: &[BrokerId]| brokers.iter().all(|id| isr.contains(id));
        let gets_fewer = adding.len() < removing.len();
        if isr.is_empty() || kept.is_empty() || !in_sync(adding) || (gets_fewer && !in_sync(&kept)) {
            return;
        }
        self.target_isr = isr;
        self.target = Assignment { replicas: kept, adding: Vec::new(), removing: Vec::new() };
    }
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}

fn leader_code(leader: Option<BrokerId>) -> i32 {
    leader.map_or(NO_LEADER, |leader| leader.0)
}
