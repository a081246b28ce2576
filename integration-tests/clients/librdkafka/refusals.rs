//! What the broker does not serve, and how this client says so.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};

use crate::clients::{PATIENCE, POLL, is_passing, settings};
use crate::{Play, print};

pub(crate) fn transactions(play: &Play) -> Result<()> {
    let start = Instant::now();
    let settings: ClientConfig = settings(play, &[("transactional.id", &play.group)]);
    let producer: BaseProducer<DefaultProducerContext> = settings.create().context("producer")?;
    match producer.init_transactions(PATIENCE) {
        Ok(()) => print(&Event::Fact("transactions".to_owned(), "accepted".to_owned())),
        Err(error) => refused(&error, start),
    }
}

/// Keeps errors out of standard error: they are what is asked for.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, _: KafkaError, _: &str) {}
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ConsumerContext for Quiet {}

pub(crate) fn consumer_protocol(play: &Play) -> Result<()> {
    let start = Instant::now();
    let settings = settings(play, &[("group.id", &play.group), ("group.protocol", "consumer")]);
    let consumer: BaseConsumer<Quiet> = settings.create_with_context(Quiet).context("consumer")?;
    consumer.subscribe(&[&play.topic])?;
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(Err(error)) = consumer.poll(POLL)
            && !is_passing(&error)
        {
            return refused(&error, start);
        }
    }
    print(&Event::Fact("consumer-protocol".to_owned(), "accepted".to_owned()))
}

fn refused(error: &KafkaError, start: Instant) -> Result<()> {
    let milliseconds = u64::try_from(start.elapsed().as_millis())?;
    print(&Event::Refused(format!("{error:?}").replace(['\t', '\n'], " "), milliseconds))
}
