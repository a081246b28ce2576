//! Requests that change the cluster's metadata: done by the controller, answered when their sender can see it here.

use std::future::Future;
use std::time::Duration;

use dohle_quorum::QuorumError;
use tokio::time::{Instant, timeout_at};

use crate::state::BrokerState;

/// Waits for the controller's answer to `change`, and then, for what is left of `timeout_ms`, until requests to this
/// broker see what was changed: a change that was made is answered as made, however far this broker is by then.
///
/// # Errors
/// The controller's, which watches the time as well.
pub(crate) async fn after_change<R>(
    broker: &BrokerState,
    timeout_ms: i32,
    change: impl Future<Output = Result<R, QuorumError>>,
) -> Result<R, QuorumError> {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let answer = change.await?;
    // What the controller has answered is in its image.
    let committed = broker.controller.image().metadata_offset();
    if timeout_at(deadline, broker.wait_for_published(committed)).await.is_err() {
        tracing::warn!(committed, "a change of the metadata did not reach this broker within its request's time");
    }
    Ok(answer)
}

/// Code and message for a request that the controller did not answer. A time-out has no message, as in Kafka: what the
/// client says of the code is all there is to say.
pub(crate) fn as_refusal(error: &QuorumError) -> (i16, Option<String>) {
    let message = (!matches!(error, QuorumError::TimedOut)).then(|| error.to_string());
    (error.error_code().code(), message)
}
