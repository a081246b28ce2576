//! The replicated state: the image that the committed entries lead to. It is in memory; what survives a restart is the
//! last snapshot and the log behind it.
//!
//! Applying an entry is replay and nothing else: no clock, no randomness, no judgement. What cannot be replayed is fatal.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dohle_metadata::{Delta, Image, Replay};
use dohle_seams::{Disk, Offload, OffloadExt};
use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::batch::{Applied, Batch};
use crate::codec;
use crate::snapshot::{self, SnapshotContents, SnapshotFile};
use crate::subscription::Publications;
use crate::types::{LogId, Payload, Snapshot, SnapshotMeta, StoredMembership, Types};

/// Where snapshots lie, and which one is current.
#[derive(Clone, Debug)]
struct Snapshots {
    disk: Arc<dyn Disk>,
    offload: Arc<dyn Offload>,
    folder: PathBuf,
    current: Arc<Mutex<Option<(SnapshotMeta, SnapshotFile)>>>,
}

/// The image and how it came about.
#[derive(Debug)]
pub(crate) struct StateMachine {
    publications: Arc<Publications>,
    image: Arc<Image>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    last_decided_at_ms: i64,
    snapshots: Snapshots,
    /// Bytes of entries that were applied since the last snapshot was begun.
    unsnapshotted_bytes: watch::Sender<u64>,
}

impl StateMachine {
    /// The state before the first entry, with the snapshots in `folder` at hand. Blocks.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        offload: Arc<dyn Offload>,
        folder: PathBuf,
        publications: Arc<Publications>,
        unsnapshotted_bytes: watch::Sender<u64>,
    ) -> io::Result<Self> {
        let current = Arc::new(Mutex::new(snapshot::newest(&disk, &folder)?));
        Ok(Self {
            image: publications.image(),
            publications,
            last_applied: None,
            membership: StoredMembership::default(),
            last_decided_at_ms: 0,
            snapshots: Snapshots { disk, offload, folder, current },
            unsnapshotted_bytes,
        })
    }

    /// The last entry in the snapshot that there is.
    pub(crate) fn snapshot_end(&self) -> Option<LogId> {
        self.snapshots.current.lock().as_ref().and_then(|(meta, _)| meta.last_log_id)
    }

    fn apply_payload(&mut self, log_id: LogId, payload: Payload) -> io::Result<Applied> {
        let index = i64::try_from(log_id.index).map_err(io::Error::other)?;
        let mut replay = Replay::new(Arc::clone(&self.image), index);
        let applied = match payload {
            Payload::Blank => Applied::Replayed,
            Payload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Applied::Replayed
            }
            Payload::Normal(batch) if batch.decided_in != log_id.leader_id.term => Applied::Ignored,
            Payload::Normal(Batch { decided_at_ms, records, .. }) => {
                for record in &records {
                    replay.apply(record).map_err(|error| {
                        let reason = format!("entry {index} of the metadata log cannot be replayed: {error}");
                        io::Error::new(io::ErrorKind::InvalidData, reason)
                    })?;
                }
                self.last_decided_at_ms = decided_at_ms;
                Applied::Replayed
            }
        };
        let delta = replay.finish();
        self.image = Arc::clone(&delta.to);
        self.last_applied = Some(log_id);
        self.publications.publish(delta);
        Ok(applied)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let size_bytes = codec::entry_size_bytes(&entry) as u64;
            let applied = self.apply_payload(entry.log_id, entry.payload)?;
            self.unsnapshotted_bytes.send_modify(|bytes| *bytes += size_bytes);
            if let Some(responder) = responder {
                responder.send(applied);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.unsnapshotted_bytes.send_replace(0);
        SnapshotBuilder {
            image: Arc::clone(&self.image),
            last_applied: self.last_applied,
            membership: self.membership.clone(),
            last_decided_at_ms: self.last_decided_at_ms,
            snapshots: self.snapshots.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotFile) -> Result<(), io::Error> {
        let last = meta.last_log_id.ok_or_else(|| io::Error::other("a snapshot of nothing"))?;
        let Snapshots { disk, offload, folder, current } = self.snapshots.clone();
        let (file, contents) = offload
            .run(move || {
                // Read first: a damaged one must not take the place of what there is.
                let contents = snapshot.read(&last)?;
                Ok::<_, io::Error>((snapshot::copy(&disk, &folder, &last, &snapshot)?, contents))
            })
            .await?;
        let SnapshotContents { image, membership, last_decided_at_ms } = contents;
        let delta = Delta::to_snapshot(Arc::clone(&self.image), Arc::clone(&image));
        self.image = image;
        self.last_applied = Some(last);
        self.membership = membership;
        self.last_decided_at_ms = last_decided_at_ms;
        *current.lock() = Some((meta.clone(), file));
        self.unsnapshotted_bytes.send_replace(0);
        self.publications.publish(delta);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let current = self.snapshots.current.lock().clone();
        Ok(current.map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// The state at one moment, to be written while further entries are applied.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    image: Arc<Image>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    last_decided_at_ms: i64,
    snapshots: Snapshots,
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let last = self.last_applied;
        let meta = SnapshotMeta { last_log_id: last, last_membership: self.membership.clone() };
        let contents = SnapshotContents {
            image: Arc::clone(&self.image),
            membership: self.membership.clone(),
            last_decided_at_ms: self.last_decided_at_ms,
        };
        let Snapshots { disk, offload, folder, current } = self.snapshots.clone();
        let file = offload.run(move || snapshot::write(&disk, &folder, last.as_ref(), &contents)).await?;
        tracing::info!(path = %file.path.display(), "wrote a snapshot of the metadata");
        *current.lock() = Some((meta.clone(), file.clone()));
        Ok(Snapshot { meta, snapshot: file })
    }
}
