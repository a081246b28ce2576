//! Fetch on the floor server: reads a request for one partition, and writes what stands before the records.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::partition::Slice;
use super::produce::{put_varint, set_length};
use crate::frames::cursor::Cursor;

/// A fetch of one partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FetchRequest<'a> {
    /// The topic.
    pub(super) topic: &'a [u8],
    /// The partition's index.
    pub(super) partition: usize,
    /// The first offset that is wanted.
    pub(super) offset: i64,
    /// The most bytes that are wanted.
    pub(super) max_bytes: usize,
    /// How long to wait for the first.
    pub(super) wait: Duration,
}

/// Reads the body of a request.
///
/// # Errors
/// The request is not one that the generator sends.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Result<FetchRequest<'a>> {
    cursor.int32()?;
    let wait = Duration::from_millis(u64::try_from(cursor.int32()?)?);
    // Fewest bytes.
    cursor.int32()?;
    let response_max_bytes = usize::try_from(cursor.int32()?)?;
    // Isolation, session and its epoch.
    cursor.int8()?;
    cursor.take(8)?;
    ensure!(cursor.length()? == Some(1), "not one topic");
    let topic = cursor.compact()?;
    ensure!(cursor.length()? == Some(1), "not one partition");
    let partition = usize::try_from(cursor.int32()?)?;
    cursor.int32()?;
    let offset = cursor.int64()?;
    // Last fetched epoch, log start.
    cursor.take(12)?;
    let max_bytes = usize::try_from(cursor.int32()?)?.min(response_max_bytes);
    Ok(FetchRequest { topic, partition, offset, max_bytes, wait })
}

/// Writes the response's bytes before the records; [`TAIL`] follows them.
pub(super) fn head(out: &mut Vec<u8>, correlation_id: i32, request: &FetchRequest<'_>, slice: Slice) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(correlation_id.to_be_bytes());
    // Tags; throttle time, error, session.
    out.extend([0; 1 + 4 + 2 + 4]);
    put_varint(out, 2);
    put_varint(out, request.topic.len() + 1);
    out.extend(request.topic);
    put_varint(out, 2);
    out.extend(u32::try_from(request.partition).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(0_i16.to_be_bytes());
    out.extend(slice.end_offset.to_be_bytes());
    out.extend(slice.end_offset.to_be_bytes());
    out.extend(0_i64.to_be_bytes());
    // No aborted transactions; no preferred replica.
    out.push(0);
    out.extend((-1_i32).to_be_bytes());
    put_varint(out, slice.size + 1);
    set_length(out, start);
    let length = u32::from_be_bytes([out[start], out[start + 1], out[start + 2], out[start + 3]]);
    let whole = length as usize + slice.size + TAIL.len();
    out[start..start + 4].copy_from_slice(&u32::try_from(whole).unwrap_or(u32::MAX).to_be_bytes());
}

/// What follows the records: tags of partition, topic and response.
pub(super) const TAIL: [u8; 3] = [0; 3];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::CORRELATION_ID;
    use crate::frames::requests::{Fetch, FetchLimits};
    use crate::frames::responses::{Fetched, fetched};

    #[test]
    fn what_the_generator_sends_is_understood() {
        let mut fetch = Fetch::new("events", 3, FetchLimits { max_bytes: 65_536, max_wait_ms: 500 });
        fetch.set_offset(77);
        let mut cursor = Cursor::new(&fetch.frame()[4..]);
        cursor.take(8).unwrap();
        cursor.short_string().unwrap();
        cursor.tagged_fields().unwrap();
        let request = read(&mut cursor).unwrap();
        let wait = Duration::from_millis(500);
        let expected = FetchRequest { topic: b"events", partition: 3, offset: 77, max_bytes: 65_536, wait };
        assert_eq!(request, expected);
        let mut out = Vec::new();
        let slice = Slice { position: 0, size: 100_000, end_offset: 90 };
        head(&mut out, CORRELATION_ID, &request, slice);
        assert_eq!(fetched(&out[4..]).unwrap(), Fetched { high_watermark: 90, records_bytes: 100_000 });
        let length = u32::from_be_bytes(out[..4].try_into().unwrap()) as usize;
        assert_eq!(length, out.len() - 4 + 100_000 + TAIL.len());
    }
}
