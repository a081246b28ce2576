//! Apache Kafka's own command-line tools, from the jars that the project publishes.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;

use crate::checkout::package_folder;
use crate::java::{JvmPermits, check_toolchain, jars, java};
use crate::process::{Finished, Running};
use crate::requirement::Missing;
use crate::waiting::PATIENCE;

const NAMES_AND_CLASSES: [(&str, &str); 24] = [
    ("kafka-acls", "AclCommand"),
    ("kafka-broker-api-versions", "BrokerApiVersionsCommand"),
    ("kafka-cluster", "ClusterTool"),
    ("kafka-configs", "ConfigCommand"),
    ("kafka-console-consumer", "consumer.ConsoleConsumer"),
    ("kafka-console-producer", "ConsoleProducer"),
    ("kafka-consumer-groups", "consumer.group.ConsumerGroupCommand"),
    ("kafka-consumer-perf-test", "ConsumerPerformance"),
    ("kafka-delete-records", "DeleteRecordsCommand"),
    ("kafka-dump-log", "DumpLogSegments"),
    ("kafka-e2e-latency", "EndToEndLatency"),
    ("kafka-features", "FeatureCommand"),
    ("kafka-get-offsets", "GetOffsetShell"),
    ("kafka-groups", "GroupsCommand"),
    ("kafka-leader-election", "LeaderElectionCommand"),
    ("kafka-log-dirs", "LogDirsCommand"),
    ("kafka-metadata-quorum", "MetadataQuorumCommand"),
    ("kafka-producer-perf-test", "ProducerPerformance"),
    ("kafka-reassign-partitions", "reassign.ReassignPartitionsCommand"),
    ("kafka-replica-verification", "ReplicaVerificationTool"),
    ("kafka-topics", "TopicCommand"),
    ("kafka-transactions", "TransactionsCommand"),
    ("kafka-verifiable-consumer", "VerifiableConsumer"),
    ("kafka-verifiable-producer", "VerifiableProducer"),
];

/// The tools, ready to run.
pub struct KafkaTools {
    jars: PathBuf,
}

impl KafkaTools {
    /// Fetches the tools if they are not there yet; `Err(Missing)` inside if that cannot be tried.
    ///
    /// # Errors
    /// Fetching them fails.
    pub fn prepare() -> Result<Result<Self, Missing>> {
        static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
        if let Err(missing) = TOOLCHAIN.get_or_init(|| check_toolchain("Kafka's tools")) {
            return Ok(Err(missing.clone()));
        }
        let pom = package_folder().join("kafka-tools").join("pom.xml");
        Ok(Ok(Self { jars: jars("kafka-tools", &pom, &[])? }))
    }

    /// Starts a tool, named as Kafka's scripts are.
    ///
    /// # Errors
    /// It is not among the known ones, or Java does not start.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Result<Running> {
        let class = NAMES_AND_CLASSES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class);
        let class = class.ok_or_else(|| anyhow::anyhow!("no main class known for {name}"))?;
        let mut command = java(&[self.jars.join("*")]);
        // The one tool that is not among the others.
        let package = if name == "kafka-configs" { "kafka.admin" } else { "org.apache.kafka.tools" };
        command.arg(format!("{package}.{class}")).args(arguments);
        Running::start(format!("{name} {}", arguments.join(" ")), command)
    }

    /// Runs a tool to its end, with `input` as its standard input.
    ///
    /// # Errors
    /// It cannot be started or does not end in time. Its exit code is the caller's to judge.
    pub fn run(&self, name: &str, arguments: &[&str], input: &str) -> Result<Finished> {
        let _permit = JvmPermits::acquire(1);
        let mut running = self.start(name, arguments)?;
        // A tool that ends early does not read its input.
        let _ = running.write(input);
        running.finish(PATIENCE)
    }

    /// Runs a tool that must end with exit code 0.
    ///
    /// # Errors
    /// As [`run`](Self::run), or it fails.
    pub fn succeed(&self, name: &str, arguments: &[&str], input: &str) -> Result<Finished> {
        let finished = self.run(name, arguments, input)?;
        if !finished.status.success() {
            anyhow::bail!("{name} {}: {}\n{}", arguments.join(" "), finished.status, finished.text());
        }
        Ok(finished)
    }
}
