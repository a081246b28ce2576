//! Scenarios of consumers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::events::{Event, Record};
use dohle_integration_tests::observer::record;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::clients::{PATIENCE, POLL, STORED_BY_HAND, Sender, Watching, consumer, is_passing, print_committed};
use crate::{Play, print};

/// One record to a topic that is not there yet, and back.
pub(crate) fn hello(play: &Play) -> Result<()> {
    let mut sender = Sender::new(play, &[])?;
    sender.send(&play.topic, None, None, "Hello, Kafka!", usize::MAX)?;
    sender.finish()?;
    let consumer = consumer(play, Watching::default(), &[("auto.offset.reset", "earliest")])?;
    consumer.subscribe(&[&play.topic])?;
    report(&consumer, 1).map(|_| ())
}

/// Two consumers one after the other: about half of the records each.
pub(crate) fn automatic(play: &Play) -> Result<()> {
    let records: usize = play.number("records")?;
    let settings = [
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "100"),
        STORED_BY_HAND,
    ];
    for (part, count) in [("first", records / 2), ("second", records - records / 2)] {
        print(&Event::Part(part.to_owned()))?;
        let consumer = consumer(play, Watching::default(), &settings)?;
        consumer.subscribe(&[&play.topic])?;
        // The one after it is committed.
        let store = |record: &Record| Ok(consumer.store_offset(&play.topic, record.partition, record.offset)?);
        report_each(&consumer, count, store)?;
    }
    Ok(())
}

/// The first consumer commits in the middle and reads on; the second begins at what was committed. This one stores what
/// is to be committed in the background: the binding has callbacks for such commits only.
pub(crate) fn manual(play: &Play) -> Result<()> {
    let records: usize = play.number("records")?;
    let settings = [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    print(&Event::Part("committed".to_owned()))?;
    let first = consumer(play, Watching::default(), &settings)?;
    first.subscribe(&[&play.topic])?;
    let read = report(&first, records / 3)?;
    first.commit_consumer_state(CommitMode::Sync).context("commit")?;
    print_committed(&first.committed(PATIENCE).context("committed offsets")?)?;
    print(&Event::Part("uncommitted".to_owned()))?;
    report(&first, records / 3)?;
    drop(first);

    print(&Event::Part("again".to_owned()))?;
    let settings =
        [("auto.offset.reset", "earliest"), ("enable.auto.offset.store", "false"), ("auto.commit.interval.ms", "100")];
    let second = consumer(play, Watching::default(), &settings)?;
    second.subscribe(&[&play.topic])?;
    let mut positions = BTreeMap::new();
    for record in report(&second, records - read.len())? {
        positions.insert(record.partition, record.offset + 1);
    }
    print(&Event::Part("callback".to_owned()))?;
    let mut offsets = TopicPartitionList::new();
    for (partition, offset) in positions {
        let mut entry = offsets.add_partition(&play.topic, partition);
        entry.set_offset(Offset::Offset(offset))?;
        entry.set_metadata("read by hand");
    }
    let watching = second.context();
    watching.commits.store(true, Ordering::Relaxed);
    second.store_offsets(&offsets).context("store offsets")?;
    while !watching.commit_answered.load(Ordering::Relaxed) {
        ensure!(second.poll(POLL).is_none(), "there was nothing more to read");
    }
    watching.commits.store(false, Ordering::Relaxed);
    for entry in second.committed_offsets(offsets, PATIENCE).context("committed offsets")?.elements() {
        print(&Event::Fact("metadata".to_owned(), entry.metadata().to_owned()))?;
    }
    Ok(())
}

/// Reads from `start`, remembers where it stopped, and goes on there with another consumer.
pub(crate) fn own_offsets(play: &Play) -> Result<()> {
    let (start, count): (i64, i64) = (play.number("start")?, play.number("count")?);
    let mut kept: BTreeMap<i32, i64> = BTreeMap::new();
    for part in ["first", "second"] {
        print(&Event::Part(part.to_owned()))?;
        let consumer = consumer(play, Watching::default(), &[("enable.auto.commit", "false")])?;
        let metadata = consumer.fetch_metadata(Some(&play.topic), PATIENCE).context("metadata")?;
        let topic = metadata.topics().first().context("the topic is unknown")?;
        let mut assignment = TopicPartitionList::new();
        let mut left = BTreeMap::new();
        for partition in topic.partitions() {
            let offset = *kept.entry(partition.id()).or_insert(start);
            assignment.add_partition_offset(&play.topic, partition.id(), Offset::Offset(offset))?;
            left.insert(partition.id(), count);
        }
        consumer.assign(&assignment)?;
        while left.values().any(|left| *left > 0) {
            let Some(message) = consumer.poll(POLL) else { continue };
            let record = record(&message?);
            let Some(left) = left.get_mut(&record.partition).filter(|left| **left > 0) else { continue };
            *left -= 1;
            kept.insert(record.partition, record.offset + 1);
            print(&Event::Received(record))?;
        }
        if part == "second" {
            offsets(play, &consumer, left.keys().copied())?;
        }
    }
    Ok(())
}

fn offsets(play: &Play, consumer: &BaseConsumer<Watching>, partitions: impl Iterator<Item = i32>) -> Result<()> {
    let mut times = TopicPartitionList::new();
    for partition in partitions {
        let (first, end) = consumer.fetch_watermarks(&play.topic, partition, PATIENCE).context("offsets")?;
        print(&Event::Offset("beginning".to_owned(), partition, first))?;
        print(&Event::Offset("end".to_owned(), partition, end))?;
        // Milliseconds since 1970, in the place of an offset.
        times.add_partition_offset(&play.topic, partition, Offset::Offset(1))?;
    }
    for entry in consumer.offsets_for_times(times, PATIENCE).context("offsets for times")?.elements() {
        entry.error()?;
        let offset = entry.offset().to_raw().context("an offset")?;
        print(&Event::Offset("time".to_owned(), entry.partition(), offset))?;
    }
    Ok(())
}

/// Prints the next `count` records.
fn report(consumer: &BaseConsumer<Watching>, count: usize) -> Result<Vec<Record>> {
    report_each(consumer, count, |_| Ok(()))
}

/// Prints the next `count` records, and does something with each.
fn report_each(
    consumer: &BaseConsumer<Watching>,
    count: usize,
    and_then: impl Fn(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                let record = record(&message);
                print(&Event::Received(record.clone()))?;
                and_then(&record)?;
                records.push(record);
            }
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error).context("poll"),
        }
    }
    Ok(records)
}
