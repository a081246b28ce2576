//! Walking the records of a batch without building them: each is checked to the byte and told in a few numbers.
//!
//! Records that lie in the reader's buffer in one piece, which are nearly all, are walked there; one that straddles two
//! buffers is walked byte by byte, so that no length, however large it claims to be, costs memory.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// What a walk tells of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordOutline {
    /// Milliseconds after the batch's base timestamp.
    pub(crate) timestamp_delta: i64,
    /// Offset less the batch's base offset.
    pub(crate) offset_delta: i32,
    /// Whether it has a key, though perhaps an empty one.
    pub(crate) has_key: bool,
}

/// Walks `record_count` records and then expects the end, unless `visit` breaks off before.
///
/// # Errors
/// The reader's, and [`io::ErrorKind::InvalidData`] where the bytes are not that many records.
pub(crate) fn walk_records<R: BufRead + ?Sized>(
    reader: &mut R,
    record_count: i32,
    mut visit: impl FnMut(RecordOutline) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut left = record_count;
    while left > 0 {
        let window = reader.fill_buf()?;
        let mut rest = window;
        while left > 0 {
            let mut after_length = rest;
            // A cut-off length is told from an overlong one by the slow walk.
            let Some(length) = varint(&mut after_length) else { break };
            let length = usize::try_from(length).map_err(|_| malformed())?;
            let Some((body, next)) = after_length.split_at_checked(length) else { break };
            let outline = walk_body(body).ok_or_else(malformed)?;
            rest = next;
            left -= 1;
            if visit(outline).is_break() {
                return Ok(());
            }
        }
        let consumed = window.len() - rest.len();
        reader.consume(consumed);
        if left > 0 {
            let outline = walk_straddling(reader)?;
            left -= 1;
            if visit(outline).is_break() {
                return Ok(());
            }
        }
    }
    if reader.fill_buf()?.is_empty() { Ok(()) } else { Err(malformed()) }
}

/// What the reader gave are no records; any other error is the reader's.
#[derive(Debug, thiserror::Error)]
#[error("a record is malformed, or there are not as many as declared")]
pub(crate) struct MalformedRecord;

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, MalformedRecord)
}

/// Walks the bytes of one record behind its length; `None` where they are not a record.
fn walk_body(body: &[u8]) -> Option<RecordOutline> {
    let mut rest = body.get(1..)?;
    let timestamp_delta = varlong(&mut rest)?;
    let offset_delta = varint(&mut rest)?;
    let has_key = skip_sized(&mut rest)?;
    skip_sized(&mut rest)?;
    let headers = varint(&mut rest)?;
    if headers < 0 {
        return None;
    }
    for _ in 0..headers {
        if !skip_sized(&mut rest)? {
            return None;
        }
        skip_sized(&mut rest)?;
    }
    rest.is_empty().then_some(RecordOutline { timestamp_delta, offset_delta, has_key })
}

/// Skips bytes behind their length; tells whether they were there: any negative length is null.
fn skip_sized(bytes: &mut &[u8]) -> Option<bool> {
    let Ok(length) = usize::try_from(varint(bytes)?) else { return Some(false) };
    *bytes = bytes.get(length..)?;
    Some(true)
}

/// A zigzag number of 32 bits off the front.
#[inline]
pub(crate) fn varint(bytes: &mut &[u8]) -> Option<i32> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(i32::from(first >> 1) ^ -i32::from(first & 1));
    }
    i32::try_from(varlong(bytes)?).ok()
}

/// A zigzag number of 64 bits off the front.
#[inline]
pub(crate) fn varlong(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(unzigzag(value));
        }
    }
    None
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The slow walk of one record, its length included.
fn walk_straddling<R: BufRead + ?Sized>(reader: &mut R) -> io::Result<RecordOutline> {
    let mut record = Straddling { reader, left: usize::MAX };
    let length = record.varint()?;
    record.left = usize::try_from(length).map_err(|_| malformed())?;
    record.byte()?;
    let timestamp_delta = record.varlong()?;
    let offset_delta = record.varint()?;
    let has_key = record.skip_sized()?;
    record.skip_sized()?;
    let headers = record.varint()?;
    if headers < 0 {
        return Err(malformed());
    }
    for _ in 0..headers {
        if !record.skip_sized()? {
            return Err(malformed());
        }
        record.skip_sized()?;
    }
    if record.left == 0 { Ok(RecordOutline { timestamp_delta, offset_delta, has_key }) } else { Err(malformed()) }
}

/// The bytes of one record, wherever they lie.
struct Straddling<'a, R: ?Sized> {
    reader: &'a mut R,
    /// How many bytes the record still has.
    left: usize,
}

impl<R: BufRead + ?Sized> Straddling<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        self.left = self.left.checked_sub(1).ok_or_else(malformed)?;
        let byte = *self.reader.fill_buf()?.first().ok_or_else(malformed)?;
        self.reader.consume(1);
        Ok(byte)
    }

    fn varlong(&mut self) -> io::Result<i64> {
        let mut value = 0_u64;
        for index in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(unzigzag(value));
            }
        }
        Err(malformed())
    }

    fn varint(&mut self) -> io::Result<i32> {
        i32::try_from(self.varlong()?).map_err(|_| malformed())
    }

    fn skip_sized(&mut self) -> io::Result<bool> {
        let Ok(mut count) = usize::try_from(self.varint()?) else { return Ok(false) };
        self.left = self.left.checked_sub(count).ok_or_else(malformed)?;
        while count > 0 {
            let available = self.reader.fill_buf()?.len().min(count);
            if available == 0 {
                return Err(malformed());
            }
            self.reader.consume(available);
            count -= available;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;
    use crate::record_batch::{BatchBuilder, BatchHeader};

    fn outlines<R: BufRead>(mut reader: R, count: i32) -> Option<Vec<RecordOutline>> {
        let mut outlines = Vec::new();
        let walked = walk_records(&mut reader, count, |outline| {
            outlines.push(outline);
            ControlFlow::Continue(())
        });
        walked.ok().map(|()| outlines)
    }

    proptest! {
        /// Wherever the buffers end, the walk sees the same, of good records and of bad ones.
        #[test]
        fn records_are_walked_alike_in_one_piece_and_in_many(
            sizes in prop::collection::vec((0_usize..3, 0_usize..40), 1..12),
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            capacity in 1_usize..40,
        ) {
            let mut builder = BatchBuilder::default();
            for (index, (headers, size)) in sizes.iter().enumerate() {
                let value = vec![1; *size];
                let key = (size % 3 != 0).then_some(&value[..]);
                builder.record(1000 + index as i64 * 77, key, Some(&value), &vec![("name", None); *headers]);
            }
            let count = builder.count();
            let mut payload = builder.build()[BatchHeader::SIZE_BYTES..].to_vec();
            if let Some((index, byte)) = damage {
                let at = index.index(payload.len());
                payload[at] = byte;
            }
            let whole = outlines(&payload[..], count);
            let pieces = outlines(BufReader::with_capacity(capacity, &payload[..]), count);
            prop_assert_eq!(&whole, &pieces);
            if damage.is_none() {
                let whole = whole.expect("built well");
                prop_assert!(whole.iter().enumerate().all(|(index, outline)| outline.offset_delta == index as i32));
                prop_assert!(whole.iter().zip(&sizes).all(|(outline, (_, size))| outline.has_key == (size % 3 != 0)));
                prop_assert_eq!(outlines(&payload[..payload.len() - 1], count), None);
                prop_assert_eq!(outlines(&payload[..], count - 1).is_none(), true);
                prop_assert_eq!(outlines(&payload[..], count + 1), None);
            }
        }
    }
}
