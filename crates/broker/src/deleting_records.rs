//! Deleting records for one DeleteRecords request: on the leaders' logs at once, then waiting until all live replicas have
//! followed, or the time is up.

use std::sync::Arc;

use dohle_model::{BrokerId, Offset};
use dohle_protocol::ErrorCode;
use dohle_replication::Partition;
use dohle_seams::OffloadExt;
use tokio::time::{Instant, timeout_at};

use crate::state::BrokerState;
use crate::watching::Watching;

/// The low watermark where none is known.
const UNKNOWN: i64 = -1;

/// What is told of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) error: ErrorCode,
    /// No live replica has a record before it; -1 where that is not known.
    pub(crate) low_watermark: i64,
}

impl Deleted {
    pub(crate) fn refused(error: ErrorCode) -> Self {
        Self { error, low_watermark: UNKNOWN }
    }
}

/// A partition whose followers have yet to delete.
struct Pending {
    index: usize,
    partition: Arc<Partition>,
    /// What the low watermark has to reach.
    required: Offset,
}

/// Deletes the records before an offset in each of the partitions, with `None` all that are committed. Gives one answer
/// for each, in their order, at `deadline` at the latest.
pub(crate) async fn delete_records(
    broker: &Arc<BrokerState>,
    asked: Vec<(Arc<Partition>, Option<Offset>)>,
    deadline: Instant,
) -> Vec<Deleted> {
    let partitions: Vec<_> = asked.iter().map(|(partition, _)| Arc::clone(partition)).collect();
    let delete =
        move || -> Vec<_> { asked.into_iter().map(|(partition, before)| partition.delete_records(before)).collect() };
    let outcomes = broker.environment.offload.run(delete).await;

    let mut answers = Vec::with_capacity(outcomes.len());
    let mut pending = Vec::new();
    for (index, (partition, outcome)) in partitions.into_iter().zip(outcomes).enumerate() {
        answers.push(match outcome {
            Ok(required) => {
                let answer = check(broker, &partition, required);
                if answer.error == ErrorCode::RequestTimedOut {
                    pending.push(Pending { index, partition, required });
                }
                answer
            }
            Err(error) => {
                tracing::debug!(topic_partition = %partition.topic_partition(), %error, "records were not deleted");
                Deleted::refused(error.error_code())
            }
        });
    }
    if !pending.is_empty() {
        // Whoever is still waited for when the time is up has its answer already.
        let _ = timeout_at(deadline, settle(broker, pending, &mut answers)).await;
    }
    answers
}

/// Waits until every pending partition has its final answer.
async fn settle(broker: &Arc<BrokerState>, mut pending: Vec<Pending>, answers: &mut [Deleted]) {
    let watching = Watching::new(pending.iter().map(|pending| Arc::clone(&pending.partition)).collect());
    // Replicas that are no longer live are not waited for.
    let mut metadata = broker.published.clone();
    loop {
        pending.retain(|Pending { index, partition, required }| {
            let answer = check(broker, partition, *required);
            let is_final = answer.error != ErrorCode::RequestTimedOut;
            if is_final {
                answers[*index] = answer;
            }
            !is_final
        });
        if pending.is_empty() {
            return;
        }
        tokio::select! {
            () = watching.woken() => {}
            changed = metadata.changed() => {
                if changed.is_err() {
                    // The node is stopping.
                    return;
                }
            }
        }
    }
}

/// The answer as it stands: a time-out until the low watermark is there.
fn check(broker: &BrokerState, partition: &Partition, required: Offset) -> Deleted {
    let image = broker.image.load();
    let is_live = |id: BrokerId| image.broker(id).is_some_and(|broker| !broker.fenced);
    match partition.low_watermark(is_live) {
        Ok(low) => Deleted {
            error: if low >= Some(required) { ErrorCode::None } else { ErrorCode::RequestTimedOut },
            low_watermark: low.map_or(UNKNOWN, |low| low.0),
        },
        Err(error) => Deleted::refused(error.error_code()),
    }
}
