//! The same for what administrators ask the cluster as a whole.

use bytes::Bytes;
use dohle_protocol::ApiKey;
use dohle_protocol::messages::alter_client_quotas_request as client_quotas;
use dohle_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use dohle_protocol::messages::alter_user_scram_credentials_request::ScramCredentialUpsertion;
use dohle_protocol::messages::create_acls_request::AclCreation;
use dohle_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use dohle_protocol::messages::delete_acls_request::DeleteAclsFilter;
use dohle_protocol::messages::describe_client_quotas_request::ComponentData;
use dohle_protocol::messages::describe_quorum_request;
use dohle_protocol::messages::describe_user_scram_credentials_request::UserName;
use dohle_protocol::messages::elect_leaders_request::TopicPartitions;
use dohle_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use dohle_protocol::messages::update_features_request::FeatureUpdateKey;
use dohle_protocol::messages::*;
use dohle_protocol::messages::{alter_configs_request, incremental_alter_configs_request};

use super::{TOPIC, decode, encode};

/// A user that has neither quotas nor credentials.
const USER: &str = "nobody";
/// A broker that was never there.
const UNKNOWN_BROKER: i32 = 99;

/// The body of a request about [`TOPIC`] and [`USER`].
pub fn request(api: ApiKey, version: i16) -> Bytes {
    match api {
        ApiKey::CreatePartitions => {
            // Each version adds one to what the one before has left.
            let topic =
                CreatePartitionsTopic { name: TOPIC.to_owned(), count: 2 + i32::from(version), assignments: None };
            encode(&CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false }, version)
        }
        ApiKey::ElectLeaders => {
            let topic = TopicPartitions { topic: TOPIC.to_owned(), partitions: vec![0] };
            let topic_partitions = Some(vec![topic]);
            encode(&ElectLeadersRequest { topic_partitions, timeout_ms: 1000, ..Default::default() }, version)
        }
        ApiKey::AlterPartitionReassignments => {
            let partitions = vec![ReassignablePartition { partition_index: 0, replicas: Some(vec![1]) }];
            let topics = vec![ReassignableTopic { name: TOPIC.to_owned(), partitions }];
            encode(&AlterPartitionReassignmentsRequest { timeout_ms: 1000, topics, ..Default::default() }, version)
        }
        ApiKey::ListPartitionReassignments => {
            let topic = ListPartitionReassignmentsTopics { name: TOPIC.to_owned(), partition_indexes: vec![0] };
            encode(&ListPartitionReassignmentsRequest { timeout_ms: 1000, topics: Some(vec![topic]) }, version)
        }
        ApiKey::AlterConfigs => {
            let config = alter_configs_request::AlterableConfig {
                name: "segment.ms".to_owned(),
                value: Some("86400000".to_owned()),
            };
            let resource = alter_configs_request::AlterConfigsResource {
                resource_type: 2,
                resource_name: TOPIC.to_owned(),
                configs: vec![config],
            };
            encode(&AlterConfigsRequest { resources: vec![resource], validate_only: false }, version)
        }
        ApiKey::IncrementalAlterConfigs => {
            let config = incremental_alter_configs_request::AlterableConfig {
                name: "cleanup.policy".to_owned(),
                config_operation: 2,
                value: Some("compact".to_owned()),
            };
            let resource = incremental_alter_configs_request::AlterConfigsResource {
                resource_type: 2,
                resource_name: TOPIC.to_owned(),
                configs: vec![config],
            };
            encode(&IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: true }, version)
        }
        ApiKey::ListConfigResources => encode(&ListConfigResourcesRequest { resource_types: Vec::new() }, version),
        ApiKey::DescribeClientQuotas => {
            let components =
                vec![ComponentData { entity_type: "user".to_owned(), match_type: 0, r#match: Some(USER.to_owned()) }];
            encode(&DescribeClientQuotasRequest { components, strict: false }, version)
        }
        ApiKey::AlterClientQuotas => {
            let user = client_quotas::EntityData { entity_type: "user".to_owned(), entity_name: Some(USER.to_owned()) };
            let rate = client_quotas::OpData { key: "producer_byte_rate".to_owned(), value: 1024.0, remove: false };
            let entries = vec![client_quotas::EntryData { entity: vec![user], ops: vec![rate] }];
            encode(&AlterClientQuotasRequest { entries, validate_only: false }, version)
        }
        ApiKey::DescribeUserScramCredentials => {
            let users = Some(vec![UserName { name: USER.to_owned() }]);
            encode(&DescribeUserScramCredentialsRequest { users }, version)
        }
        ApiKey::AlterUserScramCredentials => {
            let upsertion = ScramCredentialUpsertion {
                name: USER.to_owned(),
                mechanism: 1,
                iterations: 4096,
                salt: Bytes::from_static(b"salt"),
                salted_password: Bytes::from_static(b"password"),
            };
            let request = AlterUserScramCredentialsRequest { upsertions: vec![upsertion], deletions: Vec::new() };
            encode(&request, version)
        }
        ApiKey::DescribeAcls => {
            let request = DescribeAclsRequest {
                resource_type_filter: 2,
                resource_name_filter: None,
                principal_filter: None,
                host_filter: None,
                operation: 1,
                permission_type: 1,
                ..Default::default()
            };
            encode(&request, version)
        }
        ApiKey::CreateAcls => {
            let creation = AclCreation {
                resource_type: 2,
                resource_name: TOPIC.to_owned(),
                principal: format!("User:{USER}"),
                host: "*".to_owned(),
                operation: 3,
                permission_type: 3,
                ..Default::default()
            };
            encode(&CreateAclsRequest { creations: vec![creation; 2] }, version)
        }
        ApiKey::DeleteAcls => {
            let filter =
                DeleteAclsFilter { resource_type_filter: 2, operation: 1, permission_type: 1, ..Default::default() };
            encode(&DeleteAclsRequest { filters: vec![filter; 2] }, version)
        }
        ApiKey::DescribeQuorum => {
            let topic_name = "__cluster_metadata".to_owned();
            let partitions = vec![describe_quorum_request::PartitionData { partition_index: 0 }];
            let topics = vec![describe_quorum_request::TopicData { topic_name, partitions }];
            encode(&DescribeQuorumRequest { topics }, version)
        }
        ApiKey::UpdateFeatures => {
            let update = FeatureUpdateKey {
                feature: "metadata.version".to_owned(),
                max_version_level: 30,
                ..Default::default()
            };
            encode(&UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() }, version)
        }
        ApiKey::SaslHandshake => encode(&SaslHandshakeRequest { mechanism: "PLAIN".to_owned() }, version),
        ApiKey::SaslAuthenticate => {
            encode(&SaslAuthenticateRequest { auth_bytes: Bytes::from_static(b"\0nobody\0password") }, version)
        }
        ApiKey::UnregisterBroker => encode(&UnregisterBrokerRequest { broker_id: UNKNOWN_BROKER }, version),
        other => panic!("{} has no request here", other.name()),
    }
}

/// Reads a response to its last byte: its error codes, those of its parts among them.
pub fn errors(api: ApiKey, version: i16, body: &Bytes) -> Vec<i16> {
    macro_rules! decode {
        ($response:ty) => {
            decode::<$response>(body, version)
        };
    }
    match api {
        ApiKey::CreatePartitions => decode!(CreatePartitionsResponse).results.iter().map(|r| r.error_code).collect(),
        ApiKey::ElectLeaders => {
            let response = decode!(ElectLeadersResponse);
            let topics = response.replica_election_results.into_iter();
            let partitions = topics.flat_map(|topic| topic.partition_result);
            partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
        }
        ApiKey::AlterPartitionReassignments => {
            let response = decode!(AlterPartitionReassignmentsResponse);
            let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
            partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
        }
        ApiKey::ListPartitionReassignments => vec![decode!(ListPartitionReassignmentsResponse).error_code],
        ApiKey::AlterConfigs => decode!(AlterConfigsResponse).responses.iter().map(|r| r.error_code).collect(),
        ApiKey::IncrementalAlterConfigs => {
            decode!(IncrementalAlterConfigsResponse).responses.iter().map(|r| r.error_code).collect()
        }
        ApiKey::ListConfigResources => vec![decode!(ListConfigResourcesResponse).error_code],
        ApiKey::DescribeClientQuotas => vec![decode!(DescribeClientQuotasResponse).error_code],
        ApiKey::AlterClientQuotas => decode!(AlterClientQuotasResponse).entries.iter().map(|e| e.error_code).collect(),
        ApiKey::DescribeUserScramCredentials => {
            let response = decode!(DescribeUserScramCredentialsResponse);
            response.results.iter().map(|result| result.error_code).chain([response.error_code]).collect()
        }
        ApiKey::AlterUserScramCredentials => {
            decode!(AlterUserScramCredentialsResponse).results.iter().map(|result| result.error_code).collect()
        }
        ApiKey::DescribeAcls => vec![decode!(DescribeAclsResponse).error_code],
        ApiKey::CreateAcls => decode!(CreateAclsResponse).results.iter().map(|result| result.error_code).collect(),
        ApiKey::DeleteAcls => decode!(DeleteAclsResponse).filter_results.iter().map(|r| r.error_code).collect(),
        ApiKey::DescribeQuorum => {
            let response = decode!(DescribeQuorumResponse);
            let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
            partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
        }
        ApiKey::UpdateFeatures => {
            let response = decode!(UpdateFeaturesResponse);
            response.results.iter().map(|result| result.error_code).chain([response.error_code]).collect()
        }
        ApiKey::SaslHandshake => vec![decode!(SaslHandshakeResponse).error_code],
        ApiKey::SaslAuthenticate => vec![decode!(SaslAuthenticateResponse).error_code],
        ApiKey::UnregisterBroker => vec![decode!(UnregisterBrokerResponse).error_code],
        other => panic!("{} has no response here", other.name()),
    }
}
