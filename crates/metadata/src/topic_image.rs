//! A topic and its partitions.

use dohle_model::{BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId, TopicName};
use rpds::RedBlackTreeMapSync;

/// Whether a partition's leader was elected cleanly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    /// It has every committed record.
    #[default]
    Recovered,
    /// It was elected out of the ISR and has yet to recover (KIP-704).
    Recovering,
}

impl LeaderRecoveryState {
    /// Kafka's number, `None` for one it does not have.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }

    /// Kafka's number.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }
}

/// A partition: where it lies and who leads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// The brokers that hold it, the preferred leader first; never empty.
    pub replicas: Vec<BrokerId>,
    /// The log directory of each replica, in the order of `replicas` (KIP-858).
    pub directories: Vec<DirectoryId>,
    /// The replicas that are in sync; the last one of them stays in it even while it is fenced.
    pub isr: Vec<BrokerId>,
    /// The replicas that a reassignment takes away.
    pub removing_replicas: Vec<BrokerId>,
    /// The replicas that a reassignment adds.
    pub adding_replicas: Vec<BrokerId>,
    /// The leader; `None` while no replica in sync is live.
    pub leader: Option<BrokerId>,
    /// Whether that leader has yet to recover.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Counts the elections.
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes.
    pub partition_epoch: PartitionEpoch,
    /// Replicas out of the ISR that still may be elected (KIP-966).
    pub eligible_leader_replicas: Vec<BrokerId>,
    /// Who was last eligible before everybody was lost (KIP-966).
    pub last_known_elr: Vec<BrokerId>,
}

impl PartitionImage {
    /// The log directory of the replica on `broker`, `None` where there is no such replica.
    #[must_use]
    pub fn directory_of(&self, broker: BrokerId) -> Option<DirectoryId> {
        let at = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(at).copied()
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicImage {
    /// The topic's id.
    pub id: TopicId,
    /// The topic's name.
    pub name: TopicName,
    pub(crate) partitions: RedBlackTreeMapSync<PartitionIndex, PartitionImage>,
}

impl TopicImage {
    /// How many partitions the topic has.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partitions.size()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionImage> {
        self.partitions.get(&index)
    }

    /// The partitions, by index.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionIndex, &PartitionImage)> {
        self.partitions.iter().map(|(index, partition)| (*index, partition))
    }
}
