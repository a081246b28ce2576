//! Producers and consumers, and what they report.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::observer::record;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::{Play, print};

/// How long one poll waits.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// How long any question may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binding polls while it closes a consumer, and throws away what comes: stored by itself, that would count as read.
pub(crate) const STORED_BY_HAND: (&str, &str) = ("enable.auto.offset.store", "false");

pub(crate) fn settings(play: &Play, more: &[(&str, &str)]) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &play.bootstrap);
    for (name, value) in more {
        settings.set(*name, *value);
    }
    settings
}

/// Prints what the broker acknowledges; a failed send ends the program.
#[derive(Default)]
pub(crate) struct Reporting {
    answered: AtomicUsize,
}

impl ClientContext for Reporting {}

impl ProducerContext for Reporting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let printed = match result {
            Ok(message) => print(&Event::Acked(record(message))),
            Err((error, message)) => Err(anyhow::anyhow!("{}: {error}", record(message).value)),
        };
        if let Err(error) = printed {
            fail(&error);
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// A producer that prints what is acknowledged.
pub(crate) struct Sender {
    producer: BaseProducer<Reporting>,
    sent: usize,
}

impl Sender {
    pub(crate) fn new(play: &Play, more: &[(&str, &str)]) -> Result<Self> {
        let producer = settings(play, more).create_with_context(Reporting::default()).context("producer")?;
        Ok(Self { producer, sent: 0 })
    }

    /// Sends a record; waits while more than `unanswered` are on their way.
    pub(crate) fn send(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&str>,
        value: &str,
        unanswered: usize,
    ) -> Result<()> {
        let mut record = BaseRecord::to(topic).payload(value);
        record.partition = partition;
        record.key = key;
        self.producer.send(record).map_err(|(error, _)| error).context("send")?;
        self.sent += 1;
        self.producer.poll(Duration::ZERO);
        while self.sent - self.producer.context().answered.load(Ordering::Relaxed) > unanswered {
            self.producer.poll(POLL);
        }
        Ok(())
    }

    /// Waits until everything is answered.
    pub(crate) fn finish(self) -> Result<()> {
        self.producer.flush(Duration::from_secs(120)).context("flush")
    }
}

/// What a consumer reports while it is polled.
#[derive(Default)]
pub(crate) struct Watching {
    /// Print what the member has after each assignment and revocation.
    pub(crate) assignments: bool,
    /// Print the answers of commits.
    pub(crate) commits: AtomicBool,
    /// A commit has been answered since `commits` was set.
    pub(crate) commit_answered: AtomicBool,
}

impl ClientContext for Watching {
    // A broker that is gone for a while is what some scenarios are about.
    fn error(&self, _: KafkaError, _: &str) {}
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ConsumerContext for Watching {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if !self.assignments || matches!(rebalance, Rebalance::Error(_)) {
            return;
        }
        // A consumer that is being closed has none any more.
        let Ok(assignment) = consumer.assignment() else { return };
        let mut partitions: Vec<i32> = assignment.elements().iter().map(|entry| entry.partition()).collect();
        partitions.sort_unstable();
        if let Err(error) = print(&Event::Assigned(partitions)) {
            fail(&error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if !self.commits.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = result.context("commit").and_then(|()| print_committed(offsets)) {
            fail(&error);
        }
        self.commit_answered.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn consumer(play: &Play, watching: Watching, more: &[(&str, &str)]) -> Result<BaseConsumer<Watching>> {
    let mut settings = settings(play, &[("group.id", &play.group)]);
    for (name, value) in more {
        settings.set(*name, *value);
    }
    settings.create_with_context(watching).context("consumer")
}

/// Prints the offsets in a list that are known.
pub(crate) fn print_committed(offsets: &TopicPartitionList) -> Result<()> {
    for entry in offsets.elements() {
        if let Offset::Offset(offset) = entry.offset() {
            print(&Event::Committed(entry.partition(), offset))?;
        }
    }
    Ok(())
}

/// Whether librdkafka goes on by itself after this error.
pub(crate) fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// Kafka's name of an error, such as `TOPIC_ALREADY_EXISTS`, or librdkafka's of one of its own.
pub(crate) fn name(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), kafkas_name)
}

/// As [`name`], of a code.
pub(crate) fn kafkas_name(code: RDKafkaErrorCode) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Ends the program from within a callback, which can return no error.
fn fail(error: &anyhow::Error) -> ! {
    use std::io::Write;
    // Without standard error the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{error:#}");
    std::process::exit(1)
}
