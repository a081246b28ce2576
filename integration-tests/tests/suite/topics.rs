//! What the administration client is told about a topic in its life.

use anyhow::Result;
use dohle_integration_tests::events::Event;

use crate::scenario::Scene;
use crate::stage::same;

pub(crate) fn topics(scene: &Scene<'_>) -> Result<()> {
    let facts = [
        ("created-again", "TopicExists"),
        ("listed", "true"),
        ("partitions", "3"),
        ("leaders", "3"),
        ("retention.ms", "86400000"),
        ("deleted", "true"),
    ];
    let facts = facts.map(|(name, value)| Event::Fact(name.to_owned(), value.to_owned()));
    same("facts", &facts, &scene.play("topics", &[])?)
}
