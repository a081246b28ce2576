//! What producers are told, against what is in the topic.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Event, Record, acked, facts, part, received};
use dohle_integration_tests::log_file::batches;

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
    const PARTITIONS: i32 = 3;
    for left_out in &scene.leaves_out {
        ensure!(CODECS.contains(&left_out.as_str()), "there is no codec {left_out}");
    }
    let codecs: Vec<&str> = CODECS.into_iter().filter(|codec| !scene.leaves_out.contains(*codec)).collect();
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[])?;
    let events = scene.play("produce-callbacks", &[("records", RECORDS.to_string()), ("codecs", codecs.join(","))])?;
    let mut partition_of_key = BTreeMap::new();
    for codec in &codecs {
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
    same("acknowledged, and in the topic", &acknowledged, &scene.observer.records(&scene.topic)?)?;
    compressed_as_wanted(scene, PARTITIONS, &codecs)
}

/// Every codec is that of some batch. Only our own broker's log can be read.
fn compressed_as_wanted(scene: &Scene<'_>, partitions: i32, codecs: &[&str]) -> Result<()> {
    let Some(data) = scene.cluster.data() else { return Ok(()) };
    let mut found = BTreeSet::new();
    for partition in 0..partitions {
        let batches = batches(&data.join(format!("{}-{partition}", scene.topic)))?;
        found.extend(batches.iter().map(|batch| batch.codec));
    }
    let missing: Vec<_> = codecs.iter().filter(|codec| !found.contains(*codec)).collect();
    ensure!(missing.is_empty(), "no batch is compressed with {missing:?}, only with {found:?}");
    Ok(())
}

pub(crate) fn idempotent(scene: &Scene<'_>) -> Result<()> {
    const RECORDS: i64 = 1000;
    scene.observer.create_topic(&scene.topic, 1, &[])?;
    let events = scene.play("produce-idempotent", &[("records", RECORDS.to_string())])?;
    in_order(scene, &events, RECORDS)?;
    in_sequence(scene, true)
}

pub(crate) fn in_flight(scene: &Scene<'_>) -> Result<()> {
    const RECORDS: i64 = 500;
    scene.observer.create_topic(&scene.topic, 1, &[])?;
    let events = scene.play("in-flight", &[("records", RECORDS.to_string())])?;
    in_order(scene, &events, RECORDS)?;
    let is_idempotent = facts(&events, "idempotent") != ["false"];
    let is_to_be = !scene.leaves_out.contains("idempotent");
    ensure!(is_idempotent == is_to_be, "whether it is idempotent: {is_idempotent}, and was to be {is_to_be}");
    in_sequence(scene, is_idempotent)
}

/// Acknowledged and in the topic are `value-0`, `value-1` and so on, in this order.
fn in_order(scene: &Scene<'_>, events: &[Event], records: i64) -> Result<()> {
    let record = |offset| Record { partition: 0, offset, key: None, value: format!("value-{offset}") };
    let expected: Vec<Record> = (0..records).map(record).collect();
    same("acknowledged", &expected, &acked(events))?;
    same("in the topic", &expected, &scene.observer.records(&scene.topic)?)
}

/// The batches in the log carry one producer's sequence numbers from 0 on, or none. Only our own broker's log can be read.
fn in_sequence(scene: &Scene<'_>, is_idempotent: bool) -> Result<()> {
    /// Less were no small batches.
    const BATCHES: usize = 10;
    let Some(data) = scene.cluster.data() else { return Ok(()) };
    let batches = batches(&data.join(format!("{}-0", scene.topic)))?;
    ensure!(batches.len() >= BATCHES, "{} batches were written", batches.len());
    let producer_id = batches[0].producer_id;
    ensure!(is_idempotent == (producer_id >= 0), "the producer has the id {producer_id}");
    for batch in batches {
        let found = (batch.producer_epoch, i64::from(batch.base_sequence));
        // Where there is no producer, some clients write zeros.
        let is_in_sequence = !is_idempotent || found == (0, batch.base_offset);
        ensure!(batch.producer_id == producer_id && is_in_sequence, "no sequence: {batch:?}");
    }
    Ok(())
}
