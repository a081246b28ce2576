//! When to write a snapshot: after so many bytes of entries, or so much time (`metadata.log.max.record.bytes.between.snapshots`,
//! `metadata.log.max.snapshot.interval.ms`).

use std::sync::Arc;
use std::time::Duration;

use dohle_config::ServerConfig;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::types::Raft;

/// A snapshot that is being written takes a while to show.
const RETRY: Duration = Duration::from_secs(1);

/// Asks for snapshots until it is aborted. `bytes` counts what was applied since the last one was begun.
pub(crate) async fn run(raft: Raft, config: Arc<ServerConfig>, mut bytes: watch::Receiver<u64>) {
    let bytes_max = u64::try_from(config.metadata_log_max_record_bytes_between_snapshots).unwrap_or(u64::MAX);
    // 0 means never.
    let interval = u64::try_from(config.metadata_log_max_snapshot_interval_ms).ok().filter(|interval| *interval > 0);
    let far_off = Duration::from_secs(60 * 60 * 24 * 365);
    let interval = interval.map_or(far_off, Duration::from_millis);
    loop {
        // Nothing to do, and no reason to wake, before something was applied.
        if bytes.wait_for(|bytes| *bytes > 0).await.is_err() {
            return;
        }
        let deadline = Instant::now() + interval;
        // 0 where another replica's snapshot was installed.
        let reached = bytes.wait_for(|bytes| *bytes == 0 || *bytes >= bytes_max);
        let reached = timeout_at(deadline, reached).await.map(|reached| reached.map(|bytes| *bytes));
        match reached {
            Ok(Ok(0)) => continue,
            Ok(Err(_)) => return,
            Ok(Ok(_)) | Err(_) => {}
        }
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
        sleep(RETRY).await;
    }
}
