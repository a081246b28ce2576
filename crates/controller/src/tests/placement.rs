//! Placement of replicas over racks and brokers.

use std::collections::{BTreeMap, BTreeSet};

use dohle_model::BrokerId;
use dohle_seams::simulated::SeededRandomness;
use proptest::prelude::*;

use super::cluster::{Cluster, directory, new_topic};
use crate::replica_placement::{Candidate, place};

fn candidate(id: i32, rack: Option<&str>, fenced: bool) -> Candidate {
    Candidate { id: BrokerId(id), rack: rack.map(str::to_owned), fenced }
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

#[test]
fn leaders_and_followers_are_spread_evenly() {
    let candidates: Vec<Candidate> =
        (0..6).map(|id| candidate(id, Some(["a", "b", "c"][id as usize % 3]), false)).collect();
    for seed in 0..20 {
        let placed = place(&candidates, 60, 3, &SeededRandomness::new(seed)).unwrap();
        assert!(count(placed.iter().map(|replicas| replicas[0])).values().all(|leads| *leads == 10), "{placed:?}");
        assert!(count(placed.iter().flatten()).values().all(|replicas| *replicas == 30), "{placed:?}");
        for replicas in &placed {
            let racks: BTreeSet<i32> = replicas.iter().map(|id| id.0 % 3).collect();
            assert_eq!(racks.len(), 3, "one replica in each rack");
        }
        let first_turn: BTreeSet<_> = placed[..6].iter().collect();
        assert_eq!(first_turn.len(), 6, "no set of replicas comes twice before all brokers have led");
    }
}

#[test]
fn a_fenced_broker_follows_only_where_no_live_one_is_left() {
    let candidates = [candidate(1, None, false), candidate(7, None, true), candidate(8, None, true)];
    for seed in 0..20 {
        for replicas in place(&candidates, 6, 2, &SeededRandomness::new(seed)).unwrap() {
            assert_eq!(replicas[0], BrokerId(1));
        }
    }
    let racks = [candidate(1, Some("a"), false), candidate(2, Some("b"), true), candidate(3, Some("b"), false)];
    let placed = place(&racks, 4, 2, &SeededRandomness::new(1)).unwrap();
    assert!(placed.iter().flatten().all(|id| id.0 != 2), "{placed:?}");
}

#[test]
fn impossible_placements() {
    let randomness = SeededRandomness::new(1);
    assert_eq!(place(&[candidate(1, None, true)], 1, 1, &randomness).unwrap_err(), "All brokers are currently fenced.");
    assert_eq!(
        place(&[candidate(1, None, false)], 1, 2, &randomness).unwrap_err(),
        "The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers \
         have all their log directories cordoned."
    );
}

#[test]
fn a_broker_whose_every_directory_is_cordoned_gets_nothing_by_itself() {
    let mut cluster = Cluster::of(&[1]);
    let epoch = cluster.join(7);
    cluster.heartbeat(7, epoch, |request| request.cordoned_log_dirs = Some(vec![directory(7, 0)]));
    let refused = cluster.create(vec![new_topic("x", 4, 2)]);
    assert!(refused[0].error_message.as_deref().unwrap().contains("only 1 broker(s) are registered"));
    cluster.create_assigned("assigned", &[&[7]]);
    cluster.heartbeat(7, epoch, |request| request.cordoned_log_dirs = Some(Vec::new()));
    assert_eq!(cluster.create(vec![new_topic("x", 4, 2)])[0].error_code, 0);
}

proptest! {
    #[test]
    fn every_partition_has_distinct_replicas_and_a_live_leader(
        brokers in prop::collection::vec((prop::option::of(0..3u8), any::<bool>()), 1..9),
        partitions in 1..30usize,
        factor in 1..9usize,
        seed in any::<u64>(),
    ) {
        let candidates: Vec<Candidate> = (0..)
            .zip(&brokers)
            .map(|(id, (rack, fenced))| candidate(id, rack.map(|rack| ["a", "b", "c"][usize::from(rack)]), *fenced))
            .collect();
        let live: BTreeSet<BrokerId> =
            candidates.iter().filter(|candidate| !candidate.fenced).map(|candidate| candidate.id).collect();
        match place(&candidates, partitions, factor, &SeededRandomness::new(seed)) {
            Err(_) => prop_assert!(factor > candidates.len() || live.is_empty()),
            Ok(placed) => {
                prop_assert_eq!(placed.len(), partitions);
                for replicas in placed {
                    prop_assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), factor);
                    prop_assert_eq!(replicas.len(), factor);
                    prop_assert!(live.contains(&replicas[0]));
                }
            }
        }
    }
}
