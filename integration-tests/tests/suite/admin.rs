//! What an administration client changes, and what it sees afterwards.

use anyhow::{Result, ensure};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};

use crate::scenario::Scene;
use crate::stage::same;

pub(crate) fn admin(scene: &Scene<'_>) -> Result<()> {
    let brokers = scene.observer.brokers()?.to_string();
    let steps = [
        ("create", "ok"),
        ("create-again", "TOPIC_ALREADY_EXISTS"),
        ("create-partitions", "ok"),
        ("partitions", "4"),
        ("describe-config", "3600000"),
        ("alter-config", "ok"),
        ("altered-config", "7200000"),
        ("produced", "ok"),
        ("delete-records", "ok"),
        ("earliest", "4"),
        ("describe-log-dirs", "4"),
        ("list-groups", "true"),
        ("describe-group", "Empty"),
        ("group-offset", "10"),
        ("alter-group-offset", "ok"),
        ("altered-group-offset", "7"),
        ("delete-group-offset", "ok"),
        ("deleted-group-offset", "none"),
        ("delete-group", "ok"),
        ("describe-cluster", &brokers),
        ("delete", "ok"),
    ];
    for left_out in &scene.leaves_out {
        ensure!(steps.iter().any(|(step, _)| step == left_out), "there is no step {left_out}");
    }
    let steps = steps.iter().filter(|(step, _)| !scene.leaves_out.contains(*step));
    let expected: Vec<Event> =
        steps.map(|(step, result)| Event::Fact((*step).to_owned(), (*result).to_owned())).collect();
    same("steps", &expected, &scene.play("admin", &[])?)?;
    wait_for("the topic is gone", PATIENCE, || match scene.observer.topics() {
        Ok(topics) => (!topics.contains_key(&scene.topic)).then_some(Ok(())),
        Err(error) => Some(Err(error)),
    })??;
    let has_group = scene.observer.groups()?.contains_key(&scene.group);
    ensure!(has_group == scene.leaves_out.contains("delete-group"), "whether the group is there: {has_group}");
    Ok(())
}
