//! Heartbeats of brokers: unfencing, controlled shutdown, failed and cordoned log directories.

use std::collections::BTreeSet;
use std::time::Duration;

use dohle_metadata::{BrokerImage, Image};
use dohle_model::{BrokerId, DirectoryId, Uuid};
use dohle_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use dohle_protocol::records::metadata::{BrokerRegistrationChangeRecord, MetadataRecord};

use crate::decision::{Context, Decision};
use crate::leadership::{broker_leaves, broker_returns, directory_fails, leads_any};
use crate::registration::{check_epoch, fence};
use crate::sessions::Sessions;

/// How a broker stands with the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It leads nothing and clients do not see it.
    Fenced,
    /// It lives.
    Unfenced,
    /// It hands over what it leads, and waits for everybody to know.
    ControlledShutdown,
    /// It may stop: it is fenced.
    ShutdownNow,
}

impl Standing {
    pub(crate) fn of(broker: &BrokerImage) -> Self {
        if broker.fenced {
            Self::Fenced
        } else if broker.in_controlled_shutdown {
            Self::ControlledShutdown
        } else {
            Self::Unfenced
        }
    }

    fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::ShutdownNow)
    }
}

/// Decides how a broker stands from now on. `committed` is the metadata without the decisions that are not committed yet.
pub(crate) fn broker_heartbeat(
    context: &Context<'_>,
    sessions: &mut Sessions,
    committed: &Image,
    request: &BrokerHeartbeatRequest,
    now: Duration,
) -> Decision<BrokerHeartbeatResponse> {
    let id = BrokerId(request.broker_id);
    let broker = match context.image.broker(id) {
        Some(broker) if check_epoch(context.image, id, request.broker_epoch).is_ok() => broker,
        _ => {
            let error_code = dohle_protocol::ErrorCode::StaleBrokerEpoch.code();
            return Decision::unchanged(BrokerHeartbeatResponse { error_code, ..Default::default() });
        }
    };
    let standing = Standing::of(broker);
    let is_caught_up = request.current_metadata_offset >= broker.registered_at;
    sessions.touch(id, broker.epoch, request.current_metadata_offset, now);
    let next = next_standing(context, sessions, committed, broker, request, is_caught_up);
    let records = if next == standing { Vec::new() } else { change_standing(context, broker, next) };
    if next == Standing::ShutdownNow {
        // It is going, so the next process of this broker need not wait.
        sessions.end(id);
    }
    Decision {
        records,
        response: BrokerHeartbeatResponse {
            is_caught_up,
            is_fenced: next.is_fenced(),
            should_shut_down: next == Standing::ShutdownNow,
            ..Default::default()
        },
    }
}

fn next_standing(
    context: &Context<'_>,
    sessions: &mut Sessions,
    committed: &Image,
    broker: &BrokerImage,
    request: &BrokerHeartbeatRequest,
    is_caught_up: bool,
) -> Standing {
    match Standing::of(broker) {
        Standing::Fenced if request.want_shut_down => Standing::ShutdownNow,
        // Who was about to stop comes back with a new registration only: this one can lead nothing.
        Standing::Fenced if !request.want_fence && is_caught_up && !broker.in_controlled_shutdown => Standing::Unfenced,
        Standing::Fenced => Standing::Fenced,
        Standing::Unfenced if request.want_fence && request.want_shut_down => Standing::ShutdownNow,
        Standing::Unfenced if request.want_fence => Standing::Fenced,
        Standing::Unfenced if request.want_shut_down && leads_any(context, broker.id) => Standing::ControlledShutdown,
        Standing::Unfenced if request.want_shut_down => Standing::ShutdownNow,
        Standing::Unfenced => Standing::Unfenced,
        standing => {
            let is_committed = committed.broker(broker.id).is_some_and(|broker| broker.in_controlled_shutdown);
            if !is_committed || leads_any(context, broker.id) {
                return standing;
            }
            // Whoever has come as far as this knows that the broker leads nothing more.
            let handed_over_at = sessions.shutdown_offset(broker.id, committed.metadata_offset());
            let active = context.image.brokers().filter(|other| other.is_active());
            let all_know = active.map(|other| sessions.metadata_offset(other.id)).all(|at| at >= handed_over_at);
            if all_know { Standing::ShutdownNow } else { standing }
        }
    }
}

fn change_standing(context: &Context<'_>, broker: &BrokerImage, next: Standing) -> Vec<MetadataRecord> {
    let (id, epoch) = (broker.id, broker.epoch);
    let change = BrokerRegistrationChangeRecord { broker_id: id.0, broker_epoch: epoch.0, ..Default::default() };
    match next {
        Standing::Fenced | Standing::ShutdownNow => {
            if !broker.fenced {
                tracing::info!(broker = %id, broker_epoch = %epoch, ?next, "fencing a broker that asks for it");
            }
            fence(context, id)
        }
        Standing::Unfenced => {
            tracing::info!(broker = %id, broker_epoch = %epoch, "unfencing a broker: it has caught up");
            let mut records = vec![BrokerRegistrationChangeRecord { fenced: -1, ..change }.into()];
            records.extend(broker_returns(context, id));
            records
        }
        Standing::ControlledShutdown => {
            tracing::info!(broker = %id, broker_epoch = %epoch, "moving what a broker leads: it wants to stop");
            let mut records = vec![BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..change }.into()];
            records.extend(broker_leaves(context, id));
            records
        }
    }
}

/// Log directories that failed since the last heartbeat, and those that take no new partitions. Decided after the standing
/// and on its effects; a stale heartbeat changes nothing.
pub(crate) fn directories_change(context: &Context<'_>, request: &BrokerHeartbeatRequest) -> Vec<MetadataRecord> {
    let broker = match context.image.broker(BrokerId(request.broker_id)) {
        Some(broker) if broker.epoch.0 == request.broker_epoch => broker,
        _ => return Vec::new(),
    };
    let (id, epoch) = (broker.id, broker.epoch);
    let change = BrokerRegistrationChangeRecord { broker_id: id.0, broker_epoch: epoch.0, ..Default::default() };
    let mut records = Vec::new();
    let is_offline = |directory: &DirectoryId| request.offline_log_dirs.contains(&directory.0);
    let (offline, online): (Vec<DirectoryId>, Vec<DirectoryId>) =
        broker.log_directories.iter().copied().partition(is_offline);
    for directory in &offline {
        records.extend(directory_fails(context, id, *directory));
    }
    // A list without any directory would mean "unchanged"; a broker that has none left stops by itself.
    if !offline.is_empty() && !online.is_empty() {
        tracing::warn!(broker = %id, ?offline, "log directories of a broker have failed");
        let log_dirs: Vec<Uuid> = online.iter().map(|directory| directory.0).collect();
        records.push(BrokerRegistrationChangeRecord { log_dirs, ..change.clone() }.into());
    }
    if let Some(cordoned) = &request.cordoned_log_dirs {
        let told: BTreeSet<Uuid> = cordoned.iter().copied().collect();
        let known = broker.cordoned_log_directories.as_ref();
        if known.is_none_or(|known| known.iter().map(|directory| directory.0).collect::<BTreeSet<_>>() != told) {
            let cordoned_log_dirs = Some(cordoned.clone());
            records.push(BrokerRegistrationChangeRecord { cordoned_log_dirs, ..change }.into());
        }
    }
    records
}
