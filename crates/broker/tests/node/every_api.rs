//! Every version of every API that the broker advertises, as raw requests.

use std::collections::BTreeMap;
use std::time::Duration;

use dohle_model::Uuid;
use dohle_protocol::messages::ApiVersionsResponse;
use dohle_protocol::{ApiKey, ErrorCode, Message, Reader};

use crate::requests::{GROUP, TOPIC, errors, request};
use crate::simulation::{Client, World, simulate};

/// What Kafka 4.3 advertises of the APIs that are served.
const ADVERTISED: [(ApiKey, i16, i16); 46] = [
    (ApiKey::Produce, 0, 13),
    (ApiKey::Fetch, 4, 18),
    (ApiKey::ListOffsets, 1, 11),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 10),
    (ApiKey::OffsetFetch, 1, 10),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeAcls, 1, 3),
    (ApiKey::CreateAcls, 1, 3),
    (ApiKey::DeleteAcls, 1, 3),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::AlterReplicaLogDirs, 1, 2),
    (ApiKey::DescribeLogDirs, 1, 5),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::ElectLeaders, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::AlterPartitionReassignments, 0, 1),
    (ApiKey::ListPartitionReassignments, 0, 0),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeClientQuotas, 0, 1),
    (ApiKey::AlterClientQuotas, 0, 1),
    (ApiKey::DescribeUserScramCredentials, 0, 0),
    (ApiKey::AlterUserScramCredentials, 0, 0),
    (ApiKey::DescribeQuorum, 0, 2),
    (ApiKey::UpdateFeatures, 0, 2),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::DescribeProducers, 0, 0),
    (ApiKey::UnregisterBroker, 0, 0),
    (ApiKey::ListConfigResources, 0, 1),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

/// The lowest version of Produce that is answered.
const PRODUCE_SERVED_FROM: i16 = 3;

fn expected_error(api: ApiKey, version: i16) -> ErrorCode {
    match api {
        ApiKey::JoinGroup if version >= 4 => ErrorCode::MemberIdRequired,
        ApiKey::AlterReplicaLogDirs => ErrorCode::LogDirNotFound,
        // The group has gone with the first version.
        ApiKey::DeleteGroups if version > 0 => ErrorCode::GroupIdNotFound,
        ApiKey::OffsetDelete => ErrorCode::GroupIdNotFound,
        ApiKey::Heartbeat | ApiKey::LeaveGroup | ApiKey::SyncGroup => ErrorCode::UnknownMemberId,
        ApiKey::DescribeAcls | ApiKey::CreateAcls | ApiKey::DeleteAcls => ErrorCode::SecurityDisabled,
        // No listener authenticates.
        ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => ErrorCode::IllegalSaslState,
        ApiKey::ElectLeaders => ErrorCode::ElectionNotNeeded,
        ApiKey::DescribeUserScramCredentials => ErrorCode::ResourceNotFound,
        ApiKey::AlterClientQuotas | ApiKey::AlterUserScramCredentials => ErrorCode::UnsupportedVersion,
        ApiKey::UnregisterBroker => ErrorCode::BrokerIdNotRegistered,
        _ => ErrorCode::None,
    }
}

/// Waits for the coordinator of the group and gives the id of the topic.
async fn prepare(client: &mut Client) -> Uuid {
    client.create_topic(TOPIC, 1, &[]).await.unwrap();
    for version in 1..=6 {
        client.create_topic(&format!("deleted-{version}"), 1, &[]).await.unwrap();
    }
    while client.find_coordinator(GROUP).await.unwrap().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let topics = client.metadata().await.unwrap().topics;
    topics.iter().find(|topic| topic.name.as_deref() == Some(TOPIC)).unwrap().topic_id
}

#[test]
fn every_advertised_version_answers() {
    simulate(1, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        let topic_id = prepare(&mut client).await;
        let advertised = client.api_versions().await.unwrap().api_keys;
        let advertised: Vec<_> = advertised.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        assert_eq!(advertised, ADVERTISED.map(|(api, min, max)| (api.code(), min, max)));
        for (api, min, max) in ADVERTISED {
            let served_from = if api == ApiKey::Produce { PRODUCE_SERVED_FROM } else { min };
            for version in served_from..=max {
                let body = client.call_raw(api.code(), version, &request(api, version, topic_id)).await.unwrap();
                let expected = expected_error(api, version).code();
                let found = errors(api, version, &body);
                // What stands at the top is often no error where there is one below.
                let is_expected = found.iter().all(|code| *code == 0 || *code == expected) && found.contains(&expected);
                assert!(is_expected, "{} version {version}: {found:?}", api.name());
            }
        }
        let batches = i64::from(ADVERTISED[0].2 - PRODUCE_SERVED_FROM + 1);
        assert_eq!(client.read_all(TOPIC, 0).await.unwrap().len() as i64, batches);
        node.shutdown().await;
    });
}

#[test]
fn what_is_not_advertised_ends_the_connection() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let advertised: BTreeMap<i16, (i16, i16)> =
            ADVERTISED.iter().map(|(api, min, max)| (api.code(), (*min, *max))).collect();
        for key in -1..100 {
            let versions = match advertised.get(&key) {
                Some(_) if key == ApiKey::ApiVersions.code() => continue,
                Some((min, max)) => vec![min - 1, max + 1],
                None => vec![0, 1],
            };
            for version in versions {
                let closed = world.connect().call_raw(key, version, &[0; 64]).await;
                assert!(closed.is_err(), "key {key} version {version}");
            }
        }
        // Advertised for the sake of old clients, and not served.
        assert!(world.connect().call_raw(ApiKey::Produce.code(), 2, &[0; 64]).await.is_err());
        node.shutdown().await;
    });
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_the_oldest() {
    simulate(3, |mut world: World| async move {
        let node = world.start().await;
        for version in [5, 99, i16::MAX] {
            let mut client = world.connect();
            client.send_bytes(&unknown_api_versions(version)).await.unwrap();
            let response = client.read_frame().await.unwrap();
            let mut reader = Reader::new(&response);
            assert_eq!(reader.int32().unwrap(), 7);
            let answer = ApiVersionsResponse::decode(&mut reader, 0).unwrap();
            reader.finish().unwrap();
            assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion.code());
            let range = &answer.api_keys[0];
            assert_eq!((range.api_key, range.min_version, range.max_version), (18, 0, 4));
            // And the connection goes on.
            assert!(client.metadata().await.is_ok());
        }
        node.shutdown().await;
    });
}

/// A frame with a body that nobody knows.
fn unknown_api_versions(version: i16) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&ApiKey::ApiVersions.code().to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&7_i32.to_be_bytes());
    frame.extend_from_slice(&(-1_i16).to_be_bytes());
    frame.extend_from_slice(&[0, 1, 2, 3]);
    let mut framed = i32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(frame);
    framed
}
