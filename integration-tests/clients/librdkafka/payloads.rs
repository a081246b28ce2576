//! Everything that a record may carry, and back.

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::observer::payload;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::clients::{PATIENCE, POLL, Watching, consumer, settings};
use crate::{Play, print};

pub(crate) fn play(play: &Play) -> Result<()> {
    let header = |name, value| OwnedHeaders::new().insert(Header { key: name, value });
    let a_twice = header("a", Some("1"))
        .insert(Header { key: "b", value: Some("2") })
        .insert(Header { key: "a", value: Some("3") });
    let records = [
        (Some("k"), Some("v"), Some(a_twice)),
        (None, Some("only-value"), None),
        (Some("tombstone"), None, None),
        (Some(""), Some(""), None),
        (Some("ключ"), Some("значение"), Some(header("empty", Some("")))),
        (Some("n"), Some("x"), Some(header("null", None))),
    ];
    let count = records.len();
    let producer: BaseProducer<DefaultProducerContext> = settings(play, &[]).create().context("producer")?;
    for (key, value, headers) in records {
        let mut record = BaseRecord::<str, str>::to(&play.topic).partition(0);
        record.key = key;
        record.payload = value;
        record.headers = headers;
        producer.send(record).map_err(|(error, _)| error).context("send")?;
    }
    producer.flush(PATIENCE).context("flush")?;
    read_all(play, count, |message| print(&Event::Payload(payload(message)?)))
}

/// Reads the first `count` records of partition 0.
pub(crate) fn read_all(play: &Play, count: usize, report: impl Fn(&BorrowedMessage<'_>) -> Result<()>) -> Result<()> {
    let consumer: BaseConsumer<Watching> = consumer(play, Watching::default(), &[("enable.auto.commit", "false")])?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(&play.topic, 0, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    let mut received = 0;
    while received < count {
        if let Some(message) = consumer.poll(POLL) {
            report(&message?)?;
            received += 1;
        }
    }
    Ok(())
}
