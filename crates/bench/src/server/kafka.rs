//! Apache Kafka, live: its own jars, the heap and JVM options of its start script, the settings of its distribution.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{COMMON_SETTINGS, Launcher, Role, Running};

/// The release that is compared with.
pub(crate) const VERSION: &str = "4.3.1";
/// Any will do.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";
const STOCK_PROPERTIES: &str = include_str!("../../kafka/server.properties");
const LOGGING: &str = include_str!("../../kafka/log4j2.yaml");
/// What kafka-server-start.sh and kafka-run-class.sh give to the JVM.
const STOCK_JVM: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// Starts Apache Kafka.
#[derive(Debug)]
pub(crate) struct Kafka {
    jars: PathBuf,
}

impl Kafka {
    /// The jars of `home`, an unpacked distribution, or else those that Maven fetches, once, into the user's cache. Needs a
    /// network the first time.
    ///
    /// # Errors
    /// There is no Java, no such distribution, or Maven fails.
    pub(crate) fn prepare(home: Option<&Path>) -> Result<Self> {
        ensure!(succeeds(Command::new("java").arg("-version")), "there is no java");
        let jars = match home {
            Some(home) => home.join("libs"),
            None => fetched_jars()?,
        };
        ensure!(jars.is_dir(), "no folder {}", jars.display());
        Ok(Self { jars })
    }

    fn java(&self) -> Command {
        let mut command = Command::new("java");
        command.arg("-cp").arg(self.jars.join("*"));
        command
    }

    fn properties_file(folder: &Path) -> PathBuf {
        folder.join("server.properties")
    }
}

impl Launcher for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn role(&self) -> Role {
        Role::Kafka
    }

    fn description(&self) -> String {
        let settings = COMMON_SETTINGS.map(|(name, value)| format!(" {name}={value}")).concat();
        format!(
            "Apache Kafka {VERSION}, one node, broker and controller; java {}; the distribution's server.properties and{settings}",
            STOCK_JVM.join(" ")
        )
    }

    fn format(&self, folder: &Path, address: SocketAddr) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        // Ports of servers are two apart.
        let controller = SocketAddr::new(address.ip(), address.port() + 1);
        let settings = COMMON_SETTINGS.map(|(name, value)| format!("{name}={value}\n")).concat();
        let properties = format!(
            "{STOCK_PROPERTIES}\
             listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
             advertised.listeners=PLAINTEXT://{address}\n\
             controller.quorum.voters=1@{controller}\n\
             log.dirs={}\n{settings}",
            self.data(folder).display()
        );
        std::fs::write(Self::properties_file(folder), properties)?;
        std::fs::write(folder.join("log4j2.yaml"), LOGGING)?;
        let mut format = self.java();
        format.arg(format!("-Ddohle.bench.log={}", folder.join("format.log").display()));
        format.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.yaml").display()));
        format.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]);
        let output = format.arg(Self::properties_file(folder)).output().context("start java")?;
        ensure!(
            output.status.success(),
            "format: {}",
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat())
        );
        Ok(())
    }

    fn start(&self, folder: &Path, address: SocketAddr) -> Result<Running> {
        let mut command = self.java();
        command.args(STOCK_JVM);
        command.arg(format!("-Ddohle.bench.log={}", folder.join("server.log").display()));
        command.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.yaml").display()));
        command.arg("kafka.Kafka").arg(Self::properties_file(folder));
        Running::start(self.name(), command, folder, address)
    }

    fn wants_warming(&self) -> bool {
        true
    }
}

/// The folder with the jars of [`VERSION`], filled by Maven if it is not there yet.
fn fetched_jars() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => {
            PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
        }
    };
    let parent = cache.join("dohle").join("bench");
    let folder = parent.join(format!("kafka-{VERSION}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&parent)?;
    // Under another name first, so that a folder of that name is always complete.
    let making = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent)?;
    let pom = making.path().join("pom.xml");
    std::fs::write(&pom, include_str!("../../kafka/pom.xml"))?;
    let jars = making.path().join("jars");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--file"]).arg(&pom).arg("dependency:copy-dependencies");
    maven.arg(format!("-Dkafka.version={VERSION}")).arg(format!("-DoutputDirectory={}", jars.display()));
    let output = maven.output().context("start mvn")?;
    ensure!(output.status.success(), "mvn: {}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    std::fs::rename(&jars, &folder)?;
    Ok(folder)
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
