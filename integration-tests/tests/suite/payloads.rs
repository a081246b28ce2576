//! What a record may carry, and that it comes back as it went.

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Payload, facts, payloads as received};

use crate::scenario::Scene;
use crate::stage::same;

type Header = (&'static str, Option<&'static str>);

/// Key, value and headers of what is sent. A driver that cannot express one leaves it out, and calls it by its number.
const RECORDS: [(Option<&str>, Option<&str>, &[Header]); 6] = [
    (Some("k"), Some("v"), &[("a", Some("1")), ("b", Some("2")), ("a", Some("3"))]),
    (None, Some("only-value"), &[]),
    (Some("tombstone"), None, &[]),
    (Some(""), Some(""), &[]),
    (Some("ключ"), Some("значение"), &[("empty", Some(""))]),
    (Some("n"), Some("x"), &[("null", None)]),
];

pub(crate) fn payloads(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, 1, &[])?;
    let events = scene.play("payloads", &[])?;
    let left_out = facts(&events, "leaves-out");
    ensure!(scene.leaves_out.iter().eq(&left_out), "left out: {left_out:?}, expected: {:?}", scene.leaves_out);

    let mut expected = Vec::new();
    for (number, (key, value, headers)) in (1..).zip(RECORDS) {
        if !scene.leaves_out.contains(&i32::to_string(&number)) {
            expected.push(Payload {
                partition: 0,
                offset: i64::try_from(expected.len())?,
                key: key.map(str::to_owned),
                value: value.map(str::to_owned),
                headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect(),
            });
        }
    }
    same("in the topic", &expected, &scene.observer.payloads(&scene.topic)?)?;
    same("received", &expected, &received(&events))
}
