//! Bytes that go over the wire: batches and requests encoded once, responses read as far as they must be.

pub(crate) mod batches;
pub(crate) mod cursor;
pub(crate) mod requests;
pub(crate) mod responses;

/// Versions of the requests that the generator sends. Produce and Fetch name topics in them, not their ids: the floor server
/// knows no ids.
pub(crate) mod versions {
    /// Produce.
    pub(crate) const PRODUCE: i16 = 12;
    /// Fetch.
    pub(crate) const FETCH: i16 = 12;
    /// ListOffsets.
    pub(crate) const LIST_OFFSETS: i16 = 7;
    /// Metadata.
    pub(crate) const METADATA: i16 = 12;
    /// CreateTopics.
    pub(crate) const CREATE_TOPICS: i16 = 7;
    /// CreatePartitions.
    pub(crate) const CREATE_PARTITIONS: i16 = 3;
    /// DeleteTopics.
    pub(crate) const DELETE_TOPICS: i16 = 5;
    /// ApiVersions.
    pub(crate) const API_VERSIONS: i16 = 3;
    /// InitProducerId.
    pub(crate) const INIT_PRODUCER_ID: i16 = 4;
    /// FindCoordinator.
    pub(crate) const FIND_COORDINATOR: i16 = 4;
    /// JoinGroup.
    pub(crate) const JOIN_GROUP: i16 = 9;
    /// SyncGroup.
    pub(crate) const SYNC_GROUP: i16 = 5;
    /// Heartbeat.
    pub(crate) const HEARTBEAT: i16 = 4;
    /// OffsetCommit.
    pub(crate) const OFFSET_COMMIT: i16 = 8;
}

/// The correlation id of every frame: frames are never changed, and responses come in order.
pub(crate) const CORRELATION_ID: i32 = 0x0d0b_1e00;
/// The name that the generator gives itself.
pub(crate) const CLIENT_ID: &str = "bench";
