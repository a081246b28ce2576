//! Produce (API key 0): checks batches outside any lock, queues them on their partitions, and answers when they are
//! appended (acks=1) or committed (acks=all).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_config::TimestampType;
use dohle_model::{PartitionIndex, TopicId, Uuid};
use dohle_network::{CloseReason, Outcome, Response};
use dohle_protocol::produce::{PartitionResponse, ProduceCursor, ProduceResponseEncoder, TopicKey};
use dohle_protocol::validation::{ValidationError, ValidationRules, validate};
use dohle_protocol::{ApiKey, DecodeError, ErrorCode, VersionRange};
use dohle_replication::{AppendCompletion, AppendResult, Partition, RequiredAcks};

use super::{RequestContext, response_writer};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::Produce;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(3, 13);
/// Versions advertised: librdkafka before 2.9 takes a minimum above 0 for a broker that knows no compression.
pub(crate) const ADVERTISED_VERSIONS: VersionRange = VersionRange::new(0, 13);

/// The partitions that a turn of a connection has queued batches on.
#[derive(Default)]
pub(crate) struct ProduceTurn {
    touched: Vec<Arc<Partition>>,
}

impl ProduceTurn {
    fn touch(&mut self, partition: &Arc<Partition>) {
        if !self.touched.iter().any(|known| Arc::ptr_eq(known, partition)) {
            self.touched.push(Arc::clone(partition));
        }
    }

    /// Writes what the turn has queued: one gathered write for each partition.
    pub(crate) fn finish(self) {
        for partition in self.touched {
            partition.drain_appends();
        }
    }
}
