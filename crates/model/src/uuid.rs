//! Kafka's UUID: 16 bytes, shown as 22 characters of URL-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Sixteen bytes that name something for ever; all zero means "unset".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// The text is not 22 characters of URL-safe base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a uuid: expected 22 characters of URL-safe base64")]
pub struct ParseUuidError(String);

impl Uuid {
    /// The unset uuid.
    pub const ZERO: Self = Self([0; 16]);
    /// The topic id of `__cluster_metadata`; never given to a topic.
    pub const ONE: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is the unset uuid.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Makes a version 4 uuid (RFC 4122) of 16 random bytes, or `None` where the bytes give one that Kafka
    /// never hands out: a reserved one, or one whose text starts with `-` and would read as an option.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Self> {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let uuid = Self(bytes);
        (!uuid.to_string().starts_with('-')).then_some(uuid)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseUuidError(text.to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| error())?;
        Ok(Self(bytes.try_into().map_err(|_| error())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_kafkas() {
        let text = "MkU3OEVBNTcwNTJENDM2Qg";
        assert_eq!(text.parse::<Uuid>().unwrap().to_string(), text);
        assert_eq!(Uuid::ONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert!("short".parse::<Uuid>().is_err());
    }

    #[test]
    fn random_uuids_never_read_as_options() {
        assert_eq!(Uuid::from_random([0xfb; 16]), None);
        assert!(Uuid::from_random([7; 16]).is_some());
    }
}
