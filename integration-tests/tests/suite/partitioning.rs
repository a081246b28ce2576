//! Records with keys are where the client's own hash puts them: where other clients of its kind look for them.

use anyhow::Result;
use dohle_integration_tests::events::{Record, acked};

use crate::scenario::Scene;
use crate::stage::same;

const PARTITIONS: u32 = 6;
const KEYS: usize = 100;

pub(crate) fn partitioning(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, i32::try_from(PARTITIONS)?, &[])?;
    let events = scene.play("partitioning", &[("keys", KEYS.to_string())])?;
    let mut acknowledged = acked(&events);
    acknowledged.sort();
    same("acknowledged, and in the topic", &acknowledged, &scene.observer.records(&scene.topic)?)?;

    let partitioner = scene.family.partitioner();
    let mut expected = Vec::new();
    for number in 0..KEYS {
        let key = format!("key-{number}");
        expected.push((i32::try_from(partitioner.partition(key.as_bytes(), PARTITIONS))?, Some(key.clone()), key));
    }
    expected.sort();
    let place = |record: Record| (record.partition, record.key, record.value);
    let mut found: Vec<_> = acknowledged.into_iter().map(place).collect();
    found.sort();
    same("partition, key and value", &expected, &found)
}
