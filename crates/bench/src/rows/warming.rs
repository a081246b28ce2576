//! Warms a server over the shapes of the rows before anything is measured: a JVM needs half a minute of that.

use std::time::Duration;

use anyhow::Result;
use dohle_protocol::compression::Compression;

use super::context::Context;
use crate::frames::batches::{Batch, Shape, compressed_to};
use crate::frames::requests::{self, FetchLimits};
use crate::load::drive::{Closed, Ending, Scheduled};
use crate::load::exchange::{AtEnd, Consume, Exchange, Produce};
use crate::load::meter::Window;

const TOPIC: &str = "warming";
const PARTITIONS: i32 = 100;
/// How many stretches of load there are.
const STRETCHES: f64 = 9.0;
/// Fetches read what the fifth shape has written.
const READ_SHAPE: usize = 4;

/// Loads the shared server for about so many seconds.
///
/// # Errors
/// The broker fails, or a signal has come.
pub(crate) fn warm(context: &Context<'_>, seconds: f64) -> Result<()> {
    let length = context.seconds(seconds / STRETCHES);
    let window = Window { warm: Duration::ZERO, length, cool: Duration::ZERO, bytes_max: 2_000_000_000 };
    let shapes: [(Batch, i32); 6] = [
        (Shape::plain(1, 100).build(), 1),
        (Shape::plain(16, 1024).build(), 1),
        (Shape::plain(1000, 1024).build(), 1),
        (compressed_to(Compression::Lz4, 100, 64 * 1024), 1),
        (Shape::plain(62, 1024).build(), 1),
        (Shape::plain(9, 100).build(), PARTITIONS),
    ];
    for (number, (batch, count)) in shapes.iter().enumerate() {
        context.with_topic(&format!("{TOPIC}-{number}"), PARTITIONS, &[], |topic| {
            let exchange = |partition: i32| {
                let frame = requests::produce(topic, partition..partition + count, &batch.bytes, 1);
                let batches = usize::try_from(*count).unwrap_or(1);
                Box::new(Produce::new(vec![frame], batch, batches)) as Box<dyn Exchange>
            };
            let connections = if *count == 1 { 4 } else { 1 };
            let mut exchanges: Vec<_> = (0..connections).map(exchange).collect();
            context.run_closed(window, 5, &mut exchanges)?;
            if number == READ_SHAPE { fetch(context, topic, batch, window) } else { Ok(()) }
        })?;
    }
    Ok(())
}

fn fetch(context: &Context<'_>, topic: &str, batch: &Batch, window: Window) -> Result<()> {
    let window = Window { bytes_max: u64::MAX, ..window };
    for max_bytes in [1 << 20, 64 * 1024] {
        let limits = FetchLimits { max_bytes, max_wait_ms: 500 };
        let mut consumer = Consume::new(topic, 0, limits, batch, 0, AtEnd::BeginAgain);
        let closed = vec![Closed { exchange: &mut consumer, in_flight: 1, ending: Ending::Drained }];
        context.plan(window, closed, None).run()?;
    }
    // On schedule, with a consumer at the end of a partition that was empty.
    let last = PARTITIONS - 1;
    let single = Shape::plain(1, 1024).build();
    let mut producer = Produce::new(vec![requests::produce(topic, [last], &single.bytes, 1)], &single, 1);
    let limits = FetchLimits { max_bytes: 1 << 20, max_wait_ms: 500 };
    let mut consumer = Consume::new(topic, last, limits, &single, 0, AtEnd::Wait);
    let closed = vec![Closed { exchange: &mut consumer, in_flight: 1, ending: Ending::Dropped }];
    let scheduled = Scheduled { per_second: 2000.0, exchanges: vec![&mut producer] };
    context.plan(window, closed, Some(scheduled)).run()?;
    Ok(())
}
