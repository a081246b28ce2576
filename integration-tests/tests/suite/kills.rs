//! `kill -9` of a broker under load, again and again.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::events::{Event, Record, acked, received};
use dohle_integration_tests::families::{Family, Play};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Running;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};

use crate::stage::same;

/// How often the broker is killed for librdkafka, the quickest of the clients.
const KILLS: usize = 20;
/// How often it is for the others, whose part is to come through a kill.
const KILLS_FOR_OTHERS: usize = 5;
/// What each producer gets acknowledged in every life of the broker.
const ACKNOWLEDGED_BETWEEN: usize = 500;
const GROUP: &str = "readers";

pub(crate) fn produce_through_kills(family: &Family, leaves_out: &BTreeSet<String>) -> Result<()> {
    for left_out in leaves_out {
        ensure!(left_out == "order", "nothing called {left_out} can be left out");
    }
    let _permits = family.permits(2);
    let mut broker = Broker::start(BrokerOptions::with_quick_groups())?;
    play(&mut broker, family, !leaves_out.contains("order"))
        .with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))
}

/// `keeps_order`: whether the producer without idempotence keeps the order of what it sends again.
fn play(broker: &mut Broker, family: &Family, keeps_order: bool) -> Result<()> {
    let bootstrap = broker.bootstrap();
    let start = |scenario, topic, parameters: &[(&str, String)]| {
        family.start(&Play { scenario, bootstrap: &bootstrap, topic, group: GROUP, parameters })
    };
    let observer = Observer::new(&bootstrap)?;
    for topic in ["idempotent", "plain"] {
        observer.create_topic(topic, 2, &[])?;
    }
    let reader = start(
        "group-member",
        "idempotent",
        &[("session_ms", "10000".to_owned()), ("heartbeat_ms", "1000".to_owned())],
    )?;
    let idempotent = start("produce-until-told", "idempotent", &[("idempotent", "true".to_owned())])?;
    let plain = start("produce-until-told", "plain", &[("idempotent", "false".to_owned())])?;
    let kills = if family.name() == "librdkafka" { KILLS } else { KILLS_FOR_OTHERS };
    for kill in 1..=kills {
        for producer in [&idempotent, &plain] {
            let so_far = producer.count_lines("acked\t");
            producer.wait_for_lines("acked\t", so_far + ACKNOWLEDGED_BETWEEN, PATIENCE)?;
        }
        carries_on(&observer, &idempotent, &reader).with_context(|| format!("before kill {kill} of {kills}"))?;
        broker.kill();
        broker.start_again()?;
    }
    let idempotent = acknowledged(idempotent)?;
    let plain = acknowledged(plain)?;
    for partition in 0..2 {
        if let Some(last) = idempotent.iter().rev().find(|record| record.partition == partition) {
            reader.wait_for_line(&Event::Received(last.clone()).to_string(), PATIENCE)?;
        }
    }
    let read: BTreeSet<Record> = received(&Event::parse_all(&reader.output())?).into_iter().collect();
    let unread: Vec<&Record> = idempotent.iter().filter(|record| !read.contains(record)).collect();
    ensure!(unread.is_empty(), "the group has not read {} records, such as {:?}", unread.len(), unread[0]);
    reader.succeed(PATIENCE)?;

    // An idempotent producer that was told to end has got everything acknowledged: nothing else may be there.
    same("idempotent: acknowledged, and in the topic", &idempotent, &observer.records("idempotent")?)?;
    for partition in 0..2 {
        let values: Vec<i64> = values(&idempotent, partition)?;
        let expected: Vec<i64> = (0..).map(|number| 2 * number + i64::from(partition)).take(values.len()).collect();
        same(&format!("idempotent, partition {partition}: numbers sent, and numbers there"), &expected, &values)?;
    }
    // Without idempotence a record may be there twice, but where it was acknowledged it is, and in order.
    let there: BTreeSet<Record> = observer.records("plain")?.into_iter().collect();
    let lost: Vec<&Record> = plain.iter().filter(|record| !there.contains(record)).collect();
    ensure!(lost.is_empty(), "{} acknowledged records are lost, such as {:?}", lost.len(), lost[0]);
    for partition in 0..2 {
        let values = values(&plain, partition)?;
        let falls = values.windows(2).find(|pair| pair[0] > pair[1]);
        ensure!(falls.is_none() || !keeps_order, "plain, partition {partition}: {falls:?} follow each other");
    }
    Ok(())
}

/// Waits until the group has read and committed the last record that was acknowledged so far: one of this life of the broker.
fn carries_on(observer: &Observer, producer: &Running, reader: &Running) -> Result<()> {
    let last = producer.wait_for("an acknowledgement", PATIENCE, |lines| {
        lines.iter().rev().find(|line| line.starts_with("acked\t")).cloned()
    })?;
    let Some(Event::Acked(last)) = Event::parse(&last)? else { bail!("no acknowledgement: {last}") };
    reader.wait_for_line(&Event::Received(last.clone()).to_string(), PATIENCE)?;
    wait_for("the group has committed what it has read", PATIENCE, || match observer.committed(GROUP, "idempotent") {
        Ok(committed) => committed.get(&last.partition).filter(|(offset, _)| *offset > last.offset).map(|_| Ok(())),
        Err(error) => Some(Err(error)),
    })?
}

/// Has a producer end its work; the records that were acknowledged to it, by partition and offset. That is the order in
/// which they were acknowledged, too: less would be a broker that answers one request before an earlier one.
fn acknowledged(producer: Running) -> Result<Vec<Record>> {
    let mut records = acked(&Event::parse_all(&producer.succeed(PATIENCE)?.output)?);
    records.sort_by_key(|record| record.partition);
    let falls = records.windows(2).find(|pair| pair[0] >= pair[1]);
    ensure!(falls.is_none(), "acknowledged in this order: {falls:?}");
    Ok(records)
}

fn values(records: &[Record], partition: i32) -> Result<Vec<i64>> {
    let records = records.iter().filter(|record| record.partition == partition);
    records.map(|record| record.value.parse().with_context(|| record.value.clone())).collect()
}
