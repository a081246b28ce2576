//! API keys, generated from `schema/apis.tsv`, and ranges of versions.

include!(concat!(env!("OUT_DIR"), "/api_key.rs"));

impl ApiKey {
    /// The key on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether `version` of this API has compact types and tagged fields.
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.flexible_from() {
            Some(from) => version >= from,
            None => false,
        }
    }
}

/// Versions of an API, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl VersionRange {
    /// Versions from `min` to `max`, both inclusive.
    #[must_use]
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_flexible_version_is_the_tables() {
        let check = |key: ApiKey, version: i16| {
            assert!(key.is_flexible(version), "{key:?} {version}");
            assert!(!key.is_flexible(version - 1), "{key:?} {}", version - 1);
        };
        check(ApiKey::Produce, 9);
        check(ApiKey::Fetch, 12);
        check(ApiKey::Metadata, 9);
        check(ApiKey::ApiVersions, 3);
        check(ApiKey::InitProducerId, 2);
        assert_eq!(ApiKey::SaslHandshake.flexible_from(), None);
    }
}
