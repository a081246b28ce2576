//! The limit `max.message.bytes`, to the byte.

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Event, acked, facts};

use crate::scenario::Scene;
use crate::stage::same;

/// The topic's limit: above what producers send and consumers fetch of a partition unless told otherwise.
const LIMIT: usize = 2_000_000;

/// The largest value in a batch of that size. The batch has a header of 61 bytes and one record: its length in 4 bytes, then
/// attributes, differences of time and of offset and the length of no key in one byte each, the value's length in 4 bytes,
/// the value, and the number of headers in one byte.
const VALUE_SIZE: usize = LIMIT - 61 - 4 - 4 - 4 - 1;

pub(crate) fn large_records(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, 1, &[("max.message.bytes", &LIMIT.to_string())])?;
    let events = scene.play("large-records", &[("size", VALUE_SIZE.to_string())])?;
    let refused = events.iter().filter_map(|event| match event {
        Event::Refused(error, _) => Some(error.to_lowercase().replace('_', " ")),
        _ => None,
    });
    let refused: Vec<String> = refused.collect();
    ensure!(refused.len() == 1 && refused[0].contains("too large"), "refused were: {refused:?}");

    let acknowledged: Vec<(i64, usize)> =
        acked(&events).iter().map(|record| (record.offset, record.value.len())).collect();
    same("acknowledged, by offset and length", &[(0, VALUE_SIZE), (1, "after".len())], &acknowledged)?;
    let lengths = [VALUE_SIZE, "after".len()];
    let there = scene.observer.records(&scene.topic)?;
    same("lengths in the topic", &lengths, &there.iter().map(|record| record.value.len()).collect::<Vec<_>>())?;
    ensure!(there[0].value.bytes().all(|byte| byte == b'x') && there[1].value == "after", "the values are others");
    same("lengths received", &lengths.map(|length| length.to_string()), &facts(&events, "received-length"))
}
