//! What a leader checks of a produced batch before it queues it, outside any lock: Kafka's rules, by walking the records
//! (streaming where they are compressed), never by building them.

use std::ops::ControlFlow;

use bytes::Bytes;
use dohle_model::TopicPartition;

use crate::ErrorCode;
use crate::compression::Compression;
use crate::record_batch::{
    BatchError, BatchHeader, DECOMPRESSED_BYTES_MAX, crc_is_right, recompress, walk, with_create_time,
    with_log_append_time,
};

/// A topic's rules for batches.
#[derive(Clone, Debug)]
pub struct ValidationRules {
    /// For messages.
    pub topic_partition: TopicPartition,
    /// The largest batch, header included (`max.message.bytes`).
    pub max_message_bytes: usize,
    /// The largest batch that a segment holds (`segment.bytes`).
    pub segment_bytes: usize,
    /// Whether the broker stamps the records (`message.timestamp.type=LogAppendTime`).
    pub log_append_time: bool,
    /// How far in the past a record may lie, in milliseconds (`message.timestamp.before.max.ms`).
    pub timestamp_before_max_ms: i64,
    /// How far in the future a record may lie, in milliseconds (`message.timestamp.after.max.ms`).
    pub timestamp_after_max_ms: i64,
    /// Whether records need keys, because the topic is compacted.
    pub compacted: bool,
    /// The codec and level that the topic keeps, where it is not the producer's.
    pub target_compression: Option<(Compression, Option<i32>)>,
    /// The version of the Produce request.
    pub produce_version: i16,
}

/// A batch that may be appended.
#[derive(Clone, Debug)]
pub struct ValidatedBatch {
    /// The header of `bytes`.
    pub header: BatchHeader,
    /// The batch: the very bytes of the request unless the topic rebuilds batches or stamps them itself.
    pub bytes: Bytes,
    /// The broker's time in the records, -1 where they carry the producer's.
    pub log_append_time_ms: i64,
}

/// Why a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// The error for the partition.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// Whether the client is told the message.
    pub is_told: bool,
    /// Whether it is refused for what it is as a whole: then the client is not told where the log starts.
    pub as_a_whole: bool,
    /// Index (within the batch) and reason of each record that is wrong, where records are.
    pub record_errors: Vec<(i32, String)>,
}

impl ValidationError {
    /// Something in the batch is wrong.
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), is_told: false, as_a_whole: false, record_errors: Vec::new() }
    }

    /// The batch is no batch, too large, or damaged.
    fn as_a_whole(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { as_a_whole: true, ..Self::new(code, message) }
    }
}

impl From<BatchError> for ValidationError {
    fn from(error: BatchError) -> Self {
        let message = error.to_string();
        match error {
            // Formats 0 and 1 are refused, other numbers stand for none.
            BatchError::Magic(0 | 1) => Self::as_a_whole(ErrorCode::InvalidRecord, message),
            BatchError::Magic(magic) => Self {
                is_told: true,
                ..Self::as_a_whole(ErrorCode::CorruptMessage, format!("Invalid magic found in record: {magic}"))
            },
            BatchError::Short | BatchError::Length(_) => Self::as_a_whole(ErrorCode::CorruptMessage, message),
            BatchError::Record(_) => Self::new(ErrorCode::InvalidRecord, message),
            // Kafka is not prepared for them.
            BatchError::Codec(_) | BatchError::Compressed(_) => Self::new(ErrorCode::UnknownServerError, message),
            BatchError::TooLarge(_) | BatchError::Expands(_) => Self::as_a_whole(ErrorCode::MessageTooLarge, message),
        }
    }
}

/// The smallest value of a batch's length field that Kafka reads on from, whatever the format.
const RECORD_SIZE_MIN: i32 = 14;
/// How many bytes lie before what the length field counts.
const LENGTH_OVERHEAD_BYTES: usize = 12;
/// How many bytes it takes to tell the format.
const UP_TO_MAGIC_BYTES: usize = 17;

/// Checks the length before all else, as Kafka does: what has none worth the name is no batch of any format.
fn check_length(records: &[u8]) -> Result<(), ValidationError> {
    let length = records.get(8..LENGTH_OVERHEAD_BYTES).and_then(|bytes| bytes.first_chunk());
    match length.map(|bytes| i32::from_be_bytes(*bytes)) {
        Some(length) if length < RECORD_SIZE_MIN => {
            let message = format!("Record size {length} is less than the minimum record overhead ({RECORD_SIZE_MIN})");
            Err(ValidationError { is_told: true, ..ValidationError::as_a_whole(ErrorCode::CorruptMessage, message) })
        }
        _ => Ok(()),
    }
}

/// Checks what lies behind the first batch of a partition. As in Kafka, the beginning of another batch is left out of
/// account, and another whole one is refused.
fn check_rest(rest: &[u8]) -> Result<(), ValidationError> {
    let Some((length, _)) = rest.get(8..LENGTH_OVERHEAD_BYTES).and_then(|bytes| bytes.split_first_chunk()) else {
        return Ok(());
    };
    let length = i32::from_be_bytes(*length);
    let damaged = |message: String| Err(ValidationError::as_a_whole(ErrorCode::CorruptMessage, message));
    if length < RECORD_SIZE_MIN {
        return damaged(format!("there cannot be a batch with length {length} behind the first"));
    }
    let Some(magic) = rest.get(UP_TO_MAGIC_BYTES - 1).map(|magic| magic.cast_signed()) else { return Ok(()) };
    if !(0..=2).contains(&magic) {
        return damaged(format!("there cannot be a batch with magic {magic} behind the first"));
    }
    let is_whole = usize::try_from(length).is_ok_and(|length| rest.len() - LENGTH_OVERHEAD_BYTES >= length);
    if is_whole {
        let message = "a Produce request may hold exactly one record batch for each partition";
        return Err(ValidationError::as_a_whole(ErrorCode::InvalidRecord, message));
    }
    Ok(())
}

/// Checks the records of one partition of a Produce request at time `now_ms`.
///
/// # Errors
/// The first rule that the batch breaks, as Kafka would answer; beyond Kafka, [`ErrorCode::MessageTooLarge`] where
/// compressed records take more than [`DECOMPRESSED_BYTES_MAX`].
pub fn validate(records: Bytes, rules: &ValidationRules, now_ms: i64) -> Result<ValidatedBatch, ValidationError> {
    check(&records, rules, now_ms, DECOMPRESSED_BYTES_MAX).map_err(|unchecked| match unchecked {
        Unchecked::Refused(error) => error,
        Unchecked::Expands(limit) => BatchError::Expands(limit).into(),
    })
}

/// The same where it takes little time: `None` where compressed records take more than `plain_bytes_max` bytes, for
/// whoever has others waiting to do it elsewhere.
#[must_use]
pub fn validate_small(
    records: &Bytes,
    rules: &ValidationRules,
    now_ms: i64,
    plain_bytes_max: usize,
) -> Option<Result<ValidatedBatch, ValidationError>> {
    match check(records, rules, now_ms, plain_bytes_max) {
        Ok(batch) => Some(Ok(batch)),
        Err(Unchecked::Refused(error)) => Some(Err(error)),
        Err(Unchecked::Expands(_)) => None,
    }
}

/// Why a check ended early.
enum Unchecked {
    /// A rule is broken.
    Refused(ValidationError),
    /// The records take more bytes than this, and were good up to there.
    Expands(usize),
}

impl From<ValidationError> for Unchecked {
    fn from(error: ValidationError) -> Self {
        Self::Refused(error)
    }
}

impl From<BatchError> for Unchecked {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Expands(limit) => Self::Expands(limit),
            error => Self::Refused(error.into()),
        }
    }
}

fn check(
    records: &Bytes,
    rules: &ValidationRules,
    now_ms: i64,
    plain_bytes_max: usize,
) -> Result<ValidatedBatch, Unchecked> {
    check_length(records)?;
    let header = match BatchHeader::decode(records) {
        Ok(header) if records.len() >= header.size_bytes() => header,
        Ok(_) | Err(BatchError::Short) => {
            // Kafka finds no batch in it at all.
            let message = "a Produce request must hold one whole record batch for each partition";
            return Err(ValidationError::as_a_whole(ErrorCode::InvalidRecord, message).into());
        }
        Err(error) => return Err(error.into()),
    };
    let size = header.size_bytes();
    check_rest(&records[size..])?;
    let records = records.slice(..size);
    if size > rules.max_message_bytes {
        return Err(too_large(size, rules.max_message_bytes).into());
    }
    if !crc_is_right(&records) {
        return Err(ValidationError::as_a_whole(ErrorCode::CorruptMessage, "the CRC of the batch is wrong").into());
    }
    check_header(&header, rules)?;
    let codec = header.compression()?;
    let max_timestamp = check_records(&header, &records, rules, now_ms, plain_bytes_max)?;

    let mut bytes = records;
    if let Some((target, level)) = rules.target_compression
        && target != codec
    {
        bytes = recompress(&bytes, target, level, rules.max_message_bytes)?;
    }
    let mut log_append_time_ms = -1;
    if rules.log_append_time {
        bytes = with_log_append_time(&bytes, now_ms);
        log_append_time_ms = now_ms;
    } else if header.is_log_append_time() || header.max_timestamp != max_timestamp {
        // Retention and time lookups rely on the header, and the time is the producer's, whatever it says.
        bytes = with_create_time(&bytes, max_timestamp);
    }
    if bytes.len() > rules.segment_bytes {
        return Err(ValidationError::as_a_whole(
            ErrorCode::RecordListTooLarge,
            format!("the batch of {} bytes exceeds the segment size of {} bytes", bytes.len(), rules.segment_bytes),
        )
        .into());
    }
    let header = BatchHeader::decode(&bytes)?;
    Ok(ValidatedBatch { header, bytes, log_append_time_ms })
}

fn too_large(size: usize, limit: usize) -> ValidationError {
    ValidationError::as_a_whole(
        ErrorCode::MessageTooLarge,
        format!("the batch of {size} bytes exceeds the maximum configured size of {limit} bytes"),
    )
}

/// The version of Produce from which on batches may use zstd (KIP-110).
const ZSTD_FROM_PRODUCE_VERSION: i16 = 7;

fn check_header(header: &BatchHeader, rules: &ValidationRules) -> Result<(), ValidationError> {
    let invalid = |message: &str| Err(ValidationError::new(ErrorCode::InvalidRecord, message));
    if header.base_offset != 0 {
        return invalid("the base offset of a produced batch must be 0");
    }
    if header.is_control() {
        return invalid("clients may not write control batches");
    }
    if header.is_transactional() {
        return Err(ValidationError::as_a_whole(
            ErrorCode::InvalidTxnState,
            "transactions are not supported by this broker yet",
        ));
    }
    if header.record_count <= 0 || header.last_offset_delta != header.record_count - 1 {
        return invalid("the number of records does not fit the range of offsets");
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return invalid("the batch has a producer id but no sequence");
    }
    // Of these versions Kafka looks at the codec as soon as it has the request.
    let compression = header.compression().map_err(|error| ValidationError {
        as_a_whole: rules.produce_version < ZSTD_FROM_PRODUCE_VERSION,
        ..error.into()
    })?;
    if rules.produce_version < ZSTD_FROM_PRODUCE_VERSION && compression == Compression::Zstd {
        return Err(ValidationError::as_a_whole(
            ErrorCode::UnsupportedCompressionType,
            "Produce requests below version 7 may not use zstd",
        ));
    }
    Ok(())
}

/// The most records that a refusal names: a batch may decompress to millions, each of them wrong.
const RECORD_ERRORS_MAX: usize = 10_000;

/// What is wrong with single records, gathered; Kafka fails the whole batch and names each.
#[derive(Default)]
struct RecordErrors {
    timestamps: bool,
    count: usize,
    named: Vec<(i32, String)>,
}

impl RecordErrors {
    fn add(&mut self, index: i32, message: impl FnOnce() -> String) {
        self.count += 1;
        if self.named.len() < RECORD_ERRORS_MAX {
            self.named.push((index, message()));
        }
    }

    fn into_result(self) -> Result<(), ValidationError> {
        if self.count == 0 {
            return Ok(());
        }
        let (code, message) = if self.timestamps {
            let message = "One or more records have been rejected due to invalid timestamp";
            (ErrorCode::InvalidTimestamp, message.to_owned())
        } else {
            let shown: Vec<String> = self
                .named
                .iter()
                .take(3)
                .map(|(index, message)| format!("RecordError(batchIndex={index}, message='{message}')"))
                .collect();
            let message = format!(
                "One or more records have been rejected due to {} record errors in total, and only showing the first three errors at most: [{}]",
                self.count,
                shown.join(", ")
            );
            (ErrorCode::InvalidRecord, message)
        };
        Err(ValidationError { code, message, is_told: true, as_a_whole: false, record_errors: self.named })
    }
}

/// What is wrong with the timestamp of a record.
fn refused_time(
    header: &BatchHeader,
    timestamp: i64,
    index: i32,
    rules: &ValidationRules,
    now_ms: i64,
) -> Option<String> {
    if rules.log_append_time || timestamp == -1 {
        return header.is_log_append_time().then(|| {
            format!("Invalid timestamp type in message with offset {index}. Producer should not set timestamp type to LogAppendTime.")
        });
    }
    let too_old = now_ms.saturating_sub(timestamp) > rules.timestamp_before_max_ms;
    let too_new = timestamp.saturating_sub(now_ms) > rules.timestamp_after_max_ms;
    (too_old || too_new).then(|| {
        format!(
            "Timestamp {timestamp} of message with offset {index} is out of range. The timestamp should be within [{}, {}]",
            now_ms.wrapping_sub(rules.timestamp_before_max_ms),
            now_ms.wrapping_add(rules.timestamp_after_max_ms)
        )
    })
}

/// Walks the records and gives the largest timestamp of the producer's.
fn check_records(
    header: &BatchHeader,
    batch: &[u8],
    rules: &ValidationRules,
    now_ms: i64,
    plain_bytes_max: usize,
) -> Result<i64, Unchecked> {
    let mut errors = RecordErrors::default();
    let mut max_timestamp = -1;
    let mut expected = 0;
    let mut in_order = true;
    walk(header, batch, plain_bytes_max, |outline| {
        let index = expected;
        if outline.offset_delta != index {
            in_order = false;
            return ControlFlow::Break(());
        }
        expected += 1;
        let timestamp = header.timestamp_of(outline.timestamp_delta);
        max_timestamp = max_timestamp.max(timestamp);
        if rules.compacted && !outline.has_key {
            errors.add(index, || {
                let topic_partition = &rules.topic_partition;
                format!("Compacted topic cannot accept message without key in topic partition {topic_partition}")
            });
        } else if let Some(message) = refused_time(header, timestamp, index, rules, now_ms) {
            errors.timestamps = true;
            errors.add(index, || message);
        }
        ControlFlow::Continue(())
    })?;
    if !in_order {
        let message = format!("record {expected} of the batch does not have the offset that follows");
        return Err(ValidationError::new(ErrorCode::InvalidRecord, message).into());
    }
    errors.into_result()?;
    Ok(max_timestamp)
}

#[cfg(test)]
mod tests {
    use dohle_model::PartitionIndex;

    use super::*;
    use crate::record_batch::BatchBuilder;

    const NOW: i64 = 1_000_000_000;

    fn rules() -> ValidationRules {
        ValidationRules {
            topic_partition: TopicPartition { topic: "orders".into(), partition: PartitionIndex(3) },
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            log_append_time: false,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            target_compression: None,
            produce_version: 13,
        }
    }

    fn batch(codec: Compression) -> Bytes {
        let mut builder = BatchBuilder::new(codec);
        builder.record(NOW, Some(b"k"), Some(&[7; 300]), &[("h", None)]);
        builder.record(NOW + 1, None, None, &[]);
        builder.build()
    }

    /// The batch with one byte changed and its CRC renewed, so that only the change itself can be noticed.
    fn damaged(batch: &Bytes, position: usize, value: u8) -> Bytes {
        let mut bytes = batch.to_vec();
        bytes[position] = value;
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes.into()
    }

    fn code(records: Bytes, rules: &ValidationRules) -> ErrorCode {
        validate(records, rules, NOW).unwrap_err().code
    }

    #[test]
    fn good_batches_pass_untouched_in_every_codec() {
        for codec in 0..5 {
            let batch = batch(Compression::from_code(codec).unwrap());
            let validated = validate(batch.clone(), &rules(), NOW).unwrap();
            assert_eq!(validated.bytes.as_ptr(), batch.as_ptr(), "no copy");
        }
    }

    #[test]
    fn what_expands_beyond_a_bound_is_left_for_elsewhere() {
        let batch_of = |codec| {
            let mut builder = BatchBuilder::new(codec);
            builder.record(NOW, None, Some(&[7; 100_000]), &[]);
            builder.build()
        };
        let plain_bytes = batch_of(Compression::None).len() - BatchHeader::SIZE_BYTES;
        let batch = batch_of(Compression::Gzip);
        let small = |plain_bytes_max| validate_small(&batch, &rules(), NOW, plain_bytes_max);
        assert!(small(plain_bytes).unwrap().is_ok());
        assert!(small(plain_bytes - 1).is_none());
        // What is wrong before the bound is told at once.
        let broken = damaged(&batch, 60, 3);
        assert!(validate_small(&broken, &rules(), NOW, 50_000).unwrap().is_err());
    }

    #[test]
    fn every_rule_has_its_error() {
        let good = batch(Compression::None);
        let mut broken = good.to_vec();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(code(broken.into(), &rules()), ErrorCode::CorruptMessage);
        assert_eq!(code(good.slice(..good.len() - 1), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(good.slice(..10), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(damaged(&good, 16, 3), &rules()), ErrorCode::CorruptMessage);
        let two: Bytes = [&good[..], &good[..]].concat().into();
        assert_eq!(code(two, &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(damaged(&good, 16, 1), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(damaged(&good, 22, 0x20), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(damaged(&good, 22, 0x10), &rules()), ErrorCode::InvalidTxnState);
        assert_eq!(code(damaged(&good, 22, 0x05), &rules()), ErrorCode::UnknownServerError);
        assert_eq!(code(damaged(&good, 22, 0x01), &rules()), ErrorCode::UnknownServerError, "no gzip stream");
        assert_eq!(code(damaged(&good, 60, 3), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(code(damaged(&good, 7, 3), &rules()), ErrorCode::InvalidRecord);
        let small = ValidationRules { max_message_bytes: 100, ..rules() };
        assert_eq!(code(good.clone(), &small), ErrorCode::MessageTooLarge);
        let old = ValidationRules { produce_version: 6, ..rules() };
        assert_eq!(code(batch(Compression::Zstd), &old), ErrorCode::UnsupportedCompressionType);
        let compacted = ValidationRules { compacted: true, ..rules() };
        let error = validate(good, &compacted, NOW).unwrap_err();
        assert_eq!((error.code, error.record_errors[0].0), (ErrorCode::InvalidRecord, 1));
        let record = "Compacted topic cannot accept message without key in topic partition orders-3";
        assert_eq!(error.record_errors[0].1, record);
        let message = format!(
            "One or more records have been rejected due to 1 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=1, message='{record}')]"
        );
        assert_eq!(error.message, message);
    }

    #[test]
    fn what_is_refused_as_a_whole_is_told_as_kafka_tells_it() {
        let good = batch(Compression::None);
        let refusal = |records: Bytes| {
            let error = validate(records, &rules(), NOW).unwrap_err();
            (error.code, error.as_a_whole, error.is_told.then_some(error.message))
        };
        let told = |message: &str| Some(message.to_owned());
        let magic = told("Invalid magic found in record: 3");
        assert_eq!(refusal(damaged(&good, 16, 3)), (ErrorCode::CorruptMessage, true, magic));
        let mut short = good.to_vec();
        short[8..12].copy_from_slice(&5_i32.to_be_bytes());
        let length = told("Record size 5 is less than the minimum record overhead (14)");
        assert_eq!(refusal(short.into()), (ErrorCode::CorruptMessage, true, length));
        let length = told("Record size -1 is less than the minimum record overhead (14)");
        assert_eq!(refusal(Bytes::from_static(&[0xff; 100])), (ErrorCode::CorruptMessage, true, length));
        assert_eq!(refusal(Bytes::new()), (ErrorCode::InvalidRecord, true, None));
        assert_eq!(refusal(damaged(&good, 22, 0x20)), (ErrorCode::InvalidRecord, false, None));
        assert_eq!(refusal(damaged(&good, 60, 3)), (ErrorCode::InvalidRecord, false, None));
    }

    #[test]
    fn the_beginning_of_a_second_batch_is_left_out_and_a_whole_one_is_refused() {
        let good = batch(Compression::None);
        let followed_by = |rest: &[u8]| validate([&good[..], rest].concat().into(), &rules(), NOW);
        for length in [0, 5, 11, 12, 16, 17, good.len() - 1] {
            assert_eq!(followed_by(&good[..length]).unwrap().bytes, good, "{length} bytes");
        }
        assert_eq!(followed_by(&good).unwrap_err().code, ErrorCode::InvalidRecord);
        assert_eq!(followed_by(&[0; 12]).unwrap_err().code, ErrorCode::CorruptMessage, "no length");
        assert_eq!(followed_by(&[0; 11]).unwrap().bytes, good);
        assert_eq!(followed_by(&damaged(&good, 16, 3)).unwrap_err().code, ErrorCode::CorruptMessage);
    }

    #[test]
    fn the_header_is_made_to_say_whose_time_it_is() {
        let good = batch(Compression::None);
        let stamped = damaged(&good, 22, 0x08);
        assert_eq!(validate(stamped.clone(), &rules(), NOW).unwrap().bytes, good);
        let mut wrong = good.to_vec();
        wrong[35..43].copy_from_slice(&5_i64.to_be_bytes());
        let wrong = damaged(&wrong.into(), 22, 0);
        assert_eq!(validate(wrong, &rules(), NOW).unwrap().bytes, good);
        let brokers = ValidationRules { log_append_time: true, ..rules() };
        let error = validate(stamped, &brokers, NOW).unwrap_err();
        assert_eq!((error.code, error.record_errors.len()), (ErrorCode::InvalidTimestamp, 2));
        let validated = validate(good, &brokers, NOW + 7).unwrap();
        assert!(validated.header.is_log_append_time());
        assert_eq!((validated.header.max_timestamp, validated.log_append_time_ms), (NOW + 7, NOW + 7));
    }

    #[test]
    fn what_kafka_lets_pass_passes() {
        let good = batch(Compression::None);
        // A delete horizon, a flag without a meaning, a producer id without an epoch.
        for (position, value) in [(22, 0x40), (21, 0x01)] {
            let odd = damaged(&good, position, value);
            assert_eq!(validate(odd.clone(), &rules(), NOW).unwrap().bytes, odd);
        }
        let mut builder = BatchBuilder::default().producer(7, -1, 0);
        builder.record(NOW, None, None, &[]);
        assert!(validate(builder.build(), &rules(), NOW).is_ok());
        let mut builder = BatchBuilder::default().producer(7, 0, -1);
        builder.record(NOW, None, None, &[]);
        assert_eq!(code(builder.build(), &rules()), ErrorCode::InvalidRecord);
    }

    #[test]
    fn a_refusal_names_a_bounded_number_of_records() {
        let mut builder = BatchBuilder::new(Compression::Zstd);
        for _ in 0..100_000 {
            builder.record(NOW, None, None, &[]);
        }
        let compacted = ValidationRules { compacted: true, ..rules() };
        let error = validate(builder.build(), &compacted, NOW).unwrap_err();
        assert_eq!(error.record_errors.len(), RECORD_ERRORS_MAX);
        assert!(error.message.contains("due to 100000 record errors"));
    }

    #[test]
    fn timestamps_too_far_ahead_name_their_records() {
        let error = validate(batch(Compression::Lz4), &rules(), NOW - 3_600_001).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidTimestamp);
        assert_eq!(error.record_errors.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn malformed_records_in_a_compressed_batch_are_noticed() {
        let good = batch(Compression::None);
        let mut plain = good[61..].to_vec();
        plain[5] = 0x7f;
        let mut bytes = good[..61].to_vec();
        bytes.extend_from_slice(&crate::compression::compress(Compression::Zstd, &plain, None).unwrap());
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(code(damaged(&bytes.into(), 22, 4), &rules()), ErrorCode::InvalidRecord);
    }

    #[test]
    fn a_topic_codec_rebuilds_the_batch() {
        let rules = ValidationRules { target_compression: Some((Compression::Gzip, None)), ..rules() };
        let validated = validate(batch(Compression::None), &rules, NOW).unwrap();
        assert_eq!(validated.header.compression(), Ok(Compression::Gzip));
        assert_eq!(crate::record_batch::records(&validated.bytes).unwrap().len(), 2);
    }
}
