//! A consumer outside of any group that says where it reads.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::observer::record;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::clients::{PATIENCE, POLL, Watching, consumer};
use crate::{Play, print};

const SETTINGS: [(&str, &str); 2] = [("enable.auto.commit", "false"), ("enable.partition.eof", "true")];

pub(crate) fn seek(play: &Play) -> Result<()> {
    let consumer = consumer(play, Watching::default(), &SETTINGS)?;
    print(&Event::Part("beginning".to_owned()))?;
    start_elsewhere(play, &consumer, &[0])?;
    consumer.seek(&play.topic, 0, Offset::Beginning, PATIENCE).context("seek")?;
    report(&consumer, 3)?;

    print(&Event::Part("offset".to_owned()))?;
    start_elsewhere(play, &consumer, &[1])?;
    consumer.seek(&play.topic, 1, Offset::Offset(7), PATIENCE).context("seek")?;
    report_to_end(&consumer, &[1])?;

    print(&Event::Part("end".to_owned()))?;
    start_elsewhere(play, &consumer, &[0])?;
    consumer.seek(&play.topic, 0, Offset::End, PATIENCE).context("seek")?;
    report_to_end(&consumer, &[0])?;
    // This client knows no position before it has read a record; that there was none is what the end is.
    let (_, end) = consumer.fetch_watermarks(&play.topic, 0, PATIENCE).context("offsets")?;
    print(&Event::Offset("position".to_owned(), 0, end))?;

    print(&Event::Part("time".to_owned()))?;
    let mut times = TopicPartitionList::new();
    for partition in [0, 1] {
        // Milliseconds since 1970, in the place of an offset.
        times.add_partition_offset(&play.topic, partition, Offset::Offset(1_000_000_004_500))?;
    }
    let found = consumer.offsets_for_times(times, PATIENCE).context("offsets for times")?;
    start_elsewhere(play, &consumer, &[0, 1])?;
    for entry in found.elements() {
        entry.error()?;
        print(&Event::Offset("time".to_owned(), entry.partition(), entry.offset().to_raw().context("an offset")?))?;
        consumer.seek(&play.topic, entry.partition(), entry.offset(), PATIENCE).context("seek")?;
    }
    report_to_end(&consumer, &[0, 1])
}

pub(crate) fn pause(play: &Play) -> Result<()> {
    let consumer = consumer(play, Watching::default(), &SETTINGS)?;
    let first = list(play, &[0], Offset::Beginning)?;
    assign(play, &consumer, &[0, 1], Offset::Beginning)?;
    consumer.pause(&first).context("pause")?;
    print(&Event::Part("paused".to_owned()))?;
    report_to_end(&consumer, &[1])?;
    // Not even now.
    if let Some(Ok(message)) = consumer.poll(POLL) {
        print(&Event::Received(record(&message)))?;
    }
    print(&Event::Part("resumed".to_owned()))?;
    consumer.resume(&first).context("resume")?;
    report_to_end(&consumer, &[0])
}

/// Assigns partitions and reads a record of each, so that a seek is what brings them where they are to be. Before that the
/// library may refuse to seek, or do so and then go where it was to begin.
fn start_elsewhere(play: &Play, consumer: &BaseConsumer<Watching>, partitions: &[i32]) -> Result<()> {
    assign(play, consumer, partitions, Offset::Offset(2))?;
    let mut waiting: BTreeSet<i32> = partitions.iter().copied().collect();
    while !waiting.is_empty() {
        match consumer.poll(POLL) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(message) => {
                waiting.remove(&message?.partition());
            }
        }
    }
    Ok(())
}

fn assign(play: &Play, consumer: &BaseConsumer<Watching>, partitions: &[i32], offset: Offset) -> Result<()> {
    consumer.assign(&list(play, partitions, offset)?).context("assign")
}

fn list(play: &Play, partitions: &[i32], offset: Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(&play.topic, *partition, offset)?;
    }
    Ok(list)
}

/// Prints the next `count` records.
fn report(consumer: &BaseConsumer<Watching>, count: usize) -> Result<()> {
    let mut received = 0;
    while received < count {
        match consumer.poll(POLL) {
            // Where it was before.
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(message) => {
                print(&Event::Received(record(&message?)))?;
                received += 1;
            }
        }
    }
    Ok(())
}

/// Prints records until the end of all these partitions is reached.
fn report_to_end(consumer: &BaseConsumer<Watching>, partitions: &[i32]) -> Result<()> {
    let mut unfinished: BTreeSet<i32> = partitions.iter().copied().collect();
    while !unfinished.is_empty() {
        match consumer.poll(POLL) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
            }
            Some(message) => print(&Event::Received(record(&message?)))?,
        }
    }
    Ok(())
}
