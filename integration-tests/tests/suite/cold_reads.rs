//! Reading what is no longer in memory.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::observer::Observer;
use libtest_mimic::{Completion, Trial};
use rustix::fs::{Advice, fadvise};

use crate::stage::{same, trial_with_brokers};

const TOPIC: &str = "cold";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial_with_brokers("cold_reads::records_come_from_the_disk", || {
        records_come_from_the_disk().map(|()| Completion::Completed)
    })]
}

/// Several segments, of which none is in memory when they are read.
fn records_come_from_the_disk() -> Result<()> {
    let broker = Broker::start(BrokerOptions::with(&["log.segment.bytes=2000000"]))?;
    let observer = Observer::new(&broker.bootstrap())?;
    observer.create_topic(TOPIC, 1, &[])?;
    let sent = observer.send_numbered(TOPIC, 0, &"value ".repeat(100), 10_000)?;
    evict(&broker.data().join(format!("{TOPIC}-0")))?;
    same("records", &sent, &Observer::new(&broker.bootstrap())?.records(TOPIC)?)
}

/// Asks the kernel to forget what it has of the files in a folder.
fn evict(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let file = File::open(entry?.path())?;
        // What is not on the disk yet would stay.
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
