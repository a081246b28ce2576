//! Requests that nobody should send: each is refused or ends its connection, and the broker goes on.
#![expect(clippy::unwrap_used, reason = "it is a test")]

#[path = "node/requests/mod.rs"]
mod requests;
#[path = "node/simulation/mod.rs"]
mod simulation;

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dohle_broker::Node;
use dohle_model::Uuid;
use dohle_protocol::{ApiKey, Writer};
use dohle_seams::{Randomness, RandomnessExt};
use tokio::time::timeout;

use requests::{TOPIC, request};
use simulation::{World, simulate};

/// APIs and the versions around a change of their layout.
const SERVED: [(ApiKey, &[i16]); 27] = [
    (ApiKey::Produce, &[3, 8, 9, 12, 13]),
    (ApiKey::Fetch, &[4, 7, 11, 12, 13, 15, 18]),
    (ApiKey::ListOffsets, &[1, 5, 6, 11]),
    (ApiKey::Metadata, &[0, 8, 9, 12, 13]),
    (ApiKey::OffsetCommit, &[2, 7, 8, 10]),
    (ApiKey::OffsetFetch, &[1, 6, 8, 10]),
    (ApiKey::FindCoordinator, &[0, 2, 3, 4, 6]),
    (ApiKey::JoinGroup, &[0, 5, 6, 9]),
    (ApiKey::Heartbeat, &[0, 4]),
    (ApiKey::LeaveGroup, &[0, 3, 4, 5]),
    (ApiKey::SyncGroup, &[0, 4, 5]),
    (ApiKey::DescribeGroups, &[0, 5, 6]),
    (ApiKey::ListGroups, &[0, 3, 5]),
    (ApiKey::ApiVersions, &[0, 3, 4]),
    (ApiKey::CreateTopics, &[2, 5, 7]),
    (ApiKey::DeleteTopics, &[1, 4, 6]),
    (ApiKey::DeleteRecords, &[0, 2]),
    (ApiKey::InitProducerId, &[0, 2, 5]),
    (ApiKey::OffsetForLeaderEpoch, &[2, 4]),
    (ApiKey::DescribeConfigs, &[1, 4]),
    (ApiKey::AlterReplicaLogDirs, &[1, 2]),
    (ApiKey::DescribeLogDirs, &[1, 2, 5]),
    (ApiKey::DeleteGroups, &[0, 2]),
    (ApiKey::OffsetDelete, &[0]),
    (ApiKey::DescribeCluster, &[0, 2]),
    (ApiKey::DescribeProducers, &[0]),
    (ApiKey::DescribeTopicPartitions, &[0]),
];

/// Set by a panic anywhere: a task that panics would only end its connection.
static PANICKED: AtomicBool = AtomicBool::new(false);

fn watch_panics() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.store(true, Ordering::SeqCst);
            report(panic);
        }));
    });
}

/// Longer than any request here may rightly take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A broker with a topic.
async fn start(world: &mut World) -> Node {
    watch_panics();
    let node = world.start().await;
    world.connect().create_topic(TOPIC, 1, &[]).await.unwrap();
    node
}

/// Sends a body on a connection of its own: it must lead to an answer or to the end of the connection.
async fn attack(world: &World, api: ApiKey, version: i16, body: &[u8]) {
    let mut client = world.connect();
    let answered = timeout(ANSWER_TIME_MAX, client.call_raw(api.code(), version, body)).await;
    assert!(answered.is_ok(), "{} version {version} hangs on {body:?}", api.name());
}

async fn assert_alive(world: &World) {
    assert!(!PANICKED.load(Ordering::SeqCst), "the broker panicked");
    let mut client = world.connect();
    assert_eq!(client.metadata().await.unwrap().brokers.len(), 1);
    assert!(client.produce(TOPIC, 0, &["alive".to_owned()]).await.unwrap().is_ok());
}

fn served() -> impl Iterator<Item = (ApiKey, i16)> {
    SERVED.iter().flat_map(|(api, versions)| versions.iter().map(|version| (*api, *version)))
}

#[test]
fn cut_off_bodies() {
    simulate(1, |mut world: World| async move {
        let node = start(&mut world).await;
        for (api, version) in served() {
            let body = request(api, version, Uuid([7; 16]));
            for length in 0..body.len() {
                attack(&world, api, version, &body[..length]).await;
            }
        }
        assert_alive(&world).await;
        node.shutdown().await;
    });
}

#[test]
fn lengths_that_cannot_be_true() {
    simulate(2, |mut world: World| async move {
        let node = start(&mut world).await;
        for (api, version) in served() {
            let body = request(api, version, Uuid([7; 16]));
            for at in 0..body.len().saturating_sub(3) {
                for length in [i32::MAX, i32::MIN, 0x7fff_0000] {
                    let mut body = body.to_vec();
                    body[at..at + 4].copy_from_slice(&length.to_be_bytes());
                    attack(&world, api, version, &body).await;
                }
            }
        }
        assert_alive(&world).await;
        node.shutdown().await;
    });
}

#[test]
fn random_damage() {
    simulate(3, |mut world: World| async move {
        let node = start(&mut world).await;
        for (api, version) in served() {
            let good = request(api, version, Uuid([7; 16]));
            for _ in 0..40 {
                let mut body = good.to_vec();
                for _ in 0..=world.randomness.below(3) {
                    if !body.is_empty() {
                        let at = usize::try_from(world.randomness.below(body.len() as u64)).unwrap();
                        world.randomness.fill(&mut body[at..=at]);
                    }
                }
                attack(&world, api, version, &body).await;
            }
            let mut noise = vec![0; usize::try_from(world.randomness.below(200)).unwrap()];
            world.randomness.fill(&mut noise);
            attack(&world, api, version, &noise).await;
        }
        assert_alive(&world).await;
        node.shutdown().await;
    });
}

#[test]
fn frames_that_are_none() {
    simulate(4, |mut world: World| async move {
        let node = start(&mut world).await;
        for size in [-1, i32::MIN, i32::MAX, 0, 1, 7] {
            let mut client = world.connect();
            let mut bytes = size.to_be_bytes().to_vec();
            bytes.extend_from_slice(&[0; 7]);
            client.send_bytes(&bytes).await.unwrap();
            let ended = timeout(ANSWER_TIME_MAX, client.read_frame()).await;
            assert!(matches!(ended, Ok(Err(_))), "size {size}");
        }
        assert_alive(&world).await;
        node.shutdown().await;
    });
}

/// The longest name there is comes back in an answer or in a message, in versions with two-byte lengths too; one that is not
/// UTF-8 grows when it is read.
#[test]
fn names_at_the_limit() {
    simulate(5, |mut world: World| async move {
        let node = start(&mut world).await;
        for filler in [b'a', 0xff] {
            let name = vec![filler; i16::MAX as usize];
            for flexible in [false, true] {
                let version = if flexible { 9 } else { 4 };
                let mut body = Writer::new();
                body.array_length(1, flexible);
                if flexible {
                    body.unsigned_varint(1 + i16::MAX as u32);
                } else {
                    body.int16(i16::MAX);
                }
                body.raw(&name);
                body.raw(&[0; 8]);
                attack(&world, ApiKey::Metadata, version, &body.into_bytes()).await;
            }
            let mut body = Writer::new();
            body.int32(1);
            body.int16(i16::MAX);
            body.raw(&name);
            body.int32(1);
            body.int16(1);
            body.int32(0);
            body.int32(0);
            body.int32(1000);
            body.int8(0);
            attack(&world, ApiKey::CreateTopics, 2, &body.into_bytes()).await;
        }
        assert_alive(&world).await;
        node.shutdown().await;
    });
}
