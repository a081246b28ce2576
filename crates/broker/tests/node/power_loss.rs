//! A broker that loses power, again and again: every record that was acknowledged and flushed is there when it comes back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dohle_seams::RandomnessExt;

use crate::simulation::{Acknowledged, Client, Trace, World, simulate};
use tokio::time::Instant;

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 3;
const PRODUCERS: u64 = 3;
const LIVES: u64 = 4;
/// The longest time between a start and the next power loss.
const LIFE_MAX_MICROS: u64 = 400_000;

/// Writes batches until the connection breaks.
async fn produce(mut client: Client, name: String, acknowledged: Acknowledged, trace: Trace, started: Instant) {
    for number in 0.. {
        let partition = number % PARTITIONS;
        let count = 1 + number % 4;
        // Long values now and then, so that writes are torn in their middle.
        let filler = "x".repeat(usize::try_from(number % 7).unwrap() * 100);
        let values: Vec<String> = (0..count).map(|at| format!("{name}-{number}-{at}-{filler}")).collect();
        match client.produce(TOPIC, partition, &values).await {
            Ok(Ok(base_offset)) => {
                let mut acknowledged = acknowledged.lock().unwrap();
                let of_partition = acknowledged.entry(partition).or_default();
                for (at, value) in values.into_iter().enumerate() {
                    let offset = base_offset + i64::try_from(at).unwrap();
                    let before = of_partition.insert(offset, value);
                    assert_eq!(before, None, "offset {offset} of partition {partition} was given twice");
                }
                trace.note(started, format_args!("{name} {partition} {base_offset}"));
            }
            // The broker is about to be gone.
            Ok(Err(code)) => trace.note(started, format_args!("{name} {partition} error {code}")),
            Err(error) => {
                trace.note(started, format_args!("{name} {:?}", error.kind()));
                return;
            }
        }
    }
}

async fn check(world: &World, acknowledged: &Acknowledged) -> io::Result<()> {
    let mut client = world.connect();
    for partition in 0..PARTITIONS {
        let found = client.read_all(TOPIC, partition).await?;
        world.note(format_args!("partition {partition} holds {} records", found.len()));
        assert!(
            found.iter().map(|(offset, _)| *offset).eq(0..i64::try_from(found.len()).unwrap()),
            "offsets have gaps"
        );
        let acknowledged = acknowledged.lock().unwrap();
        for (offset, value) in acknowledged.get(&partition).into_iter().flatten() {
            let there = usize::try_from(*offset).ok().and_then(|at| found.get(at)).map(|(_, value)| value);
            assert_eq!(there, Some(value), "acknowledged at offset {offset} of partition {partition}");
        }
    }
    Ok(())
}

async fn live_and_die(mut world: World) {
    let acknowledged = Acknowledged::default();
    for life in 0..LIVES {
        let node = world.start().await;
        if life == 0 {
            world.connect().create_topic(TOPIC, PARTITIONS, &[("flush.messages", "1")]).await.unwrap();
        }
        check(&world, &acknowledged).await.unwrap();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let name = format!("life {life} producer {producer}");
                let acknowledged = Arc::clone(&acknowledged);
                tokio::spawn(produce(world.connect(), name, acknowledged, world.trace.clone(), world.started()))
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(world.randomness.below(LIFE_MAX_MICROS))).await;
        world.cut_the_power(node).await;
        for producer in producers {
            producer.await.unwrap();
        }
    }
    let node = world.start().await;
    check(&world, &acknowledged).await.unwrap();
    node.shutdown().await;
    world.note("stopped");
}

#[test]
fn acknowledged_and_flushed_records_survive() {
    for seed in 0..20 {
        let trace = simulate(seed, live_and_die);
        assert!(trace.contains("stopped"), "seed {seed}:\n{trace}");
    }
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [3, 77] {
        let (first, second) = (simulate(seed, live_and_die), simulate(seed, live_and_die));
        assert_eq!(first, second, "seed {seed}");
    }
}
