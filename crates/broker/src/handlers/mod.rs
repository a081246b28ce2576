//! One file for each API. A handler translates between the wire and the domain and nothing more; it declares the key
//! and the versions it serves, and ApiVersions is built from these declarations, never from a second list.

mod alter_client_quotas;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod alter_user_scram_credentials;
mod api_versions;
mod authorized_operations;
mod create_acls;
mod create_partitions;
mod create_topics;
mod delete_acls;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sasl_authenticate;
mod sasl_handshake;
mod sync_group;
mod unregister_broker;
mod update_features;

use bytes::Bytes;
use dohle_network::{CloseReason, Outcome, Response};
use dohle_protocol::header::{RequestHeader, encode_response_header};
use dohle_protocol::{ApiKey, DecodeError, Message, Reader, VersionRange, Writer};
use futures_util::future::BoxFuture;

pub(crate) use crate::request_context::RequestContext;
pub(crate) use produce::ProduceTurn;

/// What a handler gives back.
pub(crate) enum Answer<R> {
    /// The response.
    Now(R),
    /// A response that comes later; the connection's next frames may be decoded meanwhile only where the API overlaps.
    Later(BoxFuture<'static, R>),
    /// None: the request says what Kafka cannot read, and the connection ends as where nothing can be read at all. Why.
    Malformed(&'static str),
}

/// What clients say of INVALID_REQUEST, and Kafka where it has no words of its own.
pub(crate) const INVALID_REQUEST: &str = "This most likely occurs because of a request being malformed by the client \
                                          library or the message was sent to an incompatible broker. See the broker \
                                          logs for more details.";

/// Declares the handlers that take and give one generated message each.
macro_rules! handlers {
    ($($module:ident),* $(,)?) => {
        /// Every API served, with the versions that are advertised.
        pub(crate) fn advertised_apis() -> impl Iterator<Item = (ApiKey, VersionRange)> {
            let mut apis = vec![
                (produce::KEY, produce::ADVERTISED_VERSIONS),
                (fetch::KEY, fetch::VERSIONS),
                $(($module::KEY, $module::VERSIONS),)*
            ];
            apis.sort_by_key(|(key, _)| *key);
            apis.into_iter()
        }

        /// The versions of an API that are served, `None` where the API is not.
        fn served_versions(key: ApiKey) -> Option<VersionRange> {
            match key {
                produce::KEY => Some(produce::VERSIONS),
                fetch::KEY => Some(fetch::VERSIONS),
                $($module::KEY => Some($module::VERSIONS),)*
                _ => None,
            }
        }

        async fn dispatch_message(
            context: &RequestContext<'_>,
            key: ApiKey,
            body: &Bytes,
        ) -> Result<Outcome, DecodeError> {
            match key {
                $($module::KEY => {
                    let request = decode(context, body)?;
                    let answer = $module::handle(context, request).await;
                    Ok(finish(context, key, answer))
                })*
                _ => Ok(Outcome::Close { reason: not_served(context.header) }),
            }
        }
    };
}

handlers! {
    alter_client_quotas,
    alter_configs,
    alter_partition_reassignments,
    alter_replica_log_dirs,
    alter_user_scram_credentials,
    api_versions,
    create_acls,
    create_partitions,
    create_topics,
    delete_acls,
    delete_groups,
    delete_records,
    delete_topics,
    describe_acls,
    describe_client_quotas,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_producers,
    describe_quorum,
    describe_topic_partitions,
    describe_user_scram_credentials,
    elect_leaders,
    find_coordinator,
    heartbeat,
    incremental_alter_configs,
    init_producer_id,
    join_group,
    leave_group,
    list_config_resources,
    list_groups,
    list_offsets,
    list_partition_reassignments,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    sasl_authenticate,
    sasl_handshake,
    sync_group,
    unregister_broker,
    update_features,
}

/// Runs stage one of a request. What cannot be understood closes the connection, as clients expect; an unknown version
/// of ApiVersions alone is answered.
pub(crate) async fn dispatch(context: &RequestContext<'_>, body: &Bytes, turn: &mut ProduceTurn) -> Outcome {
    let header = context.header;
    let served = ApiKey::from_code(header.api_key).and_then(|key| Some((key, served_versions(key)?)));
    let Some((key, versions)) = served else { return Outcome::Close { reason: not_served(header) } };
    if !versions.contains(header.api_version) {
        if key == api_versions::KEY {
            return Outcome::Now(encode(key, 0, header.correlation_id, &api_versions::unsupported_version()));
        }
        return Outcome::Close { reason: not_served(header) };
    }
    let result = match key {
        produce::KEY => match produce::handle(context, body, turn) {
            Ok(produce::Handling::Done(outcome)) => Ok(outcome),
            Ok(produce::Handling::Checking(checking)) => Ok(checking.await),
            Err(error) => Err(error),
        },
        fetch::KEY => fetch::handle(context, body),
        // Boxed: every connection's task would be as large as the largest of these.
        _ => Box::pin(dispatch_message(context, key, body)).await,
    };
    result.unwrap_or_else(|error| malformed(header, key, &error))
}

fn malformed(header: &RequestHeader, key: ApiKey, why: &dyn std::fmt::Display) -> Outcome {
    let text = format!("{} version {}: {why}", key.name(), header.api_version);
    Outcome::Close { reason: CloseReason::Malformed(text) }
}

fn not_served(header: &RequestHeader) -> CloseReason {
    let RequestHeader { api_key, api_version, .. } = header;
    CloseReason::UnsupportedVersion(match ApiKey::from_code(*api_key) {
        Some(key) => format!("{} (API key {api_key}) version {api_version}", key.name()),
        None => format!("API key {api_key} version {api_version}"),
    })
}

fn decode<R: Message>(context: &RequestContext<'_>, body: &Bytes) -> Result<R, DecodeError> {
    // Bytes left over are ignored, as Kafka does.
    R::decode(&mut Reader::new(body), context.header.api_version)
}

fn finish<R: Message + Send + 'static>(context: &RequestContext<'_>, key: ApiKey, answer: Answer<R>) -> Outcome {
    let version = context.header.api_version;
    let correlation_id = context.header.correlation_id;
    match answer {
        Answer::Now(response) => Outcome::Now(encode(key, version, correlation_id, &response)),
        Answer::Later(later) => {
            Outcome::Later(Box::pin(async move { encode(key, version, correlation_id, &later.await) }))
        }
        Answer::Malformed(why) => malformed(context.header, key, &why),
    }
}

fn encode<R: Message>(key: ApiKey, version: i16, correlation_id: i32, response: &R) -> Response {
    let mut writer = Response::writer();
    encode_response_header(&mut writer, key, version, correlation_id);
    response.encode(&mut writer, version);
    Response::from_writer(writer)
}

/// A writer for a response of `key`, its header written.
fn response_writer(key: ApiKey, version: i16, correlation_id: i32) -> Writer {
    let mut writer = Response::writer();
    encode_response_header(&mut writer, key, version, correlation_id);
    writer
}
