//! Reads wire types off bytes that stay where they are, without an allocation: for what is measured.

use anyhow::{Result, bail};

/// A place in some bytes of a flexible message.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes lie before it.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some(taken) = self.bytes.get(self.position..).and_then(|rest| rest.get(..count)) else {
            bail!("{count} bytes wanted at {} of {}", self.position, self.bytes.len());
        };
        self.position += count;
        Ok(taken)
    }

    /// A byte.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn int8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.take(1)?.try_into()?))
    }

    /// Two bytes.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn int64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    /// An unsigned varint.
    ///
    /// # Errors
    /// The bytes end, or it is too long.
    pub(crate) fn varint(&mut self) -> Result<u32> {
        let mut value = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a varint is too long")
    }

    /// The length of a compact array, string or bytes; `None` for null.
    ///
    /// # Errors
    /// The bytes end, or it is too long.
    pub(crate) fn length(&mut self) -> Result<Option<usize>> {
        Ok(self.varint()?.checked_sub(1).map(|length| length as usize))
    }

    /// A compact string or bytes; empty for null.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn compact(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?.unwrap_or(0);
        self.take(length)
    }

    /// A string with a length of two bytes; empty for null.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn short_string(&mut self) -> Result<&'a [u8]> {
        let length = self.int16()?;
        self.take(usize::try_from(length).unwrap_or(0))
    }

    /// Tagged fields, skipped.
    ///
    /// # Errors
    /// The bytes end.
    pub(crate) fn tagged_fields(&mut self) -> Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()? as usize;
            self.take(size)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dohle_protocol::Writer;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::new();
        writer.int16(-2);
        writer.int64(1 << 40);
        writer.string("topic", true);
        writer.null_bytes(true);
        writer.string("client", false);
        writer.unsigned_varint(300);
        writer.unsigned_varint(0);
        writer.int32(5);
        let bytes = writer.into_bytes();
        let mut cursor = Cursor::new(&bytes);
        assert_eq!((cursor.int16().unwrap(), cursor.int64().unwrap()), (-2, 1 << 40));
        assert_eq!(cursor.compact().unwrap(), b"topic");
        assert_eq!(cursor.compact().unwrap(), b"");
        assert_eq!(cursor.short_string().unwrap(), b"client");
        assert_eq!(cursor.varint().unwrap(), 300);
        cursor.tagged_fields().unwrap();
        assert_eq!(cursor.int32().unwrap(), 5);
        assert_eq!(cursor.position(), bytes.len());
        assert!(cursor.take(1).is_err());
    }
}
