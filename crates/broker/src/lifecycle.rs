//! A broker's life as its controller sees it: registration, heartbeats, unfencing, controlled shutdown.

use std::sync::Arc;
use std::time::Duration;

use dohle_model::{BrokerEpoch, BrokerId, DirectoryId, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{BrokerHeartbeatRequest, BrokerRegistrationRequest};
use dohle_quorum::ControllerHandle;
use dohle_seams::{Randomness, RandomnessExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The first wait before a registration is tried again; it doubles up to the last.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(1);
/// How long a stop may take in which other brokers take over; no property, as in Kafka.
const CONTROLLED_SHUTDOWN_MAX: Duration = Duration::from_secs(5 * 60);

/// Why a broker could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The controller refuses, and will go on to.
    #[error("the controller refuses to register broker {broker}: {error:?}")]
    Refused {
        /// The broker.
        broker: BrokerId,
        /// Why.
        error: ErrorCode,
    },
    /// It did not happen within `initial.broker.registration.timeout.ms`.
    #[error("broker {broker} could not be registered within {within:?}: {last}")]
    TimedOut {
        /// The broker.
        broker: BrokerId,
        /// The time-out.
        within: Duration,
        /// What the last attempt came to.
        last: String,
    },
}

/// Registers a broker, trying again while another process seems to be it or no controller answers.
pub(crate) async fn register(
    controller: &ControllerHandle,
    request: &BrokerRegistrationRequest,
    within: Duration,
    randomness: &dyn Randomness,
) -> Result<BrokerEpoch, RegistrationError> {
    let broker = BrokerId(request.broker_id);
    let deadline = Instant::now() + within;
    let mut retry = RETRY_FIRST;
    loop {
        let last = match controller.register_broker(request.clone()).await {
            Ok(response) => match ErrorCode::from_code(response.error_code) {
                Some(ErrorCode::None) => return Ok(BrokerEpoch(response.broker_epoch)),
                Some(
                    error @ (ErrorCode::InconsistentClusterId
                    | ErrorCode::InvalidRegistration
                    | ErrorCode::BrokerIdNotRegistered
                    | ErrorCode::UnsupportedVersion
                    | ErrorCode::ClusterAuthorizationFailed),
                ) => return Err(RegistrationError::Refused { broker, error }),
                Some(error) => format!("{error:?}"),
                None => format!("error code {}", response.error_code),
            },
            Err(error) => error.to_string(),
        };
        if Instant::now() + retry >= deadline {
            return Err(RegistrationError::TimedOut { broker, within, last });
        }
        tracing::info!(%broker, reason = last, "could not register yet; trying again");
        let jitter = Duration::from_millis(randomness.below(20));
        sleep(retry + jitter).await;
        retry = (retry * 2).min(RETRY_LAST);
    }
}

/// What a broker has to tell its controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// How far the broker has followed the metadata.
    pub(crate) metadata_offset: i64,
    /// Whether it is not ready to lead anything.
    pub(crate) want_fence: bool,
    /// Whether it wants to stop.
    pub(crate) want_shut_down: bool,
    /// Its failed log directories.
    pub(crate) offline_directories: Vec<DirectoryId>,
    /// Its log directories that are given no new partitions, once there have been any.
    pub(crate) cordoned_directories: Option<Vec<DirectoryId>>,
}

/// What the controller thinks of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    fenced: bool,
    should_shut_down: bool,
}

/// Keeps a registered broker alive with heartbeats; one is sent at once whenever there is something to tell.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    report: watch::Sender<Report>,
    standing: watch::Receiver<Standing>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lifecycle {
    /// Starts to send heartbeats, wanting to stay fenced.
    pub(crate) fn start(
        controller: ControllerHandle,
        broker: BrokerId,
        epoch: BrokerEpoch,
        interval: Duration,
        metadata_offset: i64,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (report, reports) = watch::channel(Report {
            metadata_offset,
            want_fence: true,
            want_shut_down: false,
            offline_directories: Vec::new(),
            cordoned_directories: None,
        });
        let (standings, standing) = watch::channel(Standing { fenced: true, should_shut_down: false });
        let heartbeats = Heartbeats { controller, broker, epoch, interval, reports, standings };
        Self { report, standing, task: runtime.spawn(heartbeats.run()) }
    }

    /// The broker is ready to lead.
    pub(crate) fn want_unfenced(&self) {
        self.report.send_modify(|report| report.want_fence = false);
    }

    /// The broker has followed the metadata up to `offset`.
    pub(crate) fn metadata_published(&self, offset: i64) {
        self.report.send_modify(|report| report.metadata_offset = offset);
    }

    /// These log directories have failed.
    pub(crate) fn directories_failed(&self, directories: Vec<DirectoryId>) {
        self.report.send_modify(|report| report.offline_directories = directories);
    }

    /// These log directories are given no new partitions, and no others.
    pub(crate) fn directories_cordoned(&self, directories: Vec<DirectoryId>) {
        self.report.send_modify(|report| {
            // The controller takes a new registration for one without any.
            if report.cordoned_directories.is_some() || !directories.is_empty() {
                report.cordoned_directories = Some(directories);
            }
        });
    }

    /// Asks for leave to stop, and waits for it: until then, other brokers take over what this one leads.
    pub(crate) async fn controlled_shutdown(&self) {
        self.report.send_modify(|report| report.want_shut_down = true);
        let mut standing = self.standing.clone();
        let granted = standing.wait_for(|standing| standing.should_shut_down);
        if timeout(CONTROLLED_SHUTDOWN_MAX, granted).await.is_err() {
            tracing::warn!("the controller did not let this broker stop in time; stopping all the same");
        }
    }
}

struct Heartbeats {
    controller: ControllerHandle,
    broker: BrokerId,
    epoch: BrokerEpoch,
    interval: Duration,
    reports: watch::Receiver<Report>,
    standings: watch::Sender<Standing>,
}

impl Heartbeats {
    async fn run(mut self) {
        loop {
            let told = self.reports.borrow_and_update().clone();
            self.send(&told).await;
            let next = Instant::now() + self.interval;
            // Whoever holds the other end ends this task before it goes.
            let _ = tokio::time::timeout_at(next, self.until_worth_telling(&told)).await;
        }
    }

    /// Waits until the report holds something that the controller acts on.
    async fn until_worth_telling(&mut self, told: &Report) {
        loop {
            if self.reports.changed().await.is_err() {
                return std::future::pending().await;
            }
            let report = self.reports.borrow_and_update();
            // How far it is interests the controller only while something waits for that.
            let waits_for_offset = (self.standings.borrow().fenced && !report.want_fence) || report.want_shut_down;
            let rest_changed = Report { metadata_offset: told.metadata_offset, ..report.clone() } != *told;
            if rest_changed || waits_for_offset {
                return;
            }
        }
    }

    async fn send(&self, report: &Report) {
        let request = BrokerHeartbeatRequest {
            broker_id: self.broker.0,
            broker_epoch: self.epoch.0,
            current_metadata_offset: report.metadata_offset,
            want_fence: report.want_fence,
            want_shut_down: report.want_shut_down,
            offline_log_dirs: ids(&report.offline_directories),
            cordoned_log_dirs: report.cordoned_directories.as_deref().map(ids),
        };
        let response = match self.controller.broker_heartbeat(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(%error, "the controller does not answer a heartbeat");
                return;
            }
        };
        if response.error_code != ErrorCode::None.code() {
            let error = ErrorCode::from_code(response.error_code);
            tracing::warn!(?error, code = response.error_code, "the controller refuses a heartbeat");
            return;
        }
        let standing = Standing { fenced: response.is_fenced, should_shut_down: response.should_shut_down };
        let changed = self.standings.send_if_modified(|current| {
            let changed = *current != standing;
            *current = standing;
            changed
        });
        if changed {
            tracing::info!(
                fenced = standing.fenced,
                should_shut_down = standing.should_shut_down,
                "the controller's view of this broker has changed"
            );
        }
    }
}

fn ids(directories: &[DirectoryId]) -> Vec<Uuid> {
    directories.iter().map(|directory| directory.0).collect()
}

/// Tells the controller of failed log directories as they fail, and the node when none is left to serve from.
pub(crate) async fn watch_directories(
    replicas: Arc<dohle_replication::ReplicaManager>,
    lifecycle: Arc<Lifecycle>,
    metadata_directory: DirectoryId,
) -> String {
    let mut failures = replicas.directory_failures();
    loop {
        let offline = replicas.offline_directories();
        if offline.contains(&metadata_directory) {
            return "the log directory with the metadata has failed".to_owned();
        }
        if offline.len() == replicas.directories().len() {
            return "all log directories have failed".to_owned();
        }
        if !offline.is_empty() {
            lifecycle.directories_failed(offline);
        }
        if failures.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
