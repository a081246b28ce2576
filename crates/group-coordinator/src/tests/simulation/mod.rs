//! Many seeded runs of whole groups: consumers that join, leave, pause and die, two brokers that take the coordination
//! from each other, a log that fails, stalls and loses what was not committed.
//!
//! What holds in every run:
//! - In a generation a partition has one owner.
//! - Nothing is accepted from a generation once a later one was handed out.
//! - A committed offset that was acknowledged or seen is never lost and never goes back.
//! - When the trouble ends all consumers come together in one generation that owns everything.

mod consumer;
mod offsets_log;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dohle_model::{TopicId, TopicName, Uuid};
use dohle_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use dohle_protocol::messages::{DescribeGroupsRequest, OffsetFetchRequest};
use dohle_seams::simulated::{SeededRandomness, SimulatedDisk, world};
use tokio::runtime::RngSeed;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use self::consumer::Consumer;
use self::offsets_log::{BrokerLogs, OffsetsLog};
use crate::{GroupCoordinator, GroupCoordinatorConfig, RequestInfo, TopicIndex};

const GROUP: &str = "group";
const TOPIC: &str = "topic";
const TOPIC_ID: TopicId = TopicId(Uuid([1; 16]));
const PARTITIONS: i32 = 6;
const CONSUMERS: usize = 5;
/// The first ones of these are static members.
const STATIC_CONSUMERS: usize = 2;
const TROUBLE: Duration = Duration::from_secs(240);
/// Longer than sessions, rebalances and time-outs of the dead take one after the other.
const RECOVERY_MAX: Duration = Duration::from_secs(180);

#[derive(Debug)]
struct Topics;

impl TopicIndex for Topics {
    fn topic_id(&self, name: &str) -> Option<TopicId> {
        (name == TOPIC).then_some(TOPIC_ID)
    }

    fn topic_name(&self, id: TopicId) -> Option<TopicName> {
        (id == TOPIC_ID).then(|| TOPIC.into())
    }

    fn partition_count(&self, name: &str) -> Option<i32> {
        match name {
            TOPIC => Some(PARTITIONS),
            "__consumer_offsets" => Some(1),
            _ => None,
        }
    }
}

/// What a consumer has.
#[derive(Clone, Debug, Default, PartialEq)]
struct Holding {
    generation_id: i32,
    partitions: BTreeSet<i32>,
}

/// What was observed, and what has to hold of it.
#[derive(Debug, Default)]
struct Oracle {
    owners: BTreeMap<(i32, i32), String>,
    /// The latest generation that a consumer got an assignment of.
    generation_id: i32,
    /// What must be found committed of each partition, at least.
    committed: BTreeMap<i32, i64>,
    holdings: BTreeMap<usize, Holding>,
    commits: usize,
    trace: Vec<String>,
}

impl Oracle {
    fn assigned(&mut self, consumer: usize, member: &str, holding: &Holding) {
        for partition in &holding.partitions {
            let owner = self.owners.entry((holding.generation_id, *partition)).or_insert_with(|| member.to_owned());
            assert_eq!(owner, member, "two owners of partition {partition} in generation {}", holding.generation_id);
        }
        self.generation_id = self.generation_id.max(holding.generation_id);
        self.holdings.insert(consumer, holding.clone());
    }

    fn found(&mut self, partition: i32, offset: i64, at_least: i64) {
        assert!(offset >= at_least, "partition {partition} is at {offset} and was at {at_least}");
        let known = self.committed.entry(partition).or_insert(-1);
        *known = offset.max(*known);
    }

    fn committed(&self, partition: i32) -> i64 {
        self.committed.get(&partition).copied().unwrap_or(-1)
    }

    /// Whether all consumers are in one generation and every partition has its owner.
    fn is_whole(&self) -> bool {
        let generations: BTreeSet<i32> = self.holdings.values().map(|holding| holding.generation_id).collect();
        let owned: usize = self.holdings.values().map(|holding| holding.partitions.len()).sum();
        let distinct: BTreeSet<i32> = self.holdings.values().flat_map(|holding| holding.partitions.clone()).collect();
        self.holdings.len() == CONSUMERS
            && generations.len() == 1
            && owned == distinct.len()
            && distinct.len() == usize::try_from(PARTITIONS).unwrap()
    }
}

struct World {
    seed: u64,
    random: SeededRandomness,
    start: Instant,
    log: Arc<OffsetsLog>,
    brokers: Vec<GroupCoordinator>,
    oracle: Mutex<Oracle>,
    /// Whether messages get lost and go to the wrong broker.
    is_troubled: watch::Sender<bool>,
    cooperative: bool,
}

fn info(api_version: i16) -> RequestInfo {
    RequestInfo { client_id: "consumer".to_owned(), client_host: "/10.0.0.1".to_owned(), api_version }
}

impl World {
    fn new(seed: u64) -> Arc<Self> {
        let random = SeededRandomness::new(seed);
        let log = OffsetsLog::new(seed ^ 0x5eed);
        let config = GroupCoordinatorConfig {
            initial_rebalance_delay: Duration::from_secs(random.next() % 4),
            // A group that is forgotten counts its generations anew.
            offsets_retention_check_interval: Duration::from_secs(3600),
            ..GroupCoordinatorConfig::default()
        };
        let brokers = (0..2_u64).map(|broker| {
            let logs = BrokerLogs::new(Arc::clone(&log), usize::try_from(broker).unwrap());
            let environment = world(seed.wrapping_mul(31) + broker, SimulatedDisk::new(seed));
            GroupCoordinator::new(config.clone(), Arc::new(logs), Arc::new(Topics), environment)
        });
        let brokers: Vec<_> = brokers.collect();
        let epoch = log.lead(0);
        brokers[0].elected(0, epoch);
        Arc::new(Self {
            seed,
            cooperative: random.next().is_multiple_of(2),
            random,
            start: Instant::now(),
            log,
            brokers,
            oracle: Mutex::default(),
            is_troubled: watch::Sender::new(true),
        })
    }

    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(|_| panic!("seed {}: another task has failed", self.seed))
    }

    fn pick(&self, bound: u64) -> u64 {
        self.random.next() % bound
    }

    fn chance(&self, percent: u64) -> bool {
        *self.is_troubled.borrow() && self.pick(100) < percent
    }

    fn note(&self, event: &str) {
        let at = self.start.elapsed().as_millis();
        self.oracle().trace.push(format!("{at} {event}"));
    }

    async fn travel(&self) {
        sleep(Duration::from_millis(self.pick(20))).await;
    }

    /// Asks the broker that seems to coordinate; `None` where no answer comes.
    async fn call<R, F>(&self, patience: Duration, ask: impl FnOnce(GroupCoordinator) -> F) -> Option<R>
    where
        R: Send + 'static,
        F: Future<Output = R> + Send + 'static,
    {
        self.travel().await;
        let leader = self.log.leader();
        let broker = if self.chance(5) { 1 - leader } else { leader };
        // What was sent is served whether its sender waits or not.
        let answer = tokio::spawn(ask(self.brokers[broker].clone()));
        let answer = timeout(patience, answer).await.ok()?.expect("no handler panics");
        self.travel().await;
        (!self.chance(2)).then_some(answer)
    }

    /// Asks for offsets until there is an answer: what is found is never below what is known.
    async fn fetch(&self, partitions: &BTreeSet<i32>) -> BTreeMap<i32, i64> {
        loop {
            let known: BTreeMap<i32, i64> =
                partitions.iter().map(|partition| (*partition, self.oracle().committed(*partition))).collect();
            let request = OffsetFetchRequest {
                groups: vec![OffsetFetchRequestGroup {
                    group_id: GROUP.to_owned(),
                    topics: Some(vec![OffsetFetchRequestTopics {
                        name: TOPIC.to_owned(),
                        partition_indexes: partitions.iter().copied().collect(),
                        ..OffsetFetchRequestTopics::default()
                    }]),
                    ..OffsetFetchRequestGroup::default()
                }],
                ..OffsetFetchRequest::default()
            };
            let ask = |groups: GroupCoordinator| async move { groups.offset_fetch(&info(9), request).await };
            let answer = self.call(Duration::from_secs(30), ask).await;
            if let Some(group) = answer.and_then(|mut response| response.groups.pop())
                && group.error_code == 0
            {
                let found: BTreeMap<i32, i64> = group.topics[0]
                    .partitions
                    .iter()
                    .map(|partition| (partition.partition_index, partition.committed_offset))
                    .collect();
                for (partition, offset) in &found {
                    self.oracle().found(*partition, *offset, known[partition]);
                }
                return found;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the coordinator has noticed that nobody is left: some left while it could not know, or before the
    /// record of their group was replaced.
    async fn until_empty(&self) {
        let since = Instant::now();
        loop {
            let describe = DescribeGroupsRequest { groups: vec![GROUP.to_owned()], ..DescribeGroupsRequest::default() };
            let described = self.brokers[self.log.leader()].describe_groups(&info(6), describe).await;
            if described.groups[0].group_state == "Empty" {
                return;
            }
            assert!(since.elapsed() < RECOVERY_MAX, "seed {}: members that are gone stay: {described:#?}", self.seed);
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// The other broker takes over; each hears of it after a while.
    async fn change_leader(&self) {
        let former = self.log.leader();
        let epoch = self.log.lead(1 - former);
        self.note(&format!("broker {} leads in epoch {epoch}", 1 - former));
        let hears_first = if self.chance(50) { former } else { 1 - former };
        for broker in [hears_first, 1 - hears_first] {
            sleep(Duration::from_millis(self.pick(200))).await;
            if broker == former {
                self.brokers[broker].resigned(0, Some(epoch));
            } else {
                self.brokers[broker].elected(0, epoch);
            }
        }
    }
}

/// A consumer that runs, and how to make it leave.
struct Running {
    task: JoinHandle<()>,
    leave: watch::Sender<bool>,
}

impl Running {
    fn start(world: &Arc<World>, number: usize) -> Self {
        world.note(&format!("consumer {number} starts"));
        let (leave, leaving) = watch::channel(false);
        let instance = (number < STATIC_CONSUMERS).then(|| format!("instance{number}"));
        let consumer = Consumer::new(Arc::clone(world), number, instance, leaving);
        Self { task: tokio::spawn(consumer.run()), leave }
    }
}

async fn make_trouble(world: &Arc<World>, consumers: &mut [Option<Running>]) {
    while world.start.elapsed() < TROUBLE {
        sleep(Duration::from_millis(500 + world.pick(6000))).await;
        let number = usize::try_from(world.pick(CONSUMERS as u64)).unwrap();
        let running = consumers[number].take_if(|running| running.task.is_finished());
        if let Some(finished) = running {
            finished.task.await.expect("no consumer fails");
        }
        match (world.pick(10), &mut consumers[number]) {
            (0..=4, slot @ None) => *slot = Some(Running::start(world, number)),
            (0..=1, slot @ Some(_)) => {
                world.note(&format!("consumer {number} is killed"));
                world.oracle().holdings.remove(&number);
                if let Some(killed) = slot.take() {
                    killed.task.abort();
                    // It ends where it stands.
                    let _ = killed.task.await;
                }
            }
            (2..=3, Some(running)) => {
                running.leave.send_replace(true);
            }
            (5..=6, _) => world.change_leader().await,
            (7, _) => world.log.stall(Duration::from_millis(world.pick(9000))),
            (8, _) => world.log.fail_appends(world.pick(4)),
            _ => {}
        }
    }
}

async fn run(seed: u64) -> Vec<String> {
    let world = World::new(seed);
    let mut consumers: Vec<Option<Running>> = (0..CONSUMERS).map(|_| None).collect();
    make_trouble(&world, &mut consumers).await;

    world.note("the trouble ends");
    world.is_troubled.send_replace(false);
    world.log.heal();
    for (number, slot) in consumers.iter_mut().enumerate() {
        if let Some(leaving) = slot.take_if(|running| running.task.is_finished() || *running.leave.borrow()) {
            leaving.task.await.expect("no consumer fails");
        }
        slot.get_or_insert_with(|| Running::start(&world, number));
    }
    let healed = Instant::now();
    while !world.oracle().is_whole() {
        sleep(Duration::from_millis(100)).await;
        let failed = consumers.iter().flatten().find(|consumer| consumer.task.is_finished());
        assert!(failed.is_none(), "seed {seed}: a consumer has ended");
        if healed.elapsed() > RECOVERY_MAX {
            panic!("seed {seed}: consumers do not come together: {:#?}", world.oracle().holdings);
        }
    }
    world.note("the group is whole");
    assert!(world.oracle().commits > 10, "seed {seed}: {} commits", world.oracle().commits);

    for consumer in consumers.into_iter().flatten() {
        consumer.leave.send_replace(true);
        consumer.task.await.expect("no consumer fails");
    }
    let partitions: BTreeSet<i32> = (0..PARTITIONS).collect();
    let before = world.fetch(&partitions).await;
    world.change_leader().await;
    assert_eq!(world.fetch(&partitions).await, before, "seed {seed}");
    world.until_empty().await;
    std::mem::take(&mut world.oracle().trace)
}

fn simulate(seed: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&seed.to_be_bytes()))
        .build()
        .unwrap();
    runtime.block_on(run(seed))
}

#[test]
fn groups_come_through_trouble() {
    for seed in 0..40 {
        simulate(seed);
    }
}

#[test]
fn a_seed_repeats() {
    assert_eq!(simulate(7), simulate(7));
    assert_ne!(simulate(7), simulate(8));
}
