//! The batches of a partition as they lie in its log directory: what no client shows.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Bytes before the first record of a batch; base offset and length are the first twelve of them.
const HEADER_SIZE: usize = 61;
const OFFSET_AND_LENGTH_SIZE: usize = 12;

/// The header of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Its size in bytes, all of it.
    pub size: usize,
    /// How its records are compressed.
    pub codec: &'static str,
    /// The producer's id, -1 where it is not idempotent.
    pub producer_id: i64,
    /// The producer's epoch, -1 where it is not idempotent.
    pub producer_epoch: i16,
    /// The sequence number of its first record, -1 where the producer is not idempotent.
    pub base_sequence: i32,
    /// How many records it has.
    pub records: i32,
}

/// The batches in all segments in a partition's folder, in order.
///
/// # Errors
/// The folder is not there, or a segment does not end with a batch.
pub fn batches(folder: &Path) -> Result<Vec<Batch>> {
    let listing = || format!("list {}", folder.display());
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(path);
        }
    }
    segments.sort();
    let mut batches = Vec::new();
    for segment in segments {
        let bytes = std::fs::read(&segment).with_context(|| format!("read {}", segment.display()))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            ensure!(rest.len() >= HEADER_SIZE, "{} ends within a header", segment.display());
            let size = OFFSET_AND_LENGTH_SIZE + usize::try_from(i32::from_be_bytes(field(rest, 8)?))?;
            ensure!(size <= rest.len(), "{} ends within a batch", segment.display());
            batches.push(Batch {
                base_offset: i64::from_be_bytes(field(rest, 0)?),
                size,
                codec: codec(i16::from_be_bytes(field(rest, 21)?))?,
                producer_id: i64::from_be_bytes(field(rest, 43)?),
                producer_epoch: i16::from_be_bytes(field(rest, 51)?),
                base_sequence: i32::from_be_bytes(field(rest, 53)?),
                records: i32::from_be_bytes(field(rest, 57)?),
            });
            rest = &rest[size..];
        }
    }
    Ok(batches)
}

/// The codec that a batch's attributes name in their lowest three bits.
fn codec(attributes: i16) -> Result<&'static str> {
    let codec = usize::try_from(attributes & 0b111)?;
    let name = ["none", "gzip", "snappy", "lz4", "zstd"].get(codec);
    name.copied().with_context(|| format!("no codec has the number {codec}"))
}

fn field<const SIZE: usize>(header: &[u8], start: usize) -> Result<[u8; SIZE]> {
    Ok(header[start..start + SIZE].try_into()?)
}
