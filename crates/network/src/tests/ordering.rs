//! Order of responses, what may overlap, turns, throttling and ends.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::{CLIENTS, GATHERED, SINGLE, Simulation, request, settle, text};

#[tokio::test(start_paused = true)]
async fn responses_leave_in_the_order_of_their_requests() {
    for seed in 0..20 {
        let simulation = Simulation::start(seed);
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        for request_text in ["later a", "later b", "now c", "later d"] {
            client.write_all(&request(GATHERED, request_text)).await.unwrap();
        }
        simulation.service.saw("start d").await;
        for name in ["d", "b", "a"] {
            simulation.service.release(name);
            settle().await;
        }
        for name in ["a", "b", "c", "d"] {
            assert_eq!(text(&mut client).await.unwrap(), name, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_overlap_waits_for_all_before_it() {
    let simulation = Simulation::start(1);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let mut bytes = request(GATHERED, "later a");
    bytes.extend(request(SINGLE, "later b"));
    bytes.extend(request(GATHERED, "now c"));
    client.write_all(&bytes).await.unwrap();
    settle().await;
    assert_eq!(simulation.service.log(), ["start a", "end a"]);
    simulation.service.release("a");
    assert_eq!(text(&mut client).await.unwrap(), "a");
    settle().await;
    assert_eq!(simulation.service.log()[2..], ["start b", "end b"], "c may overlap, but b may not be overlapped");
    simulation.service.release("b");
    assert_eq!(text(&mut client).await.unwrap(), "b");
    assert_eq!(text(&mut client).await.unwrap(), "c");
}

#[tokio::test(start_paused = true)]
async fn a_turn_gathers_all_frames_that_have_arrived() {
    // Whole or cut: a seed under which the three arrive together.
    let seed = 3;
    let simulation = Simulation::start(seed);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let bytes: Vec<_> = ["later a", "later b", "none c"].iter().flat_map(|text| request(GATHERED, text)).collect();
    client.write_all(&bytes).await.unwrap();
    settle().await;
    let log = simulation.service.log();
    let started = log.iter().filter(|event| event.starts_with("start")).count();
    let ended: usize =
        log.iter().filter_map(|event| event.strip_prefix("end ")).map(|names| names.split(',').count()).sum();
    assert_eq!((started, ended), (3, 3), "{log:?}");
    assert_eq!(log, ["start a", "start b", "start c", "end a,b,c"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_gathered_is_finished_before_a_request_that_may_not_overlap() {
    let simulation = Simulation::start(3);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let mut bytes = request(GATHERED, "none a");
    bytes.extend(request(SINGLE, "now b"));
    client.write_all(&bytes).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "b");
    assert_eq!(simulation.service.log(), ["start a", "end a", "start b", "end b"]);
}

#[tokio::test(start_paused = true)]
async fn frames_may_arrive_byte_by_byte() {
    let simulation = Simulation::start(4);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let bytes: Vec<_> = ["now a", "now b"].iter().flat_map(|text| request(SINGLE, text)).collect();
    for byte in bytes {
        client.write_all(&[byte]).await.unwrap();
        settle().await;
    }
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert_eq!(text(&mut client).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_ends_the_connection_behind_earlier_responses() {
    let simulation = Simulation::start(5);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    for request_text in ["later a", "close b", "now c"] {
        client.write_all(&request(GATHERED, request_text)).await.unwrap();
    }
    simulation.service.saw("start b").await;
    settle().await;
    simulation.service.release("a");
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert_eq!(text(&mut client).await, None);
    assert!(!simulation.service.log().contains(&"start c".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_response_may_be_the_last() {
    let simulation = Simulation::start(6);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "last a")).await.unwrap();
    client.write_all(&request(SINGLE, "now b")).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert_eq!(text(&mut client).await, None);
    assert_eq!(simulation.service.count("start"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_response_ends_the_connection_and_what_waits_behind_it() {
    let simulation = Simulation::start(7);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    for request_text in ["later a", "fail b", "later c"] {
        client.write_all(&request(GATHERED, request_text)).await.unwrap();
    }
    simulation.service.saw("start c").await;
    simulation.service.release("b");
    settle().await;
    assert!(!simulation.service.log().contains(&"drop c".to_owned()), "b waits for a");
    simulation.service.release("a");
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert_eq!(text(&mut client).await, None);
    simulation.service.saw("drop c").await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_connection_is_answered_at_once_and_then_not_heard() {
    let simulation = Simulation::start(8);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let start = Instant::now();
    client.write_all(&request(GATHERED, "throttle a 3000")).await.unwrap();
    client.write_all(&request(GATHERED, "now b")).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert!(start.elapsed() < Duration::from_millis(10));
    assert_eq!(text(&mut client).await.unwrap(), "b");
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(3) && elapsed < Duration::from_millis(3010), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_without_response_are_served_though_their_throttled_sender_has_gone() {
    let simulation = Simulation::start(9);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(GATHERED, "throttle a 3000")).await.unwrap();
    client.write_all(&request(GATHERED, "none b")).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "a");
    drop(client);
    simulation.service.saw("start b").await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_dropped_when_the_peer_goes_away() {
    let simulation = Simulation::start(10);
    // Once with nothing behind it, once with a frame that has to wait, so that nothing is read.
    for (name, behind) in [("a", false), ("b", true)] {
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        client.write_all(&request(SINGLE, &format!("later {name}"))).await.unwrap();
        if behind {
            client.write_all(&request(SINGLE, "now never")).await.unwrap();
        }
        simulation.service.saw(&format!("start {name}")).await;
        settle().await;
        drop(client);
        simulation.service.saw(&format!("drop {name}")).await;
    }
    settle().await;
    assert_eq!(simulation.server.counters().connections, 0);
    assert!(!simulation.service.log().contains(&"start never".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_ends() {
    let simulation = Simulation::start(11);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "later a")).await.unwrap();
    simulation.service.saw("start a").await;
    simulation.network.reset_connections(CLIENTS);
    simulation.service.saw("drop a").await;
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats() {
    async fn run(seed: u64) -> (Vec<String>, Duration) {
        let start = Instant::now();
        let simulation = Simulation::start(seed);
        let mut clients = Vec::new();
        for number in 0..5 {
            let mut client = simulation.network.connect(CLIENTS).unwrap();
            clients.push(tokio::spawn(async move {
                for turn in 0..20 {
                    let kind = ["now", "yield", "big"][turn % 3];
                    let request_text = format!("{kind} {number}.{turn} 100000");
                    client.write_all(&request(SINGLE, &request_text)).await.unwrap();
                    text(&mut client).await.unwrap();
                }
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
        (simulation.service.log(), start.elapsed())
    }
    assert_eq!(run(42).await, run(42).await);
    assert_ne!(run(42).await, run(43).await);
}
