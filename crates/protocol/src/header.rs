//! Request and response headers.

use crate::api_key::ApiKey;
use crate::wire::{DecodeError, Reader, Writer};

/// What stands before every request's body (header version 1, or 2 where the version is flexible).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The key, which need not be one we know.
    pub api_key: i16,
    /// The version of the body.
    pub api_version: i16,
    /// Sent back with the response.
    pub correlation_id: i32,
    /// The name the client gives itself.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Reads a header. For an unknown key the tagged section of header version 2 is left unread, as nobody knows
    /// whether there is one.
    ///
    /// # Errors
    /// Where the bytes are not a header.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let api_key = reader.int16()?;
        let api_version = reader.int16()?;
        let correlation_id = reader.int32()?;
        // The client id keeps its two-byte length in header version 2, so that it can always be read.
        let client_id = reader.nullable_string(false)?;
        if ApiKey::from_code(api_key).is_some_and(|key| key.is_flexible(api_version)) {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    /// Writes the header as a client would.
    pub fn encode(&self, writer: &mut Writer) {
        writer.int16(self.api_key);
        writer.int16(self.api_version);
        writer.int32(self.correlation_id);
        match &self.client_id {
            Some(client_id) => writer.string(client_id, false),
            None => writer.null_string(false),
        }
        if ApiKey::from_code(self.api_key).is_some_and(|key| key.is_flexible(self.api_version)) {
            writer.unsigned_varint(0);
        }
    }
}

/// Writes the header of a response: version 1 where the API's version is flexible, otherwise, and always for
/// `ApiVersions` (whose client does not know yet what we speak), version 0.
pub fn encode_response_header(writer: &mut Writer, api_key: ApiKey, api_version: i16, correlation_id: i32) {
    writer.int32(correlation_id);
    if api_key != ApiKey::ApiVersions && api_key.is_flexible(api_version) {
        writer.unsigned_varint(0);
    }
}
