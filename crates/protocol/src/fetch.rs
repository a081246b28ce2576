//! Fetch responses, written by hand around the records: what stands between two partitions' records goes into a buffer,
//! the records themselves go from the file to the socket.

use dohle_model::Uuid;

use crate::node_endpoint::{NodeEndpoint, encode_last_section};
use crate::wire::Writer;

const FLEXIBLE_FROM: i16 = 12;
const TOPIC_IDS_FROM: i16 = 13;
const NODE_ENDPOINTS_FROM: i16 = 16;

/// What a response says of one partition before its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartitionHead {
    /// The partition's index.
    pub partition_index: i32,
    /// 0 for success.
    pub error_code: i16,
    /// One past the last committed record, -1 on an error.
    pub high_watermark: i64,
    /// Where read-committed consumers stop, -1 on an error.
    pub last_stable_offset: i64,
    /// The first offset of the log, -1 on an error.
    pub log_start_offset: i64,
    /// Whether to list aborted transactions (none, as there are no transactions): read-committed consumers get an empty
    /// list, others null.
    pub read_committed: bool,
    /// Largest common epoch and its end, where the reader has diverged (version 12 and up).
    pub diverging_epoch: Option<(i32, i64)>,
    /// Leader and leader epoch, where the reader asked the wrong broker (version 12 and up).
    pub current_leader: Option<(i32, i32)>,
}

impl FetchPartitionHead {
    /// A refusal.
    #[must_use]
    pub fn failed(partition_index: i32, error_code: i16) -> Self {
        Self {
            partition_index,
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            read_committed: false,
            diverging_epoch: None,
            current_leader: None,
        }
    }
}

/// The pieces of a response's body, for one version (4 to 18). Call in the order of the methods.
#[derive(Clone, Copy, Debug)]
pub struct FetchEncoder {
    version: i16,
}

impl FetchEncoder {
    /// For a version from 4 to 18.
    #[must_use]
    pub fn new(version: i16) -> Self {
        Self { version }
    }

    fn flexible(self) -> bool {
        self.version >= FLEXIBLE_FROM
    }

    /// What stands before the first topic.
    pub fn begin(self, writer: &mut Writer, error_code: i16, session_id: i32, topic_count: usize) {
        writer.int32(0);
        if self.version >= 7 {
            writer.int16(error_code);
            writer.int32(session_id);
        }
        writer.array_length(topic_count, self.flexible());
    }

    /// What stands before the first partition of a topic.
    pub fn topic(self, writer: &mut Writer, name: &str, id: Uuid, partition_count: usize) {
        if self.version >= TOPIC_IDS_FROM {
            writer.uuid(id);
        } else {
            writer.string(name, self.flexible());
        }
        writer.array_length(partition_count, self.flexible());
    }

    /// All of a partition before its records, the records' length included.
    pub fn partition_head(self, writer: &mut Writer, head: &FetchPartitionHead, records_size_bytes: usize) {
        writer.int32(head.partition_index);
        writer.int16(head.error_code);
        writer.int64(head.high_watermark);
        writer.int64(head.last_stable_offset);
        if self.version >= 5 {
            writer.int64(head.log_start_offset);
        }
        if head.read_committed {
            writer.array_length(0, self.flexible());
        } else {
            writer.null_array(self.flexible());
        }
        if self.version >= 11 {
            writer.int32(-1);
        }
        writer.bytes_length(records_size_bytes, self.flexible());
    }

    /// What follows a partition's records.
    pub fn partition_tail(self, writer: &mut Writer, head: &FetchPartitionHead) {
        if !self.flexible() {
            return;
        }
        let count = u32::from(head.diverging_epoch.is_some()) + u32::from(head.current_leader.is_some());
        writer.unsigned_varint(count);
        if let Some((epoch, end_offset)) = head.diverging_epoch {
            writer.tagged_field(0, |writer| {
                writer.int32(epoch);
                writer.int64(end_offset);
                writer.unsigned_varint(0);
            });
        }
        if let Some((leader, epoch)) = head.current_leader {
            writer.tagged_field(1, |writer| {
                writer.int32(leader);
                writer.int32(epoch);
                writer.unsigned_varint(0);
            });
        }
    }

    /// What follows a topic's last partition.
    pub fn topic_end(self, writer: &mut Writer) {
        if self.flexible() {
            writer.unsigned_varint(0);
        }
    }

    /// What follows the last topic: the endpoints of the leaders that partitions name (version 16 and up).
    pub fn end(self, writer: &mut Writer, endpoints: &[NodeEndpoint]) {
        if self.flexible() {
            encode_last_section(writer, if self.version >= NODE_ENDPOINTS_FROM { endpoints } else { &[] });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::FetchResponse;
    use crate::wire::{Message, Reader};

    #[test]
    fn the_pieces_make_a_response_in_every_version() {
        for version in 4..=18 {
            let encoder = FetchEncoder::new(version);
            let good = FetchPartitionHead {
                high_watermark: 10,
                last_stable_offset: 10,
                log_start_offset: 2,
                error_code: 0,
                read_committed: true,
                ..FetchPartitionHead::failed(3, 0)
            };
            let bad = FetchPartitionHead {
                diverging_epoch: Some((4, 99)),
                current_leader: Some((1, 5)),
                ..FetchPartitionHead::failed(4, 6)
            };
            let mut writer = Writer::new();
            encoder.begin(&mut writer, 0, 0, 1);
            encoder.topic(&mut writer, "orders", Uuid([9; 16]), 2);
            encoder.partition_head(&mut writer, &good, 5);
            writer.raw(b"bytes");
            encoder.partition_tail(&mut writer, &good);
            encoder.partition_head(&mut writer, &bad, 0);
            encoder.partition_tail(&mut writer, &bad);
            encoder.topic_end(&mut writer);
            let endpoint = NodeEndpoint { node_id: 1, host: "b1".to_owned(), port: 9092, rack: Some("r".to_owned()) };
            encoder.end(&mut writer, &[endpoint]);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            let response = FetchResponse::decode(&mut reader, version).unwrap();
            reader.finish().unwrap();
            let partitions = &response.responses[0].partitions;
            assert_eq!(partitions[0].records.as_deref(), Some(&b"bytes"[..]));
            assert_eq!(partitions[0].aborted_transactions, Some(vec![]));
            assert_eq!(partitions[1].aborted_transactions, None);
            assert_eq!(partitions[1].records.as_deref(), Some(&b""[..]), "no records, but not null");
            if version >= 12 {
                assert_eq!(partitions[1].diverging_epoch.end_offset, 99);
                assert_eq!(partitions[1].current_leader.leader_epoch, 5);
            }
            if version >= 16 {
                assert_eq!(response.node_endpoints[0].rack.as_deref(), Some("r"));
            }
        }
    }
}
