//! Produce on the floor server: finds the batches in a request, and writes the response.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use crate::frames::cursor::Cursor;

/// A batch in the receive buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its partition's index.
    pub(super) partition: usize,
    /// Where its bytes lie.
    pub(super) range: Range<usize>,
    /// How many records it says it holds.
    pub(super) records: i64,
}

/// A request for one topic.
#[derive(Debug)]
pub(super) struct ProduceRequest<'a> {
    /// The topic.
    pub(super) topic: &'a [u8],
    /// Its batches, placed in the buffer that holds the frame.
    pub(super) batches: Vec<Placed>,
}

/// Reads the body of a request, which begins at `cursor` of a frame that itself begins at `frame_start` of the buffer.
/// Batches whose CRC is wrong are an error.
///
/// # Errors
/// The request is not one that the generator sends.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, frame_start: usize) -> Result<ProduceRequest<'a>> {
    // Transactional id, acks, timeout.
    cursor.compact()?;
    cursor.take(6)?;
    ensure!(cursor.length()? == Some(1), "not one topic");
    let topic = cursor.compact()?;
    let count = cursor.length()?.context("no partitions")?;
    let mut batches = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        let partition = usize::try_from(cursor.int32()?)?;
        let batch = cursor.compact()?;
        let end = frame_start + cursor.position();
        let stored = u32::from_be_bytes(*batch.get(17..).and_then(<[u8]>::first_chunk).context("no batch")?);
        ensure!(crc32c::crc32c(&batch[21..]) == stored, "a CRC is wrong");
        let records = i32::from_be_bytes(*batch.get(57..).and_then(<[u8]>::first_chunk).context("no batch")?);
        cursor.tagged_fields()?;
        batches.push(Placed { partition, range: end - batch.len()..end, records: records.into() });
    }
    Ok(ProduceRequest { topic, batches })
}

/// Writes the response, its length included: partitions and the base offsets of their batches.
pub(super) fn respond(
    out: &mut Vec<u8>,
    correlation_id: i32,
    topic: &[u8],
    partitions: impl ExactSizeIterator<Item = (usize, i64)>,
) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(correlation_id.to_be_bytes());
    out.push(0);
    put_varint(out, 2);
    put_varint(out, topic.len() + 1);
    out.extend(topic);
    put_varint(out, partitions.len() + 1);
    for (index, base_offset) in partitions {
        out.extend(u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(0_i16.to_be_bytes());
        out.extend(base_offset.to_be_bytes());
        // Append time -1, log start 0, no record errors, no message, no tags.
        out.extend((-1_i64).to_be_bytes());
        out.extend(0_i64.to_be_bytes());
        out.extend([1, 0, 0]);
    }
    // Tags of the topic; throttle time; tags.
    out.extend([0; 6]);
    set_length(out, start);
}

/// An unsigned varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Sets the length of the frame that begins at `start`.
pub(super) fn set_length(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::CORRELATION_ID;
    use crate::frames::batches::Shape;
    use crate::frames::requests;
    use crate::frames::responses::check_produce;

    #[test]
    fn what_the_generator_sends_is_understood() {
        let batch = Shape::plain(3, 100).build();
        let frame = requests::produce("events", [0, 200], &batch.bytes, 1);
        let mut cursor = Cursor::new(&frame[4..]);
        cursor.take(8).unwrap();
        cursor.short_string().unwrap();
        cursor.tagged_fields().unwrap();
        let request = read(&mut cursor, 4).unwrap();
        assert_eq!(request.topic, b"events");
        assert_eq!(request.batches.iter().map(|batch| batch.partition).collect::<Vec<_>>(), [0, 200]);
        for placed in &request.batches {
            assert_eq!((&frame[placed.range.clone()], placed.records), (&batch.bytes[..], 3));
        }
        let mut out = Vec::new();
        respond(&mut out, CORRELATION_ID, request.topic, [(0, 70), (200, 90)].into_iter());
        assert_eq!(check_produce(&out[4..]).unwrap(), 70);
    }

    #[test]
    fn damage_is_noticed() {
        let batch = Shape::plain(1, 100).build();
        let mut frame = requests::produce("events", [0], &batch.bytes, 1).to_vec();
        let last = frame.len() - 10;
        frame[last] ^= 1;
        let mut cursor = Cursor::new(&frame[4..]);
        cursor.take(8).unwrap();
        cursor.short_string().unwrap();
        cursor.tagged_fields().unwrap();
        assert_eq!(read(&mut cursor, 4).unwrap_err().to_string(), "a CRC is wrong");
    }
}
