//! Where a consumer outside of any group reads: positions that it sets, and partitions that it has paused.

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Event, Record, part, received};

use crate::scenario::Scene;
use crate::stage::same;

const PARTITIONS: i32 = 2;
const RECORDS: i64 = 10;

pub(crate) fn seek(scene: &Scene<'_>) -> Result<()> {
    let all = filled(scene)?;
    let events = scene.play("seek", &[])?;
    let expect = |name: &str, is_expected: fn(&Record) -> bool| {
        let expected: Vec<Record> = all.iter().filter(|record| is_expected(record)).cloned().collect();
        let mut found = received(part(&events, name));
        found.sort_by_key(|record| record.partition);
        same(&format!("received in part {name}"), &expected, &found)
    };
    expect("beginning", |record| record.partition == 0 && record.offset < 3)?;
    expect("offset", |record| record.partition == 1 && record.offset >= 7)?;
    expect("end", |_| false)?;
    // Asked for is a time between those of the records 4 and 5.
    expect("time", |record| record.offset >= 5)?;
    let answers = |name: &str| {
        let mut answers: Vec<Event> =
            part(&events, name).iter().filter(|event| matches!(event, Event::Offset(..))).cloned().collect();
        answers.sort_by_key(|answer| if let Event::Offset(_, partition, _) = answer { *partition } else { -1 });
        answers
    };
    let answer = |question: &str, partition, offset| Event::Offset(question.to_owned(), partition, offset);
    same("position at the end", &[answer("position", 0, RECORDS)], &answers("end"))?;
    same("offsets for the time", &[answer("time", 0, 5), answer("time", 1, 5)], &answers("time"))
}

pub(crate) fn pause(scene: &Scene<'_>) -> Result<()> {
    let all = filled(scene)?;
    let events = scene.play("pause", &[])?;
    for (name, partition) in [("paused", 1), ("resumed", 0)] {
        let expected: Vec<Record> = all.iter().filter(|record| record.partition == partition).cloned().collect();
        same(&format!("received in part {name}"), &expected, &received(part(&events, name)))?;
    }
    ensure!(received(&events).len() == all.len(), "something was received outside of the parts");
    Ok(())
}

/// The topic with records in both partitions, a second of the year 2001 apart, which are returned in order.
fn filled(scene: &Scene<'_>) -> Result<Vec<Record>> {
    // They are old, and to be kept nevertheless.
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[("retention.ms", "-1")])?;
    let times: Vec<i64> = (0..RECORDS).map(|number| 1_000_000_000_000 + 1000 * number).collect();
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        records.extend(scene.observer.send_at(&scene.topic, partition, &partition.to_string(), &times)?);
    }
    Ok(records)
}
