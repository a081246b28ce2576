//! The first records of a cluster.

use dohle_metadata::Image;
use dohle_metadata::features::{METADATA_VERSION, METADATA_VERSION_LEVEL};
use dohle_protocol::records::metadata::{FeatureLevelRecord, MetadataRecord};

/// What a new leader writes before it decides anything else: the feature levels, where nobody wrote them yet.
pub(crate) fn activation_records(image: &Image) -> Vec<MetadataRecord> {
    if image.feature_level(METADATA_VERSION).is_some() {
        return Vec::new();
    }
    vec![FeatureLevelRecord { name: METADATA_VERSION.to_owned(), feature_level: METADATA_VERSION_LEVEL }.into()]
}
