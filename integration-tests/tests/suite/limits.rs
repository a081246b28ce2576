//! Limits that an operator sets on requests and connections: who exceeds one is refused or waits, and the log says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};
use libtest_mimic::{Completion, Trial};

use crate::raw_connection::{
    API_VERSIONS, RECORD, RawConnection, Witness, batch, frame, header, metadata_request, produce_request, produced,
};
use crate::stage::{Suite, trial_with_brokers};

const TOPIC: &str = "topic";
const WITNESSED: &str = "witnessed";

type Test = fn() -> Result<()>;

pub(crate) fn trials(_: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&'static str, Test); 10] = [
        ("requests_up_to_a_size", requests_up_to_a_size),
        ("connections_that_are_idle", connections_that_are_idle),
        ("connections_at_a_time", || connections_at_a_time("max.connections=6")),
        ("connections_of_a_listener", || connections_at_a_time("listener.name.plaintext.max.connections=6")),
        ("connections_of_an_address", || connections_of_an_address("max.connections.per.ip=4")),
        ("connections_of_one_address", || connections_of_an_address("max.connections.per.ip.overrides=127.0.0.1:4")),
        ("connections_in_a_second", || connections_in_a_second("max.connection.creation.rate=5")),
        ("connections_of_a_listener_in_a_second", || {
            connections_in_a_second("listener.name.plaintext.max.connection.creation.rate=5")
        }),
        ("memory_for_requests", memory_for_requests),
        ("open_files", open_files),
    ];
    let trial = |(name, test): (&'static str, Test)| {
        trial_with_brokers(format!("limits::{name}"), move || test().map(|()| Completion::Completed))
    };
    tests.into_iter().map(trial).collect()
}

/// A broker with these settings, two topics, and somebody who is served all the time.
fn start(options: BrokerOptions) -> Result<(Broker, Witness)> {
    let broker = Broker::start(options)?;
    {
        let observer = Observer::new(&broker.bootstrap())?;
        observer.create_topic(TOPIC, 1, &[])?;
        observer.create_topic(WITNESSED, 1, &[])?;
    }
    let witness = Witness::of(&broker.bootstrap(), WITNESSED)?;
    Ok((broker, witness))
}

/// Runs `test`, and adds the end of the broker's log to its failure.
fn explained(broker: &Broker, test: impl FnOnce() -> Result<()>) -> Result<()> {
    test().with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))
}

/// A request of so many bytes: what is behind its end is passed over.
fn request_of(size: usize) -> Vec<u8> {
    let mut request = header(API_VERSIONS, 0);
    request.resize(size, 0);
    request
}

fn requests_up_to_a_size() -> Result<()> {
    let (broker, mut witness) = start(BrokerOptions::with(&["socket.request.max.bytes=10000"]))?;
    explained(&broker, || {
        RawConnection::to(&broker.bootstrap())?.call(&request_of(10_000))?;
        let mut connection = RawConnection::to(&broker.bootstrap())?;
        connection.send(&frame(&request_of(10_001)))?;
        ensure!(connection.until_closed()?.is_empty(), "answered");
        broker.wait_for_log(&[&connection.name()?, "invalid frame size 10001"])?;
        witness.looks()
    })
}

fn connections_that_are_idle() -> Result<()> {
    let (broker, mut witness) = start(BrokerOptions::with(&["connections.max.idle.ms=1000"]))?;
    explained(&broker, || {
        let mut idle = RawConnection::to(&broker.bootstrap())?;
        idle.call(&request_of(10))?;
        let mut begun = RawConnection::to(&broker.bootstrap())?;
        begun.send(&frame(&request_of(100))[..50])?;
        // Who is served meanwhile is not idle.
        wait_for("the idle ones are closed", PATIENCE, || {
            let looked = witness.looks();
            let open = idle.is_open().and_then(|idle| Ok(idle || begun.is_open()?));
            match looked.and(open) {
                Ok(true) => None,
                Ok(false) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        })??;
        broker.wait_for_log(&[&begun.name()?, "idle for too long, with 50 bytes of a request received"])?;
        let name = idle.name()?;
        ensure!(!broker.log().iter().any(|line| line.contains(&name)), "to be idle is nothing to warn of");
        witness.looks()
    })
}

/// At most six: one more waits until another ends.
fn connections_at_a_time(setting: &str) -> Result<()> {
    let (broker, mut witness) = start(BrokerOptions::with(&[setting]))?;
    explained(&broker, || {
        let mut connections: Vec<RawConnection> = Vec::new();
        // Those of the observer go away when they like.
        wait_for("all places are taken", PATIENCE, || {
            let connected = RawConnection::to(&broker.bootstrap()).and_then(|mut connection| {
                connection.send(&frame(&request_of(10)))?;
                connections.push(connection);
                Ok(())
            });
            let waits = |line: &String| line.contains("there are as many connections as there may be");
            match connected {
                Ok(()) => broker.log().iter().any(waits).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        })??;
        ensure!(connections.len() >= 6, "only {} are taken beside the witness", connections.len());
        let mut last = connections.pop().context("there are some")?;
        witness.looks()?;
        ensure!(last.is_open()?, "one too many is answered or closed");
        connections.clear();
        last.answer().context("there is room")?;
        witness.looks()
    })
}

/// At most four: others are closed.
fn connections_of_an_address(setting: &str) -> Result<()> {
    let (broker, mut witness) = start(BrokerOptions::with(&[setting]))?;
    explained(&broker, || {
        let mut connections: Vec<RawConnection> = Vec::new();
        let mut refused = wait_for("one is refused", PATIENCE, || {
            let called = RawConnection::to(&broker.bootstrap()).map(|mut connection| {
                let answered = connection.call(&request_of(10)).is_ok();
                (connection, answered)
            });
            match called {
                Ok((connection, true)) => {
                    connections.push(connection);
                    None
                }
                Ok((connection, false)) => Some(Ok(connection)),
                Err(error) => Some(Err(error)),
            }
        })??;
        ensure!(connections.len() <= 3, "{} are taken beside the witness", connections.len());
        ensure!(refused.until_closed()?.is_empty(), "answered all the same");
        broker.wait_for_log(&["refused a connection: its address has too many", "peer=127.0.0.1", "address_max=4"])?;
        witness.looks()?;
        connections.clear();
        wait_for("there is room again", PATIENCE, || {
            RawConnection::to(&broker.bootstrap()).and_then(|mut connection| connection.call(&request_of(10))).ok()
        })?;
        Ok(())
    })
}

/// At most five in a second: who comes too soon waits, and all of them are served.
fn connections_in_a_second(setting: &str) -> Result<()> {
    const RATE: u32 = 5;
    // A second's connections may come at once, and one may be due just then.
    const AT_ONCE: u32 = RATE + 1;
    const CONNECTIONS: u32 = 20;
    let (broker, mut witness) = start(BrokerOptions::with(&[setting]))?;
    explained(&broker, || {
        let begin = Instant::now();
        let mut connections: Vec<RawConnection> =
            (0..CONNECTIONS).map(|_| RawConnection::to(&broker.bootstrap())).collect::<Result<_>>()?;
        for connection in &mut connections {
            connection.send(&frame(&request_of(10)))?;
        }
        // Those that are there already are not held up.
        witness.looks()?;
        for connection in &mut connections {
            connection.answer()?;
        }
        let at_least = Duration::from_secs(1) * (CONNECTIONS - AT_ONCE) / RATE;
        ensure!(begin.elapsed() >= at_least, "all of them were served within {:?}", begin.elapsed());
        witness.looks()
    })
}

/// Requests that come slowly and together exceed what may be read at a time: all of them are served.
fn memory_for_requests() -> Result<()> {
    let (broker, mut witness) =
        start(BrokerOptions::with(&["socket.request.max.bytes=200000", "queued.max.request.bytes=200000"]))?;
    explained(&broker, || {
        // All records have the same offset: the batch is refused when all of it was looked at.
        let request = frame(&produce_request(TOPIC, &batch(0, 9000, &RECORD.repeat(9000))));
        let mut connections: Vec<RawConnection> =
            (0..50).map(|_| RawConnection::to(&broker.bootstrap())).collect::<Result<_>>()?;
        let (first, rest) = request.split_at(request.len() / 2);
        for connection in &mut connections {
            connection.send(first)?;
        }
        for connection in &mut connections {
            connection.send(rest)?;
        }
        for connection in &mut connections {
            let (error, _) = produced(TOPIC, &connection.answer()?)?;
            ensure!(error != 0, "all records of the batch have the same offset");
        }
        witness.looks()
    })
}

/// Connections until no more are taken: files are left for logs.
fn open_files() -> Result<()> {
    let (broker, mut witness) = start(BrokerOptions { open_files_max: Some(800), ..BrokerOptions::default() })?;
    explained(&broker, || {
        broker.wait_for_log(&["limit of open files", "open_files_max=800", "connections_max=600"])?;
        let observer = Observer::new(&broker.bootstrap())?;
        observer.topics()?;
        let mut connections = Vec::new();
        // Some wait in the backlog.
        for _ in 0..630 {
            let mut connection = RawConnection::to(&broker.bootstrap())?;
            connection.send(&frame(&metadata_request(TOPIC)))?;
            connections.push(connection);
        }
        broker.wait_for_log(&["there are as many connections as there may be"])?;
        observer.create_topic("created-meanwhile", 8, &[])?;
        witness.looks()?;
        for line in broker.log() {
            ensure!(!line.contains("Too many open files"), "{line}");
        }
        drop(connections);
        observer.send_numbered("created-meanwhile", 7, "record", 10)?;
        Ok(())
    })
}
