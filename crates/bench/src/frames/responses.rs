//! Responses, read as far as they must be: whether they are errors, where batches landed, how many bytes of records follow.

use anyhow::{Context, Result, ensure};

use super::CORRELATION_ID;
use super::cursor::Cursor;

/// The bytes of a fetch response with one partition that may lie before its records, its length included: topic names are
/// short here, and no transaction is aborted.
pub(crate) const FETCH_HEAD_BYTES: usize = 160;

/// Checks a Produce response, without its length: every partition has succeeded. Gives back the first one's base offset.
///
/// # Errors
/// A partition has failed, or the bytes are no such response.
pub(crate) fn check_produce(response: &[u8]) -> Result<i64> {
    let mut cursor = Cursor::new(response);
    header(&mut cursor)?;
    let mut first = None;
    for _ in 0..cursor.length()?.context("no topics")? {
        cursor.compact()?;
        for _ in 0..cursor.length()?.context("no partitions")? {
            let index = cursor.int32()?;
            let error_code = cursor.int16()?;
            ensure!(error_code == 0, "produce to partition {index}: error {error_code}");
            let base_offset = cursor.int64()?;
            first.get_or_insert(base_offset);
            // Append time and log start.
            cursor.take(16)?;
            for _ in 0..cursor.length()?.unwrap_or(0) {
                cursor.int32()?;
                cursor.compact()?;
                cursor.tagged_fields()?;
            }
            cursor.compact()?;
            cursor.tagged_fields()?;
        }
        cursor.tagged_fields()?;
    }
    first.context("no partitions")
}

/// What a fetch of one partition has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Where consumers may read to.
    pub(crate) high_watermark: i64,
    /// Bytes of records, a cut-off batch at their end included.
    pub(crate) records_bytes: usize,
}

/// Reads the head of a Fetch response with one partition, without its length; `head` may end where the records begin.
///
/// # Errors
/// It is an error, or the bytes are no such response.
pub(crate) fn fetched(head: &[u8]) -> Result<Fetched> {
    let mut cursor = Cursor::new(head);
    header(&mut cursor)?;
    // Throttle time.
    cursor.int32()?;
    let error_code = cursor.int16()?;
    ensure!(error_code == 0, "fetch: error {error_code}");
    // Session.
    cursor.int32()?;
    ensure!(cursor.length()? == Some(1), "not one topic");
    cursor.compact()?;
    ensure!(cursor.length()? == Some(1), "not one partition");
    let index = cursor.int32()?;
    let error_code = cursor.int16()?;
    ensure!(error_code == 0, "fetch of partition {index}: error {error_code}");
    let high_watermark = cursor.int64()?;
    // Last stable offset and log start.
    cursor.take(16)?;
    for _ in 0..cursor.length()?.unwrap_or(0) {
        cursor.take(16)?;
        cursor.tagged_fields()?;
    }
    // Preferred read replica.
    cursor.int32()?;
    Ok(Fetched { high_watermark, records_bytes: cursor.length()?.unwrap_or(0) })
}

/// Checks a response whose body begins with its throttle time and its error code: Heartbeat.
///
/// # Errors
/// It is an error.
pub(crate) fn check_throttle_then_error(response: &[u8]) -> Result<()> {
    let mut cursor = Cursor::new(response);
    header(&mut cursor)?;
    cursor.int32()?;
    let error_code = cursor.int16()?;
    ensure!(error_code == 0, "error {error_code}");
    Ok(())
}

/// Checks an OffsetCommit response: every partition has succeeded.
///
/// # Errors
/// A partition has failed, or the bytes are no such response.
pub(crate) fn check_offset_commit(response: &[u8]) -> Result<()> {
    let mut cursor = Cursor::new(response);
    header(&mut cursor)?;
    cursor.int32()?;
    for _ in 0..cursor.length()?.context("no topics")? {
        cursor.compact()?;
        for _ in 0..cursor.length()?.context("no partitions")? {
            cursor.int32()?;
            let error_code = cursor.int16()?;
            ensure!(error_code == 0, "commit: error {error_code}");
            cursor.tagged_fields()?;
        }
        cursor.tagged_fields()?;
    }
    Ok(())
}

fn header(cursor: &mut Cursor<'_>) -> Result<()> {
    let correlation_id = cursor.int32()?;
    ensure!(correlation_id == CORRELATION_ID, "correlation id {correlation_id:#x} was never sent");
    cursor.tagged_fields()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dohle_protocol::header::encode_response_header;
    use dohle_protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
    use dohle_protocol::messages::heartbeat_response::HeartbeatResponse;
    use dohle_protocol::messages::offset_commit_response::{
        OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    };
    use dohle_protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
    use dohle_protocol::{ApiKey, Message, Writer};

    use super::*;
    use crate::frames::versions;

    fn encoded(key: ApiKey, version: i16, response: &impl Message) -> Bytes {
        let mut writer = Writer::new();
        encode_response_header(&mut writer, key, version, CORRELATION_ID);
        response.encode(&mut writer, version);
        writer.into_bytes()
    }

    fn produced(error_codes: &[i16]) -> Bytes {
        let partition = |(index, error_code)| PartitionProduceResponse {
            index: i32::try_from(index).unwrap(),
            error_code,
            base_offset: 40 + i64::try_from(index).unwrap(),
            error_message: (error_code != 0).then(|| "no".to_owned()),
            ..Default::default()
        };
        let partition_responses = error_codes.iter().copied().enumerate().map(partition).collect();
        let topic = TopicProduceResponse { name: "events".to_owned(), partition_responses, ..Default::default() };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        encoded(ApiKey::Produce, versions::PRODUCE, &response)
    }

    #[test]
    fn an_error_of_any_partition_is_found() {
        assert_eq!(check_produce(&produced(&[0, 0])).unwrap(), 40);
        let error = check_produce(&produced(&[0, 3])).unwrap_err();
        assert_eq!(error.to_string(), "produce to partition 1: error 3");
        assert!(check_produce(&produced(&[0])[..20]).is_err(), "cut off");
    }

    #[test]
    fn the_head_of_a_fetch_response_says_what_follows() {
        let check = |partition_index, error_code, records: &'static [u8]| {
            let partition = PartitionData {
                partition_index,
                error_code,
                high_watermark: 99,
                records: Some(Bytes::from_static(records)),
                ..Default::default()
            };
            let topic = FetchableTopicResponse {
                topic: "a-topic-of-a-row".to_owned(),
                partitions: vec![partition],
                ..Default::default()
            };
            let response = FetchResponse { responses: vec![topic], ..Default::default() };
            let encoded = encoded(ApiKey::Fetch, versions::FETCH, &response);
            fetched(&encoded[..encoded.len().min(FETCH_HEAD_BYTES - 4)])
        };
        assert_eq!(check(2, 0, &[1; 100_000]).unwrap(), Fetched { high_watermark: 99, records_bytes: 100_000 });
        assert_eq!(check(0, 0, &[]).unwrap().records_bytes, 0);
        assert_eq!(check(2, 1, &[]).unwrap_err().to_string(), "fetch of partition 2: error 1");
    }

    #[test]
    fn errors_of_groups_are_found() {
        let heartbeat = |error_code| {
            let response = HeartbeatResponse { error_code, ..Default::default() };
            check_throttle_then_error(&encoded(ApiKey::Heartbeat, versions::HEARTBEAT, &response))
        };
        assert!(heartbeat(0).is_ok());
        assert_eq!(heartbeat(27).unwrap_err().to_string(), "error 27");
        let commit = |error_code| {
            let partitions = vec![OffsetCommitResponsePartition { partition_index: 0, error_code }];
            let topics = vec![OffsetCommitResponseTopic { name: "t".to_owned(), partitions, ..Default::default() }];
            let response = OffsetCommitResponse { topics, ..Default::default() };
            check_offset_commit(&encoded(ApiKey::OffsetCommit, versions::OFFSET_COMMIT, &response))
        };
        assert!(commit(0).is_ok());
        assert!(commit(25).is_err());
    }
}
