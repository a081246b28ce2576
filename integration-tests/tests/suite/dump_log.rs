//! `kafka-dump-log` reads the files of a log directory and finds nothing wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Finished;
use libtest_mimic::Trial;

use crate::stage::{Suite, same, trial_with_brokers, with_tools};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const RECORDS_PER_CODEC: usize = 1500;
const TOPIC: &str = "dumped";
const GROUP: &str = "kept";

/// What the tool says of files that are wrong; its exit code does not tell.
const COMPLAINTS: [&str; 8] = [
    "Mismatches in",
    // Of two offsets that follow each other in a file. The tool itself thinks that every file begins after -1.
    " is followed by ",
    "Found timestamp mismatch",
    "Found out of order timestamp",
    "isvalid: false",
    "invalid bytes",
    "orrupt",
    "Exception",
];

pub(crate) fn trials(_: &Arc<Suite>) -> Vec<Trial> {
    vec![trial_with_brokers("tools::dump_log", || with_tools(dump_log))]
}

fn dump_log(tools: &KafkaTools) -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::default())?;
    let observer = Observer::new(&broker.bootstrap())?;
    // Kafka's smallest segment, so that there are several.
    observer.create_topic(TOPIC, 1, &[("segment.bytes", "1048576")])?;
    for codec in CODECS {
        let records = (0..RECORDS_PER_CODEC).map(|number| (Some(format!("key-{number}")), text(codec, number)));
        observer.send(TOPIC, 0, records, &[("compression.codec", codec), ("batch.num.messages", "100")])?;
    }
    observer.commit(GROUP, TOPIC, &[(0, 7, "seven")])?;
    broker.stop()?;
    // Another life, another leader epoch.
    broker.start_again()?;
    Observer::new(&broker.bootstrap())?.send_numbered(TOPIC, 0, "later", 10)?;
    broker.stop()?;

    let folder = broker.data().join(format!("{TOPIC}-0"));
    let batches = logs(tools, &folder)?;
    indexes(tools, &folder)?;
    snapshots(tools, &folder)?;
    leader_epochs(&folder, &batches)?;
    committed_offsets(tools, &broker.data())
}

/// A batch as the tool shows it: what follows each name.
type Batch = BTreeMap<String, String>;

fn logs(tools: &KafkaTools, folder: &Path) -> Result<Vec<Batch>> {
    let files = files(folder, "log")?;
    ensure!(files.len() >= 3, "there were to be several segments: {files:?}");
    let dump = run(tools, &["--deep-iteration", "--print-data-log"], &files)?;
    let records: Vec<&String> = dump.output.iter().filter(|line| line.starts_with("| offset: ")).collect();
    ensure!(records.len() == CODECS.len() * RECORDS_PER_CODEC + 10, "{} records are shown", records.len());
    for (offset, line) in records.iter().enumerate() {
        ensure!(line.starts_with(&format!("| offset: {offset} ")), "offset {offset} was to follow: {line}");
    }
    ensure!(records[0].contains("key: key-0 payload: none-0-"), "{}", records[0]);

    let batches: Vec<Batch> =
        dump.output.iter().filter(|line| line.starts_with("baseOffset: ")).map(|line| fields(line)).collect();
    for codec in CODECS {
        ensure!(batches.iter().any(|batch| batch["compresscodec"] == codec), "no batch is compressed with {codec}");
    }
    for batch in &batches {
        let is_idempotent =
            batch["producerId"] != "-1" && batch["producerEpoch"] == "0" && batch["baseSequence"] != "-1";
        ensure!(is_idempotent && batch["magic"] == "2" && batch["isvalid"] == "true", "{batch:?}");
    }
    Ok(batches)
}

fn indexes(tools: &KafkaTools, folder: &Path) -> Result<()> {
    for (extension, entry) in [("index", "offset: "), ("timeindex", "timestamp: ")] {
        let files = files(folder, extension)?;
        ensure!(files.len() == self::files(folder, "log")?.len(), "not one {extension} for each segment: {files:?}");
        let dump = run(tools, &[], &files)?;
        let entries = dump.output.iter().filter(|line| line.starts_with(entry)).count();
        ensure!(entries >= files.len(), "{entries} entries in {} {extension} files", files.len());
        let checked = run(tools, &["--index-sanity-check"], &files)?;
        let passed = checked.output.iter().filter(|line| line.ends_with(" passed sanity check.")).count();
        ensure!(passed == files.len(), "{checked:?}");
        run(tools, &["--verify-index-only"], &files)?;
    }
    Ok(())
}

fn snapshots(tools: &KafkaTools, folder: &Path) -> Result<()> {
    let files = files(folder, "snapshot")?;
    let last = files.last().context("no snapshot of producers")?;
    let end = CODECS.len() * RECORDS_PER_CODEC + 10;
    ensure!(last.ends_with(format!("{end:020}.snapshot")), "no snapshot at the end: {files:?}");
    let dump = run(tools, &[], &[last])?;
    let producers: Vec<Batch> =
        dump.output.iter().filter(|line| line.starts_with("producerId: ")).map(|line| fields(line)).collect();
    ensure!(producers.len() == CODECS.len() + 1, "a producer is missing: {dump:?}");
    for producer in producers {
        ensure!(producer["producerEpoch"] == "0" && producer["coordinatorEpoch"] == "-1", "{producer:?}");
    }
    Ok(())
}

/// `leader-epoch-checkpoint`: a version, a count, and for each epoch that wrote something its first offset.
fn leader_epochs(folder: &Path, batches: &[Batch]) -> Result<()> {
    let path = folder.join("leader-epoch-checkpoint");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut expected: Vec<String> = Vec::new();
    let mut last_epoch = None;
    for batch in batches {
        let epoch = &batch["partitionLeaderEpoch"];
        if last_epoch != Some(epoch) {
            expected.push(format!("{epoch} {}", batch["baseOffset"]));
            last_epoch = Some(epoch);
        }
    }
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = ["0".to_owned(), expected.len().to_string()];
    same(&path.display().to_string(), &[&head[..], &expected].concat(), &lines)
}

fn committed_offsets(tools: &KafkaTools, data: &Path) -> Result<()> {
    let mut logs = Vec::new();
    for partition in 0..50 {
        logs.extend(files(&data.join(format!("__consumer_offsets-{partition}")), "log")?);
    }
    logs.retain(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 0));
    ensure!(!logs.is_empty(), "__consumer_offsets is empty");
    let dump = run(tools, &["--offsets-decoder"], &logs)?;
    let key = format!(r#"key: {{"type":"1","data":{{"group":"{GROUP}","topic":"{TOPIC}","partition":0}}}}"#);
    let commit = dump.output.iter().find(|line| line.contains(&key)).with_context(|| format!("no {key}"))?;
    ensure!(commit.contains(r#""offset":7,"#) && commit.contains(r#""metadata":"seven""#), "{commit}");
    Ok(())
}

fn run(tools: &KafkaTools, options: &[&str], files: &[impl AsRef<Path>]) -> Result<Finished> {
    let files: Vec<String> = files.iter().map(|path| path.as_ref().display().to_string()).collect();
    let finished = tools.succeed("kafka-dump-log", &[options, &["--files", &files.join(",")]].concat(), "")?;
    let all = finished.output.iter().chain(&finished.errors);
    let is_complaint = |line: &&String| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
    let complaints: Vec<&String> =
        all.filter(is_complaint).filter(|line| !line.trim_start().starts_with("-1 is followed by ")).collect();
    ensure!(complaints.is_empty(), "kafka-dump-log {options:?} --files {} complains: {complaints:#?}", files.join(","));
    Ok(finished)
}

/// The files with this extension, in the order of their names.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let what = || format!("list {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(what)? {
        let path = entry.with_context(what)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// `name: value name: value` as a map.
fn fields(line: &str) -> Batch {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| Some((pair[0].strip_suffix(':')?.to_owned(), pair[1].to_owned())));
    pairs.collect()
}

/// Half a kilobyte that no codec makes much smaller.
fn text(codec: &str, number: usize) -> String {
    let mut state = u64::try_from(number).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = format!("{codec}-{number}-");
    while text.len() < 512 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}
