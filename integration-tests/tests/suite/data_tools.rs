//! Apache Kafka's own tools for what lies in partitions and groups: offsets, records, log directories, producers, groups,
//! and the load that the performance tools make. Wherever a broker's word matters, it is Apache Kafka's.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::families::Play;
use dohle_integration_tests::java::JvmPermits;
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Finished;
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::{Suite, explained_by, same, trial, trial_with_brokers, with_tools};

type Test = fn(&Suite, &KafkaTools, bootstrap: &str) -> Result<()>;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&str, Test); 10] = [
        ("get_offsets", get_offsets),
        ("delete_records", delete_records),
        ("log_dirs", log_dirs),
        ("describe_producers", describe_producers),
        ("list_and_describe_groups", list_and_describe_groups),
        ("groups_of_all_types", groups_of_all_types),
        ("reset_offsets", reset_offsets),
        ("delete_groups_and_offsets", delete_groups_and_offsets),
        ("what_members_use_is_not_deleted", what_members_use_is_not_deleted),
        ("performance", performance),
    ];
    let shared = |(name, test): (&str, Test)| {
        let suite = Arc::clone(suite);
        trial(format!("data_tools::{name}"), move || {
            with_tools(|tools| {
                let cluster = suite.cluster()?;
                explained_by(&cluster, test(&suite, tools, cluster.bootstrap()))
            })
        })
    };
    let mut trials: Vec<Trial> = tests.into_iter().map(shared).collect();
    trials.push(trial_with_brokers("data_tools::a_log_directory_that_cannot_be_read", || {
        with_tools(a_log_directory_that_cannot_be_read)
    }));
    trials
}

/// The lines of a tool that must succeed.
fn lines(tools: &KafkaTools, bootstrap: &str, tool: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let arguments = [&["--bootstrap-server", bootstrap][..], arguments].concat();
    Ok(tools.succeed(tool, &arguments, "")?.output)
}

/// All that a tool says which must succeed.
fn said(tools: &KafkaTools, bootstrap: &str, tool: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let arguments = [&["--bootstrap-server", bootstrap][..], arguments].concat();
    let finished = tools.succeed(tool, &arguments, "")?;
    Ok([finished.output, finished.errors].concat())
}

/// The words of each line that has any.
fn rows(output: &[String]) -> Vec<Vec<&str>> {
    output.iter().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty()).collect()
}

/// `TOPIC:PARTITION:OFFSET` for each of these.
fn offsets(topic: &str, offsets: &[(i32, i64)]) -> Vec<String> {
    offsets.iter().map(|(partition, offset)| format!("{topic}:{partition}:{offset}")).collect()
}

fn get_offsets(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-offsets");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 3, &[("retention.ms", "-1")])?;
    observer.send_at(&topic, 0, "a", &[1_000, 3_000, 2_000])?;
    observer.send_at(&topic, 2, "b", &[5_000, 5_000])?;
    let ask = |arguments: &[&str]| {
        lines(tools, bootstrap, "kafka-get-offsets", &[&["--topic", &topic][..], arguments].concat())
    };
    let cases: [(&str, &[(i32, i64)]); 7] = [
        ("latest", &[(0, 3), (1, 0), (2, 2)]),
        ("-2", &[(0, 0), (1, 0), (2, 0)]),
        ("earliest-local", &[(0, 0), (1, 0), (2, 0)]),
        ("max-timestamp", &[(0, 1), (2, 0)]),
        ("latest-tiered", &[]),
        ("earliest-pending-upload", &[]),
        ("2500", &[(0, 1), (2, 0)]),
    ];
    for (time, expected) in cases {
        same(&format!("offsets for {time}"), &offsets(&topic, expected), &ask(&["--time", time])?)?;
    }
    same("two partitions", &offsets(&topic, &[(0, 3), (2, 2)]), &ask(&["--partitions", "0,2"])?)?;
    let missing = ["--bootstrap-server", bootstrap, "--topic", &format!("not-{topic}")];
    let missing = tools.run("kafka-get-offsets", &missing, "")?;
    let said = "Could not match any topic-partitions with the specified filters";
    ensure!(missing.status.code() == Some(1) && missing.text().contains(said), "{missing:?}");
    Ok(())
}

fn delete_records(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-records");
    let compacted = suite.name("data-records-compacted");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 2, &[])?;
    observer.create_topic(&compacted, 1, &[("cleanup.policy", "compact")])?;
    for partition in 0..2 {
        observer.send_numbered(&topic, partition, "record", 10)?;
    }
    let file = tempfile::NamedTempFile::new().context("a file for the tool")?;
    let path = file.path().to_str().context("the file's name")?;
    let delete = |wanted: &[(&str, i32, i64)]| -> Result<Finished> {
        let partition = |(topic, partition, offset): &(&str, i32, i64)| json!({"topic": topic, "partition": partition, "offset": offset});
        let partitions: Vec<Value> = wanted.iter().map(partition).collect();
        fs::write(path, json!({"version": 1, "partitions": partitions}).to_string())?;
        tools.run("kafka-delete-records", &["--bootstrap-server", bootstrap, "--offset-json-file", path], "")
    };
    let deleted = delete(&[(&topic, 0, 4), (&topic, 1, -1)])?;
    for (partition, low_watermark) in [(0, 4), (1, 10)] {
        let line = format!("partition: {topic}-{partition}\tlow_watermark: {low_watermark}");
        ensure!(deleted.output.contains(&line), "no {line:?} in {deleted:?}");
        ensure!(observer.watermarks(&topic, partition)? == (low_watermark, 10));
    }
    let values: Vec<String> = observer.records(&topic)?.into_iter().map(|record| record.value).collect();
    let expected: Vec<String> = (4..10).map(|number| format!("record-{number}")).collect();
    same("what is left", &expected, &values)?;

    let refused = delete(&[(&topic, 0, 11), (&compacted, 0, 0), ("__consumer_offsets", 0, 0)])?;
    ensure!(refused.status.success(), "{refused:?}");
    for (partition, error) in [
        (format!("{topic}-0"), "OffsetOutOfRangeException"),
        (format!("{compacted}-0"), "PolicyViolationException"),
        ("__consumer_offsets-0".to_owned(), "InvalidTopicException"),
    ] {
        let line = format!("partition: {partition}\terror: org.apache.kafka.common.errors.{error}: ");
        ensure!(refused.output.iter().any(|said| said.starts_with(&line)), "no {line:?} in {refused:?}");
    }
    Ok(())
}

fn log_dirs(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-directories");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 2, &[])?;
    observer.send_numbered(&topic, 0, "record", 3)?;
    let describe = |arguments: &[&str]| -> Result<Value> {
        let output = lines(tools, bootstrap, "kafka-log-dirs", &[&["--describe"][..], arguments].concat())?;
        let line = output.iter().find(|line| line.starts_with('{')).context("no JSON")?;
        serde_json::from_str(line).with_context(|| line.clone())
    };
    let described = describe(&["--topic-list", &topic])?;
    ensure!(described["brokers"][0]["broker"] == 1, "{described}");
    let directories = described["brokers"][0]["logDirs"].as_array().context("no directories")?;
    ensure!(directories.iter().all(|directory| directory["error"].is_null()), "{described}");
    let mut partitions: Vec<&Value> =
        directories.iter().filter_map(|directory| directory["partitions"].as_array()).flatten().collect();
    partitions.sort_by_key(|partition| partition["partition"].to_string());
    let named: Vec<String> =
        partitions.iter().filter_map(|partition| partition["partition"].as_str()).map(str::to_owned).collect();
    same("partitions", &[format!("{topic}-0"), format!("{topic}-1")], &named)?;
    ensure!(partitions[0]["size"].as_i64() > Some(0) && partitions[1]["size"] == 0, "{described}");
    ensure!(partitions.iter().all(|found| found["offsetLag"] == 0 && found["isFuture"] == false), "{described}");
    let nothing = describe(&["--broker-list", "1", "--topic-list", &format!("not-{topic}")])?;
    let directories = nothing["brokers"][0]["logDirs"].as_array().context("no directories")?;
    ensure!(directories.iter().all(|directory| directory["partitions"] == json!([])), "{nothing}");
    Ok(())
}

/// What lies elsewhere is served; what lies in it is again once it can be read.
fn a_log_directory_that_cannot_be_read(tools: &KafkaTools) -> Result<()> {
    const PARTITIONS: i32 = 4;
    let folder = tempfile::tempdir()?;
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let log_dirs = format!("log.dirs={},{}", first.display(), second.display());
    let mut broker = Broker::start(BrokerOptions::with(&[&log_dirs]))?;
    let bootstrap = broker.bootstrap();
    Observer::new(&bootstrap)?.create_topic("spread", PARTITIONS, &[])?;
    for partition in 0..PARTITIONS {
        Observer::new(&bootstrap)?.send_numbered("spread", partition, "record", 3)?;
    }
    broker.stop()?;
    let lies_there = |partition: &i32| second.join(format!("spread-{partition}")).is_dir();
    let (offline, online): (Vec<i32>, Vec<i32>) = (0..PARTITIONS).partition(lies_there);
    ensure!(!offline.is_empty() && !online.is_empty(), "partitions are spread over {offline:?} and {online:?}");

    let (mark, aside) = (second.join("meta.properties"), second.join("aside"));
    fs::rename(&mark, &aside)?;
    fs::create_dir(&mark)?;
    broker.start_again()?;
    let described = lines(tools, &bootstrap, "kafka-log-dirs", &["--describe"])?;
    let described = described.iter().find(|line| line.starts_with('{')).context("no JSON")?;
    let described: Value = serde_json::from_str(described)?;
    for directory in described["brokers"][0]["logDirs"].as_array().context("no directories")? {
        let is_read = directory["logDir"] == json!(first);
        let error = directory["error"].as_str().unwrap_or_default();
        ensure!(error.contains("KafkaStorageException") != is_read, "{described}");
    }
    let watermarks = |partition: &i32| Observer::new(&bootstrap)?.watermarks("spread", *partition);
    for partition in &online {
        ensure!(watermarks(partition)? == (0, 3), "partition {partition}");
    }
    broker.stop()?;

    fs::remove_dir(&mark)?;
    fs::rename(&aside, &mark)?;
    broker.start_again()?;
    for partition in 0..PARTITIONS {
        ensure!(watermarks(&partition)? == (0, 3), "partition {partition}");
    }
    Ok(())
}

fn describe_producers(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-producers");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 1, &[])?;
    // The observer's producer is idempotent.
    observer.send_numbered(&topic, 0, "record", 3)?;
    let describe = |topic: &str, partition: &str, more: &[&str]| {
        let arguments = [
            &["--bootstrap-server", bootstrap, "describe-producers"][..],
            &["--topic", topic, "--partition", partition],
            more,
        ];
        tools.run("kafka-transactions", &arguments.concat(), "")
    };
    for more in [&[][..], &["--broker-id", "1"]] {
        let described = describe(&topic, "0", more)?;
        let rows = rows(&described.output);
        let header = ["ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence", "LastTimestamp"];
        ensure!(rows.first().is_some_and(|row| row.starts_with(&header)), "{described:?}");
        let producer = rows.get(1).with_context(|| format!("no producer in {described:?}"))?;
        ensure!(producer[1..4] == ["0", "-1", "2"] && producer[5] == "None", "{described:?}");
    }
    let hanging = ["--bootstrap-server", bootstrap, "find-hanging", "--topic", &topic, "--partition", "0"];
    let hanging = tools.succeed("kafka-transactions", &hanging, "")?;
    ensure!(rows(&hanging.output).len() == 1, "nothing but the header is expected in {hanging:?}");
    Ok(())
}

/// Two topics with ten records, and two groups with offsets and without members.
struct Groups {
    topic: String,
    other_topic: String,
    group: String,
    other_group: String,
    observer: Observer,
}

impl Groups {
    fn prepare(suite: &Suite, bootstrap: &str, about: &str) -> Result<Self> {
        let groups = Self {
            topic: suite.name(&format!("data-{about}")),
            other_topic: suite.name(&format!("data-{about}-other")),
            group: suite.name(&format!("data-{about}-group")),
            other_group: suite.name(&format!("data-{about}-group-other")),
            observer: Observer::new(bootstrap)?,
        };
        let observer = &groups.observer;
        for (topic, partitions) in [(&groups.topic, 2), (&groups.other_topic, 1)] {
            observer.create_topic(topic, partitions, &[])?;
            for partition in 0..partitions {
                observer.send_numbered(topic, partition, "record", 10)?;
            }
        }
        observer.commit(&groups.group, &groups.topic, &[(0, 4, ""), (1, 7, "")])?;
        observer.commit(&groups.other_group, &groups.other_topic, &[(0, 10, "")])?;
        Ok(groups)
    }

    /// What the group has committed, by partition.
    fn committed(&self, topic: &str) -> Result<Vec<(i32, i64)>> {
        let committed = self.observer.committed(&self.group, topic)?;
        Ok(committed.into_iter().map(|(partition, (offset, _))| (partition, offset)).collect())
    }
}

const GROUPS: &str = "kafka-consumer-groups";

fn list_and_describe_groups(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let groups = Groups::prepare(suite, bootstrap, "listed")?;
    let Groups { topic, other_topic, group, other_group, .. } = &groups;
    for (arguments, row) in [
        (&["--list"][..], &[group.as_str()][..]),
        (&["--list", "--state"], &[group, "Empty"]),
        (&["--list", "--state", "empty,stable"], &[group, "Empty"]),
        (&["--list", "--type"], &[group, "Classic"]),
        (&["--list", "--type", "classic", "--state"], &[group, "Classic", "Empty"]),
    ] {
        let output = lines(tools, bootstrap, GROUPS, arguments)?;
        ensure!(rows(&output).contains(&row.to_vec()), "no {row:?} in {output:?}");
    }
    for filter in [["--state", "Stable"], ["--type", "consumer"]] {
        let output = lines(tools, bootstrap, GROUPS, &[&["--list"][..], &filter].concat())?;
        ensure!(!rows(&output).iter().any(|row| row.contains(&group.as_str())), "{output:?}");
    }
    let describe = |arguments: &[&str]| lines(tools, bootstrap, GROUPS, &[&["--describe"][..], arguments].concat());
    let positions = describe(&["--all-groups"])?;
    for row in [
        [group, topic, "0", "4", "10", "6", "-", "-", "-"],
        [group, topic, "1", "7", "10", "3", "-", "-", "-"],
        [other_group, other_topic, "0", "10", "10", "0", "-", "-", "-"],
    ] {
        ensure!(rows(&positions).contains(&row.to_vec()), "no {row:?} in {positions:?}");
    }
    let positions = describe(&["--group", group, "--offsets", "--verbose"])?;
    let row = [group, topic, "1", "-", "7", "10", "3", "-", "-", "-"];
    ensure!(rows(&positions).contains(&row.to_vec()), "no {row:?} in {positions:?}");
    let members = said(tools, bootstrap, GROUPS, &["--describe", "--group", group, "--members", "--verbose"])?;
    ensure!(members.iter().any(|line| line.contains(&format!("'{group}' has no active members"))), "{members:?}");
    let states = describe(&["--group", group, "--state"])?;
    let states = rows(&states);
    let row = states.iter().find(|row| row.first() == Some(&group.as_str())).context("no state")?;
    ensure!(row[2..] == ["(1)", "-", "Empty", "0"], "{states:?}");
    let missing = describe(&["--group", &format!("not-{group}")])?;
    let said = format!("GroupIdNotFoundException: Group not-{group} not found.");
    ensure!(missing.iter().any(|line| line.contains(&said)), "{missing:?}");
    Ok(())
}

fn groups_of_all_types(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let groups = Groups::prepare(suite, bootstrap, "types")?;
    // A group that only has offsets has no protocol.
    let row = vec![groups.group.as_str(), "Classic"];
    let filters: [(&[&str], bool); 6] = [
        (&[], true),
        (&["--consumer"], true),
        (&["--group-type", "classic"], true),
        (&["--group-type", "consumer"], false),
        (&["--share"], false),
        (&["--protocol", "consumer"], false),
    ];
    for (filter, is_listed) in filters {
        let output = lines(tools, bootstrap, "kafka-groups", &[&["--list"][..], filter].concat())?;
        ensure!(rows(&output).first().is_some_and(|header| *header == ["GROUP", "TYPE", "PROTOCOL"]), "{output:?}");
        ensure!(rows(&output).contains(&row) == is_listed, "{filter:?}: {output:?}");
    }
    Ok(())
}

fn reset_offsets(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let groups = Groups::prepare(suite, bootstrap, "reset")?;
    let Groups { topic, other_topic, group, other_group, .. } = &groups;
    let reset = |arguments: &[&str]| {
        lines(tools, bootstrap, GROUPS, &[&["--reset-offsets", "--group", group][..], arguments].concat())
    };
    let one = format!("{topic}:0");
    let cases: [(&[&str], i64); 9] = [
        (&["--to-earliest"], 0),
        (&["--to-latest"], 10),
        (&["--shift-by", "-3"], 7),
        (&["--to-current"], 7),
        (&["--to-offset", "3"], 3),
        (&["--to-offset", "99"], 10),
        (&["--to-datetime", "2020-01-01T00:00:00.000"], 0),
        (&["--to-datetime", "2096-01-01T00:00:00.000"], 10),
        (&["--by-duration", "P1D"], 0),
    ];
    for (form, expected) in cases {
        let output = reset(&[&["--topic", &one, "--execute"][..], form].concat())?;
        let offset = expected.to_string();
        ensure!(rows(&output).contains(&vec![group.as_str(), topic, "0", &offset]), "{form:?}: {output:?}");
        same("committed", &[(0, expected), (1, 7)], &groups.committed(topic)?)?;
    }
    let exported = reset(&["--all-topics", "--to-offset", "5", "--dry-run", "--export"])?;
    for partition in 0..2 {
        ensure!(exported.contains(&format!("{topic},{partition},5")), "{exported:?}");
    }
    let file = tempfile::NamedTempFile::new().context("a file for the tool")?;
    fs::write(file.path(), format!("{topic},0,2\n{other_topic},0,3\n"))?;
    reset(&["--from-file", file.path().to_str().context("the file's name")?, "--execute"])?;
    same("committed", &[(0, 2), (1, 7)], &groups.committed(topic)?)?;
    same("committed", &[(0, 3)], &groups.committed(other_topic)?)?;
    let all = ["--reset-offsets", "--all-groups", "--topic", other_topic, "--to-earliest", "--dry-run"];
    let output = lines(tools, bootstrap, GROUPS, &all)?;
    for group in [group, other_group] {
        ensure!(rows(&output).contains(&vec![group.as_str(), other_topic, "0", "0"]), "{output:?}");
    }
    Ok(())
}

fn delete_groups_and_offsets(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let groups = Groups::prepare(suite, bootstrap, "deleted")?;
    let Groups { topic, group, other_group, observer, .. } = &groups;
    let run = |arguments: &[&str]| lines(tools, bootstrap, GROUPS, arguments);
    let deleted = run(&["--delete-offsets", "--group", group, "--topic", &format!("{topic}:0")])?;
    ensure!(rows(&deleted).contains(&vec![topic.as_str(), "0", "Successful"]), "{deleted:?}");
    same("committed", &[(1, 7)], &groups.committed(topic)?)?;
    let unknown = run(&["--delete-offsets", "--group", group, "--topic", &format!("not-{topic}")])?;
    ensure!(unknown.iter().any(|line| line.contains("UnknownTopicOrPartitionException")), "{unknown:?}");
    let missing = format!("not-{group}");
    let nobody = run(&["--delete-offsets", "--group", &missing, "--topic", topic])?;
    ensure!(nobody.iter().any(|line| line.contains("Error: The group id does not exist.")), "{nobody:?}");

    let deleted = run(&["--delete", "--group", group, "--group", &missing, "--group", other_group])?;
    let refusal = format!(
        "* Group '{missing}' could not be deleted due to: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist."
    );
    ensure!(deleted.contains(&refusal), "{deleted:?}");
    let left = observer.groups()?;
    ensure!(!left.contains_key(group) && !left.contains_key(other_group), "{left:?}");
    same("committed", &[], &groups.committed(topic)?)
}

fn what_members_use_is_not_deleted(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-in-use");
    let group = suite.name("data-in-use-group");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 1, &[])?;
    observer.send_numbered(&topic, 0, "record", 5)?;
    let parameters = [("session_ms", "30000".to_owned()), ("heartbeat_ms", "1000".to_owned())];
    let family = suite.families.iter().find(|family| family.name() == "librdkafka").context("no librdkafka")?;
    let member = family.start(&Play {
        scenario: "group-member",
        bootstrap,
        topic: &topic,
        group: &group,
        parameters: &parameters,
    })?;
    member.wait_for_lines("received\t", 5, PATIENCE)?;
    let run = |arguments: &[&str]| lines(tools, bootstrap, GROUPS, &[arguments, &["--group", &group]].concat());
    let deleted = run(&["--delete"])?;
    ensure!(
        deleted.iter().any(|line| line.ends_with("GroupNotEmptyException: The group is not empty.")),
        "{deleted:?}"
    );
    let deleted = run(&["--delete-offsets", "--topic", &topic])?;
    ensure!(deleted.iter().any(|line| line.contains("GroupSubscribedToTopicException")), "{deleted:?}");
    let reset = run(&["--reset-offsets", "--topic", &topic, "--to-earliest", "--execute"])?;
    let refusal = format!(
        "Error: Assignments can only be reset if the group '{group}' is inactive, but the current state is Stable."
    );
    ensure!(reset.contains(&refusal), "{reset:?}");
    member.succeed(PATIENCE)?;
    Ok(())
}

fn performance(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("data-performance");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 2, &[])?;
    let arguments = ["--topic", &topic, "--num-records", "1000", "--throughput", "-1", "--record-size", "100"];
    let produced = lines(tools, bootstrap, "kafka-producer-perf-test", &arguments)?;
    ensure!(produced.iter().any(|line| line.starts_with("1000 records sent, ")), "{produced:?}");
    let end = observer.watermarks(&topic, 0)?.1 + observer.watermarks(&topic, 1)?.1;
    ensure!(end == 1000, "{end} records are there");
    let arguments = ["--topic", &topic, "--num-records", "1000", "--timeout", "30000", "--hide-header"];
    let consumed = lines(tools, bootstrap, "kafka-consumer-perf-test", &arguments)?;
    let line = consumed.iter().find(|line| line.split(", ").count() == 10).context("no result")?;
    ensure!(line.split(", ").nth(4) == Some("1000"), "{consumed:?}");
    let arguments = ["--topic", &topic, "--num-records", "20", "--producer-acks", "all", "--record-size", "20"];
    let latency = lines(tools, bootstrap, "kafka-e2e-latency", &arguments)?;
    ensure!(latency.iter().any(|line| line.starts_with("Percentiles: ")), "{latency:?}");

    // It goes on for ever.
    let _permit = JvmPermits::acquire(1);
    let arguments = ["--broker-list", bootstrap, "--topics-include", &topic, "--report-interval-ms", "500"];
    let mut verification = tools.start("kafka-replica-verification", &arguments)?;
    let said = format!("max lag is 0 for partition {topic}-");
    let found = |lines: &[String]| lines.iter().any(|line| line.contains(&said)).then_some(());
    verification.wait_for("a report of kafka-replica-verification", PATIENCE, found)?;
    verification.kill();
    Ok(())
}
