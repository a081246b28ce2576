//! `dohle storage`: what `kafka-storage.sh` does, with its words where scripts look for them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use dohle_config::ServerConfig;
use dohle_log::{LogDirectory, LogDirectoryError, MetaProperties};
use dohle_model::{DirectoryId, Uuid};
use dohle_seams::live::{LiveDisk, LiveRandomness};
use dohle_seams::{Disk, Randomness, RandomnessExt};

use crate::command_line::{FormatOptions, StorageCommand};
use crate::{configuration, log_directories};

/// The feature level of the metadata, and the names of the release that has it.
const METADATA_VERSION: u16 = 30;
const RELEASES: [&str; 2] = ["4.3", "4.3-IV0"];

pub(crate) fn run(command: &StorageCommand, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        StorageCommand::RandomUuid => {
            writeln!(out, "{}", LiveRandomness.uuid())?;
            Ok(ExitCode::SUCCESS)
        }
        StorageCommand::Info(options) => {
            let config = load(&LiveDisk, &options.config)?;
            let is_good = info(&LiveDisk, &config, out)?;
            Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        StorageCommand::Format(options) => {
            let config = load(&LiveDisk, &options.config)?;
            format(&LiveDisk, &LiveRandomness, &config, options, out)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The node's configuration; what has no effect is said when it starts.
fn load(disk: &dyn Disk, path: &Path) -> anyhow::Result<ServerConfig> {
    Ok(ServerConfig::resolve(&configuration::read(disk, path)?)?.0)
}

fn format(
    disk: &dyn Disk,
    randomness: &dyn Randomness,
    config: &ServerConfig,
    options: &FormatOptions,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    check_features(options)?;
    let metadata_directory_id = check_voters(randomness, config, options)?;
    let mut unformatted = Vec::new();
    let mut formatted = Vec::new();
    for path in log_directories::paths(config) {
        match log_directories::owner(disk, &path)? {
            None => unformatted.push(path),
            Some(meta) => formatted.push((path, meta)),
        }
    }
    for (path, meta) in &formatted {
        let file = path.join("meta.properties");
        if meta.cluster_id != options.cluster_id {
            let (expected, found) = (&options.cluster_id, &meta.cluster_id);
            bail!("Invalid cluster.id in: {}. Expected {expected}, but read {found}", file.display());
        }
        if meta.node_id != config.node_id.0 {
            let (expected, found) = (config.node_id.0, meta.node_id);
            bail!("Invalid node.id in: {}. Expected {expected}, but read {found}", file.display());
        }
    }
    if let (false, Some((path, _))) = (options.ignore_formatted, formatted.first()) {
        return Err(LogDirectoryError::AlreadyFormatted(path.clone()).into());
    }
    if unformatted.is_empty() {
        writeln!(out, "All of the log directories are already formatted.")?;
    }
    for path in unformatted {
        let is_metadata = path == config.metadata_log_dir;
        let kind = match (is_metadata, config.controller_quorum_voters.is_empty()) {
            (true, true) => "dynamic metadata voter directory",
            (true, false) => "metadata directory",
            (false, _) => "data directory",
        };
        writeln!(out, "Formatting {kind} {} with metadata.version {}.", path.display(), RELEASES[1])?;
        let directory_id = if is_metadata { metadata_directory_id } else { DirectoryId(randomness.uuid()) };
        let meta = MetaProperties { cluster_id: options.cluster_id.clone(), node_id: config.node_id.0, directory_id };
        LogDirectory::format(disk, &path, &meta)?;
    }
    Ok(())
}

fn check_features(options: &FormatOptions) -> anyhow::Result<()> {
    if !options.add_scram.is_empty() {
        bail!("--add-scram: SCRAM is not served yet");
    }
    if let Some(release) = options.release_version.as_deref().filter(|release| !RELEASES.contains(release)) {
        bail!("--release-version {release} is not served: only {} is", RELEASES[0]);
    }
    for feature in &options.feature {
        let (name, level) = feature
            .split_once('=')
            .with_context(|| format!("Can't parse feature=level string {feature}: equals sign not found."))?;
        let (name, level) = (name.trim(), level.trim());
        let level: u16 = level.parse().with_context(|| {
            format!("Can't parse feature=level string {feature}: unable to parse {level} as a short.")
        })?;
        if name == "metadata.version" && options.release_version.is_some() {
            bail!("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.");
        }
        // Level 0 is a feature that is not there.
        let is_served = if name == "metadata.version" { level == METADATA_VERSION } else { level == 0 };
        if !is_served {
            bail!("--feature {name}={level} is not served yet: only metadata.version={METADATA_VERSION} is");
        }
    }
    Ok(())
}

/// Checks how the node's voters are given, and returns the id of the folder with the metadata.
fn check_voters(
    randomness: &dyn Randomness,
    config: &ServerConfig,
    options: &FormatOptions,
) -> anyhow::Result<DirectoryId> {
    let has_static_voters = !config.controller_quorum_voters.is_empty();
    if has_static_voters && (options.standalone || options.initial_controllers.is_some()) {
        bail!(
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. \
             If you want to use dynamic quorum, please remove controller.quorum.voters and specify \
             controller.quorum.bootstrap.servers instead."
        );
    }
    if options.no_initial_controllers {
        bail!("--no-initial-controllers is not served yet: the metadata quorum has one voter, this node");
    }
    if !has_static_voters && !options.standalone && options.initial_controllers.is_none() {
        bail!(
            "Because controller.quorum.voters is not set on this controller, you must specify one of the following: \
             --standalone, --initial-controllers, or --no-initial-controllers."
        );
    }
    match &options.initial_controllers {
        None => Ok(DirectoryId(randomness.uuid())),
        Some(text) => {
            let voters = parse_voters(text)?;
            match voters.get(&config.node_id.0) {
                Some(directory_id) if voters.len() == 1 => Ok(*directory_id),
                _ => bail!(
                    "--initial-controllers {text} is not served yet: the metadata quorum has one voter, this node ({})",
                    config.node_id.0
                ),
            }
        }
    }
}

/// `id@host:port:directory-id` entries, by id.
fn parse_voters(text: &str) -> anyhow::Result<BTreeMap<i32, DirectoryId>> {
    let mut voters = BTreeMap::new();
    for entry in text.split(',').map(str::trim) {
        let parsed = (|| {
            let (id, rest) = entry.split_once('@')?;
            let (address, directory_id) = rest.rsplit_once(':')?;
            let (host, port) = address.rsplit_once(':')?;
            port.parse::<u16>().ok().filter(|_| !host.is_empty())?;
            Some((id.parse::<i32>().ok()?, DirectoryId(directory_id.parse::<Uuid>().ok()?)))
        })();
        let (id, directory_id) = parsed.with_context(|| {
            format!("--initial-controllers: '{entry}' is not of the form id@host:port:directory-id")
        })?;
        if voters.insert(id, directory_id).is_some() {
            bail!("--initial-controllers: node {id} is named twice");
        }
    }
    Ok(voters)
}

/// Shows the folders and whose they are, and tells whether all is well.
fn info(disk: &dyn Disk, config: &ServerConfig, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut problems = Vec::new();
    let mut found = Vec::new();
    let mut first: Option<MetaProperties> = None;
    for path in log_directories::paths(config) {
        let shown = path.display().to_string();
        match disk.facts(&path)? {
            None => problems.push(format!("{shown} does not exist")),
            Some(facts) if !facts.is_directory => problems.push(format!("{shown} is not a directory")),
            Some(_) => {
                match log_directories::owner(disk, &path) {
                    Ok(None) => problems.push(format!("{shown} is not formatted.")),
                    Ok(Some(meta)) => match &first {
                        None => first = Some(meta),
                        Some(first) if first.cluster_id != meta.cluster_id => {
                            problems.push("Mismatched cluster IDs between storage directories.".to_owned());
                        }
                        Some(first) if first.node_id != meta.node_id => {
                            problems.push("Mismatched node IDs between storage directories.".to_owned());
                        }
                        Some(_) => {}
                    },
                    Err(error) => problems.push(format!("Error loading {shown}/meta.properties: {error}")),
                }
                found.push(shown);
            }
        }
    }
    write_list(out, "Found log directory:", "Found log directories:", &found)?;
    if let Some(meta) = first {
        let MetaProperties { cluster_id, node_id, directory_id } = meta;
        writeln!(
            out,
            "Found metadata: {{cluster.id={cluster_id}, directory.id={directory_id}, node.id={node_id}, version=1}}\n"
        )?;
    }
    write_list(out, "Found problem:", "Found problems:", &problems)?;
    Ok(problems.is_empty())
}

fn write_list(out: &mut dyn Write, one: &str, several: &str, entries: &[String]) -> std::io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", if entries.len() == 1 { one } else { several })?;
    for entry in entries {
        writeln!(out, "  {entry}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use dohle_config::Settings;
    use dohle_seams::simulated::{SeededRandomness, SimulatedDisk};

    use super::*;
    use crate::command_line::{Command, CommandLine};

    const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

    fn config(extra: &str) -> ServerConfig {
        let mut text = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
                        controller.listener.names=CONTROLLER\nlog.dirs=/d1,/d2\n"
            .to_owned();
        text.push_str(if extra.is_empty() { "controller.quorum.bootstrap.servers=localhost:9093\n" } else { extra });
        ServerConfig::resolve(&Settings::from_properties("s", text.as_bytes()).unwrap()).unwrap().0
    }

    /// What `format` prints, or its error.
    fn run_format(disk: &SimulatedDisk, config: &ServerConfig, options: &str) -> Result<String, String> {
        let line = format!("dohle storage format -c s {options}");
        let Command::Storage(StorageCommand::Format(options)) =
            CommandLine::try_parse_from(line.split_whitespace()).unwrap().command
        else {
            panic!("{line}")
        };
        let mut out = Vec::new();
        format(disk, &SeededRandomness::new(1), config, &options, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn run_info(disk: &SimulatedDisk, config: &ServerConfig) -> (bool, String) {
        let mut out = Vec::new();
        let is_good = info(disk, config, &mut out).unwrap();
        (is_good, String::from_utf8(out).unwrap())
    }

    /// Compared with Kafka 4.3.1's tool, which prints its bootstrap records besides.
    #[test]
    fn formats_once() {
        let (disk, config) = (SimulatedDisk::new(1), config(""));
        let standalone = format!("-t {CLUSTER} -s");
        assert!(
            run_format(&disk, &config, "-t abc")
                .unwrap_err()
                .starts_with("Because controller.quorum.voters is not set")
        );
        assert_eq!(
            run_format(&disk, &config, &standalone).unwrap(),
            "Formatting dynamic metadata voter directory /d1 with metadata.version 4.3-IV0.\n\
             Formatting data directory /d2 with metadata.version 4.3-IV0.\n"
        );
        assert_eq!(
            run_format(&disk, &config, &standalone).unwrap_err(),
            "Log directory /d1 is already formatted. Use --ignore-formatted to ignore this directory and format the others."
        );
        assert_eq!(
            run_format(&disk, &config, &format!("{standalone} -g")).unwrap(),
            "All of the log directories are already formatted.\n"
        );
        assert_eq!(
            run_format(&disk, &config, "-t other -s -g").unwrap_err(),
            format!("Invalid cluster.id in: /d1/meta.properties. Expected other, but read {CLUSTER}")
        );
    }

    #[test]
    fn info_tells_what_there_is_and_what_is_wrong() {
        let (disk, config) = (SimulatedDisk::new(1), config(""));
        let (is_good, text) = run_info(&disk, &config);
        assert!(!is_good);
        assert_eq!(text, "Found problems:\n  /d1 does not exist\n  /d2 does not exist\n\n");
        let id = "3IBloumLRo-ZDk5duwRYIw";
        run_format(&disk, &config, &format!("-t {CLUSTER} -I 1@localhost:9093:{id}")).unwrap();
        let (is_good, text) = run_info(&disk, &config);
        assert!(is_good);
        assert_eq!(
            text,
            format!(
                "Found log directories:\n  /d1\n  /d2\n\n\
                 Found metadata: {{cluster.id={CLUSTER}, directory.id={id}, node.id=1, version=1}}\n\n"
            )
        );
    }

    #[test]
    fn what_is_not_served_is_refused() {
        let (disk, dynamic) = (SimulatedDisk::new(1), config(""));
        let fixed = config("controller.quorum.voters=1@localhost:9093\n");
        for (config, options) in [
            (&dynamic, "-s --add-scram SCRAM-SHA-256=[name=a,password=b]"),
            (&dynamic, "-s -r 4.2"),
            (&dynamic, "-s -f transaction.version=2"),
            (&dynamic, "-s -f metadata.version=29"),
            (&dynamic, "-s -f metadata.version"),
            (&dynamic, "-s -r 4.3 -f metadata.version=30"),
            (&dynamic, "-N"),
            (&dynamic, "-I 2@h:1:3IBloumLRo-ZDk5duwRYIw"),
            (&dynamic, "-I 1@h:1:x"),
            (&fixed, "-s"),
        ] {
            run_format(&disk, config, &format!("-t {CLUSTER} {options}")).unwrap_err();
        }
        assert_eq!(disk.facts(Path::new("/d1")).unwrap(), None, "nothing was written");
        let options = format!("-t {CLUSTER} -r 4.3 -f transaction.version=0");
        assert!(run_format(&disk, &fixed, &options).unwrap().starts_with("Formatting metadata directory /d1"));
    }

    #[test]
    fn a_node_starts_only_in_its_own_folders() {
        let (disk, config) = (SimulatedDisk::new(1), config(""));
        let settle = |may_format| {
            log_directories::settle(&*disk, &SeededRandomness::new(2), &config, may_format)
                .map_err(|error| format!("{error:#}"))
        };
        assert_eq!(
            settle(false).unwrap_err(),
            "No `meta.properties` found in /d1 (have you run `dohle storage format` to format the directory?)"
        );
        let meta = |cluster_id: &str, node_id| MetaProperties {
            cluster_id: cluster_id.to_owned(),
            node_id,
            directory_id: DirectoryId(Uuid::ONE),
        };
        LogDirectory::format(&*disk, Path::new("/d1"), &meta("a", 1)).unwrap();
        assert_eq!(settle(false), Ok("a".to_owned()), "a new folder beside it is formatted");
        assert_eq!(log_directories::owner(&*disk, Path::new("/d2")).unwrap().unwrap().cluster_id, "a");
        for (other, words) in [(meta("b", 1), "belongs to cluster b"), (meta("a", 2), "belongs to node 2")] {
            disk.remove_file(Path::new("/d2/meta.properties")).unwrap();
            LogDirectory::format(&*disk, Path::new("/d2"), &other).unwrap();
            let error = settle(true).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_node_does_not_start_with_less_than_there_was() {
        let (disk, randomness) = (SimulatedDisk::new(7), SeededRandomness::new(7));
        let config = config("");
        run_format(&disk, &config, &format!("-t {CLUSTER} -s")).unwrap();
        let settle = || log_directories::settle(&*disk, &randomness, &config, false).map_err(|error| error.to_string());
        let partition = Path::new("/d2/orders-0");
        disk.create_directories(partition).unwrap();
        settle().expect("an empty folder is no data");
        disk.replace_file(&partition.join("partition.metadata"), b"version: 0\n").unwrap();
        let error = settle().unwrap_err();
        assert!(
            error.contains("/d2 holds partitions (orders-0), but the metadata that tells of them is gone"),
            "{error}"
        );
        disk.create_directories(Path::new("/d1/__cluster_metadata-0")).unwrap();
        settle().unwrap();
        disk.remove_file(Path::new("/d2/meta.properties")).unwrap();
        let error = settle().unwrap_err();
        assert!(error.contains("/d2 holds data (orders-0) but no meta.properties"), "{error}");
    }

    #[test]
    fn a_node_without_a_file_formats_its_folder() {
        let disk = SimulatedDisk::new(1);
        let config = ServerConfig::zero_config(None).unwrap();
        let settle = || log_directories::settle(&*disk, &SeededRandomness::new(3), &config, true).unwrap();
        let cluster_id = settle();
        assert_eq!(settle(), cluster_id);
        assert!(cluster_id.parse::<Uuid>().is_ok());
    }
}
