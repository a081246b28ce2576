//! The client families, and how each plays a scenario. A family is a folder in `clients` with a driver program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use crate::java::{self, JvmPermits, check_toolchain, jars};
use crate::process::Running;
use crate::requirement::Missing;

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

/// A client library in one version.
#[derive(Debug, Clone)]
pub struct Family {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Apache Kafka's Java client.
    Java {
        version: &'static str,
        /// Which form of the example it can compile: clients before 4.0 still have `poll(long)`.
        example: &'static str,
    },
    /// A program with nothing to prepare.
    Program(PathBuf),
}

/// All families. `librdkafka_driver` is the program in `clients/librdkafka`, which cargo builds with the tests.
#[must_use]
pub fn families(librdkafka_driver: &Path) -> Vec<Family> {
    let java = |version, example| Family { name: format!("java-{version}"), kind: Kind::Java { version, example } };
    vec![
        Family { name: "librdkafka".to_owned(), kind: Kind::Program(librdkafka_driver.to_owned()) },
        java("2.8.2", "poll-long"),
        java("3.9.1", "poll-long"),
        java("4.3.1", "poll-duration"),
    ]
}

impl Family {
    /// Its name in tests and in `scenarios.yaml`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The right to run `count` of its drivers at once, given back when dropped. Waits for it.
    #[must_use]
    pub fn permits(&self, count: usize) -> Option<JvmPermits> {
        match self.kind {
            Kind::Java { .. } => Some(JvmPermits::acquire(count)),
            Kind::Program(_) => None,
        }
    }

    /// Makes the driver ready to run, `Err(Missing)` inside if that cannot be tried.
    ///
    /// # Errors
    /// It cannot be fetched or built.
    pub fn prepare(&self) -> Result<Result<(), Missing>> {
        let Kind::Java { .. } = self.kind else { return Ok(Ok(())) };
        if let Err(missing) = java_toolchain() {
            return Ok(Err(missing));
        }
        self.driver().map(|_| Ok(()))
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
        matches!(self.kind, Kind::Java { .. })
    }

    /// Starts the example program, which takes no argument; `None` if this family has none.
    ///
    /// # Errors
    /// It cannot be built or started.
    pub fn start_example(&self) -> Result<Option<Running>> {
        let Kind::Java { version, example } = self.kind else { return Ok(None) };
        let jars = client_jars(version)?;
        let folder = java_folder().join("example").join(example);
        let classes = java::classes(&format!("java-example-{version}"), &[folder], &jars)?;
        let mut command = java::java(&[classes, jars.join("*")]);
        command.arg("KafkaLoadBalancingExample");
        Running::start(format!("{} example", self.name), command).map(Some)
    }

    fn driver(&self) -> Result<Command> {
        match &self.kind {
            Kind::Program(path) => Ok(Command::new(path)),
            Kind::Java { version, .. } => {
                let jars = client_jars(version)?;
                let classes = java::classes(&format!("java-driver-{version}"), &[java_folder().join("driver")], &jars)?;
                let mut command = java::java(&[classes, jars.join("*")]);
                command.arg("driver.Driver");
                Ok(command)
            }
        }
    }
}

fn java_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join("java")
}

fn java_toolchain() -> Result<(), Missing> {
    static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
    TOOLCHAIN.get_or_init(|| check_toolchain("the Java clients")).clone()
}

fn client_jars(version: &str) -> Result<PathBuf> {
    jars(&format!("kafka-clients-{version}"), &java_folder().join("pom.xml"), &[format!("kafka.version={version}")])
}
