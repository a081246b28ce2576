//! Frame sizes, idle connections, and how many connections there may be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::{CLIENTS, GATHERED, SINGLE, Served, Simulation, address, request, settle, text};
use crate::simulated::SimulatedNetwork;
use crate::{ConnectionLimits, ListenerLimits, ListenerOptions, Server};

#[tokio::test(start_paused = true)]
async fn a_frame_of_a_size_that_none_may_have_ends_the_connection() {
    for size in [-1, i32::MIN, 101, i32::MAX] {
        let limits = ConnectionLimits { request_size_max_bytes: 100, ..ConnectionLimits::default() };
        let simulation = Simulation::with_limits(1, limits);
        let mut client = simulation.network.connect(CLIENTS).unwrap();
        client.write_all(&request(GATHERED, "later a")).await.unwrap();
        client.write_all(&size.to_be_bytes()).await.unwrap();
        simulation.service.saw("start a").await;
        settle().await;
        simulation.service.release("a");
        assert_eq!(text(&mut client).await.as_deref(), Some("a"), "{size}");
        assert_eq!(text(&mut client).await, None, "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_frame_is_for_the_service_to_refuse() {
    let simulation = Simulation::start(2);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&[0; 4]).await.unwrap();
    assert_eq!(text(&mut client).await, None);
    assert_eq!(simulation.service.log()[0], "malformed 0");
}

#[tokio::test(start_paused = true)]
async fn the_largest_frame_that_may_come_is_served() {
    let limits = ConnectionLimits { request_size_max_bytes: 3_000_000, ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(3, limits);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let bytes = request(SINGLE, &format!("now {}", "x".repeat(3_000_000 - 6)));
    client.write_all(&bytes).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap().len(), 3_000_000 - 6);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_nothing_came_or_went_for_too_long() {
    let limits = ConnectionLimits { idle_max: Some(Duration::from_secs(600)), ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(4, limits);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(500)).await;
    client.write_all(&request(SINGLE, "now a")).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "a");
    assert_eq!(text(&mut client).await, None);
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(1100) && elapsed < Duration::from_secs(1101), "{elapsed:?}");
    assert_eq!(simulation.server.counters().expired, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_response_is_not_idle() {
    let simulation = Simulation::start(5);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "later a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10_000)).await;
    simulation.service.release("a");
    assert_eq!(text(&mut client).await.unwrap(), "a");
    let answered = Instant::now();
    assert_eq!(text(&mut client).await, None);
    assert!(answered.elapsed() > Duration::from_secs(599), "idle time starts with the response");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_bytes_is_idle() {
    let simulation = Simulation::start(6);
    let mut client = simulation.network.connect(CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "big a 2000000")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(simulation.server.counters().connections, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(simulation.server.counters().connections, 0);
    assert_eq!(simulation.server.counters().expired, 1);
}

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_wait_until_another_ends() {
    let limits = ConnectionLimits { connections_max: 2, ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(7, limits.clone());
    let mut clients: Vec<_> = (0..4).map(|_| simulation.network.connect(CLIENTS).unwrap()).collect();
    for client in &mut clients {
        client.write_all(&request(SINGLE, "now a")).await.unwrap();
    }
    settle().await;
    assert_eq!((simulation.service.count("start"), simulation.server.counters().connections), (2, 2));
    drop(clients.remove(0));
    settle().await;
    assert_eq!((simulation.service.count("start"), simulation.server.counters().connections), (3, 2));
    simulation.server.live_limits().set(ConnectionLimits { connections_max: 3, ..limits });
    settle().await;
    assert_eq!((simulation.service.count("start"), simulation.server.counters().connections), (4, 3));
    for client in &mut clients {
        assert_eq!(text(client).await.unwrap(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_of_an_address_above_its_limit_are_closed() {
    let special = IpAddr::from([192, 168, 0, 7]);
    let limits = ConnectionLimits {
        connections_per_ip_max: 1,
        connections_per_ip_overrides: [(special, 2)].into(),
        ..ConnectionLimits::default()
    };
    let simulation = Simulation::with_limits(8, limits);
    let mut open = 0;
    let mut clients = Vec::new();
    for ip in [IpAddr::from([192, 168, 0, 1]), IpAddr::from([192, 168, 0, 2]), special] {
        for _ in 0..3 {
            let mut client = simulation.network.connect_from(ip, CLIENTS).unwrap();
            // A refused connection may end while this is sent.
            let _ = client.write_all(&request(SINGLE, "now a")).await;
            let answer = timeout(Duration::from_secs(1), text(&mut client)).await;
            open += usize::from(answer == Ok(Some("a".to_owned())));
            clients.push(client);
        }
    }
    assert_eq!(open, 4);
    assert_eq!(simulation.server.counters().refused, 5);
    clients.clear();
    settle().await;
    let mut client = simulation.network.connect_from(IpAddr::from([192, 168, 0, 1]), CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "now a")).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "a", "places are given back");
}

#[tokio::test(start_paused = true)]
async fn a_listener_has_a_limit_of_its_own() {
    let listeners = [(CLIENTS, Some(1)), ("OTHERS", None)];
    let simulation = Simulation::with_listeners(9, ConnectionLimits::default(), &listeners);
    let connect = |listener| simulation.network.connect(listener).unwrap();
    let clients = [connect(CLIENTS), connect(CLIENTS), connect("OTHERS"), connect("OTHERS")];
    settle().await;
    assert_eq!(simulation.server.connection_counts(), [(CLIENTS, 1), ("OTHERS", 2)]);
    // Whoever waits is let in when the limit is lifted.
    simulation.server.live_limits().set(ConnectionLimits::default());
    settle().await;
    assert_eq!(simulation.server.connection_counts(), [(CLIENTS, 2), ("OTHERS", 2)]);
    drop(clients);
}

#[tokio::test(start_paused = true)]
async fn brokers_reach_each_other_however_many_clients_there_are() {
    let limits = ConnectionLimits {
        connections_max: 2,
        inter_broker_listener: Some("BROKERS".to_owned()),
        ..ConnectionLimits::default()
    };
    let simulation = Simulation::with_listeners(10, limits, &[(CLIENTS, None), ("BROKERS", None)]);
    let mut quiet = simulation.network.connect(CLIENTS).unwrap();
    settle().await;
    let mut busy = simulation.network.connect(CLIENTS).unwrap();
    for client in [&mut quiet, &mut busy] {
        client.write_all(&request(SINGLE, "now a")).await.unwrap();
        assert_eq!(text(client).await.unwrap(), "a");
        settle().await;
    }
    let mut broker = simulation.network.connect("BROKERS").unwrap();
    broker.write_all(&request(SINGLE, "now b")).await.unwrap();
    assert_eq!(text(&mut broker).await.unwrap(), "b");
    assert_eq!(text(&mut quiet).await, None);
    busy.write_all(&request(SINGLE, "now c")).await.unwrap();
    assert_eq!(text(&mut busy).await.unwrap(), "c");
}

#[tokio::test(start_paused = true)]
async fn a_listener_has_a_rate_of_its_own() {
    let network = SimulatedNetwork::new(12);
    let listener = |name: &str, port| ListenerOptions {
        name: name.to_owned(),
        acceptor: Box::new(network.listen(name, address(port)).unwrap()),
    };
    let listeners = vec![listener(CLIENTS, 9092), listener("OTHERS", 9093)];
    let service = Arc::new(Served::default());
    let own = ListenerLimits { connection_creation_rate_max: Some(5), ..ListenerLimits::default() };
    let limits =
        ConnectionLimits { listeners: BTreeMap::from([(CLIENTS.to_owned(), own)]), ..ConnectionLimits::default() };
    let server = Server::start(listeners, service, limits, &Handle::current());
    let clients: Vec<_> = (0..100).map(|number| network.connect([CLIENTS, "OTHERS"][number % 2]).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(1900)).await;
    let counts = server.connection_counts();
    assert!((10..20).contains(&counts[0].1) && counts[1] == ("OTHERS", 50), "{counts:?}");
    drop(clients);
}

#[tokio::test(start_paused = true)]
async fn new_connections_are_taken_at_no_higher_rate_than_may_be() {
    let limits = ConnectionLimits { connection_creation_rate_max: Some(10), ..ConnectionLimits::default() };
    let simulation = Simulation::with_limits(11, limits);
    let start = Instant::now();
    let mut clients: Vec<_> = (0..31).map(|_| simulation.network.connect(CLIENTS).unwrap()).collect();
    for client in &mut clients {
        client.write_all(&request(SINGLE, "now a")).await.unwrap();
    }
    for client in &mut clients {
        assert_eq!(text(client).await.unwrap(), "a");
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(2) && elapsed < Duration::from_millis(3010), "{elapsed:?}");
}
