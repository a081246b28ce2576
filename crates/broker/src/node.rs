//! A node from start to stop.
//!
//! It starts in an order that lets nobody see what is not there: folders are locked and sockets bound first, since that is
//! what most often goes wrong; then the quorum, and the registration, whose commitment proves that everything committed
//! before is known here; then the logs that this metadata places here; then the node asks to be unfenced, follows the
//! metadata, and serves clients once it sees itself unfenced. Clients that connect earlier wait in the backlog.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dohle_config::{ServerConfig, TopicConfig};
use dohle_group_coordinator::GroupCoordinator;
use dohle_log::{LogDirectory, LogDirectoryError, MetaProperties};
use dohle_metadata::{FeatureRange, Image, features};
use dohle_model::{BrokerEpoch, BrokerId, DirectoryId};
use dohle_network::Server;
use dohle_protocol::messages::BrokerRegistrationRequest;
use dohle_protocol::messages::broker_registration_request::Feature;
use dohle_quorum::{OpenStore, Quorum, QuorumError, QuorumOptions};
use dohle_replication::{MaintenanceIntervals, ReplicaManager, ReplicaManagerOptions, StartError, UnopenedDirectory};
use dohle_seams::{Environment, OffloadExt, RandomnessExt};
use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::connection_settings::{FollowedLimits, SettingError, connection_limits};
use crate::coordinator_logs::CoordinatorLogs;
use crate::dynamic_settings::DynamicSettings;
use crate::fetch_sessions::FetchSessions;
use crate::large_checks::LargeChecks;
use crate::lifecycle::{Lifecycle, RegistrationError, register, watch_directories};
use crate::listeners::{Listen, Listeners};
use crate::loggers::Loggers;
use crate::offsets_topic;
use crate::producer_ids::ProducerIds;
use crate::publisher::Publisher;
use crate::service::BrokerService;
use crate::state::BrokerState;
use crate::topic_creation::{CONSUMER_OFFSETS, TopicCreation};
use crate::topic_index::ImageTopicIndex;

/// How long requests that were started may take once the node stops.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// What a node starts with.
pub struct NodeOptions {
    /// The world outside.
    pub environment: Environment,
    /// The settings.
    pub config: Arc<ServerConfig>,
    /// The cluster that the formatted folders belong to.
    pub cluster_id: String,
    /// How to listen.
    pub network: Arc<dyn Listen>,
    /// The loggers of the process.
    pub loggers: Arc<dyn Loggers>,
    /// Opens the store of the metadata quorum in the folder that it is given.
    pub open_store: OpenStore,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A log directory cannot be used.
    #[error(transparent)]
    LogDirectory(#[from] LogDirectoryError),
    /// A log directory is another cluster's or node's.
    #[error("{path} belongs to node {node_id} of cluster {cluster_id}")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        node_id: i32,
        /// Whose it is.
        cluster_id: String,
    },
    /// A listener cannot be opened.
    #[error("cannot listen on {listener}")]
    Listen {
        /// As configured.
        listener: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The metadata quorum does not start.
    #[error("cannot start the metadata quorum: {0}")]
    Quorum(#[from] QuorumError),
    /// The broker is not let into the cluster.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The logs cannot be opened.
    #[error("{}", chain(.0))]
    Logs(#[from] StartError),
    /// The node failed while it started.
    #[error(transparent)]
    Failed(#[from] NodeFailure),
}

fn chain(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Why a running node cannot go on. The process should end; the next start recovers.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NodeFailure(String);

/// A running node. Dropping it ends it at once, as a crash does.
#[derive(Debug)]
pub struct Node {
    config: Arc<ServerConfig>,
    quorum: Quorum,
    replicas: Arc<ReplicaManager>,
    groups: GroupCoordinator,
    broker_epoch: BrokerEpoch,
    lifecycle: Arc<Lifecycle>,
    server: Server,
    addresses: Vec<(String, SocketAddr)>,
    failure: watch::Receiver<Option<NodeFailure>>,
    /// Aborted when the node goes.
    tasks: Tasks,
    /// Held for its lock, where it is none of `log.dirs`.
    _metadata_directory: Option<LogDirectory>,
}

#[derive(Debug, Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// The node's folders, locked.
struct Directories {
    logs: Vec<LogDirectory>,
    unopened: Vec<UnopenedDirectory>,
    metadata: Option<LogDirectory>,
    metadata_id: DirectoryId,
}

impl Node {
    /// Starts a node; it serves clients when this returns. The folders must have been formatted.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn start(options: NodeOptions) -> Result<Self, NodeError> {
        let NodeOptions { environment, config, cluster_id, network, loggers, open_store } = options;
        let (directories, listeners) = futures_util::future::join(
            open_directories(&environment, &config, &cluster_id),
            Listeners::open(&config, &*network),
        )
        .await;
        let (directories, listeners) = (directories?, listeners?);
        let limits = connection_limits(&config, &*network).await?;
        let addresses = listeners.addresses();
        let registration = registration(&environment, &config, &cluster_id, &directories, &listeners);
        let listener_options = listeners.into_options();

        let quorum = Quorum::start(QuorumOptions {
            environment: environment.clone(),
            config: Arc::clone(&config),
            cluster_id: cluster_id.clone(),
            directory_id: directories.metadata_id,
            metadata_directory: config.metadata_log_dir.clone(),
            open_store,
        })
        .await?;
        let controller = quorum.controller();
        let registration_time_max = milliseconds(config.initial_broker_registration_timeout_ms);
        let broker_epoch =
            register(&controller, &registration, registration_time_max, &*environment.randomness).await?;
        // Taken after the registration was committed: so it holds all that was committed before.
        let subscription = quorum.subscribe();
        let image = subscription.image();
        let settings = DynamicSettings::start(Arc::clone(&config), &image);
        let effective = Arc::clone(settings.effective());
        let followed_limits = Arc::new(FollowedLimits::new(network, Arc::clone(&effective)));
        let lifecycle = Arc::new(Lifecycle::start(
            controller.clone(),
            config.node_id,
            broker_epoch,
            milliseconds(config.broker_heartbeat_interval_ms),
            image.metadata_offset(),
            &environment.control_runtime,
        ));
        let options = replica_manager_options(&environment, &effective, directories.logs, directories.unopened);
        let replicas = ReplicaManager::start(options, &image).await?;
        lifecycle.directories_cordoned(replicas.cordoned_directories());

        let published_image = Arc::new(ArcSwap::new(Arc::clone(&image)));
        let groups = GroupCoordinator::new(
            offsets_topic::group_coordinator_config(&effective.load()),
            Arc::new(CoordinatorLogs::new(CONSUMER_OFFSETS, Arc::clone(&replicas), environment.clone())),
            Arc::new(ImageTopicIndex(Arc::clone(&published_image))),
            environment.clone(),
        );
        offsets_topic::begin(&groups, config.node_id, &image);
        let (published_sender, published) = watch::channel(image.metadata_offset());
        let publisher = Publisher {
            node_id: config.node_id,
            subscription,
            settings,
            limits: Arc::clone(&followed_limits),
            replicas: Arc::clone(&replicas),
            image: Arc::clone(&published_image),
            groups: groups.clone(),
            published: published_sender,
            lifecycle: Arc::clone(&lifecycle),
            runtime: environment.control_runtime.clone(),
        };
        let (failure_sender, mut failure) = watch::channel(None);
        let (publishing, publisher_panicked) = told_of_panics(publisher.run());
        let failing = watch_failures(
            quorum.failed(),
            publisher_panicked,
            watch_directories(Arc::clone(&replicas), Arc::clone(&lifecycle), directories.metadata_id),
            failure_sender,
        );
        let tasks =
            Tasks(vec![environment.control_runtime.spawn(publishing), environment.control_runtime.spawn(failing)]);
        let state = Arc::new(BrokerState {
            node_id: config.node_id,
            cluster_id,
            config: Arc::clone(&config),
            effective,
            loggers,
            environment: environment.clone(),
            image: Arc::clone(&published_image),
            replicas: Arc::clone(&replicas),
            groups: groups.clone(),
            producer_ids: ProducerIds::new(controller.clone(), config.node_id),
            topic_creation: TopicCreation::new(
                Arc::clone(&config),
                controller.clone(),
                environment.control_runtime.clone(),
            ),
            fetch_sessions: FetchSessions::new(
                usize::try_from(config.max_incremental_fetch_session_cache_slots).unwrap_or(0),
            ),
            large_checks: LargeChecks::new(Arc::clone(&environment.offload)),
            controller,
            published: published.clone(),
        });
        lifecycle.want_unfenced();
        tokio::select! {
            () = unfenced(config.node_id, broker_epoch, &published_image, published) => {}
            failed = next_failure(&mut failure) => return Err(failed.into()),
        }
        let service = Arc::new(BrokerService::new(state));
        let server = Server::start(listener_options, service, limits, &environment.data_runtime);
        followed_limits.begin(server.live_limits()).await;
        Ok(Self {
            config,
            quorum,
            replicas,
            groups,
            broker_epoch,
            lifecycle,
            server,
            addresses,
            failure,
            tasks,
            _metadata_directory: directories.metadata,
        })
    }

    /// The listeners, with the addresses that they are bound to.
    #[must_use]
    pub fn listeners(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// Resolves when the node cannot go on: the quorum has stopped, or no log directory is left.
    pub async fn failed(&self) -> NodeFailure {
        next_failure(&mut self.failure.clone()).await
    }

    /// Stops in order: other brokers take over where there are any, requests end, logs and quorum are closed.
    pub async fn shutdown(self) {
        let Self { config, quorum, replicas, groups, broker_epoch, lifecycle, server, mut failure, tasks, .. } = self;
        if config.controlled_shutdown_enable {
            tokio::select! {
                () = lifecycle.controlled_shutdown() => {}
                failed = next_failure(&mut failure) => {
                    tracing::error!(%failed, "the node failed while it was stopping");
                }
            }
        }
        server.shutdown(STOP_GRACE).await;
        groups.shutdown().await;
        drop(lifecycle);
        drop(tasks);
        replicas.shutdown(broker_epoch.0).await;
        quorum.shutdown().await;
    }
}

fn milliseconds(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

async fn next_failure(failure: &mut watch::Receiver<Option<NodeFailure>>) -> NodeFailure {
    match failure.wait_for(Option::is_some).await {
        Ok(failure) => failure.clone().unwrap_or_else(|| unreachable!("it was waited for")),
        // Whoever would tell has ended with the node.
        Err(_) => std::future::pending().await,
    }
}

/// A task to be run, and what resolves if it panics. One that ends in order is told of nobody: its node is stopping.
fn told_of_panics(task: impl Future<Output = ()>) -> (impl Future<Output = ()>, impl Future<Output = ()>) {
    let (panicked, told) = oneshot::channel();
    let task = async move {
        match AssertUnwindSafe(task).catch_unwind().await {
            Ok(()) => drop(panicked),
            Err(_) => drop(panicked.send(())),
        }
    };
    let told = async move {
        if told.await.is_err() {
            std::future::pending().await
        }
    };
    (task, told)
}

async fn watch_failures(
    quorum: impl Future<Output = impl std::fmt::Display>,
    publisher_panicked: impl Future<Output = ()>,
    directories: impl Future<Output = String>,
    failure: watch::Sender<Option<NodeFailure>>,
) {
    let reason = tokio::select! {
        reason = quorum => format!("the metadata quorum has stopped: {reason}"),
        reason = directories => reason,
        // What is committed from now on would never be seen here: no topic, no leader, no setting.
        () = publisher_panicked => "the broker no longer follows the metadata: its publisher panicked".to_owned(),
    };
    failure.send_replace(Some(NodeFailure(reason)));
}

/// Waits until requests see this registration unfenced.
async fn unfenced(node_id: BrokerId, epoch: BrokerEpoch, image: &ArcSwap<Image>, mut published: watch::Receiver<i64>) {
    loop {
        if image.load().broker(node_id).is_some_and(|broker| broker.epoch == epoch && !broker.fenced) {
            return;
        }
        if published.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Locks and opens the node's folders. One of several that the disk refuses is left out, unless it is the metadata's.
async fn open_directories(
    environment: &Environment,
    config: &Arc<ServerConfig>,
    cluster_id: &str,
) -> Result<Directories, NodeError> {
    let (disk, config, cluster_id) = (Arc::clone(&environment.disk), Arc::clone(config), cluster_id.to_owned());
    let open = move || {
        let open_one = |path: &PathBuf| {
            let directory = LogDirectory::open(Arc::clone(&disk), path)?;
            let meta = directory.meta();
            if meta.cluster_id != cluster_id || meta.node_id != config.node_id.0 {
                let MetaProperties { node_id, cluster_id, .. } = meta.clone();
                return Err(NodeError::Foreign { path: path.clone(), node_id, cluster_id });
            }
            Ok(directory)
        };
        let mut failure = None;
        let mut logs = Vec::new();
        let mut unopened = Vec::new();
        for (position, path) in config.log_dirs.iter().enumerate() {
            match open_one(path) {
                Ok(directory) => logs.push(directory),
                Err(NodeError::LogDirectory(error)) if error.is_of_the_disk() && *path != config.metadata_log_dir => {
                    tracing::error!(directory = %path.display(), %error, "a log directory cannot be opened; it is offline");
                    unopened.push(UnopenedDirectory { position, path: path.clone(), reason: error.to_string().into() });
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = failure.filter(|_| logs.is_empty()) {
            return Err(error.into());
        }
        let shared = logs.iter().find(|directory| directory.path() == config.metadata_log_dir);
        let (metadata, metadata_id) = match shared {
            Some(directory) => (None, directory.meta().directory_id),
            None => {
                let directory = open_one(&config.metadata_log_dir)?;
                let id = directory.meta().directory_id;
                (Some(directory), id)
            }
        };
        Ok(Directories { logs, unopened, metadata, metadata_id })
    };
    environment.offload.run(open).await
}

fn registration(
    environment: &Environment,
    config: &ServerConfig,
    cluster_id: &str,
    directories: &Directories,
    listeners: &Listeners,
) -> BrokerRegistrationRequest {
    let feature = |(name, range): &(&str, FeatureRange)| Feature {
        name: (*name).to_owned(),
        min_supported_version: range.min,
        max_supported_version: range.max,
    };
    // Known only where all directories were closed in order, by the same broker epoch.
    let mut epochs = directories.logs.iter().map(LogDirectory::clean_broker_epoch);
    let first = epochs.next().flatten();
    let previous_broker_epoch =
        first.filter(|first| directories.unopened.is_empty() && epochs.all(|epoch| epoch == Some(*first)));
    BrokerRegistrationRequest {
        broker_id: config.node_id.0,
        cluster_id: cluster_id.to_owned(),
        incarnation_id: environment.randomness.uuid(),
        listeners: listeners.registered(),
        features: features::SUPPORTED.iter().map(feature).collect(),
        rack: config.broker_rack.clone(),
        log_dirs: directories.logs.iter().map(|directory| directory.meta().directory_id.0).collect(),
        previous_broker_epoch: previous_broker_epoch.unwrap_or(-1),
        ..BrokerRegistrationRequest::default()
    }
}

fn replica_manager_options(
    environment: &Environment,
    effective: &Arc<ArcSwap<ServerConfig>>,
    directories: Vec<LogDirectory>,
    unopened_directories: Vec<UnopenedDirectory>,
) -> ReplicaManagerOptions {
    let (config, server, server_now) = (effective.load(), Arc::clone(effective), Arc::clone(effective));
    ReplicaManagerOptions {
        node_id: config.node_id,
        environment: environment.clone(),
        directories,
        unopened_directories,
        resolve_topic_config: Box::new(move |overrides| TopicConfig::resolve(&server.load(), overrides)),
        is_cordoned: Box::new(move |log_dir| server_now.load().is_cordoned(log_dir)),
        producer_id_expiration_ms: i64::from(config.producer_id_expiration_ms),
        recovery_threads_per_directory: usize::try_from(config.num_recovery_threads_per_data_dir).unwrap_or(1),
        maintenance: MaintenanceIntervals::of(&config),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::watch;

    use super::{told_of_panics, watch_failures};

    async fn failure_after(task: impl Future<Output = ()> + Send + 'static) -> Option<String> {
        let (task, panicked) = told_of_panics(task);
        let (sender, failure) = watch::channel(None);
        let watching = watch_failures(pending::<String>(), panicked, pending(), sender);
        let watching = tokio::spawn(watching);
        tokio::spawn(task).await.unwrap_or_else(|error| panic!("the panic was let through: {error}"));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        watching.abort();
        failure.borrow().as_ref().map(ToString::to_string)
    }

    #[tokio::test]
    async fn a_publisher_that_panics_fails_the_node() {
        let failure = failure_after(async { panic!("as the test wants it") }).await;
        assert!(failure.is_some_and(|failure| failure.contains("publisher panicked")));
    }

    #[tokio::test]
    async fn a_publisher_that_ends_in_order_does_not() {
        assert_eq!(failure_after(async {}).await, None);
    }
}
