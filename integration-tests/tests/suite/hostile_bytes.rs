//! Bytes that are no request: the connection is closed, and the broker lives and serves on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use dohle_integration_tests::broker::BrokerOptions;
use dohle_integration_tests::cluster::{Cluster, external_bootstrap};
use dohle_integration_tests::events::Record;
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::{Completion, Trial};

use crate::stage::{Suite, explained_by, same, trial};

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

const UNSUPPORTED_VERSION: i16 = 35;
const CORRUPT_MESSAGE: i16 = 2;
const INVALID_RECORD: i16 = 87;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&'static str, Test); 5] = [
        ("connections_are_closed", connections_are_closed),
        ("frames_that_never_end", frames_that_never_end),
        ("connections_that_come_and_go", connections_that_come_and_go),
        ("api_versions_of_the_future", api_versions_of_the_future),
        ("batches_of_garbage", batches_of_garbage),
    ];
    let trial = |(name, test): (&'static str, Test)| {
        let suite = Arc::clone(suite);
        trial(format!("hostile_bytes::{name}"), move || run(&suite, name, test))
    };
    tests.into_iter().map(trial).collect()
}

type Test = fn(bootstrap: &str, topic: &str) -> Result<()>;

/// Plays `test` against a broker of its own, and sees that this one holds and takes records before and after.
fn run(suite: &Suite, name: &str, test: Test) -> Result<Completion> {
    let cluster = Cluster::start(BrokerOptions::default())?;
    let result = || {
        let observer = Observer::new(cluster.bootstrap())?;
        let topic = suite.name(name);
        observer.create_topic(&topic, 1, &[])?;
        let mut records: Vec<Record> = observer.send_numbered(&topic, 0, "before", 10)?;
        test(cluster.bootstrap(), &topic)?;
        let later = Observer::new(cluster.bootstrap())?;
        records.extend(later.send_numbered(&topic, 0, "after", 10)?);
        same("records", &records, &later.records(&topic)?)
    };
    explained_by(&cluster, result())?;
    Ok(Completion::Completed)
}

fn connections_are_closed(bootstrap: &str, _: &str) -> Result<()> {
    // Kafka's bound on a request is socket.request.max.bytes, 100 MiB.
    let too_big = 100 * 1024 * 1024 + 1_u32;
    let noise: Vec<u8> = (0..64_u32).map(|number| (number * 73 + 41).to_le_bytes()[0]).collect();
    let cases: [(&str, Vec<u8>); 15] = [
        ("another protocol", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a TLS hello", [vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], vec![0; 194]].concat()),
        ("a size of 2 GiB", vec![0x7f, 0xff, 0xff, 0xff]),
        ("a size just beyond the bound", [too_big.to_be_bytes().to_vec(), header(METADATA, 4)].concat()),
        ("a negative size", vec![0xff; 4]),
        ("an empty frame", vec![0; 4]),
        ("noise", frame(&noise)),
        ("half a header", frame(&[0, 3, 0, 4])),
        ("a client id that is longer than the frame", frame(&[0, 3, 0, 4, 0, 0, 0, 1, 0x7f, 0xff, b'x'])),
        ("an unknown API", frame(&header(0x7fff, 0))),
        ("a version of the future", frame(&[header(PRODUCE, 99), vec![0; 10]].concat())),
        ("2 147 483 647 topics", frame(&[header(METADATA, 4), vec![0x7f, 0xff, 0xff, 0xff]].concat())),
        (
            "4 294 967 294 topics in a compact array",
            frame(&[header(METADATA, 12), vec![0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat()),
        ),
        ("4 294 967 295 tagged fields", frame(&[header(METADATA, 12), vec![0xff, 0xff, 0xff, 0xff, 0x0f]].concat())),
        (
            "2 147 483 647 topics to fetch",
            frame(&[header(FETCH, 4), vec![0xff; 4], vec![0; 13], vec![0x7f, 0xff, 0xff, 0xff]].concat()),
        ),
    ];
    for (what, bytes) in cases {
        let mut connection = connect(bootstrap)?;
        connection.write_all(&bytes).with_context(|| format!("write {what}"))?;
        let mut answer = Vec::new();
        match connection.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => return Err(error).with_context(|| format!("{what}: the connection was to be closed")),
        }
        ensure!(answer.is_empty(), "{what} is answered: {answer:02x?}");
    }
    Ok(())
}

/// Requests that begin well and stay incomplete, at once on many connections. They hold nothing up.
fn frames_that_never_end(bootstrap: &str, topic: &str) -> Result<()> {
    // What is announced may not cost memory. Others do take it at once, and a hundred times the bound ends them.
    let size = if external_bootstrap().is_some() { 1024 * 1024 } else { 100 * 1024 * 1024_u32 };
    let mut connections = Vec::new();
    for number in 0..100 {
        let mut connection = connect(bootstrap)?;
        let begin = [size.to_be_bytes().to_vec(), header(PRODUCE, 3)].concat();
        // Some end within the size, some within the header, some in what follows.
        connection.write_all(&begin[..2 + number % (begin.len() - 2)])?;
        connections.push(connection);
    }
    let observer = Observer::new(bootstrap)?;
    ensure!(observer.topics()?.contains_key(topic), "the topic is gone");
    Ok(())
}

fn connections_that_come_and_go(bootstrap: &str, _: &str) -> Result<()> {
    let metadata = frame(&[header(METADATA, 4), vec![0, 0, 0, 0, 1]].concat());
    for number in 0..500 {
        let mut connection = connect(bootstrap)?;
        // Gone before the answer, with a request or with half of one.
        let length = if number % 2 == 0 { metadata.len() } else { metadata.len() / 2 };
        connection.write_all(&metadata[..length])?;
        if number % 3 == 0 {
            connection.shutdown(Shutdown::Write)?;
        }
    }
    Ok(())
}

/// A client that is newer than the broker is told which versions there are, on a connection that stays open (KIP-511).
fn api_versions_of_the_future(bootstrap: &str, _: &str) -> Result<()> {
    let mut connection = connect(bootstrap)?;
    for _ in 0..2 {
        connection.write_all(&frame(&[header(API_VERSIONS, 99), vec![0]].concat()))?;
        let answer = read_frame(&mut connection)?;
        ensure!(answer[..4] == [0, 0, 0, 7], "another correlation id: {answer:02x?}");
        ensure!(answer[4..6] == UNSUPPORTED_VERSION.to_be_bytes(), "another error: {answer:02x?}");
        // Version 0: an array of (API, lowest, highest).
        let count = i32::from_be_bytes(answer[6..10].try_into()?);
        ensure!(answer.len() == 10 + 6 * usize::try_from(count)?, "not version 0: {answer:02x?}");
        let mut entries = answer[10..].chunks_exact(6);
        ensure!(entries.any(|entry| entry[..2] == API_VERSIONS.to_be_bytes()), "ApiVersions is not in {answer:02x?}");
    }
    Ok(())
}

/// What is no batch is refused for its partition alone; the connection stays open.
fn batches_of_garbage(bootstrap: &str, topic: &str) -> Result<()> {
    let mut connection = connect(bootstrap)?;
    // What is too short to tell its own size is not even a damaged batch.
    for (size, expected) in [
        (0_u8, INVALID_RECORD),
        (1, INVALID_RECORD),
        (11, INVALID_RECORD),
        (20, CORRUPT_MESSAGE),
        (61, CORRUPT_MESSAGE),
        (200, CORRUPT_MESSAGE),
    ] {
        let name = [&u16::try_from(topic.len())?.to_be_bytes(), topic.as_bytes()].concat();
        let one = [0, 0, 0, 1];
        let request = [
            &header(PRODUCE, 3)[..],
            // No transactional id; acks of all; a second of time.
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0x03, 0xe8],
            &one,
            &name,
            &one,
            // Partition 0.
            &[0, 0, 0, 0],
            &u32::from(size).to_be_bytes(),
            &vec![0x55; usize::from(size)],
        ];
        connection.write_all(&frame(&request.concat()))?;
        let answer = read_frame(&mut connection).with_context(|| format!("a batch of {size} bytes"))?;
        let partition = 4 + 4 + name.len() + 4;
        let error = answer.get(partition + 4..partition + 6).context("a short answer")?;
        ensure!(error == expected.to_be_bytes(), "{size} bytes: not error {expected}, but {answer:02x?}");
    }
    Ok(())
}

fn connect(bootstrap: &str) -> Result<TcpStream> {
    let connection = TcpStream::connect(bootstrap).with_context(|| format!("connect to {bootstrap}"))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// A request header up to the client id, which is null; correlation id 7.
fn header(api_key: i16, version: i16) -> Vec<u8> {
    let [key, version] = [api_key.to_be_bytes(), version.to_be_bytes()];
    [&key[..], &version, &[0, 0, 0, 7], &[0xff, 0xff]].concat()
}

fn frame(request: &[u8]) -> Vec<u8> {
    [&u32::try_from(request.len()).unwrap_or(u32::MAX).to_be_bytes(), request].concat()
}

fn read_frame(connection: &mut TcpStream) -> Result<Vec<u8>> {
    let mut size = [0; 4];
    connection.read_exact(&mut size).context("read the size of an answer")?;
    let size = u32::from_be_bytes(size);
    if !(10..1_000_000).contains(&size) {
        bail!("an answer of {size} bytes");
    }
    let mut answer = vec![0; usize::try_from(size)?];
    connection.read_exact(&mut answer).context("read an answer")?;
    Ok(answer)
}
