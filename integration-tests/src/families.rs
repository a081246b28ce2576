//! The client families, and how each plays a scenario. A family is a client library in one version, with a driver program
//! in `clients`.

mod go;
mod java;
mod node;
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::checkout::package_folder;
use crate::java::JvmPermits;
use crate::partitioners::Partitioner::{self, Crc32, Fnv1a, Murmur2, Murmur2Unsigned};
use crate::process::Running;
use crate::requirement::Missing;

/// All families: the name in tests and in `scenarios.yaml`, where the driver comes from, and where the client puts a record
/// with a key if nothing else is asked for. `librdkafka_driver` is the program in `clients/librdkafka`, which cargo builds
/// with the tests.
#[must_use]
pub fn families(librdkafka_driver: &Path) -> Vec<Family> {
    use Kind::{Go, Java, Node, Program, Python};
    let table = [
        ("librdkafka", Program(librdkafka_driver.to_owned()), Crc32),
        ("java-2.8.2", Java(java::Client { version: "2.8.2", example: "poll-long" }), Murmur2),
        ("java-3.9.1", Java(java::Client { version: "3.9.1", example: "poll-long" }), Murmur2),
        ("java-4.3.1", Java(java::Client { version: "4.3.1", example: "poll-duration" }), Murmur2),
        ("franz-go", Go(go::Library { folder: "franz-go" }), Murmur2),
        ("sarama", Go(go::Library { folder: "sarama" }), Fnv1a),
        ("kafka-go", Go(go::Library { folder: "kafka-go" }), Fnv1a),
        ("confluent-kafka", Python(python::Library { folder: "confluent-kafka", shares_with: None }), Crc32),
        ("kafka-python", Python(python::Library { folder: "kafka-python", shares_with: None }), Murmur2),
        (
            "kafka-python-2",
            Python(python::Library { folder: "kafka-python-2", shares_with: Some("kafka-python") }),
            Murmur2,
        ),
        ("aiokafka", Python(python::Library { folder: "aiokafka", shares_with: None }), Murmur2),
        ("kafkajs", Node(node::Library { folder: "kafkajs" }), Murmur2),
        ("platformatic-kafka", Node(node::Library { folder: "platformatic-kafka" }), Murmur2Unsigned),
    ];
    table.into_iter().map(|(name, kind, partitioner)| Family { name, kind, partitioner }).collect()
}

/// A client library in one version.
#[derive(Debug, Clone)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    partitioner: Partitioner,
}

/// What makes a driver, one for each toolchain.
#[derive(Debug, Clone)]
enum Kind {
    /// A program with nothing to prepare.
    Program(PathBuf),
    Java(java::Client),
    Python(python::Library),
    Go(go::Library),
    Node(node::Library),
}

/// What a scenario is played with.
#[derive(Debug, Clone, Copy)]
pub struct Play<'a> {
    /// What to play; for `group-takeover` the part that one member plays, `group-member`.
    pub scenario: &'a str,
    /// Where the broker is: `host:port`.
    pub bootstrap: &'a str,
    /// The topic to use.
    pub topic: &'a str,
    /// The group to be in.
    pub group: &'a str,
    /// More, by name.
    pub parameters: &'a [(&'a str, String)],
}

impl Family {
    /// Its name in tests and in `scenarios.yaml`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// Where it puts records with keys.
    #[must_use]
    pub fn partitioner(&self) -> Partitioner {
        self.partitioner
    }

    /// The right to run `count` of its drivers at once, given back when dropped. Waits for it. Only JVMs are so heavy that
    /// they need it.
    #[must_use]
    pub fn permits(&self, count: usize) -> Option<JvmPermits> {
        matches!(self.kind, Kind::Java(_)).then(|| JvmPermits::acquire(count))
    }

    /// Makes the driver ready to run, `Err(Missing)` inside if that cannot be tried.
    ///
    /// # Errors
    /// It cannot be fetched or built.
    pub fn prepare(&self) -> Result<Result<(), Missing>> {
        let toolchain = match &self.kind {
            Kind::Program(_) => Ok(()),
            Kind::Java(_) => java::toolchain(),
            Kind::Python(_) => python::toolchain(),
            Kind::Go(_) => go::toolchain(),
            Kind::Node(_) => node::toolchain(),
        };
        match toolchain {
            Ok(()) => self.driver().map(|_| Ok(())),
            Err(missing) => Ok(Err(missing)),
        }
    }

    /// Starts the driver.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, play: &Play<'_>) -> Result<Running> {
        let mut command = self.driver()?;
        command.args([play.scenario, play.bootstrap, play.topic, play.group]);
        command.args(play.parameters.iter().map(|(name, value)| format!("{name}={value}")));
        Running::start(format!("{} {}", self.name, play.scenario), command)
    }

    /// Whether it has the example program.
    #[must_use]
    pub fn has_example(&self) -> bool {
        matches!(self.kind, Kind::Java(_))
    }

    /// Starts the example program, which takes no argument; `None` if this family has none.
    ///
    /// # Errors
    /// It cannot be built or started.
    pub fn start_example(&self) -> Result<Option<Running>> {
        let Kind::Java(client) = &self.kind else { return Ok(None) };
        Running::start(format!("{} example", self.name), client.example()?).map(Some)
    }

    /// The driver, made if it is not there yet, without arguments.
    fn driver(&self) -> Result<Command> {
        match &self.kind {
            Kind::Program(path) => Ok(Command::new(path)),
            Kind::Java(client) => client.driver(),
            Kind::Python(library) => library.driver(),
            Kind::Go(library) => library.driver(),
            Kind::Node(library) => library.driver(),
        }
    }
}

/// The folder of one toolchain's drivers.
fn clients(toolchain: &str) -> PathBuf {
    package_folder().join("clients").join(toolchain)
}
