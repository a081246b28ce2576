//! `kill -9` of a broker under load, five times.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::events::{Event, Record, acked, received};
use dohle_integration_tests::families::{Family, Play};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Running;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};

use crate::stage::{Suite, same};

const KILLS: usize = 5;
/// Clients that, without idempotence, may change the order of what they have to send again (with a real Kafka, too).
const REORDERING: [&str; 1] = ["librdkafka"];
/// What each producer gets acknowledged in every life of the broker.
const ACKNOWLEDGED_BETWEEN: usize = 500;

pub(crate) fn produce_through_kills(_: &Suite, family: &Family) -> Result<()> {
    let _permits = family.permits(2);
    let mut broker = Broker::start(BrokerOptions::with_quick_groups())?;
    play(&mut broker, family).with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))
}

fn play(broker: &mut Broker, family: &Family) -> Result<()> {
    let bootstrap = broker.bootstrap();
    let start = |scenario, topic, parameters: &[(&str, String)]| {
        family.start(&Play { scenario, bootstrap: &bootstrap, topic, group: "readers", parameters })
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
    for _ in 0..KILLS {
        for producer in [&idempotent, &plain] {
            let so_far = producer.count_lines("acked\t");
            producer.wait_for_lines("acked\t", so_far + ACKNOWLEDGED_BETWEEN, PATIENCE)?;
        }
        broker.kill();
        broker.start_again()?;
    }
    let idempotent = acknowledged(idempotent)?;
    let plain = acknowledged(plain)?;
    let reads = wait_for("the consumer has received everything", PATIENCE, || {
        let received: Result<BTreeSet<Record>> =
            Event::parse_all(&reader.output()).map(|events| received(&events).into_iter().collect());
        match received {
            Ok(received) => idempotent.iter().all(|record| received.contains(record)).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    });
    reads.with_context(|| reader.last_words())??;
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
        ensure!(
            falls.is_none() || REORDERING.contains(&family.name()),
            "plain, partition {partition}: {falls:?} follow each other"
        );
    }
    Ok(())
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
