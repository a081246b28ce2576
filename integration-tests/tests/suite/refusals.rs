//! What is not served is refused, at once and in words that a client shows its user.

use anyhow::{Result, bail, ensure};
use dohle_integration_tests::events::Event;

use crate::scenario::Scene;

/// Half of the time after which drivers give up waiting for a refusal.
const AT_ONCE_MS: u64 = 15_000;

pub(crate) fn transactions(scene: &Scene<'_>) -> Result<()> {
    is_refused(&scene.play("refuse-transactions", &[])?)
}

pub(crate) fn consumer_protocol(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, 1, &[])?;
    is_refused(&scene.play("refuse-consumer-protocol", &[])?)
}

fn is_refused(events: &[Event]) -> Result<()> {
    let [Event::Refused(error, took_ms)] = events else { bail!("not refused: {events:?}") };
    ensure!(*took_ms < AT_ONCE_MS, "it took {took_ms} ms to be told: {error}");
    let said = error.to_lowercase();
    let names_it = ["unsupported", "not support", "does not support"].iter().any(|words| said.contains(words));
    ensure!(names_it, "the error does not tell that this is not supported: {error}");
    Ok(())
}
