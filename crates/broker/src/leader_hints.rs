//! Pointing clients that asked the wrong broker, or with an old leader epoch, at the leader (KIP-951).

use dohle_metadata::{Image, TopicImage};
use dohle_model::{BrokerId, PartitionIndex};
use dohle_protocol::NodeEndpoint;

use crate::request_context::ClientListener;

/// The leaders that a response names, each endpoint once.
#[derive(Debug)]
pub(crate) struct LeaderHints<'a> {
    node_id: BrokerId,
    listener: &'a ClientListener,
    image: &'a Image,
    endpoints: Vec<NodeEndpoint>,
}

impl<'a> LeaderHints<'a> {
    /// For a response of broker `node_id` to a client of `listener`.
    pub(crate) fn new(node_id: BrokerId, listener: &'a ClientListener, image: &'a Image) -> Self {
        Self { node_id, listener, image, endpoints: Vec::new() }
    }

    /// Leader (-1 for none) and leader epoch of a partition; `None` where it is not known.
    pub(crate) fn of(&mut self, topic: &TopicImage, index: PartitionIndex) -> Option<(i32, i32)> {
        let partition = topic.partition(index)?;
        let leader_epoch = partition.leader_epoch.0;
        let Some(leader) = partition.leader else { return Some((-1, leader_epoch)) };
        if self.endpoints.iter().all(|endpoint| endpoint.node_id != leader.0)
            && let Some(broker) = self.image.broker(leader).filter(|broker| !broker.fenced)
            && let Some((host, port)) = self.listener.endpoint_of(self.node_id, broker)
        {
            let rack = broker.rack.clone();
            self.endpoints.push(NodeEndpoint { node_id: leader.0, host, port: i32::from(port), rack });
        }
        Some((leader.0, leader_epoch))
    }

    /// Where the named leaders are.
    pub(crate) fn endpoints(&self) -> &[NodeEndpoint] {
        &self.endpoints
    }
}
