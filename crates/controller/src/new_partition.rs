//! A partition that is about to be created: its replicas, and which of them are live.

use dohle_metadata::Image;
use dohle_model::{BrokerId, DirectoryId, Uuid};
use dohle_protocol::records::metadata::PartitionRecord;

use crate::decision::Context;

/// The replicas of a new partition, and those of them that are live; neither is empty.
pub(crate) struct NewPartition {
    replicas: Vec<BrokerId>,
    isr: Vec<BrokerId>,
}

impl NewPartition {
    /// `None` where no replica is live.
    pub(crate) fn new(context: &Context<'_>, replicas: Vec<BrokerId>) -> Option<Self> {
        let isr: Vec<BrokerId> = replicas.iter().copied().filter(|id| context.image.is_active(*id)).collect();
        (!isr.is_empty()).then_some(Self { replicas, isr })
    }

    /// How many replicas it has.
    pub(crate) fn replication_factor(&self) -> usize {
        self.replicas.len()
    }

    /// The record that creates it as partition `index` of a topic. The index is below 2^31.
    pub(crate) fn record(&self, context: &Context<'_>, topic_id: Uuid, index: usize) -> PartitionRecord {
        let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0).collect::<Vec<_>>();
        PartitionRecord {
            partition_id: i32::try_from(index).expect("a request asks for fewer partitions than that"),
            topic_id,
            replicas: ids(&self.replicas),
            isr: ids(&self.isr),
            leader: self.isr[0].0,
            leader_epoch: 0,
            partition_epoch: 0,
            directories: self.replicas.iter().map(|id| default_directory(context.image, *id).0).collect(),
            ..Default::default()
        }
    }
}

/// The log directory of a new replica: the broker's only one, or the one that the broker is to choose.
pub(crate) fn default_directory(image: &Image, broker: BrokerId) -> DirectoryId {
    match image.broker(broker).map(|broker| broker.log_directories.as_slice()) {
        Some([only]) => *only,
        Some([]) | None => DirectoryId::MIGRATING,
        Some(_) => DirectoryId::UNASSIGNED,
    }
}

/// Checks one partition's replicas as somebody assigned them; `replication_factor` is that of the topic's other
/// partitions, where it has any.
///
/// # Errors
/// What Kafka says of them.
pub(crate) fn check_replicas(
    image: &Image,
    replicas: &[BrokerId],
    replication_factor: Option<usize>,
) -> Result<(), String> {
    if replicas.is_empty() {
        return Err("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if image.broker(id).is_none() {
            return Err(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            ));
        }
        if previous == Some(id) {
            return Err(format!("The manual partition assignment includes the broker {id} more than once."));
        }
        previous = Some(id);
    }
    match replication_factor {
        Some(expected) if expected != replicas.len() => Err(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {expected} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}
