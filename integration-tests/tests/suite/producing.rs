//! What producers are told, against what is in the topic.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Record, acked, part, received};

use crate::scenario::Scene;
use crate::stage::same;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub(crate) fn hello(scene: &Scene<'_>) -> Result<()> {
    let events = scene.play("hello", &[])?;
    let record = Record { partition: 0, offset: 0, key: None, value: "Hello, Kafka!".to_owned() };
    same("acknowledged", std::slice::from_ref(&record), &acked(&events))?;
    same("received", &[record], &received(&events))?;
    let partitions = scene.observer.topics()?.get(&scene.topic).copied();
    ensure!(partitions == Some(1), "the topic was to have the default of one partition: {partitions:?}");
    Ok(())
}

pub(crate) fn callbacks(scene: &Scene<'_>) -> Result<()> {
    const RECORDS: usize = 50;
    scene.observer.create_topic(&scene.topic, 3, &[])?;
    let events = scene.play("produce-callbacks", &[("records", RECORDS.to_string()), ("codecs", CODECS.join(","))])?;
    let mut partition_of_key = BTreeMap::new();
    for codec in CODECS {
        let records = acked(part(&events, codec));
        let mut expected: Vec<String> = (0..2 * RECORDS).map(|number| format!("{codec}-{number}")).collect();
        let mut values: Vec<String> = records.iter().map(|record| record.value.clone()).collect();
        expected.sort();
        values.sort();
        same(&format!("acknowledged with {codec}"), &expected, &values)?;
        let keyed = records.iter().filter_map(|record| Some((record.key.clone()?, record.partition)));
        for (key, partition) in keyed {
            let first = *partition_of_key.entry(key.clone()).or_insert(partition);
            ensure!(partition == first, "{key} is in partition {first} and, with {codec}, in {partition}");
        }
    }
    ensure!(partition_of_key.len() == 5, "keys were lost: {partition_of_key:?}");
    let mut acknowledged = acked(&events);
    // Stable: what is out of order in a partition stays so.
    acknowledged.sort_by_key(|record| record.partition);
    same("acknowledged, and in the topic", &acknowledged, &scene.observer.records(&scene.topic)?)
}

pub(crate) fn idempotent(scene: &Scene<'_>) -> Result<()> {
    const RECORDS: i64 = 1000;
    scene.observer.create_topic(&scene.topic, 1, &[])?;
    let events = scene.play("produce-idempotent", &[("records", RECORDS.to_string())])?;
    let record = |offset| Record { partition: 0, offset, key: None, value: format!("value-{offset}") };
    let expected: Vec<Record> = (0..RECORDS).map(record).collect();
    same("acknowledged", &expected, &acked(&events))?;
    same("in the topic", &expected, &scene.observer.records(&scene.topic)?)
}
