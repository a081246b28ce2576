//! Where the replicas of new partitions go: striped over racks and brokers, so that leaders are spread evenly over the
//! live brokers and the replicas of a partition over as many racks as there are.
//!
//! Racks take turns in leading, and so do the live brokers within a rack. A fenced broker may follow but not lead, and
//! follows only where its rack has no live one left.

use std::collections::BTreeMap;

use dohle_metadata::Image;
use dohle_model::BrokerId;
use dohle_seams::{Randomness, RandomnessExt};

/// A broker that can be given replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: BrokerId,
    pub(crate) rack: Option<String>,
    pub(crate) fenced: bool,
}

/// The brokers that can be given replicas: all registered ones but those whose every log directory is cordoned
/// (KIP-1066).
pub(crate) fn candidates(image: &Image) -> Vec<Candidate> {
    let takes_partitions = |broker: &&dohle_metadata::BrokerImage| {
        let cordoned = broker.cordoned_log_directories.as_deref().unwrap_or_default();
        broker.log_directories.is_empty() || broker.log_directories.iter().any(|id| !cordoned.contains(id))
    };
    image
        .brokers()
        .filter(takes_partitions)
        .map(|broker| Candidate { id: broker.id, rack: broker.rack.clone(), fenced: broker.fenced })
        .collect()
}

/// Places `partitions` partitions of `replication_factor` replicas each; the first replica of each is live.
///
/// # Errors
/// What Kafka says where the brokers do not allow it.
pub(crate) fn place(
    candidates: &[Candidate],
    partitions: usize,
    replication_factor: usize,
    randomness: &dyn Randomness,
) -> Result<Vec<Vec<BrokerId>>, String> {
    if replication_factor > candidates.len() {
        return Err(format!(
            "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are \
             registered or some brokers have all their log directories cordoned.",
            candidates.len()
        ));
    }
    let live = candidates.iter().filter(|candidate| !candidate.fenced).count();
    if live == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
    for candidate in candidates {
        let rack = racks.entry(candidate.rack.as_deref()).or_default();
        if candidate.fenced { &mut rack.fenced } else { &mut rack.live }.brokers.push(candidate.id);
    }
    let mut stripes = Stripes { racks: racks.into_values().collect(), first: 0, placed: 0, live };
    stripes.begin_anywhere(randomness);
    Ok((0..partitions).map(|_| stripes.next(replication_factor, randomness)).collect())
}

/// Brokers that take turns.
#[derive(Debug, Default)]
struct Ring {
    brokers: Vec<BrokerId>,
    /// Whose turn it is first.
    start: usize,
    /// How many of them have the current partition.
    taken: usize,
}

impl Ring {
    fn take(&mut self) -> Option<BrokerId> {
        if self.taken == self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.start + self.taken) % self.brokers.len()];
        self.taken += 1;
        Some(broker)
    }

    /// Goes on to the next partition. Only who took part gives up its turn.
    fn pass_on(&mut self) {
        if self.taken > 0 {
            self.taken = 0;
            self.start = (self.start + 1) % self.brokers.len();
        }
    }
}

#[derive(Debug, Default)]
struct Rack {
    live: Ring,
    fenced: Ring,
}

#[derive(Debug)]
struct Stripes {
    racks: Vec<Rack>,
    /// The rack whose turn it is to lead.
    first: usize,
    /// How many partitions were placed since the order was last mixed.
    placed: usize,
    /// How many brokers can lead.
    live: usize,
}

impl Stripes {
    fn rings(&mut self) -> impl Iterator<Item = &mut Ring> {
        self.racks.iter_mut().flat_map(|rack| [&mut rack.live, &mut rack.fenced])
    }

    fn begin_anywhere(&mut self, randomness: &dyn Randomness) {
        self.first = below(randomness, self.racks.len());
        for ring in self.rings().filter(|ring| !ring.brokers.is_empty()) {
            ring.start = below(randomness, ring.brokers.len());
        }
    }

    fn next(&mut self, replication_factor: usize, randomness: &dyn Randomness) -> Vec<BrokerId> {
        if self.placed == self.live {
            // From here on the same sets of replicas would come again.
            self.placed = 0;
            shuffle(&mut self.racks, randomness);
            self.rings().for_each(|ring| shuffle(&mut ring.brokers, randomness));
        }
        let count = self.racks.len();
        let order: Vec<usize> = (0..count).map(|step| (self.first + step) % count).collect();
        let leading =
            |stripes: &mut Self| order.iter().copied().find_map(|rack| Some((rack, stripes.racks[rack].live.take()?)));
        let (leading_rack, leader) = leading(self).expect("a live broker was counted");
        let mut replicas = vec![leader];
        // The leader's rack has had its share of the first round.
        let mut passed_over = Some(leading_rack);
        for rack in order.iter().copied().cycle() {
            if replicas.len() == replication_factor {
                break;
            }
            if passed_over == Some(rack) {
                passed_over = None;
                continue;
            }
            let rack = &mut self.racks[rack];
            replicas.extend(rack.live.take().or_else(|| rack.fenced.take()));
        }
        self.rings().for_each(Ring::pass_on);
        self.placed += 1;
        self.first = (self.first + 1) % count;
        replicas
    }
}

fn below(randomness: &dyn Randomness, bound: usize) -> usize {
    usize::try_from(randomness.below(bound as u64)).expect("it is below a usize")
}

fn shuffle<T>(items: &mut [T], randomness: &dyn Randomness) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(randomness, last + 1));
    }
}
