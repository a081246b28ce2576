//! What consumers receive, and where the next one begins.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Event, Record, part, received};

use crate::scenario::Scene;
use crate::stage::same;

const PARTITIONS: i32 = 2;
const RECORDS_PER_PARTITION: usize = 60;
const RECORDS: usize = 2 * RECORDS_PER_PARTITION;

pub(crate) fn automatic(scene: &Scene<'_>) -> Result<()> {
    let all = filled(scene)?;
    let events = scene.play("consume-automatic", &[("records", RECORDS.to_string())])?;
    let first = received(part(&events, "first"));
    ensure!(first.len() < RECORDS, "the first consumer received everything: nothing was left to continue with");
    let mut both = received(&events);
    both.sort();
    same("received by the first consumer or the second, once", &all, &both)?;
    let committed = scene.observer.committed(&scene.group, &scene.topic)?;
    let end = i64::try_from(RECORDS_PER_PARTITION)?;
    for partition in 0..PARTITIONS {
        let offset = committed.get(&partition).map(|(offset, _)| *offset);
        ensure!(offset == Some(end), "partition {partition}: {offset:?} is committed, not the end {end}");
    }
    Ok(())
}

pub(crate) fn manual(scene: &Scene<'_>) -> Result<()> {
    let all = filled(scene)?;
    let events = scene.play("consume-manual", &[("records", RECORDS.to_string())])?;
    let before_commit = received(part(&events, "committed"));
    let mut confirmed = committed(part(&events, "committed"));
    // Some clients commit where they begin, too.
    confirmed.retain(|_, offset| *offset > 0);
    ensure!(confirmed == positions(&before_commit), "committed {confirmed:?} after {:?}", positions(&before_commit));
    ensure!(!received(part(&events, "uncommitted")).is_empty(), "nothing was read without a commit");

    let before_commit: BTreeSet<Record> = before_commit.into_iter().collect();
    let expected: Vec<Record> = all.iter().filter(|record| !before_commit.contains(record)).cloned().collect();
    let mut again = received(part(&events, "again"));
    again.sort();
    same("received by the second consumer", &expected, &again)?;

    let answered = part(&events, "callback");
    ensure!(committed(answered) == positions(&again), "the callback told of {:?}", committed(answered));
    let metadata = |event: &Event| *event == Event::Fact("metadata".to_owned(), "read by hand".to_owned());
    ensure!(answered.iter().any(metadata), "the metadata of the commit is lost: {answered:?}");
    let end = i64::try_from(RECORDS_PER_PARTITION)?;
    let as_sent = if scene.leaves_out.contains("metadata-as-given") { "read by hand\0" } else { "read by hand" };
    let in_the_end = scene.observer.committed(&scene.group, &scene.topic)?;
    for partition in positions(&again).keys() {
        let found = in_the_end.get(partition).cloned();
        ensure!(found == Some((end, as_sent.to_owned())), "partition {partition}: {found:?} is committed");
    }
    Ok(())
}

pub(crate) fn own_offsets(scene: &Scene<'_>) -> Result<()> {
    const START: usize = 10;
    const COUNT: usize = 15;
    let all = filled(scene)?;
    let events = scene.play("consume-own-offsets", &[("start", START.to_string()), ("count", COUNT.to_string())])?;
    for (name, first) in [("first", START), ("second", START + COUNT)] {
        let wanted = i64::try_from(first)?..i64::try_from(first + COUNT)?;
        let expected: Vec<Record> = all.iter().filter(|record| wanted.contains(&record.offset)).cloned().collect();
        let mut found = received(part(&events, name));
        found.sort_by_key(|record| record.partition);
        same(name, &expected, &found)?;
    }
    for partition in 0..PARTITIONS {
        for (question, answer) in [("beginning", 0), ("end", i64::try_from(RECORDS_PER_PARTITION)?), ("time", 0)] {
            let answer = Event::Offset(question.to_owned(), partition, answer);
            ensure!(events.contains(&answer), "{answer:?} is not among {:?}", part(&events, "second"));
        }
    }
    Ok(())
}

/// The topic with records in both partitions, which are returned in order.
fn filled(scene: &Scene<'_>) -> Result<Vec<Record>> {
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[])?;
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        let value = format!("value-{partition}");
        records.extend(scene.observer.send_numbered(&scene.topic, partition, &value, RECORDS_PER_PARTITION)?);
    }
    Ok(records)
}

/// One past the last record of each partition.
fn positions(records: &[Record]) -> BTreeMap<i32, i64> {
    let mut positions = BTreeMap::new();
    for record in records {
        let position: &mut i64 = positions.entry(record.partition).or_default();
        *position = (*position).max(record.offset + 1);
    }
    positions
}

fn committed(events: &[Event]) -> BTreeMap<i32, i64> {
    let committed = events.iter().filter_map(|event| match event {
        Event::Committed(partition, offset) => Some((*partition, *offset)),
        _ => None,
    });
    committed.collect()
}
