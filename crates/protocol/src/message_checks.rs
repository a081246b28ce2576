//! Checks of every generated message and record in every version: they read back what they write, agree with the crate
//! `kafka-protocol` where it has the version, and take any bytes without a panic and without much memory.

#![allow(clippy::redundant_closure, reason = "samples are generated alike for all")]

use bytes::{Bytes, BytesMut};
use dohle_model::Uuid;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};
use proptest::prelude::*;

use crate::wire::{DecodeError, Message, Reader, Writer};

/// Values drawn from a seed.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes_of<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }

    fn bool(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn int8(&mut self) -> i8 {
        i8::from_le_bytes(self.bytes_of())
    }

    fn int16(&mut self) -> i16 {
        i16::from_le_bytes(self.bytes_of())
    }

    fn uint16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes_of())
    }

    fn int32(&mut self) -> i32 {
        i32::from_le_bytes(self.bytes_of())
    }

    fn int64(&mut self) -> i64 {
        i64::from_le_bytes(self.bytes_of())
    }

    fn float64(&mut self) -> f64 {
        f64::from(self.int32()) / 8.0
    }

    fn uuid(&mut self) -> Uuid {
        Uuid(self.bytes_of())
    }

    fn string(&mut self) -> String {
        let length = self.next() % 4;
        (0..length).map(|_| ['a', 'b', 'ü', '-'][(self.next() % 4) as usize]).collect()
    }

    fn bytes(&mut self) -> Bytes {
        let length = self.next() % 5;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn array<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.next() % 3;
        (0..length).map(|_| item(self)).collect()
    }

    fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.next().is_multiple_of(3).then(|| value(self))
    }
}

/// A value with all its fields drawn at random.
trait Sample {
    fn sample(source: &mut Source) -> Self;
}

include!(concat!(env!("OUT_DIR"), "/samples.rs"));

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.into_bytes()
}

/// Reads a message that must take all of the bytes.
fn decode<M: Message>(bytes: &Bytes, version: i16) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let message = M::decode(&mut reader, version)?;
    reader.finish()?;
    Ok(message)
}

fn seeds() -> impl Iterator<Item = u64> {
    (0..12).map(|n| n * 7_919)
}

fn reads_back<M: Message + Sample + PartialEq + std::fmt::Debug>(name: &str) {
    for version in M::MIN_VERSION..=M::MAX_VERSION {
        for seed in seeds() {
            let bytes = encode(&M::sample(&mut Source(seed)), version);
            let read: M = decode(&bytes, version).unwrap_or_else(|error| panic!("{name} {version}: {error}"));
            assert_eq!(encode(&read, version), bytes, "{name} {version}");
            assert_eq!(decode::<M>(&bytes, version), Ok(read), "{name} {version}");
        }
    }
    for outside in [M::MIN_VERSION - 1, M::MAX_VERSION + 1] {
        assert_eq!(decode::<M>(&Bytes::new(), outside).err(), Some(DecodeError::Version(outside)));
    }
}

fn refuses_what_is_cut_off<M: Message + Sample>(name: &str) {
    for version in M::MIN_VERSION..=M::MAX_VERSION {
        for seed in seeds().take(4) {
            let bytes = encode(&M::sample(&mut Source(seed)), version);
            for length in 0..bytes.len() {
                assert!(decode::<M>(&bytes.slice(..length), version).is_err(), "{name} {version}: {length} bytes");
            }
            let longer: Bytes = [&bytes[..], &[0]].concat().into();
            assert_eq!(decode::<M>(&longer, version).err(), Some(DecodeError::Trailing(1)), "{name} {version}");
        }
    }
}

/// Messages with a few bytes replaced, among them by the beginnings of enormous lengths.
fn survives_damage<M: Message + Sample>(seed: u64) {
    let mut source = Source(seed);
    for version in M::MIN_VERSION..=M::MAX_VERSION {
        let mut bytes = encode(&M::sample(&mut source), version).to_vec();
        if bytes.is_empty() {
            continue;
        }
        for _ in 0..1 + source.next() % 3 {
            let at = source.next() as usize % bytes.len();
            let damage: &[u8] = match source.next() % 4 {
                0 => &[0x7f, 0xff, 0xff, 0xff],
                1 => &[0xff, 0xff, 0xff, 0xff, 0x07],
                2 => &[0xff],
                _ => &[source.int8().to_le_bytes()[0]],
            };
            for (byte, new) in bytes[at..].iter_mut().zip(damage) {
                *byte = *new;
            }
        }
        // Whatever comes of it: no panic, and no more memory than there are bytes for, or this would be the end.
        let _ = decode::<M>(&bytes.into(), version);
    }
}

fn agrees<M, T>(name: &str)
where
    M: Message + Sample,
    T: Encodable + Decodable + TheirMessage,
{
    let (min, max) = (M::MIN_VERSION.max(T::VERSIONS.min), M::MAX_VERSION.min(T::VERSIONS.max));
    assert!(min <= max, "{name}: they have no version of ours");
    for version in min..=max {
        for seed in seeds() {
            let bytes = encode(&M::sample(&mut Source(seed)), version);
            let mut rest = bytes.clone();
            let theirs = T::decode(&mut rest, version).unwrap_or_else(|error| panic!("{name} {version}: {error}"));
            assert!(rest.is_empty(), "{name} {version}: they leave {} bytes", rest.len());
            let mut again = BytesMut::new();
            theirs.encode(&mut again, version).unwrap_or_else(|error| panic!("{name} {version}: {error}"));
            assert_eq!(again.freeze(), bytes, "{name} {version}");
        }
    }
}

#[test]
fn every_message_reads_back_what_it_writes() {
    macro_rules! check {
        ($name:ident, $path:path) => {
            reads_back::<$path>(stringify!($name));
        };
    }
    for_each_message!(check);
}

#[test]
fn every_message_refuses_to_be_cut_off_or_followed() {
    macro_rules! check {
        ($name:ident, $path:path) => {
            refuses_what_is_cut_off::<$path>(stringify!($name));
        };
    }
    for_each_message!(check);
}

#[test]
fn messages_agree_with_another_implementation() {
    macro_rules! check {
        ($($name:ident)*) => {
            $(agrees::<crate::messages::$name, kafka_protocol::messages::$name>(stringify!($name));)*
        };
    }
    check! {
        AddOffsetsToTxnRequest AddOffsetsToTxnResponse AddPartitionsToTxnRequest AddPartitionsToTxnResponse
        AddRaftVoterRequest AddRaftVoterResponse AllocateProducerIdsRequest AllocateProducerIdsResponse
        AlterClientQuotasRequest AlterClientQuotasResponse AlterConfigsRequest AlterConfigsResponse
        AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse AlterPartitionRequest
        AlterPartitionResponse AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse AlterShareGroupOffsetsRequest
        AlterShareGroupOffsetsResponse AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse
        ApiVersionsRequest ApiVersionsResponse AssignReplicasToDirsRequest AssignReplicasToDirsResponse
        BeginQuorumEpochRequest BeginQuorumEpochResponse BrokerHeartbeatRequest BrokerHeartbeatResponse
        BrokerRegistrationRequest BrokerRegistrationResponse ConsumerGroupDescribeRequest
        ConsumerGroupDescribeResponse ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse
        ControllerRegistrationRequest ControllerRegistrationResponse CreateAclsRequest CreateAclsResponse
        CreateDelegationTokenRequest CreateDelegationTokenResponse CreatePartitionsRequest CreatePartitionsResponse
        CreateTopicsRequest CreateTopicsResponse DeleteAclsRequest DeleteAclsResponse DeleteGroupsRequest
        DeleteGroupsResponse DeleteRecordsRequest DeleteRecordsResponse DeleteShareGroupOffsetsRequest
        DeleteShareGroupOffsetsResponse DeleteShareGroupStateRequest DeleteShareGroupStateResponse
        DeleteTopicsRequest DeleteTopicsResponse DescribeAclsRequest DescribeAclsResponse DescribeClientQuotasRequest
        DescribeClientQuotasResponse DescribeClusterRequest DescribeClusterResponse DescribeConfigsRequest
        DescribeConfigsResponse DescribeDelegationTokenRequest DescribeDelegationTokenResponse DescribeGroupsRequest
        DescribeGroupsResponse DescribeLogDirsRequest DescribeLogDirsResponse DescribeProducersRequest
        DescribeProducersResponse DescribeQuorumRequest DescribeQuorumResponse DescribeShareGroupOffsetsRequest
        DescribeShareGroupOffsetsResponse DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse
        DescribeTransactionsRequest DescribeTransactionsResponse DescribeUserScramCredentialsRequest
        DescribeUserScramCredentialsResponse ElectLeadersRequest ElectLeadersResponse EndQuorumEpochRequest
        EndQuorumEpochResponse EndTxnRequest EndTxnResponse EnvelopeRequest EnvelopeResponse
        ExpireDelegationTokenRequest ExpireDelegationTokenResponse FetchRequest FetchResponse FetchSnapshotRequest
        FetchSnapshotResponse FindCoordinatorRequest FindCoordinatorResponse GetTelemetrySubscriptionsRequest
        GetTelemetrySubscriptionsResponse HeartbeatRequest HeartbeatResponse IncrementalAlterConfigsRequest
        IncrementalAlterConfigsResponse InitProducerIdRequest InitProducerIdResponse InitializeShareGroupStateRequest
        InitializeShareGroupStateResponse JoinGroupRequest JoinGroupResponse LeaveGroupRequest LeaveGroupResponse
        ListConfigResourcesRequest ListConfigResourcesResponse ListGroupsRequest ListGroupsResponse
        ListOffsetsRequest ListOffsetsResponse ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse
        ListTransactionsRequest ListTransactionsResponse MetadataRequest MetadataResponse OffsetCommitRequest
        OffsetCommitResponse OffsetDeleteRequest OffsetDeleteResponse OffsetFetchRequest OffsetFetchResponse
        OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse ProduceRequest ProduceResponse PushTelemetryRequest
        PushTelemetryResponse ReadShareGroupStateRequest ReadShareGroupStateResponse
        ReadShareGroupStateSummaryRequest ReadShareGroupStateSummaryResponse RemoveRaftVoterRequest
        RemoveRaftVoterResponse RenewDelegationTokenRequest RenewDelegationTokenResponse SaslAuthenticateRequest
        SaslAuthenticateResponse SaslHandshakeRequest SaslHandshakeResponse ShareAcknowledgeRequest
        ShareAcknowledgeResponse ShareFetchRequest ShareFetchResponse ShareGroupDescribeRequest
        ShareGroupDescribeResponse ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse SyncGroupRequest
        SyncGroupResponse TxnOffsetCommitRequest TxnOffsetCommitResponse UnregisterBrokerRequest
        UnregisterBrokerResponse UpdateFeaturesRequest UpdateFeaturesResponse UpdateRaftVoterRequest
        UpdateRaftVoterResponse VoteRequest VoteResponse WriteShareGroupStateRequest WriteShareGroupStateResponse
        WriteTxnMarkersRequest WriteTxnMarkersResponse
    }
}

#[test]
fn an_enormous_length_is_refused_before_memory_is_reserved() {
    let body = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(decode::<crate::messages::MetadataRequest>(&body, 4).err(), Some(DecodeError::Elements));
    // Within the limit of elements, but beyond the frame.
    let body = Bytes::from_static(&[0, 0x0f, 0x42, 0x40]);
    assert_eq!(
        decode::<crate::messages::MetadataRequest>(&body, 4).err(),
        Some(DecodeError::Short { missing: 1_000_000 })
    );
    let compact = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(decode::<crate::messages::MetadataRequest>(&compact, 12).is_err());
}

/// Ten arrays of 200 000 nulls in one message are more than an array of a million: nesting does not help.
#[test]
fn elements_are_counted_over_all_arrays_of_a_message() {
    use crate::messages::{CreateTopicsRequest, create_topics_request::CreatableTopic};
    let topics = |assignments: usize| {
        let mut writer = Writer::new();
        writer.array_length(10, false);
        for _ in 0..10 {
            writer.string("t", false);
            writer.raw(&[0; 6]);
            writer.array_length(assignments, false);
            for _ in 0..assignments {
                writer.raw(&[0; 8]);
            }
            writer.array_length(0, false);
        }
        writer.raw(&[0; 5]);
        decode::<CreateTopicsRequest>(&writer.into_bytes(), 4)
    };
    assert!(topics(90_000).is_ok_and(|request| {
        request.topics.iter().map(|topic: &CreatableTopic| topic.assignments.len()).sum::<usize>() == 900_000
    }));
    assert_eq!(topics(100_000).err(), Some(DecodeError::Elements));
}

/// What stands in tagged fields counts as well.
#[test]
fn elements_in_tagged_fields_are_counted() {
    let mut writer = Writer::new();
    writer.unsigned_varint(2);
    for tag in 0..2 {
        writer.tagged_field(tag, |writer| {
            writer.array_length(600_000, true);
            writer.raw(&[0; 600_000]);
        });
    }
    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes);
    let read = reader.tagged_fields(|_, reader| reader.array(true, Reader::int8).map(|_| true));
    assert_eq!(read, Err(DecodeError::Elements));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), seed in any::<u64>()) {
        let bytes = Bytes::from(bytes);
        macro_rules! check {
            ($name:ident, $path:path) => {
                for version in <$path>::MIN_VERSION..=<$path>::MAX_VERSION {
                    let _ = decode::<$path>(&bytes, version);
                }
                survives_damage::<$path>(seed);
            };
        }
        for_each_message!(check);
    }
}
