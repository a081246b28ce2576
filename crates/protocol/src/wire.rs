//! Kafka's primitive types: a bounded reader and a writer.
//!
//! A frame is hostile until proven otherwise: the reader never reserves more memory than the bytes that are left
//! could fill, and refuses more than 1 000 000 elements in all arrays of a message together, however they are nested, and
//! more than 10 000 tagged fields in a section.

use bytes::{BufMut, Bytes, BytesMut};
use dohle_model::Uuid;

/// The most elements that the arrays of one message may have, those within others included.
pub const ARRAY_ELEMENTS_MAX: usize = 1_000_000;
/// The most bytes of a string.
const STRING_BYTES_MAX: usize = i16::MAX as usize;
/// The most fields a tagged section may have.
pub const TAGGED_FIELDS_MAX: u32 = 10_000;

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the message does.
    #[error("the message ends {missing} bytes early")]
    Short {
        /// How many bytes are missing at least.
        missing: usize,
    },
    /// The arrays of the message have more than [`ARRAY_ELEMENTS_MAX`] elements together.
    #[error("the arrays of the message have more than {ARRAY_ELEMENTS_MAX} elements together")]
    Elements,
    /// A length that is negative where it may not be, or larger than anything allowed.
    #[error("length {0} is out of bounds")]
    Length(i64),
    /// A field is null that may not be in this version.
    #[error("field {0} may not be null in this version")]
    Null(&'static str),
    /// A variable-length number goes on beyond its largest form.
    #[error("a variable-length number is too long")]
    Varint,
    /// A message that has no such version.
    #[error("version {0} is not known")]
    Version(i16),
    /// A metadata record that this release does not know.
    #[error("metadata record type {kind} version {version} is not known")]
    UnknownRecord {
        /// Its type number.
        kind: u32,
        /// Its version.
        version: i16,
    },
    /// Bytes are left over after the message's end.
    #[error("{0} bytes are left over after the message")]
    Trailing(usize),
    /// A byte that has no meaning where it stands.
    #[error("{0}")]
    Malformed(&'static str),
}

/// A message or record of the schema tables.
pub trait Message: Sized {
    /// The lowest version.
    const MIN_VERSION: i16;
    /// The highest version.
    const MAX_VERSION: i16;

    /// Reads one message. Fields that `version` does not have get their defaults.
    ///
    /// # Errors
    /// Where the bytes are not such a message, or there is no such version.
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;

    /// Writes the message. Fields that `version` does not have are left out.
    fn encode(&self, writer: &mut Writer, version: i16);
}

/// Reads primitive types off the front of a frame. Byte fields are slices of the frame, not copies.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    position: usize,
    end: usize,
    /// How many elements the arrays that are still to come may have.
    elements_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads one message from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a Bytes) -> Self {
        Self { bytes, position: 0, end: bytes.len(), elements_left: ARRAY_ELEMENTS_MAX }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// How many bytes were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Fails where bytes are left over.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        if length > self.remaining() {
            return Err(DecodeError::Short { missing: length - self.remaining() });
        }
        let start = self.position;
        self.position += length;
        Ok(&self.bytes[start..self.position])
    }

    /// The next `length` bytes as a slice that shares the frame's memory.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn take_bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.position;
        self.take(length)?;
        Ok(self.bytes.slice(start..self.position))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("take gives as many bytes as asked for"))
    }
}

macro_rules! fixed_width {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl Reader<'_> {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`DecodeError::Short`].
            pub fn $name(&mut self) -> Result<$type, DecodeError> {
                Ok(<$type>::from_be_bytes(self.fixed()?))
            })*
        }

        impl Writer {
            $($(#[$doc])*
            pub fn $name(&mut self, value: $type) {
                self.buffer.put_slice(&value.to_be_bytes());
            })*
        }
    };
}

fixed_width! {
    /// A signed byte.
    int8: i8;
    /// Two bytes, big-endian.
    int16: i16;
    /// Four bytes, big-endian.
    int32: i32;
    /// Eight bytes, big-endian.
    int64: i64;
    /// Two bytes, unsigned.
    uint16: u16;
    /// Four bytes, unsigned.
    uint32: u32;
    /// A double-precision number.
    float64: f64;
}

impl Reader<'_> {
    /// A byte that is 0 for false.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.int8()? != 0)
    }

    /// Sixteen bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid(self.fixed()?))
    }

    /// A number in groups of seven bits, lowest first.
    ///
    /// # Errors
    /// [`DecodeError::Short`], [`DecodeError::Varint`].
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.fixed::<1>()?[0];
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::Varint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A length of something of at least `element_size` bytes each; `None` for null.
    fn length(&mut self, flexible: bool, short: bool) -> Result<Option<usize>, DecodeError> {
        let length = if flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else if short {
            i64::from(self.int16()?)
        } else {
            i64::from(self.int32()?)
        };
        if length == -1 {
            return Ok(None);
        }
        usize::try_from(length).map(Some).map_err(|_| DecodeError::Length(length))
    }

    /// A string that may be null. What is not UTF-8 is replaced, as Java does. What would be too long to be sent back is
    /// refused.
    ///
    /// # Errors
    /// [`DecodeError::Short`], [`DecodeError::Length`].
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<String>, DecodeError> {
        let Some(length) = self.length(flexible, true)? else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(DecodeError::Length(i64::try_from(length).unwrap_or(i64::MAX)));
        }
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        if text.len() > STRING_BYTES_MAX {
            return Err(DecodeError::Length(i64::try_from(text.len()).unwrap_or(i64::MAX)));
        }
        Ok(Some(text))
    }

    /// A string.
    ///
    /// # Errors
    /// As [`Self::nullable_string`], and [`DecodeError::Null`].
    pub fn string(&mut self, flexible: bool) -> Result<String, DecodeError> {
        self.nullable_string(flexible)?.ok_or(DecodeError::Null("string"))
    }

    /// Bytes that may be null; they share the frame's memory.
    ///
    /// # Errors
    /// [`DecodeError::Short`], [`DecodeError::Length`].
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Bytes>, DecodeError> {
        match self.length(flexible, false)? {
            Some(length) => self.take_bytes(length).map(Some),
            None => Ok(None),
        }
    }

    /// Bytes; they share the frame's memory.
    ///
    /// # Errors
    /// As [`Self::nullable_bytes`], and [`DecodeError::Null`].
    pub fn bytes(&mut self, flexible: bool) -> Result<Bytes, DecodeError> {
        self.nullable_bytes(flexible)?.ok_or(DecodeError::Null("bytes"))
    }

    /// The number of elements that follow; `None` for a null array.
    ///
    /// # Errors
    /// [`DecodeError::Length`] for a negative number, [`DecodeError::Elements`] for more elements than allowed,
    /// [`DecodeError::Short`] for more than the bytes left.
    pub fn array_length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let Some(length) = self.length(flexible, false)? else { return Ok(None) };
        self.elements_left = self.elements_left.checked_sub(length).ok_or(DecodeError::Elements)?;
        // Every element of every schema takes a byte at least.
        if length > self.remaining() {
            return Err(DecodeError::Short { missing: length - self.remaining() });
        }
        Ok(Some(length))
    }

    /// An array that may be null, each element read by `read`.
    ///
    /// # Errors
    /// As [`Self::array_length`], and what `read` fails with.
    pub fn array<T>(
        &mut self,
        flexible: bool,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(length) = self.array_length(flexible)? else { return Ok(None) };
        // Memory for no more than the frame itself takes; a longer array grows as its elements prove to be there.
        let affordable = 1 + self.remaining() / size_of::<T>().max(1);
        let mut items = Vec::with_capacity(length.min(affordable));
        for _ in 0..length {
            items.push(read(self)?);
        }
        Ok(Some(items))
    }

    /// The marker before a nullable struct in plain position.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] for a marker other than -1 and 1.
    pub fn presence(&mut self) -> Result<bool, DecodeError> {
        match self.int8()? {
            -1 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Malformed("the marker of a nullable struct is neither -1 nor 1")),
        }
    }

    /// The marker before a nullable struct in tagged position.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] for a marker other than 0 and 1.
    pub fn tagged_presence(&mut self) -> Result<bool, DecodeError> {
        match self.unsigned_varint()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Malformed("the marker of a tagged nullable struct is neither 0 nor 1")),
        }
    }

    /// A section of tagged fields. `field` gets each tag and a reader of just its bytes and tells whether it
    /// knows the tag; unknown ones are skipped.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] for tags out of order or a known field with bytes left over, and what `field` fails with.
    pub fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Reader<'_>) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.unsigned_varint()?;
        if count > TAGGED_FIELDS_MAX {
            return Err(DecodeError::Length(i64::from(count)));
        }
        let mut previous = None;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            if previous.is_some_and(|previous| tag <= previous) {
                return Err(DecodeError::Malformed("tagged fields are not in ascending order"));
            }
            previous = Some(tag);
            let size = self.unsigned_varint()? as usize;
            if size > self.remaining() {
                return Err(DecodeError::Short { missing: size - self.remaining() });
            }
            let mut inner = Reader { end: self.position + size, ..*self };
            if field(tag, &mut inner)? && inner.remaining() > 0 {
                return Err(DecodeError::Malformed("a tagged field is longer than its content"));
            }
            self.elements_left = inner.elements_left;
            self.position += size;
        }
        Ok(())
    }

    /// A section of tagged fields of which none is known.
    ///
    /// # Errors
    /// As [`Self::tagged_fields`].
    pub fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        self.tagged_fields(|_, _| Ok(false))
    }
}

/// Writes primitive types to the end of a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(capacity) }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.buffer.freeze()
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// What was written so far, to be patched in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Takes out what was written so far; the writer goes on empty.
    pub fn split(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// A byte that is 0 for false.
    pub fn bool(&mut self, value: bool) {
        self.int8(i8::from(value));
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.raw(&value.0);
    }

    /// A number in groups of seven bits, lowest first.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value.to_le_bytes()[0]);
    }

    /// A string. What is beyond 32 767 bytes is left out: so long can only be a message for people, with something of the
    /// client's in it.
    pub fn string(&mut self, value: &str, flexible: bool) {
        let value = &value[..value.floor_char_boundary(STRING_BYTES_MAX)];
        if flexible {
            self.compact_length(value.len());
        } else {
            self.int16(i16::try_from(value.len()).expect("it was cut to that"));
        }
        self.raw(value.as_bytes());
    }

    /// The null string.
    pub fn null_string(&mut self, flexible: bool) {
        if flexible { self.unsigned_varint(0) } else { self.int16(-1) }
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, value: &[u8], flexible: bool) {
        self.bytes_length(value.len(), flexible);
        self.raw(value);
    }

    /// The length before bytes that are sent from elsewhere.
    pub fn bytes_length(&mut self, length: usize, flexible: bool) {
        self.array_length(length, flexible);
    }

    /// Null bytes.
    pub fn null_bytes(&mut self, flexible: bool) {
        self.null_array(flexible);
    }

    /// The length of an array whose elements follow.
    ///
    /// # Panics
    /// Where it does not fit in 31 bits.
    pub fn array_length(&mut self, length: usize, flexible: bool) {
        if flexible {
            self.compact_length(length);
        } else {
            self.int32(i32::try_from(length).expect("lengths on the wire fit in 31 bits"));
        }
    }

    /// The null array.
    pub fn null_array(&mut self, flexible: bool) {
        if flexible { self.unsigned_varint(0) } else { self.int32(-1) }
    }

    fn compact_length(&mut self, length: usize) {
        self.unsigned_varint(u32::try_from(length + 1).expect("lengths on the wire fit in 31 bits"));
    }

    /// One tagged field whose content `write` writes.
    pub fn tagged_field(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        let mut content = Self::new();
        write(&mut content);
        self.unsigned_varint(tag);
        self.unsigned_varint(u32::try_from(content.len()).expect("lengths on the wire fit in 31 bits"));
        self.raw(&content.buffer);
    }
}
