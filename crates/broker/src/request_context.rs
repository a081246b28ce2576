//! What a handler sees of one request: the broker, the connection, the header, and one snapshot of the metadata.

use std::net::SocketAddr;
use std::sync::Arc;

use dohle_group_coordinator::RequestInfo;
use dohle_metadata::{BrokerImage, Image, PartitionImage};
use dohle_model::{BrokerId, DirectoryId, PartitionIndex, TopicId};
use dohle_network::Connection;
use dohle_protocol::ErrorCode;
use dohle_protocol::header::RequestHeader;
use dohle_replication::Partition;

use crate::state::BrokerState;

/// How a client has reached this broker, kept by answers that come later.
#[derive(Clone, Debug)]
pub(crate) struct ClientListener {
    name: Arc<str>,
    local_address: SocketAddr,
}

impl ClientListener {
    /// Where a client of this listener reaches `broker`: `None` where that broker has no such listener. `node_id` is this
    /// broker: a listener of its own with neither an advertised nor a bound host is reached at the local address that the
    /// client has already connected to.
    pub(crate) fn endpoint_of(&self, node_id: BrokerId, broker: &BrokerImage) -> Option<(String, u16)> {
        let endpoint = broker.endpoints.iter().find(|endpoint| *endpoint.name == *self.name)?;
        if endpoint.host.is_empty() && broker.id == node_id {
            return Some((self.local_address.ip().to_string(), endpoint.port));
        }
        Some((endpoint.host.clone(), endpoint.port))
    }
}

/// One request's surroundings.
pub(crate) struct RequestContext<'a> {
    pub(crate) broker: &'a Arc<BrokerState>,
    pub(crate) connection: &'a Connection,
    pub(crate) header: &'a RequestHeader,
    /// The metadata as it stood when the request began.
    pub(crate) image: Arc<Image>,
}

impl RequestContext<'_> {
    /// How the client has reached this broker.
    pub(crate) fn listener(&self) -> ClientListener {
        ClientListener { name: Arc::clone(self.connection.listener()), local_address: self.connection.local_address() }
    }

    /// Where a client of this connection's listener reaches `broker`: `None` where that broker has no such listener.
    pub(crate) fn endpoint_of(&self, broker: &BrokerImage) -> Option<(String, u16)> {
        self.listener().endpoint_of(self.broker.node_id, broker)
    }

    /// Whether clients of this listener can reach the broker.
    pub(crate) fn has_endpoint(&self, broker: BrokerId) -> bool {
        let listener = self.connection.listener_name();
        self.image.broker(broker).is_some_and(|broker| broker.endpoints.iter().any(|at| at.name == listener))
    }

    /// Who answers for the controller: a live broker, which passes requests on.
    pub(crate) fn controller_id(&self) -> i32 {
        let live = self.image.broker(self.broker.node_id).is_some_and(|broker| !broker.fenced);
        if live { self.broker.node_id.0 } else { -1 }
    }

    /// The replicas of a partition whose broker is not live, has no such listener, or has lost the log directory.
    pub(crate) fn offline_replicas(&self, partition: &PartitionImage) -> Vec<i32> {
        let is_online = |id: BrokerId| {
            let Some(broker) = self.image.broker(id) else { return false };
            let has_directory = match partition.directory_of(id) {
                Some(DirectoryId::LOST) => false,
                None | Some(DirectoryId::UNASSIGNED | DirectoryId::MIGRATING) => true,
                Some(directory) => broker.log_directories.contains(&directory),
            };
            !broker.fenced && has_directory && self.has_endpoint(id)
        };
        partition.replicas.iter().filter(|id| !is_online(**id)).map(|id| id.0).collect()
    }

    /// The hosted partition of a topic by name.
    pub(crate) fn partition(&self, topic: &str, index: PartitionIndex) -> Result<Arc<Partition>, ErrorCode> {
        match self.broker.replicas.topic(topic).and_then(|topic| topic.partition(index).cloned()) {
            Some(partition) => Ok(partition),
            None => Err(self.why_not_hosted(self.image.topic(topic).and_then(|topic| topic.partition(index)))),
        }
    }

    /// The hosted partition of a topic by id.
    pub(crate) fn partition_by_id(&self, id: TopicId, index: PartitionIndex) -> Result<Arc<Partition>, ErrorCode> {
        match self.broker.replicas.topic_by_id(id).and_then(|topic| topic.partition(index).cloned()) {
            Some(partition) => Ok(partition),
            None => match self.image.topic_by_id(id) {
                Some(topic) => Err(self.why_not_hosted(topic.partition(index))),
                None => Err(ErrorCode::UnknownTopicId),
            },
        }
    }

    fn why_not_hosted(&self, image: Option<&PartitionImage>) -> ErrorCode {
        match image {
            None => ErrorCode::UnknownTopicOrPartition,
            Some(partition) if partition.replicas.contains(&self.broker.node_id) => ErrorCode::KafkaStorageError,
            Some(_) => ErrorCode::NotLeaderOrFollower,
        }
    }

    /// What the group coordinator keeps of a caller.
    pub(crate) fn group_request_info(&self) -> RequestInfo {
        RequestInfo {
            client_id: self.header.client_id.clone().unwrap_or_default(),
            client_host: format!("/{}", self.connection.peer_address().ip()),
            api_version: self.header.api_version,
        }
    }

    /// Keeps the client library's name and version for logs and metrics (KIP-511).
    pub(crate) fn remember_client_software(&self, name: &str, version: &str) {
        self.connection.set_client_software(name, version);
        tracing::debug!(connection = self.connection.id(), name, version, "client software");
    }
}
