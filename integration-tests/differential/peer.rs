//! One of the two brokers: its process, a connection to it, and what symbols mean to it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{binary, wait_until_listening};
use dohle_integration_tests::checkout::package_folder;
use dohle_integration_tests::java::{jars, java};
use dohle_integration_tests::ports::free_port;
use dohle_integration_tests::process::Running;
use tempfile::TempDir;

use crate::schema::{Schema, Versions};
use crate::value::{Value, decode, encode};

/// How long an answer may take before it counts as none: no request of the corpus asks for a longer wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The first version of ApiVersions, which every broker answers.
const API_VERSIONS: i16 = 18;
/// The header of its answer is the same in all versions.
const PRODUCE: i16 = 0;

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// An answer.
    Answer(Value),
    /// The connection was closed.
    Closed,
    /// Nothing came in time.
    Silence,
    /// Produce without acknowledgement: nothing is to come, and the connection goes on.
    Unanswered,
    /// An answer that is not what the schema says.
    Garbled(String),
}

/// What both brokers are configured with; addresses and folders come on top.
const PROPERTIES: &str = "process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
group.initial.rebalance.delay.ms=0
broker.rack=rack-1
log.retention.check.interval.ms=3600000
";

/// What both folders are formatted for.
const CLUSTER_ID: &str = "RGlmZmVyZW50aWFsLWNoaw";

/// A broker that runs.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    port: u16,
    controller_port: u16,
    process: Running,
    folder: TempDir,
    connection: Option<TcpStream>,
    correlation: i32,
    symbols: BTreeMap<String, Value>,
}

impl Peer {
    /// Starts Dohle.
    ///
    /// # Errors
    /// It cannot be formatted or started.
    pub(crate) fn dohle() -> Result<Self> {
        let program = binary()?;
        Self::start("dohle", |config| {
            let mut format = Command::new(&program);
            format.args(["storage", "format", "--cluster-id", CLUSTER_ID, "--config"]).arg(config);
            let mut server = Command::new(&program);
            server.args(["server", "--config"]).arg(config);
            (format, server)
        })
    }

    /// Starts Apache Kafka 4.3.1, with the feature levels that a Dohle has.
    ///
    /// # Errors
    /// Its jars cannot be fetched, or it cannot be formatted or started.
    pub(crate) fn kafka() -> Result<Self> {
        let jars = kafka_jars()?;
        Self::start("kafka", |config| {
            let mut format = java(&[jars.join("*")]);
            format.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]).arg(config);
            for feature in [
                "group.version",
                "transaction.version",
                "share.version",
                "streams.version",
                "eligible.leader.replicas.version",
            ] {
                format.args(["--feature", &format!("{feature}=0")]);
            }
            let mut server = Command::new("java");
            server.args(["-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
            server.arg(jars.join("*")).arg("kafka.Kafka").arg(config);
            (format, server)
        })
    }

    fn start(name: &'static str, commands: impl FnOnce(&Path) -> (Command, Command)) -> Result<Self> {
        // In memory where that can be had: creating topics is mostly waiting for the disk.
        let prefix = format!("differential-{name}-");
        let folder = TempDir::with_prefix_in(&prefix, "/dev/shm").or_else(|_| TempDir::with_prefix(&prefix))?;
        let (port, controller) = (free_port(), free_port());
        let config = folder.path().join("server.properties");
        let own = format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             log.dirs={}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&config, format!("{PROPERTIES}{own}")).context("write server.properties")?;
        let (mut format, server) = commands(&config);
        let formatted = format.output().with_context(|| format!("{name}: format"))?;
        let said = [formatted.stdout, formatted.stderr].concat();
        ensure!(formatted.status.success(), "{name}: format: {}", String::from_utf8_lossy(&said));
        let mut process = Running::start(name, server)?;
        wait_until_listening(&mut process, port)?;
        let (connection, symbols) = (None, BTreeMap::new());
        Ok(Self { name, port, controller_port: controller, process, folder, connection, correlation: 0, symbols })
    }

    /// Its folder of logs, to tell it from the other's in answers.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its ports by name, to tell them from the other's in answers.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        [("port", self.port), ("controller's port", self.controller_port)].into_iter()
    }

    /// What it last said, for a failure to show.
    pub(crate) fn last_words(&self) -> String {
        self.process.last_words()
    }

    /// Remembers what a symbol means to this broker.
    pub(crate) fn know(&mut self, symbol: String, value: Value) {
        self.symbols.insert(symbol, value);
    }

    /// What a symbol means to it.
    pub(crate) fn meaning(&self, symbol: &str) -> Option<&Value> {
        self.symbols.get(symbol)
    }

    /// The symbols that are known, with their meanings.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.symbols.iter().map(|(symbol, value)| (symbol.as_str(), value))
    }

    /// Forgets the symbols for which `gone` is true.
    pub(crate) fn forget(&mut self, gone: impl Fn(&str) -> bool) {
        self.symbols.retain(|symbol, _| !gone(symbol));
    }

    /// Drops the connection; the next request makes a new one.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// The APIs it advertises.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn advertised(&mut self, schema: &Schema) -> Result<BTreeMap<i16, Versions>> {
        let Outcome::Answer(answer) = self.ask(schema, API_VERSIONS, 0, &Value::Struct(Vec::new()))? else {
            anyhow::bail!("{} does not answer ApiVersions\n{}", self.name, self.last_words());
        };
        let Some(Value::Array(keys)) = answer.field("ApiKeys") else { anyhow::bail!("no API keys in {answer}") };
        let number = |value: &Value, name: &str| match value.field(name) {
            Some(Value::Int(number)) => i16::try_from(*number).context("a number out of range"),
            _ => anyhow::bail!("no {name} in {value}"),
        };
        let range = |entry| {
            Ok((
                number(entry, "ApiKey")?,
                Versions { min: number(entry, "MinVersion")?, max: number(entry, "MaxVersion")? },
            ))
        };
        keys.iter().map(range).collect()
    }

    /// Sends a request and waits for what becomes of it.
    ///
    /// # Errors
    /// The request cannot be written down, or the broker cannot be reached.
    pub(crate) fn ask(&mut self, schema: &Schema, key: i16, version: i16, request: &Value) -> Result<Outcome> {
        let outcome = self.exchange(schema, key, version, request);
        if !matches!(outcome, Ok(Outcome::Answer(_) | Outcome::Unanswered)) {
            // What else may come on this connection would be taken for the answer to the next request.
            self.disconnect();
        }
        outcome.with_context(|| format!("{} on port {}", self.name, self.port))
    }

    fn exchange(&mut self, schema: &Schema, key: i16, version: i16, request: &Value) -> Result<Outcome> {
        let message = schema.requests.get(&key).context("an unknown API")?;
        let body = encode(message, request, version, &|symbol| self.symbols.get(symbol).cloned())
            .with_context(|| format!("{} {version}", message.name))?;
        if self.send(key, version, message.flexible.contains(version), &body)?.is_none() {
            return Ok(Outcome::Closed);
        }
        let is_answered = key != PRODUCE || request.field("Acks") != Some(&Value::Int(0));
        if !is_answered && self.send(API_VERSIONS, 0, false, &[])?.is_none() {
            return Ok(Outcome::Closed);
        }
        let Some(answer) = self.receive()? else { return Ok(Outcome::Closed) };
        let Ok(answer) = answer else { return Ok(Outcome::Silence) };
        let (correlation, rest) = answer.split_first_chunk::<4>().context("an answer without header")?;
        ensure!(i32::from_be_bytes(*correlation) == self.correlation, "an answer to another request");
        if !is_answered {
            return Ok(Outcome::Unanswered);
        }
        let message = schema.responses.get(&key).context("an unknown API")?;
        // The answer to a version of ApiVersions that the broker does not know is in the first one.
        let unknown = key == API_VERSIONS && rest.starts_with(&[0, 35]);
        let version = if unknown { 0 } else { version };
        let rest = match message.flexible.contains(version) && key != API_VERSIONS {
            true => match rest.split_first() {
                Some((0, rest)) => rest,
                _ => return Ok(Outcome::Garbled("tagged fields in the header".to_owned())),
            },
            false => rest,
        };
        Ok(match decode(message, rest, version) {
            Ok(value) => Outcome::Answer(value),
            Err(error) => Outcome::Garbled(format!("{error:#}")),
        })
    }

    /// `None` where the connection was closed while it was written to.
    fn send(&mut self, key: i16, version: i16, flexible: bool, body: &[u8]) -> Result<Option<()>> {
        self.correlation += 1;
        let mut frame = vec![0; 4];
        frame.extend(key.to_be_bytes());
        frame.extend(version.to_be_bytes());
        frame.extend(self.correlation.to_be_bytes());
        frame.extend(12_i16.to_be_bytes());
        frame.extend(b"differential");
        if flexible {
            frame.push(0);
        }
        frame.extend(body);
        let size = i32::try_from(frame.len() - 4)?;
        frame[..4].copy_from_slice(&size.to_be_bytes());
        if self.connection.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))
                .with_context(|| format!("connect\n{}", self.process.last_words()))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            self.connection = Some(stream);
        }
        let connection = self.connection.as_mut().context("there is a connection")?;
        Ok(connection.write_all(&frame).ok())
    }

    /// `None` where the connection was closed, an error inside where nothing came in time.
    fn receive(&mut self) -> Result<Option<Result<Vec<u8>, ()>>> {
        let connection = self.connection.as_mut().context("there is a connection")?;
        let mut read = |bytes: &mut [u8]| match connection.read_exact(bytes) {
            Ok(()) => Some(Ok(())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(Err(())),
            Err(_) => None,
        };
        let mut size = [0; 4];
        match read(&mut size) {
            Some(Ok(())) => {}
            Some(Err(())) => return Ok(Some(Err(()))),
            None => return Ok(None),
        }
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).context("the size of an answer")?];
        Ok(read(&mut answer).map(|read| read.map(|()| answer)))
    }
}

fn kafka_jars() -> Result<PathBuf> {
    let pom = package_folder().join("kafka-tools").join("pom.xml");
    jars("kafka-tools", &pom, &[])
}
