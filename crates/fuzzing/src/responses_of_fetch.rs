//! A Fetch request and the response to it, written by hand around the records: whatever is asked for and whatever each
//! partition is answered, the generated message reads what was meant.

use bytes::Bytes;
use dohle_protocol::fetch::{FetchEncoder, FetchPartitionHead};
use dohle_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use dohle_protocol::messages::{FetchRequest, FetchResponse};
use dohle_protocol::{Message, Reader, Writer};

const VERSION_MIN: i16 = 4;
const VERSIONS: u8 = 15;
const DIVERGING_EPOCH_FROM: i16 = 12;
const LOG_START_OFFSET_FROM: i16 = 5;

/// What a partition is answered: drawn from its own request, so that it is as odd as that.
fn head_for(asked: &FetchPartition) -> FetchPartitionHead {
    let is_odd = asked.partition % 2 != 0;
    FetchPartitionHead {
        partition_index: asked.partition,
        error_code: i16::try_from(asked.partition_max_bytes % 120).unwrap_or(0),
        high_watermark: asked.fetch_offset,
        last_stable_offset: asked.fetch_offset.wrapping_sub(1),
        log_start_offset: asked.log_start_offset,
        read_committed: is_odd,
        diverging_epoch: is_odd.then_some((asked.last_fetched_epoch, asked.fetch_offset)),
        current_leader: (asked.current_leader_epoch > 0).then_some((1, asked.current_leader_epoch)),
    }
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some((version, body)) = data.split_first() else { return };
    let version = VERSION_MIN + i16::from(version % VERSIONS);
    let body = Bytes::copy_from_slice(body);
    let Ok(request) = FetchRequest::decode(&mut Reader::new(&body), version) else { return };
    let encoder = FetchEncoder::new(version);
    let mut writer = Writer::new();
    encoder.begin(&mut writer, 0, request.session_id, request.topics.len());
    for topic in &request.topics {
        encoder.topic(&mut writer, &topic.topic, topic.topic_id, topic.partitions.len());
        for asked in &topic.partitions {
            let head = head_for(asked);
            let records = asked.partition.to_be_bytes();
            encoder.partition_head(&mut writer, &head, records.len());
            writer.raw(&records);
            encoder.partition_tail(&mut writer, &head);
        }
        encoder.topic_end(&mut writer);
    }
    encoder.end(&mut writer, &[]);

    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes);
    let response = FetchResponse::decode(&mut reader, version).expect("what we write, we read");
    reader.finish().expect("nothing is left over");
    assert_eq!(response.responses.len(), request.topics.len());
    for (answered, topic) in response.responses.iter().zip(&request.topics) {
        assert_eq!((&answered.topic, answered.topic_id), (&topic.topic, topic.topic_id));
        assert_eq!(answered.partitions.len(), topic.partitions.len());
        for (partition, asked) in answered.partitions.iter().zip(&topic.partitions) {
            let head = head_for(asked);
            assert_eq!(partition.records.as_deref(), Some(&asked.partition.to_be_bytes()[..]));
            assert_eq!(
                (partition.partition_index, partition.error_code, partition.high_watermark),
                (head.partition_index, head.error_code, head.high_watermark)
            );
            assert_eq!(partition.last_stable_offset, head.last_stable_offset);
            assert_eq!(partition.aborted_transactions.is_some(), head.read_committed);
            if version >= LOG_START_OFFSET_FROM {
                assert_eq!(partition.log_start_offset, head.log_start_offset);
            }
            if version >= DIVERGING_EPOCH_FROM {
                let diverging = &partition.diverging_epoch;
                assert_eq!((diverging.epoch, diverging.end_offset), head.diverging_epoch.unwrap_or((-1, -1)));
                let leader = &partition.current_leader;
                assert_eq!((leader.leader_id, leader.leader_epoch), head.current_leader.unwrap_or((-1, -1)));
            }
        }
    }
}

/// A request in every version.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let partition = |partition| FetchPartition {
        partition,
        current_leader_epoch: 3,
        fetch_offset: 17,
        partition_max_bytes: 1_048_576,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic: "orders".to_owned(),
        partitions: vec![partition(0), partition(1)],
        ..FetchTopic::default()
    };
    let request = FetchRequest { topics: vec![topic], max_bytes: 52_428_800, ..FetchRequest::default() };
    let seed = |number: u8| {
        let mut writer = Writer::new();
        request.encode(&mut writer, VERSION_MIN + i16::from(number));
        [&[number], writer.as_slice()].concat()
    };
    (0..VERSIONS).map(seed).collect()
}
