//! What a broker keeps when it is stopped, or killed, and started again.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::events::{Event, Record, received};
use dohle_integration_tests::families::Play;
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Running;
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::{Completion, Trial};

use crate::stage::{Suite, same, trial_with_brokers, with_tools};

/// Longer than any orderly stop with a handful of partitions takes, and much shorter than a client's patience.
const SOON: Duration = Duration::from_secs(10);

type Test = fn(&Suite) -> Result<()>;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&'static str, Test); 2] =
        [("everything_is_kept", everything_is_kept), ("a_broker_that_is_used_stops_soon", stops_soon)];
    let trial = |(name, test): (&'static str, Test)| {
        let suite = Arc::clone(suite);
        trial_with_brokers(format!("restart::{name}"), move || test(&suite).map(|()| Completion::Completed))
    };
    let mut trials: Vec<Trial> = tests.into_iter().map(trial).collect();
    trials.push(trial_with_brokers("restart::kafkas_tools_see_the_same", || with_tools(tools_see_the_same)));
    trials
}

/// All that can be asked.
#[derive(Debug, PartialEq)]
struct Contents {
    topics: BTreeMap<String, usize>,
    records: BTreeMap<String, Vec<Record>>,
    offsets: BTreeMap<String, Vec<(i64, i64)>>,
    configs: Vec<String>,
    committed: BTreeMap<String, BTreeMap<i32, (i64, String)>>,
    groups: BTreeMap<String, String>,
}

fn contents(bootstrap: &str) -> Result<Contents> {
    let observer = Observer::new(bootstrap)?;
    let topics = observer.topics()?;
    let (mut records, mut offsets) = (BTreeMap::new(), BTreeMap::new());
    for (topic, partitions) in &topics {
        records.insert(topic.clone(), observer.records(topic)?);
        let watermarks = (0..i32::try_from(*partitions)?).map(|partition| observer.watermarks(topic, partition));
        offsets.insert(topic.clone(), watermarks.collect::<Result<Vec<_>>>()?);
    }
    let configs = ["cleanup.policy", "retention.ms", "max.message.bytes"];
    let configs = configs.iter().map(|name| observer.topic_config("keyed", name)).collect::<Result<Vec<_>>>()?;
    let mut committed = BTreeMap::new();
    for (group, topic) in [("by-hand", "keyed"), ("with-members", "plain")] {
        committed.insert(group.to_owned(), observer.committed(group, topic)?);
    }
    let mut groups = observer.groups()?;
    // The observer's own, which is in no group but may be listed while it looks.
    groups.remove("observer");
    Ok(Contents { topics, records, offsets, configs, committed, groups })
}

fn everything_is_kept(suite: &Suite) -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::with_quick_groups())?;
    let bootstrap = broker.bootstrap();
    let observer = Observer::new(&bootstrap)?;
    observer.create_topic("keyed", 3, &[("cleanup.policy", "compact,delete"), ("retention.ms", "86400000")])?;
    observer.create_topic("plain", 1, &[])?;
    observer.create_topic("gone", 1, &[])?;
    observer.send_numbered("gone", 0, "gone", 10)?;
    observer.delete_topic("gone")?;
    for partition in 0..3 {
        let codec = ["gzip", "zstd", "none"][usize::try_from(partition)?];
        let records = (0..500).map(|number| (Some(format!("key-{number}")), format!("{partition}-{number}")));
        observer.send("keyed", partition, records, &[("compression.codec", codec)])?;
    }
    observer.send_numbered("plain", 0, "first", 100)?;
    observer.commit("by-hand", "keyed", &[(0, 17, "seventeen"), (2, 500, "")])?;
    let member = reader(suite, &bootstrap, "plain", "with-members")?;
    member.wait_for_lines("received\t", 100, PATIENCE)?;
    member.succeed(PATIENCE)?;

    let before = contents(&bootstrap)?;
    ensure!(before.topics.keys().eq(["keyed", "plain"]), "{:?}", before.topics);
    ensure!(before.committed["with-members"][&0].0 == 100, "{:?}", before.committed);
    ensure!(before.groups.keys().eq(["by-hand", "with-members"]), "{:?}", before.groups);
    broker.stop()?;
    broker.start_again()?;
    compare("after a stop", &before, &contents(&bootstrap)?)?;
    broker.kill();
    broker.start_again()?;
    compare("after a kill", &before, &contents(&bootstrap)?)?;

    // And it goes on where it was.
    let more = Observer::new(&bootstrap)?.send_numbered("plain", 0, "second", 10)?;
    ensure!(more[0].offset == 100, "offsets begin anew: {:?}", more[0]);
    let member = reader(suite, &bootstrap, "plain", "with-members")?;
    member.wait_for_lines("received\t", 10, PATIENCE)?;
    let received = member.succeed(PATIENCE)?;
    let second = received.output.iter().filter(|line| line.starts_with("received\t"));
    ensure!(second.clone().count() == 10 && second.clone().all(|line| line.contains("second-")), "{received:?}");
    let before = contents(&bootstrap)?;
    broker.stop()?;
    broker.start_again()?;
    compare("after another stop", &before, &contents(&bootstrap)?)
}

fn compare(when: &str, before: &Contents, after: &Contents) -> Result<()> {
    for (topic, records) in &before.records {
        let found = after.records.get(topic).with_context(|| format!("{when}: {topic} is gone"))?;
        same(&format!("{when}: records of {topic}"), records, found)?;
    }
    ensure!(before == after, "{when}: before {:?}\nafter {:?}", without_records(before), without_records(after));
    Ok(())
}

/// The part of it that fits on a page.
fn without_records(contents: &Contents) -> impl std::fmt::Debug {
    let Contents { topics, offsets, configs, committed, groups, .. } = contents;
    format!("{topics:?} {offsets:?} {configs:?} {committed:?} {groups:?}")
}

/// An idle connection and a consumer that waits for records do not hold up an orderly stop; the consumer carries on with
/// the broker's next life.
fn stops_soon(suite: &Suite) -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::with_quick_groups())?;
    let bootstrap = broker.bootstrap();
    let observer = Observer::new(&bootstrap)?;
    observer.create_topic("watched", 1, &[])?;
    observer.send_numbered("watched", 0, "before", 10)?;
    let idle = TcpStream::connect(&bootstrap)?;
    let member = reader(suite, &bootstrap, "watched", "watching")?;
    member.wait_for_lines("received\t", 10, PATIENCE)?;
    let start = Instant::now();
    broker.stop()?;
    ensure!(start.elapsed() < SOON, "it took {:?} to stop", start.elapsed());
    drop(idle);
    broker.start_again()?;
    let observer = Observer::new(&bootstrap)?;
    observer.send_numbered("watched", 0, "after", 10)?;
    member.wait_for_lines("received\t", 20, PATIENCE)?;
    let received = received(&Event::parse_all(&member.succeed(PATIENCE)?.output)?);
    same("received, and in the topic", &observer.records("watched")?, &received)
}

/// A member of a group until its input is closed.
fn reader(suite: &Suite, bootstrap: &str, topic: &str, group: &str) -> Result<Running> {
    let family = suite.families.iter().find(|family| family.name() == "librdkafka").context("no librdkafka")?;
    let parameters = [("session_ms", "30000".to_owned()), ("heartbeat_ms", "1000".to_owned())];
    family.start(&Play { scenario: "group-member", bootstrap, topic, group, parameters: &parameters })
}

fn tools_see_the_same(tools: &KafkaTools) -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::with_quick_groups())?;
    let bootstrap = broker.bootstrap();
    let observer = Observer::new(&bootstrap)?;
    observer.create_topic("described", 3, &[("retention.ms", "86400000")])?;
    observer.send_numbered("described", 1, "record", 10)?;
    observer.commit("describing", "described", &[(1, 4, "")])?;
    let look = || -> Result<Vec<String>> {
        let topics = tools.succeed("kafka-topics", &["--bootstrap-server", &bootstrap, "--describe"], "")?;
        let groups = ["--bootstrap-server", &bootstrap, "--describe", "--group", "describing"];
        let groups = tools.succeed("kafka-consumer-groups", &groups, "")?;
        // Topics are described in no order.
        let mut topics = topics.output;
        topics.sort();
        Ok([topics, groups.output].concat())
    };
    let before = look()?;
    broker.stop()?;
    broker.start_again()?;
    same("what kafka-topics and kafka-consumer-groups describe, before and after", &before, &look()?)
}
