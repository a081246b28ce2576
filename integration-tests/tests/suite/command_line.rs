//! The binary's own command line: versions, the storage tool, settings files.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use dohle_integration_tests::broker::{binary, wait_until_listening};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::ports::free_port;
use dohle_integration_tests::process::{Finished, Running};
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::{Completion, Trial};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::stage::{Suite, trial_with_brokers};

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

type Test = fn() -> Result<()>;

pub(crate) fn trials(_: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&str, Test); 10] = [
        ("version", version),
        ("storage_random_uuid", random_uuid),
        ("storage_format_and_info", format_and_info),
        ("server_with_kafkas_properties", || server_with(&Settings::kafkas_properties()?)),
        ("server_with_yaml", || server_with(&Settings::yaml()?)),
        ("server_refuses_what_is_wrong", refuses_what_is_wrong),
        ("server_refuses_a_taken_port", refuses_a_taken_port),
        ("server_refuses_folders_that_it_cannot_use", refuses_folders),
        ("server_refuses_a_folder_in_use", refuses_a_folder_in_use),
        ("server_stops_in_order", stops_in_order),
    ];
    let trial = |(name, test): (&str, Test)| {
        trial_with_brokers(format!("command_line::{name}"), move || test().map(|()| Completion::Completed))
    };
    tests.into_iter().map(trial).collect()
}

fn version() -> Result<()> {
    let said = dohle(&["--version"])?;
    ensure!(said.status.success(), "{said:?}");
    let version = said.output.first().and_then(|line| line.strip_prefix("dohle ")).context("not `dohle VERSION`")?;
    ensure!(version.split('.').count() == 3, "{version}");
    let wrong = dohle(&["serve"])?;
    ensure!(wrong.status.code() == Some(1) && wrong.output.is_empty(), "{wrong:?}");
    Ok(())
}

fn random_uuid() -> Result<()> {
    let ids = [dohle(&["storage", "random-uuid"])?, dohle(&["storage", "random-uuid"])?];
    for said in &ids {
        let [id] = &said.output[..] else { bail!("{said:?}") };
        let is_url_safe = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        // Kafka keeps ids from looking like options.
        ensure!(said.status.success() && id.len() == 22 && id.chars().all(is_url_safe) && !id.starts_with('-'), "{id}");
    }
    ensure!(ids[0].output != ids[1].output, "the same id twice");
    Ok(())
}

fn format_and_info() -> Result<()> {
    let settings = Settings::kafkas_properties()?;
    let file = settings.file();
    let data = settings.data().display().to_string();
    let info = || dohle(&["storage", "info", "--config", &file]);
    let format = |more: &[&str]| dohle(&[&["storage", "format", "--config", &file][..], more].concat());

    let missing = info()?;
    ensure!(
        missing.status.code() == Some(1) && missing.text().contains(&format!("{data} does not exist")),
        "{missing:?}"
    );
    let without_quorum = format(&["--cluster-id", CLUSTER])?;
    ensure!(
        without_quorum.status.code() == Some(1) && without_quorum.text().contains("--standalone"),
        "{without_quorum:?}"
    );

    let done = format(&["--cluster-id", CLUSTER, "--standalone"])?;
    let words = format!("Formatting dynamic metadata voter directory {data} with metadata.version 4.3-IV0.");
    ensure!(done.status.success() && done.output.contains(&words), "{done:?}");
    let again = format(&["--cluster-id", CLUSTER, "--standalone"])?;
    let words = format!("Log directory {data} is already formatted. Use --ignore-formatted to ignore this directory");
    ensure!(again.status.code() == Some(1) && again.text().contains(&words), "{again:?}");
    let ignored = format(&["--cluster-id", CLUSTER, "--standalone", "--ignore-formatted"])?;
    let words = "All of the log directories are already formatted.";
    ensure!(ignored.status.success() && ignored.text().contains(words), "{ignored:?}");
    let other = format(&["--cluster-id", "AAAAOEVBNTcwNTJENDM2Qg", "--standalone", "--ignore-formatted"])?;
    let words = format!("Expected AAAAOEVBNTcwNTJENDM2Qg, but read {CLUSTER}");
    ensure!(other.status.code() == Some(1) && other.text().contains(&words), "{other:?}");

    let good = info()?;
    ensure!(
        good.status.success() && good.output.first().is_some_and(|line| line == "Found log directory:"),
        "{good:?}"
    );
    ensure!(good.output.contains(&format!("  {data}")), "{good:?}");
    let found = good.output.iter().find(|line| line.starts_with("Found metadata: ")).context("no metadata")?;
    let id = format!("Found metadata: {{cluster.id={CLUSTER}, directory.id=");
    ensure!(found.starts_with(&id) && found.ends_with(", node.id=1, version=1}"), "{found}");
    let file = std::fs::read_to_string(settings.data().join("meta.properties")).context("meta.properties")?;
    for line in ["version=1", "node.id=1", &format!("cluster.id={CLUSTER}")] {
        ensure!(file.lines().any(|found| found == line), "{line} is not in {file}");
    }
    Ok(())
}

/// Formats the directory, starts the server with the file, and sees whose settings it has.
fn server_with(settings: &Settings) -> Result<()> {
    let file = settings.file();
    let unformatted = dohle(&["server", "--config", &file])?;
    ensure!(unformatted.status.code() == Some(1), "started with an unformatted directory: {unformatted:?}");
    let said = unformatted.text();
    ensure!(said.contains("meta.properties") || said.contains("format"), "not told what to do: {said}");
    ensure!(!settings.data().join("meta.properties").exists(), "formatted without being asked");

    let formatted = dohle(&["storage", "format", "--config", &file, "--cluster-id", CLUSTER, "--standalone"])?;
    ensure!(formatted.status.success(), "{formatted:?}");
    let mut command = Command::new(binary()?);
    command.args(["server", "--config", &file, "--override", "num.partitions=5"]);
    let mut server = Running::start("server with a file", command)?;
    wait_until_listening(&mut server, settings.port)?;
    let check = || {
        let observer = Observer::new(&format!("localhost:{}", settings.port))?;
        observer.create_topic("by-default", -1, &[])?;
        let topics = observer.topics()?;
        ensure!(topics.get("by-default") == Some(&5), "the file says 2 partitions, the override 5: {topics:?}");
        let retention = observer.topic_config("by-default", "retention.ms")?;
        ensure!(retention == "259200000", "the file says 72 hours: {retention} ms");
        observer.send_numbered("by-default", 0, "record", 10)?;
        ensure!(observer.records("by-default")?.len() == 10, "records are missing");
        Ok(())
    };
    check().with_context(|| server.last_words())?;
    server.terminate();
    let status = server.wait(PATIENCE)?;
    ensure!(status.success() || status.code() == Some(143), "stopped with {status}\n{}", server.last_words());
    ensure!(settings.data().join("by-default-0").is_dir(), "the topic is not in the directory that the file names");
    Ok(())
}

fn refuses_what_is_wrong() -> Result<()> {
    // Each says the property, the value, and what is allowed.
    let cases: [(&str, &str, &[&str]); 8] = [
        ("a value out of bounds", "num.io.threads=0", &["num.io.threads", "0", "at least 1"]),
        ("no number", "num.partitions=many", &["num.partitions", "many", "number"]),
        ("a number that is too large", "log.segment.bytes=99999999999", &["log.segment.bytes", "99999999999"]),
        (
            "no truth value",
            "auto.create.topics.enable=perhaps",
            &["auto.create.topics.enable", "perhaps", "true", "false"],
        ),
        ("none of the values", "compression.type=zip", &["compression.type", "zip", "producer", "zstd"]),
        ("no listener", "listeners=nonsense", &["listeners", "nonsense"]),
        (
            "no limit of connections",
            "max.connections.per.ip.overrides=127.0.0.1:many",
            &["max.connections.per.ip.overrides", "127.0.0.1:many", "host:count"],
        ),
        (
            "security that is not there",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            &["authorizer.class.name"],
        ),
    ];
    for (what, setting, words) in cases {
        let settings = Settings::kafkas_properties()?;
        let text = std::fs::read_to_string(settings.file())?;
        std::fs::write(&settings.file, format!("{text}\n{setting}\n"))?;
        // What only a listener can find out is found out with the folder formatted.
        let format =
            dohle(&["storage", "format", "--config", &settings.file(), "--cluster-id", CLUSTER, "--standalone"])?;
        let said = if format.status.success() { dohle(&["server", "--config", &settings.file()])? } else { format };
        one_line(what, &said, words)?;
    }
    let missing = dohle(&["server", "--config", "/nonexistent/server.properties"])?;
    one_line("a file that is not there", &missing, &["/nonexistent/server.properties"])?;
    let unknown = dohle(&["server", "--override", "num.partitions"])?;
    one_line("an override without a value", &unknown, &["num.partitions"])
}

/// A start that fails: exit code 1, and one line at the end that has all of `words`.
fn one_line(what: &str, said: &Finished, words: &[&str]) -> Result<()> {
    ensure!(said.status.code() == Some(1), "{what}: {said:?}");
    let last = said.errors.last().with_context(|| format!("{what}: nothing is said"))?;
    for word in words {
        ensure!(last.contains(word), "{what}: {word:?} is not in {last:?}");
    }
    // Whatever else was logged before is no error.
    let errors = said.errors.iter().filter(|line| line.contains("ERROR") || line.contains("panicked")).count();
    ensure!(errors == 0, "{what}: {said:?}");
    Ok(())
}

/// A server without a settings file, on a port that is free.
fn quick_server(folder: &Path) -> Result<(Running, u16)> {
    let port = free_port();
    let mut command = Command::new(binary()?);
    command.args(["server", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder);
    Ok((Running::start(format!("server on port {port}"), command)?, port))
}

fn data_option(folder: &Path) -> [String; 5] {
    let folder = folder.display().to_string();
    ["server".to_owned(), "--listen".to_owned(), format!("127.0.0.1:{}", free_port()), "--data".to_owned(), folder]
}

fn start_in(folder: &Path) -> Result<Finished> {
    let arguments = data_option(folder);
    dohle(&arguments.each_ref().map(String::as_str))
}

fn refuses_a_taken_port() -> Result<()> {
    let folder = TempDir::with_prefix("dohle-test-")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let data = folder.path().join("data").display().to_string();
    let said = dohle(&["server", "--listen", &address, "--data", &data])?;
    one_line("a taken port", &said, &["cannot listen", &address, "in use"])?;
    drop(taken);
    // Nothing is left that would keep the next one from starting.
    let (mut server, port) = quick_server(&folder.path().join("data"))?;
    wait_until_listening(&mut server, port)
}

fn refuses_folders() -> Result<()> {
    let folder = TempDir::with_prefix("dohle-test-")?;
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder")?;
    one_line("a file in its place", &start_in(&file)?, &[&file.display().to_string()])?;
    let below = file.join("data");
    one_line("a folder below a file", &start_in(&below)?, &[&below.display().to_string()])?;
    // Not even root writes there.
    let unwritable = Path::new("/proc/dohle");
    one_line("a folder that cannot be made", &start_in(unwritable)?, &["/proc/dohle"])?;

    let data = folder.path().join("data");
    let (mut server, port) = quick_server(&data)?;
    wait_until_listening(&mut server, port)?;
    Observer::new(&format!("127.0.0.1:{port}"))?.create_topic("topic", 1, &[])?;
    server.terminate();
    server.wait(PATIENCE)?;

    let meta = data.join("meta.properties");
    let own = std::fs::read_to_string(&meta)?;
    std::fs::write(&meta, own.replace("node.id=1", "node.id=7"))?;
    one_line("another node's folder", &start_in(&data)?, &["belongs to node 7", "node.id", "1"])?;
    std::fs::write(&meta, "no properties of ours\n")?;
    one_line("a damaged meta.properties", &start_in(&data)?, &["meta.properties"])?;
    std::fs::remove_file(&meta)?;
    one_line("data without an owner", &start_in(&data)?, &["holds data", "no meta.properties"])?;
    ensure!(!meta.exists(), "made its own");
    std::fs::write(&meta, own)?;
    let metadata = data.join("__cluster_metadata-0");
    let kept = folder.path().join("kept");
    std::fs::rename(&metadata, &kept)?;
    one_line("partitions without metadata", &start_in(&data)?, &["holds partitions (", "__cluster_metadata-0"])?;
    std::fs::rename(&kept, &metadata)?;
    // All is there again.
    let (mut server, port) = quick_server(&data)?;
    wait_until_listening(&mut server, port)?;
    let topics = Observer::new(&format!("127.0.0.1:{port}"))?.topics()?;
    ensure!(topics.get("topic") == Some(&1), "{topics:?}");
    Ok(())
}

fn refuses_a_folder_in_use() -> Result<()> {
    let folder = TempDir::with_prefix("dohle-test-")?;
    let data = folder.path().join("data");
    let (mut server, port) = quick_server(&data)?;
    wait_until_listening(&mut server, port)?;
    let second = start_in(&data)?;
    one_line("a second process", &second, &[&data.display().to_string(), "lock"])?;
    let observer = Observer::new(&format!("127.0.0.1:{port}"))?;
    observer.create_topic("topic", 1, &[])?;
    observer.send_numbered("topic", 0, "record", 10)?;
    Ok(())
}

/// After SIGTERM and SIGINT alike; the next start trusts what it finds.
fn stops_in_order() -> Result<()> {
    let folder = TempDir::with_prefix("dohle-test-")?;
    let data = folder.path().join("data");
    let mut expected = 0;
    for signal in [Signal::TERM, Signal::INT, Signal::TERM] {
        let (mut server, port) = quick_server(&data)?;
        wait_until_listening(&mut server, port)?;
        let observer = Observer::new(&format!("127.0.0.1:{port}"))?;
        if expected == 0 {
            observer.create_topic("topic", 3, &[])?;
        }
        observer.send_numbered("topic", 2, "record", 10)?;
        expected += 10;
        ensure!(observer.records("topic")?.len() == expected, "records are missing");
        drop(observer);
        server.signal(signal);
        let finished = server.finish(PATIENCE)?;
        ensure!(finished.status.success(), "{finished:?}");
        ensure!(finished.errors.last().is_some_and(|line| line.ends_with("stopped")), "{finished:?}");
        // Neither does it recover anything, nor is it worried.
        for line in &finished.errors {
            ensure!(!line.contains("recover") && !line.contains("WARN") && !line.contains("ERROR"), "{line}");
        }
    }
    // One that was killed does.
    let (mut server, port) = quick_server(&data)?;
    wait_until_listening(&mut server, port)?;
    // It listens before it has opened its logs.
    server.wait_for_error(&["ready"], PATIENCE)?;
    server.kill();
    let (server, _) = quick_server(&data)?;
    server.wait_for_error(&["recovering", "was not closed in order"], PATIENCE)?;
    Ok(())
}

/// Runs the binary to its end.
fn dohle(arguments: &[&str]) -> Result<Finished> {
    let mut command = Command::new(binary()?);
    command.args(arguments);
    Running::start(format!("dohle {}", arguments.join(" ")), command)?.finish(PATIENCE)
}

/// A settings file in a folder of its own, with ports that are free.
struct Settings {
    folder: TempDir,
    file: PathBuf,
    port: u16,
}

impl Settings {
    /// The settings of the file that comes with Kafka, with other ports, another directory, and two values that are not
    /// the defaults.
    fn kafkas_properties() -> Result<Self> {
        Self::new("server.properties", |name, value| format!("{name}={value}"))
    }

    /// The same as YAML.
    fn yaml() -> Result<Self> {
        Self::new("server.yaml", |name, value| match value.parse::<i64>() {
            Ok(_) => format!("{name}: {value}"),
            Err(_) => format!("{name}: \"{value}\""),
        })
    }

    fn new(name: &str, line: fn(&str, &str) -> String) -> Result<Self> {
        let folder = TempDir::with_prefix("dohle-test-")?;
        let (port, controller) = (free_port(), free_port());
        let data = folder.path().join("kraft-combined-logs").display().to_string();
        let listeners = format!("PLAINTEXT://:{port},CONTROLLER://:{controller}");
        let advertised = format!("PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller}");
        let settings = [
            ("process.roles", "broker,controller"),
            ("node.id", "1"),
            ("controller.quorum.bootstrap.servers", &format!("localhost:{controller}")),
            ("listeners", &listeners),
            ("inter.broker.listener.name", "PLAINTEXT"),
            ("advertised.listeners", &advertised),
            ("controller.listener.names", "CONTROLLER"),
            (
                "listener.security.protocol.map",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            ),
            ("num.network.threads", "3"),
            ("num.io.threads", "8"),
            ("socket.send.buffer.bytes", "102400"),
            ("socket.receive.buffer.bytes", "102400"),
            ("socket.request.max.bytes", "104857600"),
            ("log.dirs", &data),
            ("num.partitions", "2"),
            ("num.recovery.threads.per.data.dir", "1"),
            ("offsets.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.min.isr", "1"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("log.retention.hours", "72"),
            ("log.segment.bytes", "1073741824"),
            ("log.retention.check.interval.ms", "300000"),
        ];
        let mut text = String::from("# A node that is broker and controller.\n");
        for (name, value) in settings {
            text.push_str(&line(name, value));
            text.push('\n');
        }
        let file = folder.path().join(name);
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        Ok(Self { folder, file, port })
    }

    fn file(&self) -> String {
        self.file.display().to_string()
    }

    fn data(&self) -> PathBuf {
        let folder: &Path = self.folder.path();
        folder.join("kraft-combined-logs")
    }
}
