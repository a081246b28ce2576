//! A record that just fits, one that does not, and a small one after them.

use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result};
use dohle_integration_tests::events::{Event, Record};
use dohle_integration_tests::observer::record;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::clients::{PATIENCE, name, settings};
use crate::payloads::read_all;
use crate::{Play, print};

pub(crate) fn play(play: &Play) -> Result<()> {
    let size: usize = play.number("size")?;
    let (answers, outcomes) = mpsc::channel();
    let settings = settings(play, &[("message.max.bytes", "10000000")]);
    let producer: BaseProducer<Answers> = settings.create_with_context(Answers(answers)).context("producer")?;
    let mut acknowledged = 0;
    for value in ["x".repeat(size), "x".repeat(size + 1), "after".to_owned()] {
        let start = Instant::now();
        let record = BaseRecord::<(), str>::to(&play.topic).partition(0).payload(&value);
        producer.send(record).map_err(|(error, _)| error).context("send")?;
        producer.flush(PATIENCE).context("flush")?;
        match outcomes.try_recv().context("no answer")? {
            Ok(record) => {
                print(&Event::Acked(record))?;
                acknowledged += 1;
            }
            Err(error) => print(&Event::Refused(name(&error), u64::try_from(start.elapsed().as_millis())?))?,
        }
    }
    read_all(play, acknowledged, |message| {
        print(&Event::Fact("received-length".to_owned(), message.payload_len().to_string()))
    })
}

/// Hands on what becomes of a record.
struct Answers(mpsc::Sender<Result<Record, KafkaError>>);

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let answer = match result {
            Ok(message) => Ok(record(message)),
            Err((error, _)) => Err(error.clone()),
        };
        // Nobody waits for it any more.
        let _ = self.0.send(answer);
    }
}
