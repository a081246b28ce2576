//! The codecs of record batches: streaming decompression, so that records can be walked without building them, and
//! compression for batches that Dohle builds or rebuilds.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Write};

use bytes::Bytes;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective};

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

/// What a decompressing reader buffers; large enough that nearly all records lie in one piece.
const BUFFER_BYTES: usize = 64 * 1024;

/// A reader of what `compressed` holds. Where the codec allows it, the reader's buffer is the codec's own window, so
/// that records are looked at where they were decompressed.
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
            Box::new(Lz4Reader { decoder: lz4_flex::frame::FrameDecoder::new(compressed), ended: false })
        }
        Compression::Zstd => Box::new(ZstdReader::new(compressed)),
    })
}

/// All that `compressed` holds.
///
/// # Errors
/// Where it is damaged, or holds more than `size_bytes_max` ([`io::ErrorKind::FileTooLarge`]).
pub fn decompress(compression: Compression, compressed: &[u8], size_bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut plain = Bounded { written: Vec::new(), size_bytes_max };
    io::copy(&mut decompressor(compression, compressed)?, &mut plain)?;
    Ok(plain.written)
}

/// Compresses `plain`. `level` is the codec's own; codecs without levels ignore it, `None` is the codec's default.
///
/// # Errors
/// Where the codec refuses the level.
pub fn compress(compression: Compression, plain: &[u8], level: Option<i32>) -> io::Result<Bytes> {
    compress_from(compression, &mut &plain[..], level, usize::MAX).map(Bytes::from)
}

/// Compresses what `plain` yields, holding no more than the result in memory.
///
/// # Errors
/// Those of `plain`, and [`io::ErrorKind::FileTooLarge`] as soon as the result exceeds `size_bytes_max`.
pub fn compress_from(
    compression: Compression,
    plain: &mut dyn BufRead,
    level: Option<i32>,
    size_bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let mut out = Bounded { written: Vec::new(), size_bytes_max };
    match compression {
        Compression::None => {
            io::copy(plain, &mut out)?;
        }
        Compression::Gzip => {
            let level = match level.and_then(|level| u32::try_from(level).ok()) {
                Some(level) => flate2::Compression::new(level.min(9)),
                None => flate2::Compression::default(),
            };
            let mut encoder = flate2::write::GzEncoder::new(&mut out, level);
            io::copy(plain, &mut encoder)?;
            encoder.finish()?;
        }
        Compression::Snappy => compress_snappy(plain, &mut out)?,
        Compression::Lz4 => {
            // What Java's consumers read: independent blocks.
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut out);
            io::copy(plain, &mut encoder)?;
            encoder.finish().map_err(io::Error::other)?;
        }
        Compression::Zstd => compress_zstd(plain, level, &mut out)?,
    }
    Ok(out.written)
}

/// A vector that refuses to grow beyond a limit.
struct Bounded {
    written: Vec<u8>,
    size_bytes_max: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.size_bytes_max - self.written.len() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the records exceed the limit"));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one LZ4 frame. Like Kafka's reader it looks at nothing behind the frame.
struct Lz4Reader<'a> {
    decoder: lz4_flex::frame::FrameDecoder<&'a [u8]>,
    ended: bool,
}

impl Read for Lz4Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl BufRead for Lz4Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ended {
            return Ok(&[]);
        }
        let available = self.decoder.fill_buf()?;
        self.ended = available.is_empty();
        Ok(available)
    }

    fn consume(&mut self, amount: usize) {
        self.decoder.consume(amount);
    }
}

/// A context is kept for the next batch up to this size; one that had to make room for a large window is not.
const ZSTD_KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A decompressing context of zstd with the buffer it writes to. Setting one up costs as much as a small batch.
struct ZstdDecompression {
    context: DCtx<'static>,
    buffer: Vec<u8>,
}

thread_local! {
    static ZSTD_DECOMPRESSION: Cell<Option<Box<ZstdDecompression>>> = const { Cell::new(None) };
    static ZSTD_COMPRESSION: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
}

/// Reads zstd frames with the thread's context, or one of its own where that is in use.
struct ZstdReader<'a> {
    /// `None` only while dropping.
    state: Option<Box<ZstdDecompression>>,
    rest: &'a [u8],
    position: usize,
    filled: usize,
    between_frames: bool,
}

impl<'a> ZstdReader<'a> {
    fn new(compressed: &'a [u8]) -> Self {
        let state = ZSTD_DECOMPRESSION.take().unwrap_or_else(|| {
            Box::new(ZstdDecompression { context: DCtx::create(), buffer: vec![0; DCtx::out_size()] })
        });
        Self { state: Some(state), rest: compressed, position: 0, filled: 0, between_frames: true }
    }

    fn state(&mut self) -> &mut ZstdDecompression {
        self.state.as_mut().expect("taken when dropped only")
    }
}

impl Drop for ZstdReader<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take()
            && state.context.sizeof() <= ZSTD_KEPT_BYTES_MAX
            && state.context.reset(ResetDirective::SessionOnly).is_ok()
        {
            // A thread that ends has no place for it any more.
            let _ = ZSTD_DECOMPRESSION.try_with(|place| place.set(Some(state)));
        }
    }
}

impl Read for ZstdReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl BufRead for ZstdReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.filled {
            if self.rest.is_empty() && self.between_frames {
                return Ok(&[]);
            }
            let rest = self.rest;
            let state = self.state();
            let mut input = InBuffer::around(rest);
            let mut output = OutBuffer::around(&mut state.buffer[..]);
            let hint = state.context.decompress_stream(&mut output, &mut input).map_err(zstd_error)?;
            let (written, read) = (output.pos(), input.pos());
            if written == 0 && read == 0 && hint != 0 {
                return Err(damaged("a zstd frame is cut off"));
            }
            self.rest = &rest[read..];
            self.position = 0;
            self.filled = written;
            self.between_frames = hint == 0;
        }
        let (position, filled) = (self.position, self.filled);
        Ok(&self.state().buffer[position..filled])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

fn zstd_error(code: zstd::zstd_safe::ErrorCode) -> io::Error {
    damaged(zstd::zstd_safe::get_error_name(code))
}

fn compress_zstd(plain: &mut dyn BufRead, level: Option<i32>, out: &mut Bounded) -> io::Result<()> {
    let mut context = ZSTD_COMPRESSION.take().unwrap_or_else(CCtx::create);
    context.set_parameter(CParameter::CompressionLevel(level.unwrap_or(3))).map_err(zstd_error)?;
    let mut buffer = vec![0; CCtx::out_size()];
    loop {
        let available = plain.fill_buf()?;
        let last = available.is_empty();
        let directive = if last { ZSTD_EndDirective::ZSTD_e_end } else { ZSTD_EndDirective::ZSTD_e_continue };
        let mut input = InBuffer::around(available);
        let mut output = OutBuffer::around(&mut buffer[..]);
        let left = context.compress_stream2(&mut output, &mut input, directive).map_err(zstd_error)?;
        let (written, read) = (output.pos(), input.pos());
        out.write_all(&buffer[..written])?;
        plain.consume(read);
        if last && left == 0 {
            break;
        }
    }
    if context.sizeof() <= ZSTD_KEPT_BYTES_MAX {
        context.reset(ResetDirective::SessionOnly).map_err(zstd_error)?;
        ZSTD_COMPRESSION.set(Some(context));
    }
    Ok(())
}

/// Xerial's header: magic, version 1, oldest compatible version 1.
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_MAGIC_BYTES: usize = 8;
/// What one block of xerial's framing holds before compression.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;
/// The most that one block may claim to hold: blocks of clients are far smaller.
const SNAPPY_BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;

fn compress_snappy(plain: &mut dyn BufRead, out: &mut Bounded) -> io::Result<()> {
    out.write_all(&XERIAL_HEADER)?;
    let mut encoder = snap::raw::Encoder::new();
    let mut block = Vec::with_capacity(XERIAL_BLOCK_BYTES);
    let mut compressed = vec![0; snap::raw::max_compress_len(XERIAL_BLOCK_BYTES)];
    loop {
        block.clear();
        Read::take(&mut *plain, XERIAL_BLOCK_BYTES as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(());
        }
        let size = encoder.compress(&block, &mut compressed).map_err(io::Error::other)?;
        out.write_all(&u32::try_from(size).map_err(io::Error::other)?.to_be_bytes())?;
        out.write_all(&compressed[..size])?;
    }
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
            // Streams may be joined end to end; each has its header.
            if let Some(rest) = self.rest.strip_prefix(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]) {
                self.rest = rest
                    .get(XERIAL_HEADER.len() - XERIAL_MAGIC_BYTES..)
                    .ok_or_else(|| damaged("the snappy header is cut off"))?;
                return Ok(());
            }
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

fn read_buffered(reader: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let available = reader.fill_buf()?;
    let count = available.len().min(buffer.len());
    buffer[..count].copy_from_slice(&available[..count]);
    reader.consume(count);
    Ok(count)
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
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
    fn streams_joined_end_to_end_read_as_one() {
        let halves = [&b"first half, "[..], b"second half"];
        let joined =
            |codec| -> Vec<u8> { halves.iter().flat_map(|half| compress(codec, half, None).unwrap()).collect() };
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Zstd] {
            assert_eq!(decompress(codec, &joined(codec), 100).unwrap(), halves.concat(), "{codec:?}");
        }
        assert_eq!(decompress(Compression::Lz4, &joined(Compression::Lz4), 100).unwrap(), halves[0], "one frame");
    }

    #[test]
    fn a_damaged_stream_leaves_the_threads_contexts_usable() {
        let plain = vec![5; 100_000];
        let compressed = compress(Compression::Zstd, &plain, Some(19)).unwrap();
        assert!(decompress(Compression::Zstd, &compressed[..compressed.len() - 2], 1 << 20).is_err());
        assert!(decompress(Compression::Zstd, b"not zstd at all", 1 << 20).is_err());
        assert!(compress_from(Compression::Zstd, &mut &plain[..], None, 3).is_err());
        assert_eq!(decompress(Compression::Zstd, &compressed, 1 << 20).unwrap(), plain);
        assert_eq!(compress(Compression::Zstd, &plain, Some(19)).unwrap(), compressed);
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
