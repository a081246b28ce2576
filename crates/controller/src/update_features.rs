//! UpdateFeatures: at which level a cluster runs a feature (KIP-584). All updates of a request are made, or none.

use std::collections::BTreeMap;

use dohle_metadata::FeatureRange;
use dohle_metadata::features::{self, METADATA_VERSION};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::update_features_request::FeatureUpdateKey;
use dohle_protocol::messages::update_features_response::UpdatableFeatureResult;
use dohle_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use dohle_protocol::records::metadata::FeatureLevelRecord;

use crate::decision::{ApiError, Context, Decision};

/// The version of Kafka's own consensus protocol. It is nobody's to change here, and no record says it.
const KRAFT_VERSION: &str = "kraft.version";

/// The other features that Kafka 4.3 knows of. Whichever is not supported is off, and may be told to be.
const OTHER_FEATURES: [&str; 5] =
    ["eligible.leader.replicas.version", "group.version", "share.version", "streams.version", "transaction.version"];

/// A feature that is off, and cannot be anything else.
const OFF: FeatureRange = FeatureRange { min: 0, max: 0 };

/// Finalizes other levels. The response has one result for each feature where all went well; versions from 2 on leave
/// those out.
pub(crate) fn update_features(
    context: &Context<'_>,
    request: &UpdateFeaturesRequest,
) -> Decision<UpdateFeaturesResponse> {
    // Of two updates of one feature the later counts.
    let updates: BTreeMap<&str, &FeatureUpdateKey> =
        request.feature_updates.iter().map(|update| (update.feature.as_str(), update)).collect();
    let mut records = Vec::new();
    for update in updates.into_values() {
        let current = context.image.feature_level(&update.feature).unwrap_or(0);
        match check_update(update, current, &nodes(context, &update.feature)) {
            Ok(record) => records.extend(record.map(Into::into)),
            Err(error) => {
                let reason = error.message.unwrap_or_default();
                tracing::info!(feature = update.feature, level = update.max_version_level, reason, "refused to change");
                return Decision::unchanged(UpdateFeaturesResponse {
                    error_code: error.code.code(),
                    error_message: Some(format!(
                        "The update failed for all features since the following feature had an error: {reason}"
                    )),
                    ..Default::default()
                });
            }
        }
    }
    if request.validate_only {
        records.clear();
    }
    let results = request.feature_updates.iter().map(|update| UpdatableFeatureResult {
        feature: update.feature.clone(),
        error_code: ErrorCode::None.code(),
        // It is what Kafka has there.
        error_message: Some("NONE".to_owned()),
    });
    let response = UpdateFeaturesResponse { error_message: None, results: results.collect(), ..Default::default() };
    Decision { records, response }
}

/// The nodes of the cluster, by how Kafka calls them, and which levels of a feature each supports.
fn nodes(context: &Context<'_>, feature: &str) -> Vec<(String, FeatureRange)> {
    let local = context.config.node_id.0;
    let own = features::SUPPORTED.iter().find(|(name, _)| *name == feature).map_or(OFF, |(_, range)| *range);
    let range_in = |supported: &BTreeMap<String, FeatureRange>| supported.get(feature).copied().unwrap_or(OFF);
    let brokers = context.image.brokers().map(|broker| (format!("Broker {}", broker.id), range_in(&broker.features)));
    let others = context.image.controllers().filter(|controller| controller.id != local);
    let controllers = others.map(|other| (format!("Controller {}", other.id), range_in(&other.features)));
    [(format!("Local controller {local}"), own)].into_iter().chain(brokers).chain(controllers).collect()
}

/// Checks one update in Kafka's order, on the level that the feature has now and on what each node supports. The record
/// is `None` where there is nothing to write.
pub(crate) fn check_update(
    update: &FeatureUpdateKey,
    current: i16,
    nodes: &[(String, FeatureRange)],
) -> Result<Option<FeatureLevelRecord>, ApiError> {
    const UPGRADE: i8 = 1;
    const SAFE_DOWNGRADE: i8 = 2;
    const UNSAFE_DOWNGRADE: i8 = 3;
    let (feature, level) = (update.feature.as_str(), update.max_version_level);
    let refuse = |message: String| {
        let message = format!("Invalid update version {level} for feature {feature}. {message}");
        Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message))
    };
    if !(UPGRADE..=UNSAFE_DOWNGRADE).contains(&update.upgrade_type) {
        return refuse("The controller does not support the given upgrade type.".to_owned());
    }
    if level < 0 {
        return refuse("A feature version cannot be less than 0.".to_owned());
    }
    if let Some((node, range)) = nodes.iter().find(|(_, range)| !range.contains(level)) {
        return refuse(match (range.min, range.max) {
            (_, 0) => format!("{node} does not support this feature."),
            (min, max) if min == max => format!("{node} only supports versions {min}"),
            (min, max) => format!("{node} only supports versions {min}-{max}"),
        });
    }
    let is_upgrade = update.upgrade_type == UPGRADE;
    if level < current && is_upgrade {
        return refuse(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade."
                .to_owned(),
        );
    }
    if level > current && !is_upgrade {
        return refuse("Can't downgrade to a newer version.".to_owned());
    }
    if feature == METADATA_VERSION && level < current {
        let reason = if update.upgrade_type == SAFE_DOWNGRADE {
            // The level that this release runs with has records of its own, which none below has.
            "Refusing to perform the requested downgrade because it might delete metadata information."
        } else {
            "Unsafe metadata downgrade is not supported in this version."
        };
        let message = format!("Unsupported metadata.version downgrade from {current} to {level}. {reason}");
        return Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message));
    }
    if feature == KRAFT_VERSION {
        return Ok(None);
    }
    if feature != METADATA_VERSION && !OTHER_FEATURES.contains(&feature) {
        return refuse(format!("Feature {feature} not found."));
    }
    Ok(Some(FeatureLevelRecord { name: feature.to_owned(), feature_level: level }))
}
