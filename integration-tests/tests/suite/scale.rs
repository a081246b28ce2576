//! Many topics, and many connections.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::requirement::{Missing, skip};
use dohle_integration_tests::waiting::{PATIENCE, wait_for};
use libtest_mimic::{Completion, Trial};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::raw_connection::{API_VERSIONS, RawConnection, Witness, header};
use crate::stage::{Suite, trial_with_brokers};

const CREATE_TOPICS: i16 = 19;
const DELETE_TOPICS: i16 = 20;

const TOPICS: u32 = 1000;
const PARTITIONS: u32 = 10;
/// Kafka refuses what takes more than 10 000 records of metadata.
const TOPICS_AT_ONCE: usize = 100;
const CONNECTIONS: usize = 10_000;
/// What one connection may cost the broker beyond the kernel's own, in bytes.
const CONNECTION_BYTES_MAX: u64 = 10 * 1024;

pub(crate) fn trials(_: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial_with_brokers("scale::a_thousand_topics", || a_thousand_topics().map(|()| Completion::Completed)),
        trial_with_brokers("scale::ten_thousand_connections", ten_thousand_connections),
    ]
}

fn name_of(topic: u32) -> String {
    format!("topic-{topic:04}")
}

/// Creates these topics in one request: how many were answered.
fn create(connection: &mut RawConnection, topics: Range<u32>) -> Result<u32> {
    let mut request = header(CREATE_TOPICS, 4);
    request.extend((topics.end - topics.start).to_be_bytes());
    for topic in topics {
        let name = name_of(topic);
        request.extend(u16::try_from(name.len())?.to_be_bytes());
        request.extend(name.as_bytes());
        request.extend(PARTITIONS.to_be_bytes());
        // One replica; no assignment, no settings.
        request.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    // A minute; not only validated.
    request.extend([0, 0, 0xea, 0x60, 0]);
    // Name, error, message.
    answered(&connection.call(&request)?, 2)
}

/// Deletes them in one request: how many were answered.
fn delete(connection: &mut RawConnection, topics: Range<u32>) -> Result<u32> {
    let mut request = header(DELETE_TOPICS, 3);
    request.extend((topics.end - topics.start).to_be_bytes());
    for topic in topics {
        let name = name_of(topic);
        request.extend(u16::try_from(name.len())?.to_be_bytes());
        request.extend(name.as_bytes());
    }
    request.extend([0, 0, 0xea, 0x60]);
    answered(&connection.call(&request)?, 0)
}

/// How many topics an answer is about that begins with a throttle time and their number; behind each name stands an error
/// code, which must be none, and `rest` more bytes.
fn answered(answer: &[u8], rest: usize) -> Result<u32> {
    let short = "a short answer";
    let count = u32::from_be_bytes(answer.get(4..8).context(short)?.try_into()?);
    let mut left = &answer[8..];
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes(left.get(..2).context(short)?.try_into()?));
        let error = i16::from_be_bytes(left.get(2 + length..4 + length).context(short)?.try_into()?);
        ensure!(error == 0, "{} has error {error}", String::from_utf8_lossy(&left[2..2 + length]));
        left = left.get(4 + length + rest..).context(short)?;
    }
    Ok(count)
}

/// How many folders of partitions of the topics there are.
fn folders(data: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(data).with_context(|| format!("list {}", data.display()))? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        count += usize::from(name.starts_with("topic-") && !name.ends_with("-delete"));
    }
    Ok(count)
}

fn a_thousand_topics() -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::default())?;
    let result = play_topics(&mut broker);
    result.with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))
}

fn play_topics(broker: &mut Broker) -> Result<()> {
    let mut connection = RawConnection::to(&broker.bootstrap())?;
    for first in (0..TOPICS).step_by(TOPICS_AT_ONCE) {
        let count = create(&mut connection, first..first + TOPICS_AT_ONCE as u32)?;
        ensure!(count as usize == TOPICS_AT_ONCE, "{count} topics are answered");
    }
    ensure!(folders(&broker.data())? == (TOPICS * PARTITIONS) as usize, "{} folders", folders(&broker.data())?);
    let observer = Observer::new(&broker.bootstrap())?;
    let topics = observer.topics()?;
    ensure!(topics.len() == TOPICS as usize, "{} topics", topics.len());
    ensure!(topics.values().all(|partitions| *partitions == PARTITIONS as usize), "{topics:?}");
    let last = name_of(TOPICS - 1);
    observer.send_numbered(&last, 9, "record", 10)?;
    broker.stop()?;
    broker.start_again()?;
    // It listens before it has opened ten thousand logs.
    broker.wait_for_log(&["ready"])?;
    let observer = Observer::new(&broker.bootstrap())?;
    ensure!(observer.topics()?.len() == TOPICS as usize, "topics are gone after a restart");
    ensure!(observer.records(&last)?.len() == 10, "records are gone after a restart");
    let mut connection = RawConnection::to(&broker.bootstrap())?;
    for first in (0..TOPICS).step_by(TOPICS_AT_ONCE) {
        let count = delete(&mut connection, first..first + TOPICS_AT_ONCE as u32)?;
        ensure!(count as usize == TOPICS_AT_ONCE, "{count} topics are answered");
    }
    ensure!(folders(&broker.data())? == 0, "{} folders are left", folders(&broker.data())?);
    ensure!(observer.topics()?.is_empty(), "topics are left");
    Ok(())
}

/// Lets this process have as many files open as it may: how many that is.
fn raise_open_files_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // It only rises; where it does not, the number tells.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn ten_thousand_connections() -> Result<Completion> {
    // The broker takes connections for three quarters of what it may open.
    let needed = CONNECTIONS as u64 * 4 / 3 + 1000;
    let open_files_max = raise_open_files_limit();
    if open_files_max < needed {
        return skip(&Missing(format!("{needed} open files: the system allows {open_files_max} (ulimit -Hn)")));
    }
    let broker = Broker::start(BrokerOptions::default())?;
    play_connections(&broker).with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))?;
    Ok(Completion::Completed)
}

fn play_connections(broker: &Broker) -> Result<()> {
    Observer::new(&broker.bootstrap())?.create_topic("witnessed", 1, &[])?;
    let mut witness = Witness::of(&broker.bootstrap(), "witnessed")?;
    let connect = || {
        let mut connection = RawConnection::to(&broker.bootstrap())?;
        connection.call(&header(API_VERSIONS, 0))?;
        Ok(connection)
    };
    // What the first ones cost is the broker's own.
    let first: Vec<RawConnection> = (0..100).map(|_| connect()).collect::<Result<_>>()?;
    let before = broker.memory()?;
    let more: Vec<RawConnection> = (0..CONNECTIONS).map(|_| connect()).collect::<Result<_>>()?;
    witness.looks()?;
    let after = broker.memory()?;
    let each = after.own.saturating_sub(before.own) / CONNECTIONS as u64;
    ensure!(each < CONNECTION_BYTES_MAX, "a connection costs {each} bytes: {before:?}, {after:?}");
    drop((first, more));
    wait_for("a place for another", PATIENCE, || connect().ok())?;
    witness.looks()
}
