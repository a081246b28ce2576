//! The body of a Produce request: the view over its bytes takes what the generated message takes, and sees the same.

use bytes::Bytes;
use dohle_model::Uuid;
use dohle_protocol::compression::Compression;
use dohle_protocol::messages::ProduceRequest;
use dohle_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dohle_protocol::produce::ProduceView;
use dohle_protocol::{Message, Reader, Writer};

use crate::record_batches::batch;

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some((version, body)) = data.split_first() else { return };
    let version = 3 + i16::from(version % 11);
    let body = Bytes::copy_from_slice(body);
    let view = ProduceView::decode(&body, version);
    let message = ProduceRequest::decode(&mut Reader::new(&body), version);
    let (Ok(view), Ok(message)) = (&view, &message) else {
        // The view looks at names only where they are used: longer ones than a string may be are refused there.
        assert!(message.is_err(), "the view refuses what the message takes: {:?}", view.as_ref().err());
        return;
    };
    assert_eq!(
        (view.acks, view.timeout_ms, &view.transactional_id),
        (message.acks, message.timeout_ms, &message.transactional_id)
    );
    assert_eq!(view.topics.len(), message.topic_data.len());
    let mut partitions = view.partitions.iter();
    for (seen, topic) in view.topics.iter().zip(&message.topic_data) {
        assert_eq!((seen.id, seen.partition_count), (topic.topic_id, topic.partition_data.len()));
        if std::str::from_utf8(topic.name.as_bytes()).is_ok() && !topic.name.contains('\u{fffd}') {
            assert_eq!(seen.name(), topic.name);
        }
        // In this order, or the zip would take one too many from the view.
        for (partition, seen) in topic.partition_data.iter().zip(partitions.by_ref()) {
            assert_eq!((seen.index, &seen.records), (partition.index, &partition.records));
        }
    }
}

/// A request in every version.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let partition = |index| PartitionProduceData { index, records: Some(batch(Compression::None)) };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: "orders".to_owned(),
            topic_id: Uuid([7; 16]),
            partition_data: vec![partition(0), partition(1)],
        }],
        ..ProduceRequest::default()
    };
    let seed = |number: u8| {
        let mut writer = Writer::new();
        request.encode(&mut writer, 3 + i16::from(number));
        [&[number], writer.as_slice()].concat()
    };
    (0..11).map(seed).collect()
}
