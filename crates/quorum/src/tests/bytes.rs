//! Entries, votes and memberships survive their bytes, and no bytes make the reader fail otherwise than by saying so.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dohle_model::{DirectoryId, Uuid};
use dohle_protocol::records::metadata::{
    ConfigRecord, MetadataRecord, NoOpRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, TopicRecord,
};
use proptest::prelude::*;

use crate::batch::Batch;
use crate::codec;
use crate::replica::{Endpoint, Endpoints, ReplicaKey};
use crate::types::{Entry, LogId, Membership, Payload, StoredMembership, Vote, log_id};

fn positions() -> impl Strategy<Value = LogId> {
    (0..=i64::MAX.cast_unsigned(), 0..=i64::MAX.cast_unsigned()).prop_map(|(term, index)| log_id(term, index))
}

fn replicas() -> impl Strategy<Value = ReplicaKey> {
    (any::<i32>(), any::<[u8; 16]>())
        .prop_map(|(id, directory)| ReplicaKey { id, directory: DirectoryId(Uuid(directory)) })
}

fn memberships() -> impl Strategy<Value = Membership> {
    let endpoint = ("[A-Z]{1,10}", "[a-z.]{0,20}", any::<u16>()).prop_map(|(listener, host, port)| Endpoint {
        listener,
        host,
        port,
    });
    let nodes = proptest::collection::btree_map(
        replicas(),
        proptest::collection::vec(endpoint, 0..3).prop_map(Endpoints),
        1..6,
    );
    (nodes, proptest::collection::vec(any::<u8>(), 1..3)).prop_map(|(nodes, picks): (BTreeMap<_, _>, Vec<u8>)| {
        let configs = picks.iter().map(|pick| {
            let first = usize::from(*pick) % nodes.len();
            nodes.keys().skip(first).copied().collect::<BTreeSet<_>>()
        });
        Membership::new(configs.collect(), nodes.clone()).unwrap()
    })
}

fn records() -> impl Strategy<Value = MetadataRecord> {
    let ids = || proptest::collection::vec(any::<i32>(), 0..4);
    prop_oneof![
        Just(MetadataRecord::from(NoOpRecord {})),
        (".{0,30}", any::<[u8; 16]>()).prop_map(|(name, id)| TopicRecord { name, topic_id: Uuid(id) }.into()),
        (any::<i32>(), ids(), ids()).prop_map(|(partition_id, replicas, isr)| {
            let directories = replicas.iter().map(|_| Uuid([1; 16])).collect();
            PartitionRecord { partition_id, replicas, isr, directories, ..Default::default() }.into()
        }),
        (any::<i32>(), proptest::option::of(ids())).prop_map(|(partition_id, isr)| {
            PartitionChangeRecord { partition_id, isr, ..Default::default() }.into()
        }),
        (".{0,9}", proptest::option::of(".{0,9}")).prop_map(|(name, value)| {
            ConfigRecord { resource_type: 2, resource_name: "t".to_owned(), name, value }.into()
        }),
        any::<i64>().prop_map(|next_producer_id| ProducerIdsRecord { next_producer_id, ..Default::default() }.into()),
    ]
}

fn payloads() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Blank),
        memberships().prop_map(Payload::Membership),
        (0..1000_u64, any::<i64>(), proptest::collection::vec(records(), 0..20)).prop_map(
            |(decided_in, decided_at_ms, records)| Payload::Normal(Batch { decided_in, decided_at_ms, records })
        ),
    ]
}

proptest! {
    #[test]
    fn entries_survive_their_bytes(log_id in positions(), payload in payloads()) {
        let entry = Entry { log_id, payload };
        let bytes = codec::encode_entry(&entry);
        prop_assert_eq!(codec::decode_entry_log_id(&bytes).unwrap(), log_id);
        prop_assert_eq!(codec::decode_entry(&bytes).unwrap(), entry);
    }

    #[test]
    fn votes_survive_their_bytes(position in positions(), replica in replicas(), committed in any::<bool>()) {
        let term = position.leader_id.term;
        let vote = if committed { Vote::new_committed(term, replica) } else { Vote::new(term, replica) };
        prop_assert_eq!(codec::decode_vote(&codec::encode_vote(&vote)).unwrap(), vote);
        prop_assert_eq!(codec::decode_log_id(&codec::encode_log_id(&position)).unwrap(), position);
    }

    #[test]
    fn memberships_survive_their_bytes(position in proptest::option::of(positions()), membership in memberships()) {
        let stored = StoredMembership::new(position, membership);
        prop_assert_eq!(codec::decode_stored_membership(&codec::encode_stored_membership(&stored)).unwrap(), stored);
    }

    #[test]
    fn a_cut_or_a_flipped_bit_never_panics(payload in payloads(), cut in any::<usize>(), bit in any::<usize>()) {
        let bytes = codec::encode_entry(&Entry { log_id: log_id(1, 2), payload });
        let mut flipped = bytes.to_vec();
        let at = bit % (flipped.len() * 8);
        flipped[at / 8] ^= 1 << (at % 8);
        let _ = codec::decode_entry(&Bytes::from(flipped));
        prop_assert!(codec::decode_entry(&bytes.slice(..cut % bytes.len())).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        let _ = (codec::decode_entry(&bytes), codec::decode_vote(&bytes), codec::decode_stored_membership(&bytes));
    }
}

#[test]
fn nobodys_membership_survives_too() {
    let nobody = StoredMembership::default();
    assert_eq!(codec::decode_stored_membership(&codec::encode_stored_membership(&nobody)).unwrap(), nobody);
}
