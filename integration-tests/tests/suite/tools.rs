//! Apache Kafka's own command-line tools.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::families::Play;
use dohle_integration_tests::java::JvmPermits;
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::stage::{Suite, explained_by, same, trial, trial_with_brokers, with_tools};

type Test = fn(&Suite, &KafkaTools, bootstrap: &str) -> Result<()>;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&str, Test); 7] = [
        ("topics", topics),
        ("topics_as_assigned", topics_as_assigned),
        ("console_producer_and_consumer", console),
        ("console_consumer_in_a_group", console_in_a_group),
        ("consumer_groups_with_a_member", group_with_a_member),
        ("broker_api_versions", broker_api_versions),
        ("verifiable_producer_and_consumer", verifiable),
    ];
    let run = |test: Test| {
        let suite = Arc::clone(suite);
        move || {
            with_tools(|tools| {
                let cluster = suite.cluster()?;
                explained_by(&cluster, test(&suite, tools, cluster.bootstrap()))
            })
        }
    };
    let shared = |(name, test): (&str, Test)| trial(format!("tools::{name}"), run(test));
    let mut trials: Vec<Trial> = tests.into_iter().map(shared).collect();
    // An Apache Kafka serves them.
    trials.push(trial_with_brokers("tools::apis_that_are_not_served", run(apis_that_are_not_served)));
    trials
}

fn topics(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("tools-topics");
    let run = |arguments: &[&str]| {
        tools.run("kafka-topics", &[&["--bootstrap-server", bootstrap][..], arguments].concat(), "")
    };
    let create = ["--create", "--topic", &topic, "--partitions", "3", "--config", "retention.ms=86400000"];
    let created = run(&create)?;
    ensure!(created.status.success() && created.text().contains(&format!("Created topic {topic}.")), "{created:?}");
    let again = run(&create)?;
    let refusal = format!("Topic '{topic}' already exists.");
    ensure!(again.status.code() == Some(1) && again.text().contains(&refusal), "{again:?}");
    let missing = run(&["--describe", "--topic", &format!("not-{topic}")])?;
    ensure!(missing.status.code() == Some(1) && missing.text().contains("does not exist as expected"), "{missing:?}");

    let listed = run(&["--list"])?;
    ensure!(listed.status.success() && listed.output.contains(&topic), "{listed:?}");

    let described = run(&["--describe", "--topic", &topic])?;
    ensure!(described.status.success() && described.output.len() == 4, "{described:?}");
    let summary: Vec<&str> = described.output[0].split('\t').collect();
    for fact in [&format!("Topic: {topic}"), "PartitionCount: 3", "ReplicationFactor: 1"] {
        ensure!(summary.contains(&fact), "{fact} is not in {summary:?}");
    }
    ensure!(summary.iter().any(|field| field.contains("retention.ms=86400000")), "no configuration in {summary:?}");
    for (partition, line) in described.output[1..].iter().enumerate() {
        let expected = format!("\tTopic: {topic}\tPartition: {partition}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: ");
        ensure!(line.starts_with(&expected), "not {expected:?} but {line:?}");
    }

    let deleted = run(&["--delete", "--topic", &topic])?;
    ensure!(deleted.status.success(), "{deleted:?}");
    let listed = run(&["--list"])?;
    ensure!(listed.status.success() && !listed.output.contains(&topic), "still there: {listed:?}");
    Ok(())
}

fn topics_as_assigned(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("tools-assigned");
    let run = |arguments: &[&str]| {
        let arguments = [&["--bootstrap-server", bootstrap, "--topic", &topic][..], arguments].concat();
        tools.run("kafka-topics", &arguments, "")
    };
    let refused = run(&["--create", "--replica-assignment", "9,9"])?;
    let words = "The manual partition assignment includes broker 9, but no such broker is registered.";
    ensure!(refused.status.code() == Some(1) && refused.text().contains(words), "{refused:?}");
    let settings = ["--config", "cleanup.policy=compact", "--config", "segment.ms=70000"];
    let created = run(&[&["--create", "--replica-assignment", "1,1,1"], &settings[..]].concat())?;
    ensure!(created.status.success(), "{created:?}");
    let again = run(&["--create", "--if-not-exists"])?;
    ensure!(again.status.success() && !again.text().contains("already exists"), "{again:?}");

    let overridden = run(&["--describe", "--topics-with-overrides"])?;
    let [line] = &overridden.output[..] else { anyhow::bail!("{overridden:?}") };
    for fact in ["PartitionCount: 3", "ReplicationFactor: 1", "cleanup.policy=compact", "segment.ms=70000"] {
        ensure!(line.contains(fact), "{fact} is not in {line:?}");
    }
    // With one replica, all are in sync, and there is none to spare.
    for (filter, count) in [
        ("--at-min-isr-partitions", 3),
        ("--under-min-isr-partitions", 0),
        ("--under-replicated-partitions", 0),
        ("--unavailable-partitions", 0),
    ] {
        let described = run(&["--describe", filter])?;
        ensure!(described.status.success() && described.output.len() == count, "{filter}: {described:?}");
    }

    let deleted = run(&["--delete"])?;
    ensure!(deleted.status.success(), "{deleted:?}");
    let gone = run(&["--delete"])?;
    let refusal = format!("Topic '{topic}' does not exist as expected");
    ensure!(gone.status.code() == Some(1) && gone.text().contains(&refusal), "{gone:?}");
    let gone = run(&["--delete", "--if-exists"])?;
    ensure!(gone.status.success() && gone.output.is_empty(), "{gone:?}");
    Ok(())
}

fn console(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("tools-console");
    for codec in ["none", "zstd"] {
        let input = format!("key-1:{codec} one\nkey-2:{codec} two\n");
        let arguments = [
            &["--bootstrap-server", bootstrap, "--topic", &topic, "--compression-codec", codec][..],
            &["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"],
        ];
        tools.succeed("kafka-console-producer", &arguments.concat(), &input)?;
    }
    let consume = [
        &["--bootstrap-server", bootstrap, "--topic", &topic, "--from-beginning"][..],
        &["--max-messages", "4", "--timeout-ms", "30000", "--formatter-property", "print.key=true"],
        &["--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true"],
    ];
    let finished = tools.succeed("kafka-console-consumer", &consume.concat(), "")?;
    let record = |number: usize, text: &str| {
        let key = number % 2 + 1;
        format!("Partition:0\tOffset:{number}\tkey-{key}\t{text}")
    };
    let expected = [record(0, "none one"), record(1, "none two"), record(2, "zstd one"), record(3, "zstd two")];
    same("lines of kafka-console-consumer", &expected, &finished.output)?;
    let offsets = tools.succeed("kafka-get-offsets", &["--bootstrap-server", bootstrap, "--topic", &topic], "")?;
    same("lines of kafka-get-offsets", &[format!("{topic}:0:4")], &offsets.output)
}

fn console_in_a_group(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("tools-console-group");
    let group = suite.name("tools-console-group-group");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 1, &[])?;
    observer.send_numbered(&topic, 0, "record", 10)?;
    let consume = |count: &str| {
        let arguments = [
            &["--bootstrap-server", bootstrap, "--topic", &topic, "--group", &group][..],
            &["--from-beginning", "--max-messages", count, "--timeout-ms", "30000"],
        ];
        tools.succeed("kafka-console-consumer", &arguments.concat(), "")
    };
    let line = |number| format!("record-{number}");
    same("first run", &[line(0), line(1), line(2), line(3)], &consume("4")?.output)?;
    same("second run", &[line(4), line(5), line(6)], &consume("3")?.output)?;

    let listed = tools.succeed("kafka-consumer-groups", &["--bootstrap-server", bootstrap, "--list"], "")?;
    ensure!(listed.output.contains(&group), "{group} is not in {listed:?}");
    let describe = ["--bootstrap-server", bootstrap, "--describe", "--group", &group];
    let described = tools.succeed("kafka-consumer-groups", &describe, "")?;
    ensure!(described.text().contains(&format!("Consumer group '{group}' has no active members.")), "{described:?}");
    let row = [&group, &topic, "0", "7", "10", "3", "-", "-", "-"];
    ensure!(row_of(&described.output, &topic)? == row, "not {row:?} in {described:?}");
    Ok(())
}

fn group_with_a_member(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("tools-groups");
    let group = suite.name("tools-groups-group");
    let observer = Observer::new(bootstrap)?;
    observer.create_topic(&topic, 2, &[])?;
    for partition in 0..2 {
        observer.send_numbered(&topic, partition, "record", 5)?;
    }
    let parameters = [("session_ms", "30000".to_owned()), ("heartbeat_ms", "1000".to_owned())];
    let family = suite.families.iter().find(|family| family.name() == "librdkafka").context("no librdkafka")?;
    let member = family.start(&Play {
        scenario: "group-member",
        bootstrap,
        topic: &topic,
        group: &group,
        parameters: &parameters,
    })?;
    member.wait_for_lines("received\t", 10, PATIENCE)?;
    let tool = |arguments: &[&str]| {
        let arguments = [&["--bootstrap-server", bootstrap][..], arguments].concat();
        tools.succeed("kafka-consumer-groups", &arguments, "")
    };
    let states = tool(&["--list", "--state"])?;
    let row = row_of(&states.output, &group)?;
    ensure!(row == [group.as_str(), "Stable"], "{states:?}");
    let members = tool(&["--describe", "--group", &group, "--members"])?;
    let row = row_of(&members.output, &group)?;
    ensure!(row[0] == group && row[3] == "rdkafka" && row[4] == "2", "{members:?}");
    let members = tool(&["--describe", "--group", &group, "--members", "--verbose"])?;
    let row = row_of(&members.output, &group)?;
    ensure!(row[4..] == ["2", "-", &format!("{topic}:0,1"), "-", "-"], "{members:?}");
    let state = tool(&["--describe", "--group", &group, "--state", "--verbose"])?;
    let row = row_of(&state.output, &group)?;
    ensure!(row[2] == "(1)" && row[4..] == ["Stable", "-", "-", "1"], "{state:?}");
    let described = tool(&["--describe", "--group", &group])?;
    for partition in ["0", "1"] {
        let rows = described.output.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row =
            rows.into_iter().find(|row| row.get(1..3) == Some(&[topic.as_str(), partition])).context(partition)?;
        // What the member had committed when the tool asked is its own affair; the end and the owner are known.
        ensure!(row[4] == "5" && row[6].starts_with("rdkafka-") && row[8] == "rdkafka", "{described:?}");
    }
    member.succeed(PATIENCE)?;
    Ok(())
}

fn broker_api_versions(_: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let finished = tools.succeed("kafka-broker-api-versions", &["--bootstrap-server", bootstrap], "")?;
    let first = finished.output.first().context("no output")?;
    ensure!(first.starts_with(&format!("{bootstrap} (id: 1 rack: ")) && first.ends_with(" -> ("), "{first}");
    let apis = [
        &["Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "OffsetCommit(8)", "OffsetFetch(9)"][..],
        &["FindCoordinator(10)", "JoinGroup(11)", "Heartbeat(12)", "LeaveGroup(13)", "SyncGroup(14)"],
        &["DescribeGroups(15)", "ListGroups(16)", "ApiVersions(18)", "CreateTopics(19)", "DeleteTopics(20)"],
        &["SaslHandshake(17)", "DeleteRecords(21)", "InitProducerId(22)", "OffsetForLeaderEpoch(23)"],
        &["DescribeAcls(29)", "CreateAcls(30)", "DeleteAcls(31)", "DescribeConfigs(32)", "AlterReplicaLogDirs(34)"],
        &["DescribeLogDirs(35)", "SaslAuthenticate(36)", "CreatePartitions(37)", "DeleteGroups(42)"],
        &["ElectLeaders(43)", "AlterPartitionReassignments(45)", "ListPartitionReassignments(46)", "OffsetDelete(47)"],
        &["DescribeClientQuotas(48)", "AlterClientQuotas(49)", "DescribeUserScramCredentials(50)"],
        &["AlterUserScramCredentials(51)", "DescribeQuorum(55)", "UpdateFeatures(57)", "DescribeCluster(60)"],
        &["DescribeProducers(61)", "UnregisterBroker(64)", "DescribeTopicPartitions(75)"],
    ];
    for api in apis.concat() {
        let line = finished.output.iter().find(|line| line.trim_start().starts_with(&format!("{api}: ")));
        ensure!(line.is_some_and(|line| line.contains("[usable: ")), "{api} is not usable: {line:?}");
    }
    Ok(())
}

/// All that Kafka's clients know and this broker does not serve: transactions, delegation tokens, the newer kinds of groups,
/// metrics of clients, and a quorum of more than one.
fn apis_that_are_not_served(_: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let finished = tools.succeed("kafka-broker-api-versions", &["--bootstrap-server", bootstrap], "")?;
    let unsupported = finished.output.iter().filter_map(|line| {
        let (api, key) = line.trim().trim_end_matches(',').strip_suffix("): UNSUPPORTED")?.split_once('(')?;
        Some((key.parse::<i16>().ok()?, api))
    });
    let expected = [
        (24, "AddPartitionsToTxn"),
        (25, "AddOffsetsToTxn"),
        (26, "EndTxn"),
        (27, "WriteTxnMarkers"),
        (28, "TxnOffsetCommit"),
        (38, "CreateDelegationToken"),
        (39, "RenewDelegationToken"),
        (40, "ExpireDelegationToken"),
        (41, "DescribeDelegationToken"),
        (65, "DescribeTransactions"),
        (66, "ListTransactions"),
        (68, "ConsumerGroupHeartbeat"),
        (69, "ConsumerGroupDescribe"),
        (71, "GetTelemetrySubscriptions"),
        (72, "PushTelemetry"),
        (76, "ShareGroupHeartbeat"),
        (77, "ShareGroupDescribe"),
        (78, "ShareFetch"),
        (79, "ShareAcknowledge"),
        (80, "AddRaftVoter"),
        (81, "RemoveRaftVoter"),
        (83, "InitializeShareGroupState"),
        (84, "ReadShareGroupState"),
        (85, "WriteShareGroupState"),
        (86, "DeleteShareGroupState"),
        (87, "ReadShareGroupStateSummary"),
        (88, "StreamsGroupHeartbeat"),
        (89, "StreamsGroupDescribe"),
        (90, "DescribeShareGroupOffsets"),
        (91, "AlterShareGroupOffsets"),
        (92, "DeleteShareGroupOffsets"),
    ];
    same("APIs that are not served", &expected, &unsupported.collect::<Vec<_>>())
}

fn verifiable(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    const RECORDS: u64 = 500;
    let topic = suite.name("tools-verifiable");
    let group = suite.name("tools-verifiable-group");
    Observer::new(bootstrap)?.create_topic(&topic, 3, &[])?;
    let count = RECORDS.to_string();
    let common = ["--bootstrap-server", bootstrap, "--topic", &topic, "--max-messages", &count];
    // The consumer waits for the records of the producer.
    let _permits = JvmPermits::acquire(2);
    let arguments = [&common[..], &["--group-id", &group, "--reset-policy", "earliest"]].concat();
    let consumer = tools.start("kafka-verifiable-consumer", &arguments)?;
    let producer = tools.start("kafka-verifiable-producer", &[&common[..], &["--acks", "-1"]].concat())?;

    let said = lines_of_json(&producer.succeed(PATIENCE)?.output)?;
    let total = said.iter().find(|line| line["name"] == "tool_data").context("no tool_data")?;
    ensure!(total["sent"] == RECORDS && total["acked"] == RECORDS, "{total}");
    let said = lines_of_json(&consumer.succeed(PATIENCE)?.output)?;
    let counts =
        said.iter().filter(|line| line["name"] == "records_consumed").filter_map(|line| line["count"].as_u64());
    let consumed: u64 = counts.sum();
    ensure!(consumed == RECORDS, "{consumed} of {RECORDS} records were consumed: {said:?}");
    let commits: Vec<&Value> = said.iter().filter(|line| line["name"] == "offsets_committed").collect();
    ensure!(!commits.is_empty() && commits.iter().all(|line| line["success"] == true), "{commits:?}");
    Ok(())
}

fn lines_of_json(lines: &[String]) -> Result<Vec<Value>> {
    let lines = lines.iter().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| line.clone())).collect()
}

/// The fields of the one line of a table that has this word.
fn row_of<'a>(lines: &'a [String], word: &str) -> Result<Vec<&'a str>> {
    let rows = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row.contains(&word));
    let row = rows.next().with_context(|| format!("no row with {word} in {lines:?}"))?;
    ensure!(rows.next().is_none(), "more than one row with {word} in {lines:?}");
    Ok(row)
}
