//! The end of a server.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::{CLIENTS, SINGLE, Simulation, request, settle, text};

#[tokio::test(start_paused = true)]
async fn what_was_started_is_answered_before_the_end() {
    let simulation = Simulation::start(1);
    let mut idle = simulation.network.connect(CLIENTS).unwrap();
    let mut waiting = simulation.network.connect(CLIENTS).unwrap();
    waiting.write_all(&request(SINGLE, "later a")).await.unwrap();
    waiting.write_all(&request(SINGLE, "now b")).await.unwrap();
    simulation.service.saw("start a").await;
    settle().await;

    let shutdown = tokio::spawn(simulation.server.shutdown(Duration::from_secs(10)));
    assert_eq!(text(&mut idle).await, None);
    assert!(simulation.network.connect(CLIENTS).is_err(), "nobody listens any more");
    assert!(!shutdown.is_finished());
    simulation.service.release("a");
    assert_eq!(text(&mut waiting).await.unwrap(), "a");
    assert_eq!(text(&mut waiting).await, None, "b was not started");
    shutdown.await.unwrap();
    assert_eq!(simulation.service.count("start"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_the_grace_is_cut_off() {
    let simulation = Simulation::start(2);
    let mut waiting = simulation.network.connect(CLIENTS).unwrap();
    let mut not_reading = simulation.network.connect(CLIENTS).unwrap();
    waiting.write_all(&request(SINGLE, "later a")).await.unwrap();
    not_reading.write_all(&request(SINGLE, "big b 2000000")).await.unwrap();
    simulation.service.saw("start a").await;
    simulation.service.saw("start b").await;
    let start = Instant::now();
    simulation.server.shutdown(Duration::from_secs(10)).await;
    assert!(start.elapsed() >= Duration::from_secs(10) && start.elapsed() < Duration::from_secs(11));
    simulation.service.saw("drop a").await;
    assert_eq!(text(&mut waiting).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_pauses_does_not_hold_up_the_end() {
    let simulation = Simulation::start(3);
    let client = simulation.network.connect(CLIENTS).unwrap();
    let (mut reads, mut writes) = tokio::io::split(client);
    let writer = tokio::spawn(async move {
        let requests: Vec<_> = (0..1000).flat_map(|_| request(SINGLE, "yield a")).collect();
        while writes.write_all(&requests).await.is_ok() {}
    });
    let reader = tokio::spawn(async move { while text(&mut reads).await.is_some() {} });
    tokio::time::sleep(Duration::from_millis(2)).await;
    let start = Instant::now();
    simulation.server.shutdown(Duration::from_secs(60)).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    reader.await.unwrap();
    writer.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_server_ends_its_connections() {
    let simulation = Simulation::start(4);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "later a")).await.unwrap();
    simulation.service.saw("start a").await;
    drop(simulation.server);
    assert_eq!(text(&mut client).await, None);
    simulation.service.saw("drop a").await;
}
