//! Who takes part in the metadata quorum.

use std::fmt;

use dohle_model::DirectoryId;

/// A replica of the metadata log: a node and the log directory that holds the replica (KIP-853). A node whose directory
/// was formatted anew is another replica, and none of the quorum until it is added: so what it has forgotten cannot be
/// taken for what it once acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// `node.id` of the controller.
    pub id: i32,
    /// `directory.id` of its metadata log directory.
    pub directory: DirectoryId,
}

impl fmt::Display for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.id, self.directory)
    }
}

/// Made up of a number alone, as tests of stores do.
impl From<u64> for ReplicaKey {
    fn from(id: u64) -> Self {
        Self { id: i32::try_from(id).unwrap_or(i32::MAX), directory: DirectoryId::UNASSIGNED }
    }
}

/// Where a controller listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Where a replica was reachable when it was added; none for a quorum of one voter, which nobody needs to reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints(pub Vec<Endpoint>);
