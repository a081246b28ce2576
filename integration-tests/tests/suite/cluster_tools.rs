//! Apache Kafka's own tools for the cluster as a whole: feature levels, the metadata quorum, brokers, partitions to add, to
//! elect and to move, and what is refused.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Finished;
use libtest_mimic::Trial;
use serde_json::json;

use crate::stage::{Suite, explained_by, same, trial, trial_with_brokers, with_tools};

type Test = fn(&Suite, &KafkaTools, bootstrap: &str) -> Result<()>;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&str, Test); 8] = [
        ("features", features),
        ("metadata_quorum", metadata_quorum),
        ("cluster", cluster),
        ("more_partitions", more_partitions),
        ("leader_election", leader_election),
        ("reassign_partitions", reassign_partitions),
        ("acls", acls),
        ("users_and_clients_without_settings", users_and_clients_without_settings),
    ];
    let run = |suite: &Arc<Suite>, test: Test| {
        let suite = Arc::clone(suite);
        move || {
            with_tools(|tools| {
                let cluster = suite.cluster()?;
                explained_by(&cluster, test(&suite, tools, cluster.bootstrap()))
            })
        }
    };
    let mut trials: Vec<Trial> =
        tests.into_iter().map(|(name, test)| trial(format!("cluster_tools::{name}"), run(suite, test))).collect();
    // An Apache Kafka does all of it.
    let ours: [(&str, Test); 2] = [
        ("features_that_are_not_there", features_that_are_not_there),
        ("quotas_and_credentials_are_refused", quotas_and_credentials_are_refused),
    ];
    trials.extend(
        ours.into_iter().map(|(name, test)| trial_with_brokers(format!("cluster_tools::{name}"), run(suite, test))),
    );
    trials
}

fn run(tools: &KafkaTools, bootstrap: &str, tool: &str, arguments: &[&str]) -> Result<Finished> {
    let broker = &["--bootstrap-server", bootstrap][..];
    // The option is the tool's, where it is not its commands'.
    let arguments = if tool == "kafka-cluster" { [arguments, broker].concat() } else { [broker, arguments].concat() };
    tools.run(tool, &arguments, "")
}

/// What a tool prints that must succeed.
fn lines(tools: &KafkaTools, bootstrap: &str, tool: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let finished = run(tools, bootstrap, tool, arguments)?;
    ensure!(finished.status.success(), "{tool} {arguments:?}: {finished:?}");
    Ok(finished.output)
}

/// A tool that must fail, with these words.
fn refused(tools: &KafkaTools, bootstrap: &str, tool: &str, arguments: &[&str], words: &str) -> Result<()> {
    let finished = run(tools, bootstrap, tool, arguments)?;
    ensure!(finished.status.code() == Some(1), "{tool} {arguments:?} did not fail: {finished:?}");
    ensure!(finished.text().contains(words), "{tool} {arguments:?} does not say {words:?}: {finished:?}");
    Ok(())
}

/// The value behind `Name:` in one of the lines.
fn value<'a>(lines: &'a [String], name: &str) -> Result<&'a str> {
    let value = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim).with_context(|| format!("no {name} in {lines:?}"))
}

fn features(_: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let tool = |arguments: &[&str]| lines(tools, bootstrap, "kafka-features", arguments);
    let described = tool(&["describe"])?;
    let metadata = described.iter().find(|line| line.starts_with("Feature: metadata.version"));
    let words: Vec<&str> = metadata.context("no metadata.version")?.split_whitespace().collect();
    ensure!(words[5] == "4.3-IV0" && words[7] == "4.3-IV0", "{words:?}");
    let epoch: i64 = words[9].parse()?;
    ensure!(epoch > 0, "{words:?}");
    let dry = tool(&["upgrade", "--feature", "metadata.version=30", "--dry-run"])?;
    same("dry run", &["metadata.version can be upgraded to 30.".to_owned()], &dry)?;
    let upgraded = tool(&["upgrade", "--feature", "metadata.version=30"])?;
    same("upgrade", &["metadata.version was upgraded to 30.".to_owned()], &upgraded)?;
    let message = "Invalid update version 1 for feature nope. Local controller 1 does not support this feature.";
    refused(tools, bootstrap, "kafka-features", &["upgrade", "--feature", "nope=1"], message)?;
    let message = "Invalid update version 31 for feature metadata.version. Local controller 1 only supports versions";
    refused(tools, bootstrap, "kafka-features", &["upgrade", "--feature", "metadata.version=31"], message)?;
    let mapping = tool(&["version-mapping", "--release-version", "4.3-IV0"])?;
    ensure!(mapping.first().is_some_and(|line| line == "metadata.version=30 (4.3-IV0)"), "{mapping:?}");
    let dependencies = tool(&["feature-dependencies", "--feature", "metadata.version=30"])?;
    same("dependencies", &["metadata.version=30 (4.3-IV0) has no dependencies.".to_owned()], &dependencies)
}

fn features_that_are_not_there(_: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let described = lines(tools, bootstrap, "kafka-features", &["describe"])?;
    ensure!(described.len() == 1, "what is not served is not shown: {described:?}");
    for feature in ["transaction.version=2", "group.version=1", "share.version=1"] {
        let message = "Local controller 1 does not support this feature.";
        refused(tools, bootstrap, "kafka-features", &["upgrade", "--feature", feature], message)?;
    }
    let message = "Local controller 1 only supports versions 30";
    refused(tools, bootstrap, "kafka-features", &["downgrade", "--feature", "metadata.version=29"], message)
}

fn metadata_quorum(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let tool = |arguments: &[&str]| lines(tools, bootstrap, "kafka-metadata-quorum", arguments);
    let status = tool(&["describe", "--status"])?;
    let high_watermark: i64 = value(&status, "HighWatermark")?.parse()?;
    let leader_epoch: i64 = value(&status, "LeaderEpoch")?.parse()?;
    ensure!(value(&status, "LeaderId")? == "1" && leader_epoch > 0 && high_watermark > 0, "{status:?}");
    ensure!(value(&status, "MaxFollowerLag")? == "0" && value(&status, "MaxFollowerLagTimeMs")? == "0", "{status:?}");
    ensure!(value(&status, "CurrentVoters")?.starts_with(r#"[{"id": 1,"#), "{status:?}");
    ensure!(value(&status, "CurrentObservers")? == "[]", "{status:?}");
    Observer::new(bootstrap)?.create_topic(&suite.name("cluster-quorum"), 1, &[])?;
    let replication = tool(&["describe", "--replication"])?;
    ensure!(replication.len() == 2, "{replication:?}");
    let words: Vec<&str> = replication[1].split_whitespace().collect();
    let [id, _, end, lag, last_fetch, last_caught_up, status] = words[..] else { anyhow::bail!("{words:?}") };
    ensure!((id, lag, status) == ("1", "0", "Leader") && last_fetch == last_caught_up, "{words:?}");
    ensure!(end.parse::<i64>()? > high_watermark, "a topic was created since {high_watermark}: {words:?}");
    Ok(())
}

fn cluster(_: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let tool = |arguments: &[&str]| lines(tools, bootstrap, "kafka-cluster", arguments);
    let id = tool(&["cluster-id"])?;
    ensure!(id.len() == 1 && value(&id, "Cluster ID")?.len() == 22, "{id:?}");
    let endpoints = tool(&["list-endpoints"])?;
    let row = endpoints.get(1).with_context(|| format!("{endpoints:?}"))?;
    let (host, port) = bootstrap.split_once(':').context("no port")?;
    let words: Vec<&str> = row.split_whitespace().collect();
    ensure!(words[..3] == ["1", host, port], "{endpoints:?}");
    ensure!(words.ends_with(&["unfenced", "broker"]), "{endpoints:?}");
    let message = "Broker ID 99 is not currently registered";
    refused(tools, bootstrap, "kafka-cluster", &["unregister", "--id", "99"], message)
}

fn more_partitions(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("cluster-partitions");
    Observer::new(bootstrap)?.create_topic(&topic, 1, &[])?;
    let alter = |count| ["--alter", "--topic", &topic, "--partitions", count];
    same("output", &[], &lines(tools, bootstrap, "kafka-topics", &alter("3"))?)?;
    // Served as soon as the tool is told; a client that knew the topic before may take its time to notice.
    let observer = Observer::new(bootstrap)?;
    observer.send_numbered(&topic, 2, "record", 5)?;
    ensure!(observer.watermarks(&topic, 2)? == (0, 5), "records of the new partition");
    ensure!(observer.topics()?.get(&topic) == Some(&3), "everybody sees them");
    let message = format!("The topic {topic} currently has 3 partition(s); 2 would not be an increase.");
    refused(tools, bootstrap, "kafka-topics", &alter("2"), &message)?;
    let assigned = [&alter("4")[..], &["--replica-assignment", "1,1,1,9"]].concat();
    let message = "The manual partition assignment includes broker 9, but no such broker is registered.";
    refused(tools, bootstrap, "kafka-topics", &assigned, message)
}

fn leader_election(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("cluster-election");
    Observer::new(bootstrap)?.create_topic(&topic, 1, &[])?;
    let tool = "kafka-leader-election";
    let all = lines(tools, bootstrap, tool, &["--election-type", "preferred", "--all-topic-partitions"])?;
    same("all partitions", &[], &all)?;
    for kind in ["preferred", "unclean"] {
        let one = ["--election-type", kind, "--topic", &topic, "--partition", "0"];
        let expected = format!("Valid replica already elected for partitions {topic}-0");
        same(kind, &[expected], &lines(tools, bootstrap, tool, &one)?)?;
    }
    let unknown = ["--election-type", "preferred", "--topic", &topic, "--partition", "9"];
    refused(tools, bootstrap, tool, &unknown, &format!("No such partition as {topic}-9"))
}

fn reassign_partitions(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("cluster-reassign");
    Observer::new(bootstrap)?.create_topic(&topic, 2, &[])?;
    let folder = tempfile::tempdir()?;
    let write = |name: &str, replicas: &[i32]| -> Result<String> {
        let partitions = [0, 1].map(|partition| json!({"topic": topic, "partition": partition, "replicas": replicas}));
        let path = folder.path().join(name);
        fs::write(&path, json!({"version": 1, "partitions": partitions}).to_string())?;
        Ok(path.to_string_lossy().into_owned())
    };
    let tool = "kafka-reassign-partitions";
    let here = write("here.json", &[1])?;
    let executed = lines(tools, bootstrap, tool, &["--reassignment-json-file", &here, "--execute"])?;
    let started = format!("Successfully started partition reassignments for {topic}-0,{topic}-1");
    ensure!(executed.contains(&started), "{executed:?}");
    let listed = lines(tools, bootstrap, tool, &["--list"])?;
    ensure!(listed.iter().any(|line| line == "No partition reassignments found."), "{listed:?}");
    let preserved = ["--reassignment-json-file", &here, "--verify", "--preserve-throttles"];
    let verified = lines(tools, bootstrap, tool, &preserved)?;
    ensure!(verified.contains(&format!("Reassignment of partition {topic}-1 is completed.")), "{verified:?}");
    let preserved = ["--reassignment-json-file", &here, "--cancel", "--preserve-throttles"];
    let cancelled = lines(tools, bootstrap, tool, &preserved)?;
    let none = "None of the specified partition reassignments are active.";
    ensure!(cancelled.iter().any(|line| line == none), "{cancelled:?}");
    let elsewhere = write("elsewhere.json", &[9])?;
    let message = "Unknown broker id 9";
    refused(tools, bootstrap, tool, &["--reassignment-json-file", &elsewhere, "--execute"], message)
}

fn acls(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let topic = suite.name("cluster-acls");
    let message = "SecurityDisabledException: No Authorizer is configured";
    let rule = ["--allow-principal", "User:somebody", "--operation", "Read", "--topic", &topic];
    for arguments in [vec!["--list"], [&["--add"], &rule[..]].concat(), [&["--remove", "--force"], &rule[..]].concat()]
    {
        refused(tools, bootstrap, "kafka-acls", &arguments, message)?;
    }
    Ok(())
}

fn users_and_clients_without_settings(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let user = suite.name("cluster-user");
    for entity in [&["users"][..], &["users", "--entity-name", &user], &["clients", "--entity-default"]] {
        let described = lines(tools, bootstrap, "kafka-configs", &[&["--describe", "--entity-type"], entity].concat())?;
        ensure!(!described.iter().any(|line| line.contains(&user)), "{described:?}");
    }
    let delete = ["--alter", "--delete-config", "SCRAM-SHA-256", "--entity-type", "users", "--entity-name", &user];
    let message = "ResourceNotFoundException: Attempt to delete a user credential that does not exist";
    refused(tools, bootstrap, "kafka-configs", &delete, message)
}

fn quotas_and_credentials_are_refused(suite: &Suite, tools: &KafkaTools, bootstrap: &str) -> Result<()> {
    let user = suite.name("cluster-refused");
    let tool = |kind, config| {
        ["--alter", "--add-config", config, "--entity-type", kind, "--entity-name", &user].map(str::to_owned)
    };
    for (kind, config, words) in [
        ("users", "producer_byte_rate=1024", "Client quotas are not supported by this broker"),
        ("clients", "request_percentage=50", "Client quotas are not supported by this broker"),
        ("users", "SCRAM-SHA-512=[password=secret]", "SCRAM credentials are not supported by this broker"),
    ] {
        let arguments = tool(kind, config);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(tools, bootstrap, "kafka-configs", &arguments, words)?;
    }
    Ok(())
}
