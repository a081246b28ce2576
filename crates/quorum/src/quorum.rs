//! A running replica of the metadata quorum.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_config::ServerConfig;
use dohle_controller::ControllerSettings;
use dohle_model::DirectoryId;
use dohle_seams::{Environment, OffloadExt, RandomnessExt};
use futures_util::FutureExt;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::Fatal;
use openraft::{Config, SnapshotPolicy};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::controller_actor::ControllerActor;
use crate::controller_handle::ControllerHandle;
use crate::error::{QuorumError, QuorumFailure};
use crate::log_store::{LogStore, position};
use crate::network::NoPeers;
use crate::quorum_state::Metrics;
use crate::replica::{Endpoints, ReplicaKey};
use crate::snapshot_trigger;
use crate::state_machine::StateMachine;
use crate::store::{MetadataLogStore, OpenStore};
use crate::subscription::{DeltaSubscription, Publications};
use crate::synced_end::SyncedEnd;
use crate::types::{Raft, SeededRuntime, Types};

/// The folder of the metadata partition within its log directory.
const FOLDER: &str = "__cluster_metadata-0";
/// The store's folder within that; its files are nothing that Kafka's tools know.
const STORE_FOLDER: &str = "quorum";
/// How many operations may wait for the controller; more wait where they come from.
const MAILBOX_SIZE: usize = 1024;
/// Slots of the consensus library's queues; its own default takes megabytes.
const QUEUE_SIZE: u64 = 1024;
/// Entries kept behind a snapshot, so that a slow replica need not take the whole of it.
const ENTRIES_BEHIND_SNAPSHOT: u64 = if cfg!(test) { 20 } else { 10_000 };
/// Above the number of entries kept: a replica that lags gets entries as long as there are any.
const REPLICATION_LAG_MAX: u64 = 2 * ENTRIES_BEHIND_SNAPSHOT;

/// What a replica starts with.
pub struct QuorumOptions {
    /// The world outside.
    pub environment: Environment,
    /// The settings.
    pub config: Arc<ServerConfig>,
    /// The cluster that the directory was formatted for.
    pub cluster_id: String,
    /// `directory.id` of the metadata log directory.
    pub directory_id: DirectoryId,
    /// The metadata log directory, formatted and locked.
    pub metadata_directory: PathBuf,
    /// Opens the store.
    pub open_store: OpenStore,
}

/// A running replica: so far the only voter of its quorum. Dropping it ends it at once, as a crash does.
#[derive(Debug)]
pub struct Quorum {
    pub(crate) raft: Raft,
    controller: ControllerHandle,
    publications: Arc<Publications>,
    store: Arc<dyn MetadataLogStore>,
    synced_end: Arc<SyncedEnd>,
    environment: Environment,
    failure: watch::Receiver<Option<QuorumFailure>>,
    tasks: Tasks,
}

/// Aborted when the replica goes.
#[derive(Debug, Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Drop for Quorum {
    fn drop(&mut self) {
        // The library's own tasks hold each other; they end when they are told.
        let raft = self.raft.clone();
        self.publications.end();
        self.environment.control_runtime.spawn(async move { raft.shutdown().await });
    }
}

impl Quorum {
    /// Starts the replica on the control runtime. On its return all that was committed before is applied and this node is
    /// the active controller.
    ///
    /// # Errors
    /// Where what is on the disk cannot be gone on with; see [`QuorumError`].
    pub async fn start(options: QuorumOptions) -> Result<Self, QuorumError> {
        let seed = options.environment.randomness.below(u64::MAX);
        let path = options.metadata_directory.clone();
        let runtime = options.environment.control_runtime.clone();
        match runtime.spawn(SeededRuntime::scope(seed, start(options))).await {
            Ok(started) => started,
            Err(error) => Err(QuorumError::Start { path, reason: error.to_string() }),
        }
    }

    async fn wait_until_active(&self, mut active: watch::Receiver<Option<u64>>) -> Result<(), QuorumError> {
        tokio::select! {
            failure = self.failed() => Err(QuorumError::Failed(failure)),
            active = active.wait_for(Option::is_some) => active.map(drop).map_err(|_| QuorumError::Stopped),
        }
    }

    /// The way to the controller.
    #[must_use]
    pub fn controller(&self) -> ControllerHandle {
        self.controller.clone()
    }

    /// Every committed change from now on.
    #[must_use]
    pub fn subscribe(&self) -> DeltaSubscription {
        self.publications.subscribe()
    }

    /// Resolves when the replica has stopped because it could not go on. The node must end then.
    pub fn failed(&self) -> impl Future<Output = QuorumFailure> + Send + use<> {
        let mut failure = self.failure.clone();
        async move {
            loop {
                if let Some(failure) = failure.borrow_and_update().clone() {
                    return failure;
                }
                if failure.changed().await.is_err() {
                    // Whoever would tell has ended with the replica.
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Stops in order: nothing more is decided, everything that was is durable, subscriptions end, the store is closed.
    pub async fn shutdown(mut self) {
        drop(std::mem::take(&mut self.tasks));
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the metadata quorum did not stop in order");
        }
        self.publications.end();
        let store = Arc::clone(&self.store);
        self.environment.offload.run(move || store.close()).await;
        if let Err(error) = self.synced_end.store().await {
            tracing::warn!(%error, "cannot note how far the metadata log is durable");
        }
    }
}

/// What the disk holds.
struct Opened {
    store: Arc<dyn MetadataLogStore>,
    log: LogStore,
    synced_end: Arc<SyncedEnd>,
    machine: StateMachine,
}

async fn start(options: QuorumOptions) -> Result<Quorum, QuorumError> {
    let QuorumOptions { environment, config, cluster_id, directory_id, metadata_directory, open_store } = options;
    let replica = ReplicaKey { id: config.node_id.0, directory: directory_id };
    let folder = metadata_directory.join(FOLDER);
    let publications = Arc::new(Publications::default());
    let (unsnapshotted, unsnapshotted_bytes) = watch::channel(0);
    let opened = {
        let (environment, folder, publications) = (environment.clone(), folder.clone(), Arc::clone(&publications));
        let offload = Arc::clone(&environment.offload);
        offload.run(move || open(&environment, &folder, publications, unsnapshotted, open_store)).await?
    };
    let Opened { store, log, synced_end, machine } = opened;
    let failed = |reason: &dyn fmt::Display| QuorumError::Start { path: folder.clone(), reason: reason.to_string() };
    let raft_config = raft_config(&config, &cluster_id).validate().map_err(|error| failed(&error));
    let raft = match raft_config {
        Ok(raft_config) => {
            Raft::new(replica, Arc::new(raft_config), NoPeers, log, machine).await.map_err(|error| failed(&error))
        }
        Err(error) => Err(error),
    };
    let raft = match raft {
        Ok(raft) => raft,
        Err(error) => {
            environment.offload.run(move || store.close()).await;
            return Err(error);
        }
    };

    let (mailbox, operations) = mpsc::channel(MAILBOX_SIZE);
    let controller = ControllerHandle::new(mailbox, Arc::clone(&publications), Metrics(raft.metrics()), &config);
    let (failure_sender, failure) = watch::channel(None);
    let mut quorum = Quorum {
        raft: raft.clone(),
        controller,
        publications: Arc::clone(&publications),
        store,
        synced_end: Arc::clone(&synced_end),
        environment: environment.clone(),
        failure,
        tasks: Tasks::default(),
    };
    if let Err(error) = take_part(&raft, replica, &folder).await {
        quorum.shutdown().await;
        return Err(error);
    }
    let (active_in, active) = watch::channel(None);
    let actor = ControllerActor {
        raft: raft.clone(),
        metrics: raft.server_metrics(),
        publications,
        mailbox: operations,
        settings: ControllerSettings {
            config: Arc::clone(&config),
            cluster_id,
            randomness: Arc::clone(&environment.randomness),
        },
        clock: Arc::clone(&environment.clock),
        active_in,
        epoch: Instant::now(),
    };
    let seed = environment.randomness.below(u64::MAX);
    let watched = watch_for_failure(raft.clone(), actor.run(), failure_sender);
    quorum.tasks.0.push(tokio::spawn(SeededRuntime::scope(seed, watched)));
    quorum.tasks.0.push(tokio::spawn(snapshot_trigger::run(raft, config, unsnapshotted_bytes)));
    quorum.tasks.0.push(tokio::spawn(synced_end.keep()));
    match quorum.wait_until_active(active).await {
        Ok(()) => Ok(quorum),
        Err(error) => {
            quorum.shutdown().await;
            Err(error)
        }
    }
}

/// Opens all that lies on the disk, and checks that nothing of it is missing. Blocks.
fn open(
    environment: &Environment,
    folder: &Path,
    publications: Arc<Publications>,
    unsnapshotted: watch::Sender<u64>,
    open_store: OpenStore,
) -> Result<Opened, QuorumError> {
    let disk = &environment.disk;
    let store_folder = folder.join(STORE_FOLDER);
    let storage = || QuorumError::storage(folder);
    if disk.facts(&store_folder).map_err(storage())?.is_none() {
        disk.create_directories(&store_folder).map_err(storage())?;
        for created in [Some(folder), folder.parent()].into_iter().flatten() {
            disk.sync_directory(created).map_err(storage())?;
        }
    }
    let store = open_store(&store_folder).map_err(QuorumError::storage(&store_folder))?;
    let offload = &environment.offload;
    let opened = (|| {
        let synced_end = Arc::new(SyncedEnd::open(Arc::clone(disk), Arc::clone(offload), folder).map_err(storage())?);
        let log = LogStore::new(Arc::clone(&store), Arc::clone(&synced_end));
        let end = log.end().map_err(storage())?.as_ref().map(position);
        if end < synced_end.get() {
            let show = |position: Option<(u64, u64)>| {
                position.map_or("nothing".to_owned(), |(term, index)| format!("entry {index} of term {term}"))
            };
            let (found, expected) = (show(end), show(synced_end.get()));
            return Err(QuorumError::LogLost { path: store_folder.clone(), found, expected });
        }
        let (disk, offload) = (Arc::clone(disk), Arc::clone(offload));
        let machine =
            StateMachine::open(disk, offload, folder.to_owned(), publications, unsnapshotted).map_err(storage())?;
        let purged = log.purged().map_err(storage())?;
        if machine.snapshot_end().map(|end| end.index) < purged.map(|purged| purged.index) {
            let reason = "the snapshot with the beginning of the metadata log is missing".to_owned();
            return Err(QuorumError::Start { path: folder.to_owned(), reason });
        }
        Ok(Opened { store: Arc::clone(&store), log, synced_end, machine })
    })();
    if opened.is_err() {
        store.close();
    }
    opened
}

fn raft_config(config: &ServerConfig, cluster_id: &str) -> Config {
    // `controller.quorum.fetch.timeout.ms` is how long a follower of Kafka's waits for its leader. Here followers take over
    // sooner: with its default of 2 s, after 300 to 600 ms.
    let heartbeat_interval = u64::try_from(config.controller_quorum_fetch_timeout_ms / 40).unwrap_or(0).max(10);
    let election_timeout_max = 6 * heartbeat_interval;
    Config {
        cluster_name: cluster_id.to_owned(),
        heartbeat_interval,
        election_timeout_min: 3 * heartbeat_interval,
        election_timeout_max,
        enable_pre_vote: Some(true),
        // A leader that restarts within its term may have lost entries that it has sent but not synced, and would then
        // give their positions to others: acknowledged entries would be lost.
        enable_leader_restore: Some(false),
        quorum_loss_probe_interval: Some(2 * election_timeout_max),
        // It counts entries; `snapshot_trigger` counts bytes and time.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: ENTRIES_BEHIND_SNAPSHOT,
        replication_lag_threshold: REPLICATION_LAG_MAX,
        api_channel_size: Some(QUEUE_SIZE),
        notification_channel_size: Some(QUEUE_SIZE),
        state_machine_channel_size: Some(QUEUE_SIZE),
        backoff: "10ms 20ms 40ms ...200ms".to_owned(),
        // Turned on where there is anybody to hear of: a quorum of one neither sends heartbeats nor waits for them.
        enable_tick: false,
        ..Config::default()
    }
}

/// Begins a quorum of this replica alone, or goes on with the one that the log tells of.
async fn take_part(raft: &Raft, replica: ReplicaKey, folder: &Path) -> Result<(), QuorumError> {
    let failed = |reason: &dyn fmt::Display| QuorumError::Start { path: folder.to_owned(), reason: reason.to_string() };
    if !raft.is_initialized().await.map_err(|error| failed(&error))? {
        let voters = BTreeMap::from([(replica, Endpoints::default())]);
        return raft.initialize(voters).await.map_err(|error| failed(&error));
    }
    let membership = raft.with_raft_state(|state| Arc::clone(state.membership_state.effective()));
    let membership = membership.await.map_err(|error| failed(&error))?;
    let voters: Vec<ReplicaKey> = membership.voter_ids().collect();
    if !voters.contains(&replica) {
        let voters = voters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(QuorumError::ForeignLog { path: folder.to_owned(), voters, replica });
    }
    if voters.len() > 1 {
        raft.runtime_config().tick(true);
        Ok(())
    } else {
        // Nobody else could win, so there is nothing to wait for.
        raft.trigger().elect(false).await.map_err(|error| failed(&error))
    }
}

/// Runs the actor, and tells when it or the consensus library has ended by itself.
async fn watch_for_failure(
    raft: Raft,
    actor: impl Future<Output = ()> + Send + 'static,
    failure: watch::Sender<Option<QuorumFailure>>,
) {
    let mut metrics = raft.metrics();
    let raft_ended = async {
        loop {
            if let Err(fatal) = metrics.borrow_watched().running_state.clone() {
                return fatal.to_string();
            }
            if metrics.changed().await.is_err() {
                return Fatal::<Types>::Panicked.to_string();
            }
        }
    };
    let actor_ended = std::panic::AssertUnwindSafe(actor).catch_unwind();
    let reason = tokio::select! {
        reason = raft_ended => reason,
        ended = actor_ended => match ended {
            // Nobody is left to be told.
            Ok(()) => return,
            Err(_) => "the controller panicked".to_owned(),
        },
    };
    tracing::error!(reason, "the metadata quorum has stopped");
    failure.send_replace(Some(QuorumFailure(reason)));
}
