//! What a peer can make the server hold is bounded.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{CLIENTS, GATHERED, SINGLE, Simulation, request, settle, text};
use crate::ConnectionLimits;

#[tokio::test(start_paused = true)]
async fn requests_of_a_peer_that_does_not_read_are_not_started() {
    let simulation = Simulation::start(1);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let requests: Vec<_> = (100..400).flat_map(|number| request(SINGLE, &format!("big {number} 100000"))).collect();
    client.write_all(&requests).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    // What is on its way, and one turn's responses.
    let started = simulation.service.count("start");
    assert!((3..20).contains(&started), "{started}");
    for number in 100..400 {
        let answer = text(&mut client).await.unwrap();
        assert!(answer.starts_with(&number.to_string()), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn few_requests_of_a_connection_wait_at_a_time() {
    let simulation = Simulation::start(2);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let requests: Vec<_> = (0..600).flat_map(|number| request(GATHERED, &format!("later {number}"))).collect();
    client.write_all(&requests).await.unwrap();
    settle().await;
    assert_eq!(simulation.service.count("start"), 512);
    simulation.service.release("0");
    assert_eq!(text(&mut client).await.unwrap(), "0");
    settle().await;
    assert_eq!(simulation.service.count("start"), 513);
}

#[tokio::test(start_paused = true)]
async fn little_memory_waits_at_a_time() {
    let simulation = Simulation::start(3);
    let client = simulation.network.connect(CLIENTS).unwrap();
    let (mut reads, mut writes) = tokio::io::split(client);
    let writer = tokio::spawn(async move {
        for number in 0..20 {
            let padding = "x".repeat(1024 * 1024);
            writes.write_all(&request(GATHERED, &format!("later {number} {padding}"))).await.unwrap();
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(simulation.service.count("start"), 16);
    for number in 0..20 {
        let name = number.to_string();
        simulation.service.saw(&format!("start {name}")).await;
        simulation.service.release(&name);
        assert_eq!(text(&mut reads).await.unwrap(), name);
    }
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn memory_for_requests_is_reserved_before_they_are_read() {
    let limits = ConnectionLimits { queued_request_bytes_max: Some(100_000), ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(4, limits);
    let mut first = simulation.network.connect(CLIENTS).unwrap();
    let mut second = simulation.network.connect(CLIENTS).unwrap();
    let large = request(SINGLE, &format!("now a {}", "x".repeat(200_000)));
    first.write_all(&large[..150_000]).await.unwrap();
    settle().await;
    second.write_all(&request(SINGLE, "now b")).await.unwrap();
    let unanswered = timeout(Duration::from_secs(60), text(&mut second)).await;
    assert!(unanswered.is_err(), "the first has reserved all that there is");
    first.write_all(&large[150_000..]).await.unwrap();
    assert_eq!(text(&mut first).await.unwrap(), "a");
    assert_eq!(text(&mut second).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_connection_gives_its_reservation_back_when_it_ends() {
    let limits = ConnectionLimits { queued_request_bytes_max: Some(100_000), ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(5, limits);
    let mut first = simulation.network.connect(CLIENTS).unwrap();
    let mut second = simulation.network.connect(CLIENTS).unwrap();
    first.write_all(&200_000_i32.to_be_bytes()).await.unwrap();
    settle().await;
    second.write_all(&request(SINGLE, "now b")).await.unwrap();
    assert!(timeout(Duration::from_secs(60), text(&mut second)).await.is_err());
    drop(first);
    assert_eq!(text(&mut second).await.unwrap(), "b");
}

/// A peer that takes nothing is patiently waited for, until the responses of all need more memory than there is for them.
#[tokio::test(start_paused = true)]
async fn peers_that_read_nothing_do_not_fill_the_memory() {
    let limits = ConnectionLimits { unsent_response_bytes_max: 10_000_000, ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(7, limits);
    let ask = async |name: &str| {
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        client.write_all(&request(SINGLE, &format!("big {name} 7000000"))).await.unwrap();
        client
    };
    let mut clients = vec![ask("a").await];
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(simulation.server.counters().connections, 1, "there is memory enough");
    clients.push(ask("b").await);
    let mut reading = simulation.network.connect(CLIENTS).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(simulation.server.counters().connections >= 2, "the second may still begin to read");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(simulation.server.counters().connections, 2, "one less is enough");
    for name in ["c", "d", "e"] {
        clients.push(ask(name).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(simulation.server.counters().connections <= 4, "far too much: no patience");
    reading.write_all(&request(SINGLE, "big f 7000000")).await.unwrap();
    assert_eq!(text(&mut reading).await.unwrap().len(), 7_000_000, "who reads is served");
    drop(clients);
}

/// A peer may take its time with a large request, until those of all need more memory than there is for them.
#[tokio::test(start_paused = true)]
async fn peers_that_send_slowly_do_not_fill_the_memory() {
    let limits = ConnectionLimits { unfinished_request_bytes_max: 1_000_000, ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(8, limits);
    let begin = async || {
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        let whole = request(SINGLE, &format!("now x {}", "x".repeat(900_000)));
        client.write_all(&whole[..700_000]).await.unwrap();
        client
    };
    let connections = || simulation.server.counters().connections;
    let mut clients = vec![begin().await];
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(connections(), 1, "there is memory enough");
    clients.push(begin().await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(connections(), 1, "whoever was slow for long ends first");
    clients.push(begin().await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(connections(), 2, "both have just begun");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(connections(), 1, "one less is enough");
    // Who sends on gets through, whatever others do.
    let mut sending = simulation.network.connect(CLIENTS).unwrap();
    for number in 0..40 {
        let whole = request(SINGLE, &format!("now {number} {}", "x".repeat(900_000)));
        for part in whole.chunks(100_000) {
            sending.write_all(part).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(text(&mut sending).await.unwrap(), number.to_string());
    }
    for _ in 0..10 {
        clients.push(begin().await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(connections() <= 6, "far too much: nobody is waited for");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(connections(), 2, "one of them, and the one that sends on");
    drop(clients);
}

#[tokio::test(start_paused = true)]
async fn one_busy_connection_does_not_keep_others_from_being_served() {
    let simulation = Simulation::start(6);
    let busy = simulation.network.connect(CLIENTS).unwrap();
    let (mut reads, mut writes) = tokio::io::split(busy);
    let requests: Arc<[u8]> = (0..5000).flat_map(|_| request(SINGLE, "now a")).collect();
    let writer = tokio::spawn(async move { while writes.write_all(&requests).await.is_ok() {} });
    let reader = tokio::spawn(async move { while text(&mut reads).await.is_some() {} });
    for _ in 0..20 {
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        client.write_all(&request(SINGLE, "now b")).await.unwrap();
        let answer = timeout(Duration::from_millis(100), text(&mut client)).await;
        assert_eq!(answer.unwrap().unwrap(), "b");
    }
    writer.abort();
    reader.abort();
}
