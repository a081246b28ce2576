//! The same over TCP, with regions of files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_seams::live::LiveDisk;
use dohle_seams::{Disk, DiskFile, OpenMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{GATHERED, SINGLE, Served, TestPart, TestService, request, response, text};
use crate::tcp::{TcpAcceptor, TcpOptions};
use crate::{ConnectionLimits, ListenerOptions, Server};

struct Live {
    server: Server,
    service: Arc<TestService>,
}

impl Live {
    fn start(options: &TcpOptions) -> Self {
        Self::with_limits(options, ConnectionLimits::default())
    }

    fn with_limits(options: &TcpOptions, limits: ConnectionLimits) -> Self {
        let acceptor = TcpAcceptor::bind("127.0.0.1:0".parse().unwrap(), options).unwrap();
        let listener = ListenerOptions { name: "LIVE".to_owned(), acceptor: Box::new(acceptor) };
        let service = Served::default();
        let server = Server::start(vec![listener], Arc::new(service.clone()), limits, &Handle::current());
        Self { server, service: service.0 }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.listeners()[0].1).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let live = Live::start(&TcpOptions::default());
    let mut client = live.connect().await;
    let requests: Vec<_> = (0..200)
        .flat_map(|number| {
            let (key, kind) = [(GATHERED, "later"), (GATHERED, "now"), (SINGLE, "now")][number % 3];
            request(key, &format!("{kind} {number}"))
        })
        .collect();
    client.write_all(&requests).await.unwrap();
    for number in 0..200 {
        if number % 3 == 0 {
            live.service.saw(&format!("start {number}")).await;
            live.service.release(&number.to_string());
        }
        assert_eq!(text(&mut client).await.unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn a_frame_may_come_byte_by_byte() {
    let live = Live::start(&TcpOptions::default());
    let mut client = live.connect().await;
    for byte in request(SINGLE, "now a") {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(text(&mut client).await.unwrap(), "a");
}

#[tokio::test]
async fn frames_larger_than_any_buffer_come_whole() {
    let live = Live::start(&TcpOptions::default());
    let mut client = live.connect().await;
    for size in [70_000, 1_200_000, 9_000_000] {
        let name = "y".repeat(size);
        let (mut reads, mut writes) = client.split();
        let bytes = request(SINGLE, &format!("now {name}"));
        let (sent, answer) = tokio::join!(writes.write_all(&bytes), text(&mut reads));
        sent.unwrap();
        assert!(answer.unwrap() == name, "{size}");
    }
}

#[tokio::test]
async fn a_frame_of_a_size_that_none_may_have_ends_the_connection() {
    let live = Live::start(&TcpOptions::default());
    for size in [-1, 104_857_601] {
        let mut client = live.connect().await;
        client.write_all(&i32::to_be_bytes(size)).await.unwrap();
        assert_eq!(text(&mut client).await, None);
    }
}

/// A file of the live disk with bytes that tell their positions.
fn file(directory: &tempfile::TempDir, size: usize) -> (Arc<dyn DiskFile>, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|at| u8::try_from((at / 7 + at % 253) % 256).unwrap()).collect();
    let file = LiveDisk.open(&directory.path().join("records"), OpenMode::CreateNew).unwrap();
    file.write_vectored_at(&[std::io::IoSlice::new(&bytes)], 0).unwrap();
    (file, bytes)
}

/// Parts with regions small and large, next to each other and between bytes, and what they are together.
fn mixed_parts(file: &Arc<dyn DiskFile>, bytes: &[u8]) -> (Vec<TestPart>, Vec<u8>) {
    let mut parts = Vec::new();
    let mut whole = Vec::new();
    let regions = [(0, 10), (3, 20_000), (100_000, 16 * 1024), (5, 3_500_000), (77, 16 * 1024 - 1), (4_000_000, 1)];
    for (number, (position, size)) in regions.into_iter().enumerate() {
        if number != 2 {
            let head = format!("head {number}").into_bytes();
            whole.extend_from_slice(&head);
            parts.push(TestPart::Written(head));
        }
        whole.extend_from_slice(&bytes[position..position + size]);
        parts.push(TestPart::Region(Arc::clone(file), position as u64, size));
        let shared = Bytes::from(vec![b'='; number * 1000]);
        whole.extend_from_slice(&shared);
        parts.push(TestPart::Shared(shared));
    }
    whole.extend_from_slice(b"the end");
    parts.push(TestPart::Written(b"the end".to_vec()));
    (parts, whole)
}

#[tokio::test]
async fn regions_of_files_arrive_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let (file, bytes) = file(&directory, 5_000_000);
    let (parts, whole) = mixed_parts(&file, &bytes);
    // Small buffers cut every send.
    for send_buffer_bytes in [None, Some(100_000)] {
        let live = Live::start(&TcpOptions { send_buffer_bytes, ..TcpOptions::default() });
        *live.service.parts.lock() = parts.clone();
        let mut client = live.connect().await;
        for _ in 0..3 {
            client.write_all(&request(SINGLE, "regions r")).await.unwrap();
        }
        for _ in 0..3 {
            assert!(response(&mut client).await.unwrap() == whole);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn regions_are_read_for_streams_that_cannot_send_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let (file, bytes) = file(&directory, 5_000_000);
    let (parts, whole) = mixed_parts(&file, &bytes);
    let simulation = super::Simulation::start(1);
    *simulation.service.parts.lock() = parts;
    let mut client = simulation.network.connect(super::CLIENTS).unwrap();
    client.write_all(&request(SINGLE, "regions r")).await.unwrap();
    assert!(response(&mut client).await.unwrap() == whole);
}

#[tokio::test]
async fn a_deleted_file_is_still_sent() {
    let directory = tempfile::tempdir().unwrap();
    let (file, bytes) = file(&directory, 3_000_000);
    let live = Live::start(&TcpOptions::default());
    *live.service.parts.lock() = vec![TestPart::Region(file, 0, 3_000_000)];
    let mut client = live.connect().await;
    client.write_all(&request(SINGLE, "regions r")).await.unwrap();
    let mut start = [0; 4];
    client.read_exact(&mut start).await.unwrap();
    live.service.parts.lock().clear();
    LiveDisk.remove_file(&directory.path().join("records")).unwrap();
    let mut rest = vec![0; 3_000_000];
    client.read_exact(&mut rest).await.unwrap();
    assert!(rest == bytes);
}

#[tokio::test]
async fn a_file_that_ends_too_early_ends_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let (file, bytes) = file(&directory, 100_000);
    let live = Live::start(&TcpOptions::default());
    for position in [50_000, 99_000] {
        *live.service.parts.lock() = vec![TestPart::Region(Arc::clone(&file), position, 100_000)];
        let mut client = live.connect().await;
        client.write_all(&request(SINGLE, "regions r")).await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        let position = usize::try_from(position).unwrap();
        assert!(received[4..] == bytes[position..], "nothing but what the file has");
    }
}

#[tokio::test]
async fn a_reader_that_stops_stops_its_requests() {
    let live = Live::start(&TcpOptions { send_buffer_bytes: Some(50_000), ..TcpOptions::default() });
    let mut client = live.connect().await;
    let requests: Vec<_> = (100..300).flat_map(|number| request(SINGLE, &format!("big {number} 100000"))).collect();
    client.write_all(&requests).await.unwrap();
    live.service.saw("start 100").await;
    // Another connection is served meanwhile, and by then this one has filled what it may.
    let mut other = live.connect().await;
    other.write_all(&request(SINGLE, "now other")).await.unwrap();
    assert_eq!(text(&mut other).await.unwrap(), "other");
    assert!(live.service.count("start") < 150, "{}", live.service.count("start"));
    for number in 100..300 {
        assert!(text(&mut client).await.unwrap().starts_with(&number.to_string()));
    }
}

#[tokio::test]
async fn a_closed_peer_is_noticed_while_nothing_is_read() {
    let live = Live::start(&TcpOptions::default());
    for (name, behind) in [("a", false), ("b", true)] {
        let mut client = live.connect().await;
        client.write_all(&request(SINGLE, &format!("later {name}"))).await.unwrap();
        if behind {
            client.write_all(&request(SINGLE, "now never")).await.unwrap();
        }
        live.service.saw(&format!("start {name}")).await;
        drop(client);
        let dropped = format!("drop {name}");
        timeout(Duration::from_secs(20), live.service.saw(&dropped)).await.unwrap();
    }
    assert!(!live.service.log().contains(&"start never".to_owned()));
}

#[tokio::test]
async fn a_connection_goes_on_after_waiting_with_requests_behind() {
    let live = Live::start(&TcpOptions::default());
    let mut client = live.connect().await;
    for round in 0..50 {
        client.write_all(&request(SINGLE, &format!("later {round}.a"))).await.unwrap();
        client.write_all(&request(SINGLE, &format!("now {round}.b"))).await.unwrap();
        live.service.saw(&format!("start {round}.a")).await;
        live.service.release(&format!("{round}.a"));
        assert_eq!(text(&mut client).await.unwrap(), format!("{round}.a"));
        assert_eq!(text(&mut client).await.unwrap(), format!("{round}.b"));
    }
}

#[tokio::test]
async fn addresses_are_those_of_both_ends() {
    let live = Live::with_limits(
        &TcpOptions::default(),
        ConnectionLimits {
            connections_per_ip_overrides: [("127.0.0.1".parse().unwrap(), 0)].into(),
            ..ConnectionLimits::default()
        },
    );
    let mut client = live.connect().await;
    // Closed at once, as this very address may have none.
    assert!(matches!(client.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert_eq!(live.server.counters().refused, 1);
}

#[tokio::test]
async fn bytes_are_counted() {
    let live = Live::start(&TcpOptions::default());
    let mut client = live.connect().await;
    let sent = request(SINGLE, "now abc");
    client.write_all(&sent).await.unwrap();
    assert_eq!(text(&mut client).await.unwrap(), "abc");
    let counters = live.server.counters();
    assert_eq!((counters.received_bytes, counters.sent_bytes), (sent.len() as u64, 7));
    live.server.shutdown(Duration::from_secs(10)).await;
    assert_eq!(text(&mut client).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (file, bytes) = file(&directory, 300_000);
    let live = Arc::new(Live::start(&TcpOptions::default()));
    *live.service.parts.lock() = vec![TestPart::Region(file, 100, 200_000)];
    let mut clients = Vec::new();
    for number in 0..16 {
        let (live, bytes) = (Arc::clone(&live), bytes[100..200_100].to_vec());
        clients.push(tokio::spawn(async move {
            let mut client = live.connect().await;
            for turn in 0..30 {
                client.write_all(&request(SINGLE, "regions r")).await.unwrap();
                client.write_all(&request(GATHERED, &format!("now {number}.{turn}"))).await.unwrap();
                assert!(response(&mut client).await.unwrap() == bytes);
                assert_eq!(text(&mut client).await.unwrap(), format!("{number}.{turn}"));
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
}
