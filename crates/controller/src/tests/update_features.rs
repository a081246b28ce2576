//! UpdateFeatures: results and messages are those of a Kafka 4.3.1 controller.

use dohle_metadata::FeatureRange;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::update_features_request::FeatureUpdateKey;
use dohle_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use dohle_protocol::records::metadata::{FeatureLevelRecord, MetadataRecord};

use super::cluster::Cluster;
use crate::update_features::check_update;

const UPGRADE: i8 = 1;
const SAFE: i8 = 2;
const UNSAFE: i8 = 3;

fn update(feature: &str, max_version_level: i16, upgrade_type: i8) -> FeatureUpdateKey {
    FeatureUpdateKey { feature: feature.to_owned(), max_version_level, upgrade_type, ..Default::default() }
}

fn ask(
    cluster: &mut Cluster,
    feature_updates: Vec<FeatureUpdateKey>,
    validate_only: bool,
) -> (UpdateFeaturesResponse, Vec<MetadataRecord>) {
    let request = UpdateFeaturesRequest { feature_updates, validate_only, ..Default::default() };
    let response = cluster.controller.update_features(&request);
    (response, cluster.commit())
}

/// What becomes of an update where the feature is at `current` and two nodes support `ranges`.
fn check(update: &FeatureUpdateKey, current: i16, ranges: [(i16, i16); 2]) -> Result<Option<i16>, String> {
    let nodes: Vec<_> = ["Local controller 1", "Broker 2"]
        .into_iter()
        .zip(ranges)
        .map(|(node, (min, max))| (node.to_owned(), FeatureRange { min, max }))
        .collect();
    match check_update(update, current, &nodes) {
        Ok(record) => Ok(record.map(|record| record.feature_level)),
        Err(error) => {
            assert_eq!(error.code, ErrorCode::InvalidUpdateVersion);
            Err(error.message.unwrap())
        }
    }
}

#[test]
fn updates_are_checked_one_by_one() {
    let metadata = [(7, 30); 2];
    let group = [(0, 1); 2];
    let invalid = |feature: &str, level: i16, reason: &str| {
        Err(format!("Invalid update version {level} for feature {feature}. {reason}"))
    };
    let (mv, gv) = ("metadata.version", "group.version");
    let unset_type = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                      unsafe downgrade.";
    let unknown_type = "The controller does not support the given upgrade type.";
    let down = |reason: &str| Err(format!("Unsupported metadata.version downgrade from 30 to 29. {reason}"));
    for (asked, current, ranges, expected) in [
        (update(mv, 30, UPGRADE), 30, metadata, Ok(Some(30))),
        (update(mv, 30, SAFE), 30, metadata, Ok(Some(30))),
        (update(mv, 30, 0), 30, metadata, invalid(mv, 30, unknown_type)),
        (update(mv, 30, 9), 30, metadata, invalid(mv, 30, unknown_type)),
        (update(mv, -1, UPGRADE), 30, metadata, invalid(mv, -1, "A feature version cannot be less than 0.")),
        (update(mv, 31, UPGRADE), 30, metadata, invalid(mv, 31, "Local controller 1 only supports versions 7-30")),
        (update(mv, 6, UNSAFE), 30, metadata, invalid(mv, 6, "Local controller 1 only supports versions 7-30")),
        (update(mv, 30, UPGRADE), 29, [(7, 30), (7, 29)], invalid(mv, 30, "Broker 2 only supports versions 7-29")),
        (update(mv, 29, UPGRADE), 30, metadata, invalid(mv, 29, unset_type)),
        (
            update(mv, 29, SAFE),
            30,
            metadata,
            down("Refusing to perform the requested downgrade because it might delete metadata information."),
        ),
        (update(mv, 29, UNSAFE), 30, metadata, down("Unsafe metadata downgrade is not supported in this version.")),
        (update(gv, 1, UPGRADE), 0, group, Ok(Some(1))),
        (update(gv, 1, UPGRADE), 1, group, Ok(Some(1))),
        (update(gv, 0, UPGRADE), 1, group, invalid(gv, 0, unset_type)),
        (update(gv, 0, SAFE), 1, group, Ok(Some(0))),
        (update(gv, 0, UNSAFE), 1, group, Ok(Some(0))),
        (update(gv, 1, SAFE), 0, group, invalid(gv, 1, "Can't downgrade to a newer version.")),
        (update(gv, 2, UPGRADE), 1, group, invalid(gv, 2, "Local controller 1 only supports versions 0-1")),
        (update(gv, 1, UPGRADE), 0, [(0, 1), (0, 0)], invalid(gv, 1, "Broker 2 does not support this feature.")),
        (update(gv, 3, UPGRADE), 0, [(2, 2), (2, 2)], invalid(gv, 3, "Local controller 1 only supports versions 2")),
        (update("nope", 0, UPGRADE), 0, [(0, 0); 2], invalid("nope", 0, "Feature nope not found.")),
        (update("kraft.version", 0, UPGRADE), 0, [(0, 0); 2], Ok(None)),
    ] {
        assert_eq!(check(&asked, current, ranges), expected, "{asked:?}");
    }
}

#[test]
fn all_of_a_request_or_nothing() {
    let mut cluster = Cluster::of(&[1]);
    let (response, records) =
        ask(&mut cluster, vec![update("metadata.version", 30, UPGRADE), update("nope", 1, UPGRADE)], false);
    let message = "The update failed for all features since the following feature had an error: Invalid update version \
                   1 for feature nope. Local controller 1 does not support this feature.";
    assert_eq!(response.error_code, ErrorCode::InvalidUpdateVersion.code());
    assert_eq!((response.error_message.as_deref(), response.results.len()), (Some(message), 0));
    assert_eq!(records, []);
}

#[test]
fn a_level_is_written_unless_it_is_only_looked_at() {
    let mut cluster = Cluster::of(&[1]);
    for validate_only in [true, false] {
        let updates = vec![update("metadata.version", 30, UPGRADE), update("group.version", 0, SAFE)];
        let (response, records) = ask(&mut cluster, updates, validate_only);
        assert_eq!((response.error_code, response.error_message), (0, None));
        let results: Vec<_> = response.results.iter().map(|it| (it.feature.as_str(), it.error_code)).collect();
        assert_eq!(results, [("metadata.version", 0), ("group.version", 0)]);
        let level = |name: &str, feature_level| FeatureLevelRecord { name: name.to_owned(), feature_level };
        let expected = [level("group.version", 0), level("metadata.version", 30)].map(MetadataRecord::from);
        assert_eq!(records, if validate_only { &[][..] } else { &expected });
    }
    let (response, records) = ask(&mut cluster, Vec::new(), false);
    assert_eq!((response.error_code, response.error_message, response.results, records), (0, None, vec![], vec![]));
}

#[test]
fn what_this_release_does_not_have_cannot_be_turned_on() {
    let mut cluster = Cluster::of(&[1]);
    for (feature, level, reason) in [
        ("metadata.version", 29, "Local controller 1 only supports versions 30"),
        ("metadata.version", 31, "Local controller 1 only supports versions 30"),
        ("transaction.version", 2, "Local controller 1 does not support this feature."),
        ("share.version", 1, "Local controller 1 does not support this feature."),
        ("kraft.version", 1, "Local controller 1 does not support this feature."),
    ] {
        let (response, records) = ask(&mut cluster, vec![update(feature, level, UPGRADE)], false);
        assert!(response.error_message.as_deref().unwrap().ends_with(reason), "{response:?}");
        assert_eq!(records, []);
    }
}

#[test]
fn of_two_updates_of_one_feature_the_later_counts() {
    let mut cluster = Cluster::of(&[1]);
    let twice = vec![update("metadata.version", 31, UPGRADE), update("metadata.version", 30, UPGRADE)];
    let (response, _) = ask(&mut cluster, twice, true);
    assert_eq!((response.error_code, response.results.len()), (0, 2));
}
