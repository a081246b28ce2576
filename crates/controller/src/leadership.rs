//! Who leads and who is in sync when a broker comes or goes.

use dohle_metadata::{PartitionImage, TopicImage};
use dohle_model::{BrokerId, DirectoryId};
use dohle_protocol::records::metadata::MetadataRecord;

use crate::decision::Context;
use crate::partition_change::{Election, PartitionChange};

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
        let change = PartitionChange::new(context, partition).elect(allowed_election(context, topic)).without(broker);
        change.record(topic.id, index)
    });
    changes.map(MetadataRecord::from).collect()
}

/// Finds leaders for the partitions without one, now that a broker is about to be unfenced.
pub(crate) fn broker_returns(context: &Context<'_>, broker: BrokerId) -> Vec<MetadataRecord> {
    let leaderless = context.image.partitions().filter(|(_, _, partition)| partition.leader.is_none());
    let changes = leaderless.filter_map(|(topic, index, partition)| {
        let election = allowed_election(context, topic);
        PartitionChange::new(context, partition).elect(election).with_returning(broker).record(topic.id, index)
    });
    changes.map(MetadataRecord::from).collect()
}

/// How a topic's leaders are elected where nobody asks for anything else.
pub(crate) fn allowed_election(context: &Context<'_>, topic: &TopicImage) -> Election {
    if context.allows_unclean_election(&topic.name) { Election::Unclean } else { Election::Online }
}
