//! A member of a group until standard input ends.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::observer::record;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;

use crate::clients::{POLL, STORED_BY_HAND, Watching, consumer, is_passing};
use crate::{Play, print, told_to_end};

pub(crate) fn play(play: &Play) -> Result<()> {
    let told = told_to_end();
    let mut settings = vec![
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", play.text("session_ms")?),
        ("heartbeat.interval.ms", play.text("heartbeat_ms")?),
        ("auto.commit.interval.ms", "100"),
        STORED_BY_HAND,
        ("topic.metadata.refresh.interval.ms", "1000"),
        ("reconnect.backoff.max.ms", "200"),
    ];
    for (parameter, setting) in [("instance", "group.instance.id"), ("assignor", "partition.assignment.strategy")] {
        if let Some(value) = play.parameters.get(parameter) {
            settings.push((setting, value));
        }
    }
    let consumer = consumer(play, Watching { assignments: true, ..Watching::default() }, &settings)?;
    consumer.subscribe(&[&play.topic])?;
    while !told.load(Ordering::Relaxed) {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                print(&Event::Received(record(&message)))?;
                match consumer.store_offset_from_message(&message) {
                    // Taken away meanwhile: the next owner reads it again.
                    Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => {}
                    stored => stored.context("store offset")?,
                }
            }
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error).context("poll"),
        }
    }
    Ok(())
}
