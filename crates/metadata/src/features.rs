//! Feature levels (KIP-584): which ones this release knows, and at which levels.

/// The feature whose level says which metadata records may be written.
pub const METADATA_VERSION: &str = "metadata.version";

/// The one level of `metadata.version` served: that of Kafka 4.3 (`4.3-IV0`).
pub const METADATA_VERSION_LEVEL: i16 = 30;

/// The levels of one feature that a node supports, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// The lowest level.
    pub min: i16,
    /// The highest level.
    pub max: i16,
}

impl FeatureRange {
    /// Whether `level` is supported.
    #[must_use]
    pub fn contains(self, level: i16) -> bool {
        self.min <= level && level <= self.max
    }
}

/// Every feature this release supports, by name. A feature that is not in it is off (level 0) and cannot be turned on.
pub const SUPPORTED: [(&str, FeatureRange); 1] =
    [(METADATA_VERSION, FeatureRange { min: METADATA_VERSION_LEVEL, max: METADATA_VERSION_LEVEL })];

/// Whether a cluster may run with `feature` at `level`; level 0 is "off", which `metadata.version` cannot be.
#[must_use]
pub fn is_supported(feature: &str, level: i16) -> bool {
    match SUPPORTED.iter().find(|(name, _)| *name == feature) {
        Some((_, range)) => range.contains(level),
        None => level == 0,
    }
}
