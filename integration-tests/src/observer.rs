//! A look at a broker from outside, with a client that no scenario is about: it makes topics, puts records into them, and
//! reads what is there.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::events::{Payload, Record};
use crate::waiting::{PATIENCE, wait_for};

/// The group that librdkafka wants even of those that are in none; nothing is committed in its name.
const NO_GROUP: &str = "observer";

/// The observer of one broker.
pub struct Observer {
    bootstrap: String,
    runtime: Runtime,
    admin: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
}

impl Observer {
    /// An observer of the broker at `bootstrap`. Does not connect yet.
    ///
    /// # Errors
    /// The client refuses its settings.
    pub fn new(bootstrap: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
        let admin = settings(bootstrap).create().context("administration client")?;
        let consumer = consumer(bootstrap, NO_GROUP)?;
        Ok(Self { bootstrap: bootstrap.to_owned(), runtime, admin, consumer })
    }

    /// Creates a topic and waits until it has leaders; with -1 partitions it gets the broker's default number.
    ///
    /// # Errors
    /// The broker refuses, or does not answer in time.
    pub fn create_topic(&self, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<()> {
        let mut new_topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        new_topic.config = configs.to_vec();
        let answers = self.runtime.block_on(self.admin.create_topics([&new_topic], &options()))?;
        for answer in answers {
            answer.map_err(|(name, error)| anyhow::anyhow!("create topic {name}: {error}"))?;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let leaders = self.leaders(topic)?;
            let as_many_as_wanted =
                usize::try_from(partitions).map_or(!leaders.is_empty(), |wanted| leaders.len() == wanted);
            if as_many_as_wanted && leaders.iter().all(|leader| *leader >= 0) {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{topic} has no leaders: {leaders:?}");
        }
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// The broker refuses, or does not answer in time.
    pub fn delete_topic(&self, topic: &str) -> Result<()> {
        for answer in self.runtime.block_on(self.admin.delete_topics(&[topic], &options()))? {
            answer.map_err(|(name, error)| anyhow::anyhow!("delete topic {name}: {error}"))?;
        }
        Ok(())
    }

    /// Names of the topics that are there, with their numbers of partitions, without internal ones.
    ///
    /// # Errors
    /// The broker does not answer in time.
    pub fn topics(&self) -> Result<BTreeMap<String, usize>> {
        let metadata = self.consumer.fetch_metadata(None, PATIENCE).context("metadata")?;
        let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        Ok(topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
    }

    /// The value of a topic's configuration.
    ///
    /// # Errors
    /// The broker does not answer in time, or knows no such topic or configuration.
    pub fn topic_config(&self, topic: &str, name: &str) -> Result<String> {
        let resource = ResourceSpecifier::Topic(topic);
        let answers = self.runtime.block_on(self.admin.describe_configs([&resource], &options()))?;
        let answer = answers.into_iter().next().context("no answer")?.context("describe configurations")?;
        let entry = answer.get(name).with_context(|| format!("no {name} in {:?}", answer.entries))?;
        entry.value.clone().with_context(|| format!("{name} has no value"))
    }

    /// Sends `records`, pairs of key and value, to one partition, in order, and waits until all are acknowledged. `extra`
    /// are settings of the producer.
    ///
    /// # Errors
    /// One of them is not acknowledged.
    pub fn send(
        &self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = (Option<String>, String)>,
        extra: &[(&str, &str)],
    ) -> Result<Vec<Record>> {
        let records: Vec<(Option<String>, String)> = records.into_iter().collect();
        let records = records.iter().map(|(key, value)| {
            let mut record = BaseRecord::<str, str>::to(topic).partition(partition).payload(value);
            record.key = key.as_deref();
            record
        });
        self.send_all(records, extra)
    }

    fn send_all<'a, K: ToBytes + ?Sized + 'a>(
        &self,
        records: impl Iterator<Item = BaseRecord<'a, K, str>>,
        extra: &[(&str, &str)],
    ) -> Result<Vec<Record>> {
        let (reports, answers) = mpsc::channel();
        let mut settings = settings(&self.bootstrap);
        settings.set("linger.ms", "5").set("enable.idempotence", "true");
        for (name, value) in extra {
            settings.set(*name, *value);
        }
        let producer: BaseProducer<Reports> = settings.create_with_context(Reports(reports)).context("producer")?;
        let mut sent = 0;
        for record in records {
            producer.send(record).map_err(|(error, _)| error).context("send")?;
            sent += 1;
            if sent % 1000 == 0 {
                producer.poll(std::time::Duration::ZERO);
            }
        }
        producer.flush(PATIENCE).context("waiting for acknowledgements")?;
        let mut acknowledged = Vec::with_capacity(sent);
        for answer in answers.try_iter() {
            acknowledged.push(answer.map_err(anyhow::Error::msg)?);
        }
        ensure!(acknowledged.len() == sent, "{} of {sent} records were answered", acknowledged.len());
        acknowledged.sort();
        Ok(acknowledged)
    }

    /// Sends `VALUE-0`, `VALUE-1` and so on, without keys.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_numbered(&self, topic: &str, partition: i32, value: &str, count: usize) -> Result<Vec<Record>> {
        self.send(topic, partition, (0..count).map(|number| (None, format!("{value}-{number}"))), &[])
    }

    /// Sends a record for each of `times`, with that timestamp in milliseconds since 1970 and the value `VALUE-0`, `VALUE-1`
    /// and so on, without keys.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_at(&self, topic: &str, partition: i32, value: &str, times: &[i64]) -> Result<Vec<Record>> {
        let values: Vec<String> = (0..times.len()).map(|number| format!("{value}-{number}")).collect();
        let records = values.iter().zip(times).map(|(value, time)| {
            BaseRecord::<(), str>::to(topic).partition(partition).payload(value.as_str()).timestamp(*time)
        });
        self.send_all(records, &[])
    }

    /// First offset and end offset (one past the last record) of a partition, once it has a leader.
    ///
    /// # Errors
    /// The broker does not answer in time.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        let what = format!("offsets of {topic}-{partition}");
        let answer = wait_for(&what, PATIENCE, || match self.consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Err(error) if is_passing(&error) => {
                // What the client knows of the topic is old: it may have more partitions now.
                self.leaders(topic).err().map(Err)
            }
            answer => Some(answer.with_context(|| what.clone())),
        });
        answer?
    }

    /// Everything in a topic: the records of partition 0 by offset, then those of partition 1, and so on.
    ///
    /// # Errors
    /// The topic is not there, or its records do not come in time.
    pub fn records(&self, topic: &str) -> Result<Vec<Record>> {
        self.read_all(topic, |message| Ok(record(message)))
    }

    /// As [`records`](Self::records), with all that a record has.
    ///
    /// # Errors
    /// As there, or something in a record is no UTF-8.
    pub fn payloads(&self, topic: &str) -> Result<Vec<Payload>> {
        self.read_all(topic, payload)
    }

    fn read_all<T>(&self, topic: &str, read: impl Fn(&BorrowedMessage<'_>) -> Result<T>) -> Result<Vec<T>> {
        let consumer = consumer(&self.bootstrap, NO_GROUP)?;
        let mut missing = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..self.partitions(topic)? {
            let (first, end) = self.watermarks(topic, partition)?;
            if first < end {
                missing.insert(partition, end);
                assignment.add_partition_offset(topic, partition, Offset::Offset(first))?;
            }
        }
        consumer.assign(&assignment).context("assign")?;
        let mut records = Vec::new();
        let limit = Instant::now() + PATIENCE;
        while !missing.is_empty() {
            if Instant::now() > limit {
                bail!(
                    "reading {topic}: {} records came, still to come (partition, end offset): {missing:?}",
                    records.len()
                );
            }
            let Some(message) = consumer.poll(std::time::Duration::from_millis(100)) else { continue };
            let message = message.context("fetch")?;
            let partition = message.partition();
            if missing.get(&partition).is_some_and(|end| message.offset() + 1 >= *end) {
                missing.remove(&partition);
            }
            records.push((partition, read(&message)?));
        }
        // Stable: a partition's records stay in the order in which they came.
        records.sort_by_key(|(partition, _)| *partition);
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    /// Commits offsets for a group that has no members: partition, offset, metadata.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn commit(&self, group: &str, topic: &str, offsets: &[(i32, i64, &str)]) -> Result<()> {
        let consumer = consumer(&self.bootstrap, group)?;
        let mut list = TopicPartitionList::new();
        for (partition, offset, metadata) in offsets {
            let mut entry = list.add_partition(topic, *partition);
            entry.set_offset(Offset::Offset(*offset))?;
            entry.set_metadata(*metadata);
        }
        consumer.commit(&list, rdkafka::consumer::CommitMode::Sync).with_context(|| format!("commit for {group}"))
    }

    /// What a group has committed for a topic: by partition, offset and metadata.
    ///
    /// # Errors
    /// The broker does not answer in time.
    pub fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        let consumer = consumer(&self.bootstrap, group)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions(topic)? {
            list.add_partition(topic, partition);
        }
        let list = consumer.committed_offsets(list, PATIENCE).with_context(|| format!("offsets of {group}"))?;
        let offsets = list.elements();
        let known = offsets.iter().filter_map(|entry| match entry.offset() {
            Offset::Offset(offset) => Some((entry.partition(), (offset, entry.metadata().to_owned()))),
            _ => None,
        });
        Ok(known.collect())
    }

    /// How many brokers there are.
    ///
    /// # Errors
    /// The broker does not answer in time.
    pub fn brokers(&self) -> Result<usize> {
        Ok(self.consumer.fetch_metadata(None, PATIENCE).context("metadata")?.brokers().len())
    }

    /// The groups that are there, with state.
    ///
    /// # Errors
    /// The broker does not answer in time.
    pub fn groups(&self) -> Result<BTreeMap<String, String>> {
        let groups = self.consumer.fetch_group_list(None, PATIENCE).context("groups")?;
        Ok(groups.groups().iter().map(|group| (group.name().to_owned(), group.state().to_owned())).collect())
    }

    /// How many partitions a topic has, once each has a leader.
    fn partitions(&self, topic: &str) -> Result<i32> {
        let what = format!("leaders of all partitions of {topic}");
        wait_for(&what, PATIENCE, || match self.leaders(topic) {
            Ok(leaders) if leaders.is_empty() || leaders.contains(&-1) => None,
            Ok(leaders) => Some(i32::try_from(leaders.len()).context(what.clone())),
            Err(error) => Some(Err(error)),
        })?
    }

    /// The leader of each partition, -1 where there is none.
    fn leaders(&self, topic: &str) -> Result<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE).context("metadata")?;
        let topic = metadata.topics().first().with_context(|| format!("no answer about {topic}"))?;
        Ok(topic.partitions().iter().map(|partition| partition.leader()).collect())
    }
}

/// What passes when a broker has just been started, or a topic been changed.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownPartition, UnknownTopicOrPartition};
    let passing = [LeaderNotAvailable, NotLeaderForPartition, UnknownPartition, UnknownTopicOrPartition];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}

/// A record as librdkafka gives it.
#[must_use]
pub fn record(message: &impl Message) -> Record {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text),
        value: message.payload().map(text).unwrap_or_default(),
    }
}

/// A record as librdkafka gives it, with all that it has.
///
/// # Errors
/// Something in it is no UTF-8.
pub fn payload(message: &BorrowedMessage<'_>) -> Result<Payload> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).context("text of a record");
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.map(|header| Ok((header.key.to_owned(), header.value.map(text).transpose()?)));
    Ok(Payload {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text).transpose()?,
        value: message.payload().map(text).transpose()?,
        headers: headers.collect::<Result<_>>()?,
    })
}

/// Hands on what becomes of each record.
struct Reports(mpsc::Sender<Result<Record, String>>);

impl ClientContext for Reports {
    // A broker that is killed is what some tests are about: not worth a line on standard error.
    fn error(&self, _: KafkaError, _: &str) {}
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => Ok(record(message)),
            Err((error, message)) => Err(format!("{}: {error}", record(message).value)),
        };
        // Nobody waits for it any more.
        let _ = self.0.send(report);
    }
}

fn settings(bootstrap: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap);
    settings.set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "200").set("retry.backoff.ms", "20");
    settings
}

fn consumer(bootstrap: &str, group: &str) -> Result<BaseConsumer> {
    let mut settings = settings(bootstrap);
    settings.set("group.id", group).set("enable.auto.commit", "false").set("fetch.wait.max.ms", "50");
    settings.create().context("consumer")
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}
