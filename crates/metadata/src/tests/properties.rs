//! What holds for any history.

use std::collections::BTreeSet;
use std::sync::Arc;

use dohle_model::{BrokerId, TopicId, TopicName, colliding_name};
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_protocol::{Reader, Writer};
use proptest::prelude::*;

use super::history::{replay, steps};
use crate::{Delta, Image, Replay};

/// Through bytes and back, as a log or a snapshot has them.
fn through_bytes(record: &MetadataRecord) -> MetadataRecord {
    let mut writer = Writer::new();
    record.encode_frame(&mut writer);
    MetadataRecord::decode_frame(&mut Reader::new(&writer.into_bytes())).unwrap()
}

/// The topics, brokers and settings that differ, in the order of [`touched`].
fn differences(from: &Image, to: &Image) -> (BTreeSet<TopicId>, BTreeSet<TopicName>, BTreeSet<BrokerId>) {
    let images = [from, to];
    let topics = images.iter().flat_map(|image| image.topics());
    let brokers = images.iter().flat_map(|image| image.brokers());
    let topics: Vec<_> = topics.map(|topic| (topic.id, topic.name.clone())).collect();
    (
        topics.iter().map(|(id, _)| *id).filter(|id| from.topic_by_id(*id) != to.topic_by_id(*id)).collect(),
        topics
            .iter()
            .map(|(_, name)| name.clone())
            .filter(|name| from.topic_overrides(name) != to.topic_overrides(name))
            .collect(),
        brokers.map(|broker| broker.id).filter(|id| from.broker(*id) != to.broker(*id)).collect(),
    )
}

fn check_touched(delta: &Delta) {
    let (topics, topic_configs, brokers) = differences(&delta.from, &delta.to);
    assert!(topics.is_subset(&delta.touched.topics().collect()));
    assert!(topic_configs.is_subset(&delta.touched.topic_configs().collect()));
    assert!(brokers.is_subset(&delta.touched.brokers().collect()));
    let broker_configs = |image: &Image| -> Vec<_> {
        (-1..4).map(|id| image.broker_overrides((id >= 0).then_some(BrokerId(id)))).collect()
    };
    assert!(broker_configs(&delta.from) == broker_configs(&delta.to) || delta.touched.broker_configs().count() > 0);
    for name in ["resource0", "resource1"] {
        let (before, after) = (&delta.from, &delta.to);
        let metrics = before.client_metrics(name) != after.client_metrics(name);
        assert!(!metrics || delta.touched.client_metrics().any(|touched| touched == name));
        let groups = before.group_overrides(name) != after.group_overrides(name);
        assert!(!groups || delta.touched.group_configs().any(|touched| touched == name));
    }
    assert!(delta.from.next_producer_id() == delta.to.next_producer_id() || delta.touched.producer_ids());
    assert!(delta.from.features().eq(delta.to.features()) || delta.touched.features().count() > 0);
    assert!(delta.from.controllers().eq(delta.to.controllers()) || delta.touched.controllers().count() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_gives_the_image_back(steps in steps()) {
        let (delta, _) = replay(Arc::default(), 7, &steps);
        let snapshot: Vec<_> = delta.to.to_records().iter().map(through_bytes).collect();
        let image = Image::from_records(7, &snapshot).unwrap();
        prop_assert_eq!(&image, &*delta.to);
        prop_assert!(image.brokers().all(|broker| broker.registered_at == 7));
        prop_assert_eq!(image.to_records(), snapshot);
    }

    #[test]
    fn replay_of_a_log_gives_the_image_back(steps in steps()) {
        let (delta, records) = replay(Arc::default(), 3, &steps);
        let mut again = Replay::new(Arc::default(), 3);
        for record in &records {
            again.apply(&through_bytes(record)).unwrap();
        }
        prop_assert_eq!(again.finish(), delta);
    }

    #[test]
    fn deltas_merge_to_what_one_replay_gives(steps in steps(), cuts in prop::collection::vec(0..80usize, 0..4)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(steps.len())).chain([0, steps.len()]).collect();
        cuts.sort_unstable();
        let mut merged: Option<Delta> = None;
        for (offset, cut) in cuts.windows(2).enumerate() {
            let from = merged.as_ref().map(|delta| Arc::clone(&delta.to)).unwrap_or_default();
            let (delta, _) = replay(from, offset as i64, &steps[cut[0]..cut[1]]);
            check_touched(&delta);
            merged = Some(match merged {
                Some(earlier) => earlier.then(delta),
                None => delta,
            });
        }
        let merged = merged.unwrap();
        check_touched(&merged);
        let (whole, _) = replay(Arc::default(), merged.to.metadata_offset(), &steps);
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn a_delta_to_a_snapshot_touches_what_differs(before in steps(), after in steps()) {
        let (from, _) = replay(Arc::default(), 1, &before);
        let (to, _) = replay(Arc::default(), 2, &after);
        check_touched(&Delta::to_snapshot(from.to, to.to));
    }

    #[test]
    fn an_image_is_not_changed_by_replay_on_top_of_it(before in steps(), after in steps()) {
        let (first, records) = replay(Arc::default(), 1, &before);
        replay(Arc::clone(&first.to), 2, &after);
        let mut again = Replay::new(Arc::default(), 1);
        for record in &records {
            again.apply(record).unwrap();
        }
        prop_assert_eq!(again.image(), &*first.to);
    }

    #[test]
    fn indexes_agree_with_the_topics(steps in steps()) {
        let image = replay(Arc::default(), 1, &steps).0.to;
        let names: Vec<_> = image.topics().map(|topic| topic.name.clone()).collect();
        prop_assert!(names.is_sorted());
        for topic in image.topics() {
            prop_assert!(image.topic_by_id(topic.id).is_some_and(|found| Arc::ptr_eq(found, topic)));
            let collides = names
                .iter()
                .any(|other| *other != topic.name && colliding_name(other) == colliding_name(&topic.name));
            prop_assert_eq!(image.colliding_topic(&topic.name).is_some(), collides);
        }
    }
}
