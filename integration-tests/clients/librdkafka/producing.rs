//! Scenarios of producers.

use std::sync::atomic::Ordering;

use anyhow::Result;
use dohle_integration_tests::events::Event;

use crate::clients::Sender;
use crate::{Play, print, told_to_end};

/// For every codec: `records` with one of five keys, then as many without.
pub(crate) fn callbacks(play: &Play) -> Result<()> {
    let records: usize = play.number("records")?;
    for codec in play.text("codecs")?.split(',') {
        print(&Event::Part(codec.to_owned()))?;
        // Batches of several records, so that there is something to compress.
        let settings = [("compression.type", codec), ("linger.ms", "5"), ("acks", "all")];
        let mut sender = Sender::new(play, &settings)?;
        for number in 0..2 * records {
            let key = (number < records).then(|| format!("key-{}", number % 5));
            sender.send(&play.topic, None, key.as_deref(), &format!("{codec}-{number}"), usize::MAX)?;
        }
        sender.finish()?;
    }
    Ok(())
}

/// As many records with keys, put where the client puts them.
pub(crate) fn partitioning(play: &Play) -> Result<()> {
    let mut sender = Sender::new(play, &[])?;
    for number in 0..play.number("keys")? {
        let key = format!("key-{number}");
        sender.send(&play.topic, None, Some(&key), &key, usize::MAX)?;
    }
    sender.finish()
}

/// Small batches, five of them on their way at a time.
pub(crate) fn idempotent(play: &Play) -> Result<()> {
    idempotent_in_batches(play, "5")
}

/// A batch for each record.
pub(crate) fn in_flight(play: &Play) -> Result<()> {
    idempotent_in_batches(play, "1")
}

fn idempotent_in_batches(play: &Play, batch_size: &str) -> Result<()> {
    let settings = [
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("batch.num.messages", batch_size),
        ("linger.ms", "0"),
        ("max.in.flight.requests.per.connection", "5"),
    ];
    let mut sender = Sender::new(play, &settings)?;
    for number in 0..play.number("records")? {
        sender.send(&play.topic, Some(0), None, &format!("value-{number}"), usize::MAX)?;
    }
    sender.finish()
}

/// Sends to two partitions in turn until standard input ends. Without idempotence one request is on its way at a time, so
/// that order is kept.
pub(crate) fn until_told(play: &Play) -> Result<()> {
    let told = told_to_end();
    let is_idempotent = play.text("idempotent")?;
    let settings = [
        ("enable.idempotence", is_idempotent),
        ("acks", "all"),
        ("batch.num.messages", "20"),
        ("max.in.flight.requests.per.connection", if is_idempotent == "true" { "5" } else { "1" }),
        ("retries", "2147483647"),
        ("reconnect.backoff.max.ms", "200"),
    ];
    let mut sender = Sender::new(play, &settings)?;
    for number in 0_i32.. {
        if told.load(Ordering::Relaxed) {
            break;
        }
        sender.send(&play.topic, Some(number % 2), None, &number.to_string(), 100)?;
    }
    sender.finish()
}
