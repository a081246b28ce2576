//! Settings that are changed while the broker runs, with Apache Kafka's `kafka-configs`: topics, brokers and their defaults,
//! groups, subscriptions to clients' metrics, and loggers. What the tool is told is true is also seen to be in effect.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};
use libtest_mimic::Trial;

use crate::stage::{Suite, explained_by, same, trial, trial_with_brokers, with_tools};

type Test = fn(&Suite, &Configs<'_>) -> Result<()>;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&str, Test); 4] =
        [("topics", topics), ("groups", groups), ("client_metrics", client_metrics), ("loggers", loggers)];
    let trial = |(name, test): (&str, Test)| {
        let suite = Arc::clone(suite);
        trial(format!("configs::{name}"), move || {
            with_tools(|tools| {
                let cluster = suite.cluster()?;
                explained_by(&cluster, test(&suite, &Configs { tools, bootstrap: cluster.bootstrap().to_owned() }))
            })
        })
    };
    let mut trials: Vec<Trial> = tests.into_iter().map(trial).collect();
    trials.push(trial_with_brokers("configs::brokers", || with_tools(brokers)));
    trials.push(trial_with_brokers("configs::retention", || with_tools(retention)));
    trials
}

/// The tool for one broker.
struct Configs<'a> {
    tools: &'a KafkaTools,
    bootstrap: String,
}

impl Configs<'_> {
    fn arguments<'b>(&'b self, entity: &[&'b str], action: &[&'b str]) -> Vec<&'b str> {
        [&["--bootstrap-server", &self.bootstrap][..], entity, action].concat()
    }

    /// What the tool prints.
    fn lines(&self, entity: &[&str], action: &[&str]) -> Result<Vec<String>> {
        Ok(self.tools.succeed("kafka-configs", &self.arguments(entity, action), "")?.output)
    }

    /// Changes settings; the tool says so of `whom`.
    fn alter(&self, entity: &[&str], action: &[&str], whom: &str) -> Result<()> {
        let lines = self.lines(entity, &[&["--alter"], action].concat())?;
        same("altered", &[format!("Completed updating {whom}.")], &lines)
    }

    /// The tool must fail with these words.
    fn refused(&self, entity: &[&str], action: &[&str], words: &str) -> Result<()> {
        let arguments = self.arguments(entity, &[&["--alter"], action].concat());
        let finished = self.tools.run("kafka-configs", &arguments, "")?;
        ensure!(!finished.status.success(), "{arguments:?} did not fail: {finished:?}");
        ensure!(finished.text().contains(words), "{arguments:?} does not say {words:?}: {finished:?}");
        Ok(())
    }

    /// What is described: a heading, and then one line each, in order.
    fn described(&self, entity: &[&str], heading: &str, expected: &[&str]) -> Result<()> {
        let mut lines = self.lines(entity, &["--describe"])?;
        if lines.len() > 1 {
            lines[1..].sort();
        }
        let settings = expected.iter().map(|setting| format!("  {setting}"));
        let expected: Vec<String> = [format!("{heading} are:")].into_iter().chain(settings).collect();
        same("described", &expected, &lines)
    }
}

fn send_large(observer: &Observer, topic: &str) -> Result<()> {
    observer.send(topic, 0, [(None, "x".repeat(2000))], &[]).map(drop)
}

/// A producer hears that its record is too large.
fn refuses_large(observer: &Observer, topic: &str) -> Result<()> {
    let error = send_large(observer, topic).err().with_context(|| format!("{topic} takes a large record"))?;
    let text = format!("{error:#}").to_lowercase();
    ensure!(text.contains("size") && text.contains("too large"), "{text}");
    Ok(())
}

fn topics(suite: &Suite, configs: &Configs<'_>) -> Result<()> {
    let topic = suite.name("configs");
    let observer = Observer::new(&configs.bootstrap)?;
    observer.create_topic(&topic, 1, &[("flush.ms", "77777")])?;
    let entity = ["--entity-type", "topics", "--entity-name", &topic];
    let (whom, heading) = (format!("config for topic {topic}"), format!("Dynamic configs for topic {topic}"));
    configs.alter(&entity, &["--add-config", "max.message.bytes=1000,cleanup.policy=[compact,delete]"], &whom)?;
    let flush = "flush.ms=77777 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:flush.ms=77777}";
    let expected = [
        "cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, \
         DEFAULT_CONFIG:log.cleanup.policy=delete}",
        flush,
        "max.message.bytes=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=1000, \
         DEFAULT_CONFIG:message.max.bytes=1048588}",
    ];
    configs.described(&entity, &heading, &expected)?;
    refuses_large(&observer, &topic)?;
    for (setting, words) in [
        ("nope=1", "Unknown topic config name: nope"),
        ("retention.ms=x", "Invalid value x for configuration retention.ms: Not a number of type LONG"),
        ("cleanup.policy=nope", "String must be one of: compact, delete"),
    ] {
        configs.refused(&entity, &["--add-config", setting], words)?;
    }
    configs.alter(&entity, &["--delete-config", "max.message.bytes,cleanup.policy"], &whom)?;
    configs.described(&entity, &heading, &[flush])?;
    send_large(&observer, &topic)?;
    let nowhere = ["--entity-type", "topics", "--entity-name", &format!("not-{topic}")];
    configs.refused(&nowhere, &["--add-config", "flush.ms=5"], "does not exist.")
}

fn groups(suite: &Suite, configs: &Configs<'_>) -> Result<()> {
    let group = suite.name("configs-group");
    let entity = ["--entity-type", "groups", "--entity-name", &group];
    let (whom, heading) = (format!("config for group {group}"), format!("Dynamic configs for group {group}"));
    configs.alter(&entity, &["--add-config", "consumer.session.timeout.ms=50000"], &whom)?;
    let session = "consumer.session.timeout.ms=50000 sensitive=false \
                   synonyms={DYNAMIC_GROUP_CONFIG:consumer.session.timeout.ms=50000, \
                   DEFAULT_CONFIG:group.consumer.session.timeout.ms=45000}";
    configs.described(&entity, &heading, &[session])?;
    let words = "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms";
    configs.refused(&entity, &["--add-config", "consumer.session.timeout.ms=5"], words)?;
    configs.refused(&entity, &["--add-config", "nope=5"], "Unknown group config name: nope")?;
    configs.alter(&entity, &["--delete-config", "consumer.session.timeout.ms"], &whom)?;
    let gone = format!("The group '{group}' doesn't exist and doesn't have dynamic config.");
    same("gone", &[gone], &configs.lines(&entity, &["--describe"])?)
}

fn client_metrics(suite: &Suite, configs: &Configs<'_>) -> Result<()> {
    let subscription = suite.name("configs-metrics");
    let entity = ["--entity-type", "client-metrics", "--entity-name", &subscription];
    let whom = format!("config for client-metric {subscription}");
    let heading = format!("Dynamic configs for client-metric {subscription}");
    configs.alter(&entity, &["--add-config", "metrics=[a.,b.],interval.ms=1000"], &whom)?;
    let interval = "interval.ms=1000 sensitive=false synonyms={DYNAMIC_CLIENT_METRICS_CONFIG:interval.ms=1000}";
    let metrics = "metrics=a.,b. sensitive=false synonyms={DYNAMIC_CLIENT_METRICS_CONFIG:metrics=a.,b.}";
    configs.described(&entity, &heading, &[interval, metrics])?;
    let words = "interval must be between 100 and 3600000 (1 hour)";
    configs.refused(&entity, &["--add-config", "interval.ms=5"], words)?;
    configs.refused(&entity, &["--add-config", "match=[nope=x]"], "Illegal client matching pattern: nope=x")?;
    configs.alter(&entity, &["--delete-config", "metrics,interval.ms"], &whom)?;
    let gone = format!("The client-metric '{subscription}' doesn't exist and doesn't have dynamic config.");
    same("gone", &[gone], &configs.lines(&entity, &["--describe"])?)
}

fn loggers(_: &Suite, configs: &Configs<'_>) -> Result<()> {
    let entity = ["--entity-type", "broker-loggers", "--entity-name", "1"];
    let whom = "config for broker-logger 1";
    let level_of = |logger: &str| -> Result<String> {
        let lines = configs.lines(&entity, &["--describe"])?;
        ensure!(lines.first().is_some_and(|line| line == "Dynamic configs for broker-logger 1 are:"), "{lines:?}");
        let line = lines.iter().find_map(|line| line.strip_prefix(&format!("  {logger}=")));
        let level = line.and_then(|line| line.strip_suffix(" sensitive=false synonyms={}"));
        level.map(str::to_owned).with_context(|| format!("no {logger} in {lines:?}"))
    };
    // What its operator has asked for, in this run of the suite or before.
    let before = level_of("root")?;
    configs.alter(&entity, &["--add-config", "root=DEBUG"], whom)?;
    ensure!(level_of("root")? == "DEBUG");
    configs.alter(&entity, &["--add-config", &format!("root={before}")], whom)?;
    ensure!(level_of("root")? == before);
    let words = "Cannot set the log level of root to LOUD as it is not a supported log level. Valid log levels are DEBUG, \
                 ERROR, FATAL, INFO, TRACE, WARN";
    configs.refused(&entity, &["--add-config", "root=LOUD"], words)?;
    let words = "Removing the log level of the root logger is not allowed";
    configs.refused(&entity, &["--delete-config", "root"], words)?;
    configs.refused(&entity, &["--add-config", "nobody=INFO"], "Invalid broker logger(s): nobody")
}

/// Layers, what they do, and that a restart takes them in.
fn brokers(tools: &KafkaTools) -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::default())?;
    let configs = Configs { tools, bootstrap: broker.bootstrap() };
    let own = ["--entity-type", "brokers", "--entity-name", "1"];
    let all = ["--entity-type", "brokers", "--entity-default"];
    let (of_own, of_all) = ("config for broker 1", "default config for brokers in the cluster");
    let (own_heading, all_heading) = ("Dynamic configs for broker 1", "Default configs for brokers in the cluster");
    configs.alter(&all, &["--add-config", "message.max.bytes=1000,log.retention.ms=7000000"], of_all)?;
    configs.alter(&own, &["--add-config", "message.max.bytes=1100"], of_own)?;
    let size = "message.max.bytes=1100 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=1100, \
                DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=1000, DEFAULT_CONFIG:message.max.bytes=1048588}";
    let defaults = [
        "log.retention.ms=7000000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=7000000}",
        "message.max.bytes=1000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=1000}",
    ];
    for life in ["the first", "the second"] {
        configs.described(&own, own_heading, &[size]).context(life)?;
        configs.described(&all, all_heading, &defaults).context(life)?;
        let observer = Observer::new(&broker.bootstrap())?;
        let topic = life.replace(' ', "-");
        observer.create_topic(&topic, 1, &[])?;
        ensure!(observer.topic_config(&topic, "retention.ms")? == "7000000");
        refuses_large(&observer, &topic)?;
        broker.stop()?;
        broker.start_again()?;
    }
    for (setting, words) in [
        ("node.id=7", "Cannot update these configs dynamically: [node.id]"),
        ("log.retention.ms=0", "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
        ("listeners=PLAINTEXT://127.0.0.1:1", "Listeners cannot be opened, closed or changed while the broker runs"),
    ] {
        configs.refused(&own, &["--add-config", setting], words)?;
    }
    let observer = Observer::new(&broker.bootstrap())?;
    configs.alter(&own, &["--delete-config", "message.max.bytes"], of_own)?;
    configs.alter(&all, &["--delete-config", "message.max.bytes,log.retention.ms"], of_all)?;
    configs.described(&own, own_heading, &[])?;
    configs.described(&all, all_heading, &[])?;
    send_large(&observer, "the-first")
}

/// A shorter time to keep records deletes what is there already.
fn retention(tools: &KafkaTools) -> Result<()> {
    let quick = ["log.initial.task.delay.ms=100", "log.retention.check.interval.ms=200"];
    let broker = Broker::start(BrokerOptions::with(&quick))?;
    let configs = Configs { tools, bootstrap: broker.bootstrap() };
    let observer = Observer::new(&broker.bootstrap())?;
    for (topic, entity, setting) in [
        ("by-topic", &["--entity-type", "topics", "--entity-name", "by-topic"][..], "retention.ms=1"),
        ("by-default", &["--entity-type", "brokers", "--entity-default"], "log.retention.ms=1"),
    ] {
        observer.create_topic(topic, 1, &[])?;
        observer.send_numbered(topic, 0, "old", 5)?;
        ensure!(observer.watermarks(topic, 0)? == (0, 5));
        configs.lines(entity, &["--alter", "--add-config", setting])?;
        wait_for(&format!("the records of {topic} to be deleted"), PATIENCE, || {
            observer.watermarks(topic, 0).ok().filter(|watermarks| *watermarks == (5, 5))
        })?;
    }
    Ok(())
}
