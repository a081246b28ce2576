//! Brokers come and go: registration, unregistration, and fencing of those that are not heard of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dohle_metadata::{FeatureRange, Image, features};
use dohle_model::{BrokerId, DirectoryId};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, UnregisterBrokerRequest, UnregisterBrokerResponse,
};
use dohle_protocol::records::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature};
use dohle_protocol::records::metadata::{
    BrokerRegistrationChangeRecord, MetadataRecord, RegisterBrokerRecord, UnregisterBrokerRecord,
};

use crate::decision::{ApiError, Context, Decision};
use crate::leadership::broker_leaves;
use crate::sessions::Sessions;

/// The highest of Kafka's numbers of security protocols.
const SECURITY_PROTOCOL_MAX: i16 = 3;

/// Who asks for a broker to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrant {
    /// A process that a connection leads to.
    OtherProcess,
    /// The process that also is this controller: an earlier incarnation of its broker ended with an earlier process, so
    /// there is no session to wait out.
    ThisProcess,
}

/// Checks that a request comes from the current registration of a broker.
///
/// # Errors
/// STALE_BROKER_EPOCH where it does not.
pub(crate) fn check_epoch(image: &Image, broker: BrokerId, epoch: i64) -> Result<(), ErrorCode> {
    match image.broker(broker) {
        Some(registered) if registered.epoch.0 == epoch => Ok(()),
        _ => Err(ErrorCode::StaleBrokerEpoch),
    }
}

/// Registers a broker, fenced, or changes what the same incarnation told earlier. Another incarnation gets another epoch,
/// and what the earlier one led is led by others first.
pub(crate) fn register_broker(
    context: &Context<'_>,
    sessions: &mut Sessions,
    cluster_id: &str,
    request: &BrokerRegistrationRequest,
    registrant: Registrant,
    now: Duration,
) -> Decision<BrokerRegistrationResponse> {
    match try_register(context, sessions, cluster_id, request, registrant, now) {
        Ok((records, broker_epoch)) => {
            Decision { records, response: BrokerRegistrationResponse { broker_epoch, ..Default::default() } }
        }
        Err(error) => {
            // The response has no room for the message.
            let (broker, code) = (request.broker_id, error.code);
            tracing::info!(broker, %code, reason = error.message, "refused to register a broker");
            Decision::unchanged(BrokerRegistrationResponse {
                error_code: code.code(),
                broker_epoch: -1,
                ..Default::default()
            })
        }
    }
}

fn try_register(
    context: &Context<'_>,
    sessions: &mut Sessions,
    cluster_id: &str,
    request: &BrokerRegistrationRequest,
    registrant: Registrant,
    now: Duration,
) -> Result<(Vec<MetadataRecord>, i64), ApiError> {
    if request.cluster_id != cluster_id {
        return Err(ApiError::new(
            ErrorCode::InconsistentClusterId,
            format!("Expected cluster ID {cluster_id}, but got cluster ID {}", request.cluster_id),
        ));
    }
    let id = BrokerId(request.broker_id);
    let existing = context.image.broker(id);
    let same_incarnation = existing.filter(|broker| broker.incarnation_id == request.incarnation_id);
    if let Some(existing) = existing
        && same_incarnation.is_none()
        && registrant == Registrant::OtherProcess
        && sessions.is_valid(id, existing.epoch, now)
    {
        return Err(ApiError::new(
            ErrorCode::DuplicateBrokerRegistration,
            "Another broker is registered with that broker id. If the broker was recently restarted this should \
             self-resolve once the heartbeat manager expires the broker's session.",
        ));
    }
    if request.is_migrating_zk_broker {
        return Err(ApiError::new(
            ErrorCode::BrokerIdNotRegistered,
            "Controller does not support registering ZK brokers.",
        ));
    }
    check_directories(context.image, request)?;
    check_features(context.image, request)?;
    let endpoints = endpoints(request)?;

    let mut records = Vec::new();
    let mut record = RegisterBrokerRecord {
        broker_id: id.0,
        is_migrating_zk_broker: false,
        incarnation_id: request.incarnation_id,
        broker_epoch: context.image.next_broker_epoch(),
        end_points: endpoints,
        features: request
            .features
            .iter()
            .map(|feature| BrokerFeature {
                name: feature.name.clone(),
                min_supported_version: feature.min_supported_version,
                max_supported_version: feature.max_supported_version,
            })
            .collect(),
        rack: request.rack.clone(),
        fenced: true,
        in_controlled_shutdown: false,
        log_dirs: request.log_dirs.clone(),
        cordoned_log_dirs: None,
    };
    if let Some(amended) = same_incarnation {
        record.broker_epoch = amended.epoch.0;
        record.fenced = amended.fenced;
        record.in_controlled_shutdown = amended.in_controlled_shutdown;
        record.cordoned_log_dirs = amended
            .cordoned_log_directories
            .as_ref()
            .map(|directories| directories.iter().map(|directory| directory.0).collect());
    } else {
        records.extend(broker_leaves(context, id));
        sessions.end(id);
    }
    let epoch = record.broker_epoch;
    records.push(record.into());
    Ok((records, epoch))
}

fn check_directories(image: &Image, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let refuse = |message: String| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    if request.broker_id < 0 {
        return refuse(format!("Invalid broker ID {}", request.broker_id));
    }
    let directories: Vec<DirectoryId> = request.log_dirs.iter().copied().map(DirectoryId).collect();
    if directories.is_empty() {
        return refuse("No directories specified in request".to_owned());
    }
    if directories.iter().any(|directory| directory.is_reserved()) {
        return refuse("Reserved directory ID in request".to_owned());
    }
    if directories.iter().collect::<BTreeSet<_>>().len() != directories.len() {
        return refuse("Duplicate directory ID in request".to_owned());
    }
    for broker in image.brokers().filter(|broker| broker.id.0 != request.broker_id) {
        if let Some(taken) = directories.iter().find(|directory| broker.log_directories.contains(directory)) {
            return refuse(format!("Broker {} is already registered with directory {taken}", broker.id));
        }
    }
    Ok(())
}

/// Every finalized feature must be supported by the broker at its level.
fn check_features(image: &Image, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let supported: BTreeMap<&str, FeatureRange> = request
        .features
        .iter()
        .map(|feature| {
            let range = FeatureRange { min: feature.min_supported_version, max: feature.max_supported_version };
            (feature.name.as_str(), range)
        })
        .collect();
    if !supported.contains_key(features::METADATA_VERSION) {
        return Err(ApiError::new(
            ErrorCode::InvalidRegistration,
            format!("Request features do not contain '{}'", features::METADATA_VERSION),
        ));
    }
    let off = FeatureRange { min: 0, max: 0 };
    for (name, level) in image.features() {
        let range = supported.get(name).copied().unwrap_or(off);
        if !range.contains(level) {
            return Err(unsupported(name, level, range));
        }
    }
    // What is not finalized is at level 0, which a broker may have given up.
    for (name, range) in supported.iter().filter(|(name, _)| image.feature_level(name).is_none()) {
        if !range.contains(0) && *name != features::METADATA_VERSION {
            return Err(unsupported(name, 0, *range));
        }
    }
    Ok(())
}

fn unsupported(name: &str, level: i16, range: FeatureRange) -> ApiError {
    ApiError::new(
        ErrorCode::UnsupportedVersion,
        format!(
            "Unable to register because the broker does not support finalized version {level} of {name}. The broker \
             wants a version between {} and {}, inclusive.",
            range.min, range.max
        ),
    )
}

/// The endpoints by listener; of two for one listener the later counts.
fn endpoints(request: &BrokerRegistrationRequest) -> Result<Vec<BrokerEndpoint>, ApiError> {
    let mut endpoints: Vec<BrokerEndpoint> = Vec::new();
    for listener in &request.listeners {
        if !(0..=SECURITY_PROTOCOL_MAX).contains(&listener.security_protocol) {
            return Err(ApiError::new(
                ErrorCode::InvalidRegistration,
                format!("Listener {} has the unknown security protocol {}", listener.name, listener.security_protocol),
            ));
        }
        endpoints.retain(|earlier| earlier.name != listener.name);
        endpoints.push(BrokerEndpoint {
            name: listener.name.clone(),
            host: listener.host.clone(),
            port: listener.port,
            security_protocol: listener.security_protocol,
        });
    }
    Ok(endpoints)
}

/// Fences a broker: others lead what it led, and it is in no ISR of which it is not the last.
pub(crate) fn fence(context: &Context<'_>, broker: BrokerId) -> Vec<MetadataRecord> {
    let Some(registered) = context.image.broker(broker).filter(|broker| !broker.fenced) else {
        return Vec::new();
    };
    let mut records = broker_leaves(context, broker);
    let change = BrokerRegistrationChangeRecord {
        broker_id: broker.0,
        broker_epoch: registered.epoch.0,
        fenced: 1,
        ..Default::default()
    };
    records.push(change.into());
    records
}

/// Fences the broker that is unheard of for longest, if its session is over. The answer tells whether there was one.
pub(crate) fn fence_expired(context: &Context<'_>, sessions: &mut Sessions, now: Duration) -> Decision<bool> {
    let Some((broker, epoch)) = sessions.expired(now) else {
        return Decision::unchanged(false);
    };
    sessions.end(broker);
    // An earlier registration's session says nothing about the current one.
    let is_current = check_epoch(context.image, broker, epoch.0).is_ok();
    let records = if is_current { fence(context, broker) } else { Vec::new() };
    if !records.is_empty() {
        tracing::info!(%broker, broker_epoch = %epoch, "fencing a broker: its session has timed out");
    }
    Decision { records, response: true }
}

/// Forgets a broker for good (KIP-631); one that still lives finds its epoch refused from then on.
pub(crate) fn unregister_broker(
    context: &Context<'_>,
    sessions: &mut Sessions,
    request: &UnregisterBrokerRequest,
) -> Decision<UnregisterBrokerResponse> {
    let broker = BrokerId(request.broker_id);
    let Some(registered) = context.image.broker(broker) else {
        return Decision::unchanged(UnregisterBrokerResponse {
            error_code: ErrorCode::BrokerIdNotRegistered.code(),
            error_message: Some(format!("Broker ID {broker} is not currently registered")),
            ..Default::default()
        });
    };
    let mut records = broker_leaves(context, broker);
    records.push(UnregisterBrokerRecord { broker_id: broker.0, broker_epoch: registered.epoch.0 }.into());
    sessions.end(broker);
    Decision { records, response: UnregisterBrokerResponse::default() }
}
