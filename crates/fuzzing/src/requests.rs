//! A frame: header, then the request of its API and version. What decodes must encode to something that decodes alike.

use bytes::Bytes;
use dohle_protocol::header::RequestHeader;
use dohle_protocol::{ApiKey, Message, Reader, Writer, messages};

fn check<M: Message + PartialEq + std::fmt::Debug>(reader: &mut Reader<'_>, version: i16) {
    let Ok(message) = M::decode(reader, version) else { return };
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes);
    let again = M::decode(&mut reader, version).expect("what we write, we read");
    assert!(reader.finish().is_ok());
    let mut writer = Writer::new();
    again.encode(&mut writer, version);
    assert_eq!(writer.into_bytes(), bytes);
}

/// The frame of a request that has nothing but defaults.
fn default_frame<M: Message + Default>(key: ApiKey, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    let client_id = Some("client".to_owned());
    RequestHeader { api_key: key.code(), api_version: version, correlation_id: 1, client_id }.encode(&mut writer);
    M::default().encode(&mut writer, version);
    writer.as_slice().to_vec()
}

macro_rules! requests {
    ($($name:ident $request:ident,)*) => {
        /// Runs the target.
        pub fn run(data: &[u8]) {
            let frame = Bytes::copy_from_slice(data);
            let reader = &mut Reader::new(&frame);
            let Ok(header) = RequestHeader::decode(reader) else { return };
            let Some(key) = ApiKey::from_code(header.api_key) else { return };
            match key {
                $(ApiKey::$name => check::<messages::$request>(reader, header.api_version),)*
            }
        }

        /// A request of every API in every version: all fields have their defaults.
        #[must_use]
        pub fn seeds() -> Vec<Vec<u8>> {
            let mut seeds = Vec::new();
            $(
                let versions = messages::$request::MIN_VERSION..=messages::$request::MAX_VERSION;
                seeds.extend(versions.map(|version| default_frame::<messages::$request>(ApiKey::$name, version)));
            )*
            seeds
        }
    };
}

requests! {
    AddOffsetsToTxn AddOffsetsToTxnRequest,
    AddPartitionsToTxn AddPartitionsToTxnRequest,
    AddRaftVoter AddRaftVoterRequest,
    AllocateProducerIds AllocateProducerIdsRequest,
    AlterClientQuotas AlterClientQuotasRequest,
    AlterConfigs AlterConfigsRequest,
    AlterPartitionReassignments AlterPartitionReassignmentsRequest,
    AlterPartition AlterPartitionRequest,
    AlterReplicaLogDirs AlterReplicaLogDirsRequest,
    AlterShareGroupOffsets AlterShareGroupOffsetsRequest,
    AlterUserScramCredentials AlterUserScramCredentialsRequest,
    ApiVersions ApiVersionsRequest,
    AssignReplicasToDirs AssignReplicasToDirsRequest,
    BeginQuorumEpoch BeginQuorumEpochRequest,
    BrokerHeartbeat BrokerHeartbeatRequest,
    BrokerRegistration BrokerRegistrationRequest,
    ConsumerGroupDescribe ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest,
    ControllerRegistration ControllerRegistrationRequest,
    CreateAcls CreateAclsRequest,
    CreateDelegationToken CreateDelegationTokenRequest,
    CreatePartitions CreatePartitionsRequest,
    CreateTopics CreateTopicsRequest,
    DeleteAcls DeleteAclsRequest,
    DeleteGroups DeleteGroupsRequest,
    DeleteRecords DeleteRecordsRequest,
    DeleteShareGroupOffsets DeleteShareGroupOffsetsRequest,
    DeleteShareGroupState DeleteShareGroupStateRequest,
    DeleteTopics DeleteTopicsRequest,
    DescribeAcls DescribeAclsRequest,
    DescribeClientQuotas DescribeClientQuotasRequest,
    DescribeCluster DescribeClusterRequest,
    DescribeConfigs DescribeConfigsRequest,
    DescribeDelegationToken DescribeDelegationTokenRequest,
    DescribeGroups DescribeGroupsRequest,
    DescribeLogDirs DescribeLogDirsRequest,
    DescribeProducers DescribeProducersRequest,
    DescribeQuorum DescribeQuorumRequest,
    DescribeShareGroupOffsets DescribeShareGroupOffsetsRequest,
    DescribeTopicPartitions DescribeTopicPartitionsRequest,
    DescribeTransactions DescribeTransactionsRequest,
    DescribeUserScramCredentials DescribeUserScramCredentialsRequest,
    ElectLeaders ElectLeadersRequest,
    EndQuorumEpoch EndQuorumEpochRequest,
    EndTxn EndTxnRequest,
    Envelope EnvelopeRequest,
    ExpireDelegationToken ExpireDelegationTokenRequest,
    Fetch FetchRequest,
    FetchSnapshot FetchSnapshotRequest,
    FindCoordinator FindCoordinatorRequest,
    GetTelemetrySubscriptions GetTelemetrySubscriptionsRequest,
    Heartbeat HeartbeatRequest,
    IncrementalAlterConfigs IncrementalAlterConfigsRequest,
    InitProducerId InitProducerIdRequest,
    InitializeShareGroupState InitializeShareGroupStateRequest,
    JoinGroup JoinGroupRequest,
    LeaveGroup LeaveGroupRequest,
    ListConfigResources ListConfigResourcesRequest,
    ListGroups ListGroupsRequest,
    ListOffsets ListOffsetsRequest,
    ListPartitionReassignments ListPartitionReassignmentsRequest,
    ListTransactions ListTransactionsRequest,
    Metadata MetadataRequest,
    OffsetCommit OffsetCommitRequest,
    OffsetDelete OffsetDeleteRequest,
    OffsetFetch OffsetFetchRequest,
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest,
    Produce ProduceRequest,
    PushTelemetry PushTelemetryRequest,
    ReadShareGroupState ReadShareGroupStateRequest,
    ReadShareGroupStateSummary ReadShareGroupStateSummaryRequest,
    RemoveRaftVoter RemoveRaftVoterRequest,
    RenewDelegationToken RenewDelegationTokenRequest,
    SaslAuthenticate SaslAuthenticateRequest,
    SaslHandshake SaslHandshakeRequest,
    ShareAcknowledge ShareAcknowledgeRequest,
    ShareFetch ShareFetchRequest,
    ShareGroupDescribe ShareGroupDescribeRequest,
    ShareGroupHeartbeat ShareGroupHeartbeatRequest,
    StreamsGroupDescribe StreamsGroupDescribeRequest,
    StreamsGroupHeartbeat StreamsGroupHeartbeatRequest,
    SyncGroup SyncGroupRequest,
    TxnOffsetCommit TxnOffsetCommitRequest,
    UnregisterBroker UnregisterBrokerRequest,
    UpdateFeatures UpdateFeaturesRequest,
    UpdateRaftVoter UpdateRaftVoterRequest,
    Vote VoteRequest,
    WriteShareGroupState WriteShareGroupStateRequest,
    WriteTxnMarkers WriteTxnMarkersRequest,
}
