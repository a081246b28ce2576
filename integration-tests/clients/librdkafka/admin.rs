//! A topic and a group from their beginning to their end, all by the administration client.

use std::time::Instant;

use anyhow::{Context, Result};
use dohle_integration_tests::events::Event;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier};
use rdkafka::admin::{OwnedResourceSpecifier, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::clients::{PATIENCE, POLL, Watching, consumer, kafkas_name, name, settings};
use crate::{Play, print};

const RECORDS: i64 = 10;
const DELETED: i64 = 4;

pub(crate) fn play(play: &Play) -> Result<()> {
    let administrator = Administrator {
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        admin: settings(play, &[]).create().context("administration client")?,
        options: AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE)),
        play,
    };
    administrator.topic()?;
    administrator.records()?;
    administrator.group()?;
    let nodes = administrator.admin.inner().fetch_metadata(None, PATIENCE).context("metadata")?.brokers().len();
    fact("describe-cluster", nodes)?;
    administrator.delete()
}

struct Administrator<'a> {
    runtime: Runtime,
    admin: AdminClient<DefaultClientContext>,
    options: AdminOptions,
    play: &'a Play,
}

impl Administrator<'_> {
    fn topic(&self) -> Result<()> {
        let topic = &self.play.topic;
        let new_topic = NewTopic::new(topic, 2, TopicReplication::Fixed(1)).set("retention.ms", "3600000");
        for step in ["create", "create-again"] {
            let answers = self.runtime.block_on(self.admin.create_topics([&new_topic], &self.options));
            of_topics(step, answers)?;
        }
        let more = NewPartitions::new(topic, 4);
        let answers = self.runtime.block_on(self.admin.create_partitions([&more], &self.options));
        of_topics("create-partitions", answers)?;
        eventually("partitions", "4", || {
            let metadata = self.admin.inner().fetch_metadata(Some(topic), PATIENCE).context("metadata")?;
            Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len()).to_string())
        })?;

        eventually("describe-config", "3600000", || self.retention())?;
        // The binding has no incremental change.
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "7200000");
        let answers = self.runtime.block_on(self.admin.alter_configs([&change], &self.options));
        let answer: Result<OwnedResourceSpecifier, _> =
            answers.context("alter configurations")?.into_iter().next().context("no answer")?;
        fact("alter-config", answer.map_or_else(|(_, code)| kafkas_name(code), |_| "ok".to_owned()))?;
        eventually("altered-config", "7200000", || self.retention())
    }

    fn retention(&self) -> Result<String> {
        let resource = ResourceSpecifier::Topic(&self.play.topic);
        let answers = self.runtime.block_on(self.admin.describe_configs([&resource], &self.options));
        let answer = answers.context("describe configurations")?.into_iter().next().context("no answer")?;
        let entry = answer.map(|configs| configs.get("retention.ms").and_then(|entry| entry.value.clone()));
        Ok(entry.map_or_else(kafkas_name, |value| value.unwrap_or_else(|| "none".to_owned())))
    }

    fn records(&self) -> Result<()> {
        let topic = &self.play.topic;
        let producer: BaseProducer<DefaultProducerContext> = settings(self.play, &[]).create().context("producer")?;
        for number in 0..RECORDS {
            let value = format!("value-{number}");
            let record = BaseRecord::<(), str>::to(topic).partition(0).payload(&value);
            producer.send(record).map_err(|(error, _)| error).context("send")?;
        }
        let flushed = producer.flush(PATIENCE);
        fact("produced", flushed.map_or_else(|error| name(&error), |()| "ok".to_owned()))?;

        let mut before = TopicPartitionList::new();
        before.add_partition_offset(topic, 0, Offset::Offset(DELETED))?;
        let answers = self.runtime.block_on(self.admin.delete_records(&before, &self.options));
        let answer = answers.and_then(|list| list.elements().iter().try_for_each(|entry| entry.error()));
        fact("delete-records", answer.map_or_else(|error| name(&error), |()| "ok".to_owned()))?;
        let (earliest, _) = self.admin.inner().fetch_watermarks(topic, 0, PATIENCE).context("offsets")?;
        fact("earliest", earliest)
    }

    fn group(&self) -> Result<()> {
        let (topic, group) = (&self.play.topic, &self.play.group);
        let settings = [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
        let member = consumer(self.play, Watching::default(), &settings)?;
        member.subscribe(&[topic])?;
        let mut received = DELETED;
        while received < RECORDS {
            if let Some(message) = member.poll(POLL) {
                message.context("poll")?;
                received += 1;
            }
        }
        member.commit_consumer_state(CommitMode::Sync).context("commit")?;
        drop(member);

        let client = self.admin.inner();
        let groups = client.fetch_group_list(None, PATIENCE).context("groups")?;
        fact("list-groups", groups.groups().iter().any(|found| found.name() == group))?;
        let groups = client.fetch_group_list(Some(group), PATIENCE).context("group")?;
        fact("describe-group", groups.groups().first().map_or("none", |found| found.state()))?;
        fact("group-offset", self.committed()?)?;
        // The binding has no call for it; what Kafka's calls so is a commit by somebody who is no member.
        let nobody = consumer(self.play, Watching::default(), &[("enable.auto.commit", "false")])?;
        let mut back = TopicPartitionList::new();
        back.add_partition_offset(topic, 0, Offset::Offset(7))?;
        let altered = nobody.commit(&back, CommitMode::Sync);
        fact("alter-group-offset", altered.map_or_else(|error| name(&error), |()| "ok".to_owned()))?;
        fact("altered-group-offset", self.committed()?)?;
        let answers = self.runtime.block_on(self.admin.delete_groups(&[group], &self.options));
        let answer = answers.context("delete group")?.into_iter().next().context("no answer")?;
        fact("delete-group", answer.map_or_else(|(_, code)| kafkas_name(code), |_| "ok".to_owned()))
    }

    /// What the group has committed for partition 0.
    fn committed(&self) -> Result<i64> {
        let nobody = consumer(self.play, Watching::default(), &[("enable.auto.commit", "false")])?;
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition(&self.play.topic, 0);
        let committed = nobody.committed_offsets(wanted, PATIENCE).context("committed offsets")?;
        committed.elements().first().and_then(|entry| entry.offset().to_raw()).context("no committed offset")
    }

    fn delete(&self) -> Result<()> {
        of_topics("delete", self.runtime.block_on(self.admin.delete_topics(&[&self.play.topic], &self.options)))
    }
}

/// Prints what became of the one topic.
fn of_topics(step: &str, answers: KafkaResult<Vec<TopicResult>>) -> Result<()> {
    let answer = answers.context(step.to_owned())?.into_iter().next().context("no answer")?;
    fact(step, answer.map_or_else(|(_, code): (String, RDKafkaErrorCode)| kafkas_name(code), |_| "ok".to_owned()))
}

/// Prints the answer to a question once it is the expected one: a broker may not have heard of the last change yet.
fn eventually(step: &str, expected: &str, question: impl Fn() -> Result<String>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = question()?;
        if answer == expected || Instant::now() >= end {
            return fact(step, answer);
        }
    }
}

fn fact(step: &str, result: impl ToString) -> Result<()> {
    print(&Event::Fact(step.to_owned(), result.to_string()))
}
