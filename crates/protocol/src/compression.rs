//! The codecs of record batches: streaming decompression, so that records can be walked without building them, and
//! compression for batches that Dohle builds or rebuilds.

use std::io::{self, BufRead, BufReader, Read, Write};

use bytes::Bytes;

/// The codec of a batch: the low three bits of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    None,
    /// Gzip.
    Gzip,
    /// Snappy in xerial's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Compression {
    /// The codec of a number, where there is one.
    #[must_use]
    pub const fn from_code(code: i16) -> Option<Self> {
        Some(match code {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// The number in a batch's attributes.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }
}

/// What a decompressing reader buffers; large enough that varints are read without a call each.
const BUFFER_BYTES: usize = 32 * 1024;

/// A reader of what `compressed` holds.
///
/// # Errors
/// Where the stream does not even start like one of the codec. Later damage shows when reading.
pub fn decompressor(compression: Compression, compressed: &[u8]) -> io::Result<Box<dyn BufRead + '_>> {
    Ok(match compression {
        Compression::None => Box::new(compressed),
        Compression::Gzip => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(compressed)))
        }
        Compression::Snappy => Box::new(SnappyReader::new(compressed)?),
        Compression::Lz4 => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, lz4_flex::frame::FrameDecoder::new(compressed)))
        }
        Compression::Zstd => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::stream::read::Decoder::with_buffer(compressed)?))
        }
    })
}

/// All that `compressed` holds.
///
/// # Errors
/// Where it is damaged, or holds more than `size_bytes_max`.
pub fn decompress(compression: Compression, compressed: &[u8], size_bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = size_bytes_max as u64;
    decompressor(compression, compressed)?.take(limit + 1).read_to_end(&mut plain)?;
    if plain.len() > size_bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the decompressed records exceed the limit"));
    }
    Ok(plain)
}

/// Compresses `plain`. `level` is the codec's own; codecs without levels ignore it, `None` is the codec's default.
///
/// # Errors
/// Where the codec refuses the level.
pub fn compress(compression: Compression, plain: &[u8], level: Option<i32>) -> io::Result<Bytes> {
    Ok(match compression {
        Compression::None => Bytes::copy_from_slice(plain),
        Compression::Gzip => {
            let level = match level.and_then(|level| u32::try_from(level).ok()) {
                Some(level) => flate2::Compression::new(level),
                None => flate2::Compression::default(),
            };
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain)?;
            encoder.finish()?.into()
        }
        Compression::Snappy => compress_snappy(plain)?,
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(plain)?;
            encoder.finish().map_err(io::Error::other)?.into()
        }
        Compression::Zstd => zstd::stream::encode_all(plain, level.unwrap_or(3))?.into(),
    })
}

/// Xerial's header: magic, version 1, oldest compatible version 1.
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_MAGIC_BYTES: usize = 8;
/// What one block of xerial's framing holds before compression.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;
/// The most that one block may claim to hold: blocks of clients are far smaller.
const SNAPPY_BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;

fn compress_snappy(plain: &[u8]) -> io::Result<Bytes> {
    let mut out = XERIAL_HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for block in plain.chunks(XERIAL_BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).map_err(io::Error::other)?;
        out.extend_from_slice(&u32::try_from(compressed.len()).map_err(io::Error::other)?.to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    Ok(out.into())
}

/// Reads snappy: xerial's blocks, or one raw block.
struct SnappyReader<'a> {
    /// Blocks still to come, each behind its length; for a raw block the block itself.
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    position: usize,
}

impl<'a> SnappyReader<'a> {
    fn new(compressed: &'a [u8]) -> io::Result<Self> {
        let framed = compressed.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]);
        let rest = if framed {
            compressed.get(XERIAL_HEADER.len()..).ok_or_else(|| damaged("the snappy header is cut off"))?
        } else {
            compressed
        };
        Ok(Self { rest, framed, block: Vec::new(), position: 0 })
    }

    fn next_block(&mut self) -> io::Result<()> {
        let compressed = if self.framed {
            let (length, rest) =
                self.rest.split_first_chunk::<4>().ok_or_else(|| damaged("a snappy block is cut off"))?;
            let length = u32::from_be_bytes(*length) as usize;
            let block = rest.get(..length).ok_or_else(|| damaged("a snappy block is cut off"))?;
            self.rest = &rest[length..];
            block
        } else {
            std::mem::take(&mut self.rest)
        };
        let size = snap::raw::decompress_len(compressed).map_err(|error| damaged(&error.to_string()))?;
        // Snappy cannot shrink data by more than this; a larger claim is a lie that would only cost memory.
        if size > SNAPPY_BLOCK_BYTES_MAX || size / 64 > compressed.len() {
            return Err(damaged("a snappy block claims an impossible size"));
        }
        self.block.resize(size, 0);
        self.position = 0;
        snap::raw::Decoder::new()
            .decompress(compressed, &mut self.block)
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(())
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for SnappyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        Ok(&self.block[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_gives_back_what_it_took() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for code in 0..5 {
            let codec = Compression::from_code(code).unwrap();
            let compressed = compress(codec, &plain, None).unwrap();
            assert_eq!(decompress(codec, &compressed, plain.len()).unwrap(), plain, "{codec:?}");
            assert!(decompress(codec, &compressed, plain.len() - 1).is_err(), "{codec:?} keeps the limit");
        }
    }

    #[test]
    fn raw_snappy_is_read_as_well() {
        let compressed = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
        assert_eq!(decompress(Compression::Snappy, &compressed, 100).unwrap(), b"hello hello hello");
    }

    #[test]
    fn a_snappy_block_cannot_claim_more_than_snappy_can_pack() {
        assert!(decompress(Compression::Snappy, &[0xff, 0xff, 0xff, 0x0f, 0], 1 << 30).is_err());
    }
}
