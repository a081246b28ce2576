//! Drives librdkafka: `produce|consume BOOTSTRAP TOPIC RECORDS VALUE_BYTES`. Prints how long it took, as JSON.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [task, bootstrap, topic, records, value_bytes] = arguments.as_slice() else {
        bail!("usage: produce|consume BOOTSTRAP TOPIC RECORDS VALUE_BYTES");
    };
    let records: u64 = records.parse().context("RECORDS is no number")?;
    let value = vec![b'x'; value_bytes.parse().context("VALUE_BYTES is no number")?];
    let seconds = match task.as_str() {
        "produce" => produce(bootstrap, topic, records, &value)?,
        "consume" => consume(bootstrap, topic, records, value.len())?,
        other => bail!("unknown task {other}"),
    };
    let report = serde_json::json!({ "seconds": seconds.as_secs_f64(), "records": records });
    writeln!(std::io::stdout(), "{report}").context("print the report")
}

/// Counts what is delivered.
#[derive(Clone, Default)]
struct Deliveries {
    succeeded: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = if result.is_ok() { &self.succeeded } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Produces to the partitions in turns; the time is until the last delivery.
fn produce(bootstrap: &str, topic: &str, records: u64, value: &[u8]) -> Result<Duration> {
    let deliveries = Deliveries::default();
    let producer: BaseProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("acks", "1")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "1000000")
        .create_with_context(deliveries.clone())?;
    let began = Instant::now();
    for number in 0..records {
        let partition = i32::try_from(number % 4)?;
        let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    producer.poll(POLL);
                }
                Err((error, _)) => return Err(error).context("produce"),
            }
        }
        // Delivery reports are taken now and then, as an application does.
        if number % 1024 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(LIMIT).context("flush")?;
    let took = began.elapsed();
    let (succeeded, failed) = (deliveries.succeeded.load(Ordering::Relaxed), deliveries.failed.load(Ordering::Relaxed));
    ensure!(succeeded == records && failed == 0, "{succeeded} of {records} records were delivered, {failed} failed");
    Ok(took)
}

/// Consumes the partitions from their start; the time is from the first record to the last.
fn consume(bootstrap: &str, topic: &str, records: u64, value_bytes: usize) -> Result<Duration> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let limit = Instant::now() + LIMIT;
    let mut began = None;
    let mut count = 0;
    while count < records {
        ensure!(Instant::now() < limit, "{count} of {records} records after {LIMIT:?}");
        let Some(message) = consumer.poll(POLL) else { continue };
        let message = message.context("consume")?;
        let size = message.payload().map_or(0, <[u8]>::len);
        ensure!(size == value_bytes, "a record of {size} bytes");
        began.get_or_insert_with(Instant::now);
        count += 1;
    }
    Ok(began.map_or(Duration::ZERO, |began| began.elapsed()))
}
