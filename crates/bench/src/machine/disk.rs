//! What the disk can do by itself: the time of one fdatasync after an append, to read the rows of flushes by.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::latencies::Latencies;

const APPEND: [u8; 1024] = [7; 1024];
const LEAST_SYNCS: u64 = 20;

/// Appends 1 KiB and syncs, again and again for `length`, to a file in `folder`.
///
/// # Errors
/// The disk fails.
pub(crate) fn sync_latencies(folder: &Path, length: Duration) -> Result<Latencies> {
    let path = folder.join("syncing");
    let file = File::create(&path)?;
    std::fs::remove_file(&path)?;
    let mut latencies = Latencies::default();
    let end = Instant::now() + length;
    while Instant::now() < end || latencies.count() < LEAST_SYNCS {
        let began = Instant::now();
        file.write_all_at(&APPEND, latencies.count() * APPEND.len() as u64)?;
        file.sync_data()?;
        latencies.record(began.elapsed());
    }
    Ok(latencies)
}
