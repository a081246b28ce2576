//! Rebalances that take from nobody what may stay: the cooperative assignor (KIP-429) and static members (KIP-345).

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use dohle_integration_tests::events::Record;
use dohle_integration_tests::waiting::PATIENCE;

use crate::group_takeover::{PARTITIONS, send, wait_for_assignment, wait_until_received};
use crate::scenario::Scene;

/// So long that nobody is given up during the test, however slowly it runs.
const SESSION_MS: u32 = 30_000;

pub(crate) fn cooperative(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[])?;
    let mut sent: BTreeSet<Record> = send(scene, "before")?;
    let _permits = scene.family.permits(2);
    let parameters = [
        ("session_ms", SESSION_MS.to_string()),
        ("heartbeat_ms", "300".to_owned()),
        ("assignor", "cooperative-sticky".to_owned()),
    ];
    let first = scene.start("group-member", &parameters)?;
    wait_for_assignment(&first, "all partitions for the only member", |partitions| partitions.len() == 4)?;
    let second = scene.start("group-member", &parameters)?;
    let of_second = wait_for_assignment(&second, "half of the partitions", |partitions| partitions.len() == 2)?;
    let of_first = wait_for_assignment(&first, "half of the partitions", |partitions| partitions.len() == 2)?;
    ensure!(of_first.iter().all(|partition| !of_second.contains(partition)), "{of_first:?} and {of_second:?}");
    let had_none = |line: &String| line == "assigned\t";
    ensure!(
        !first.output().iter().skip_while(|line| had_none(line)).any(had_none),
        "the first member gave up everything"
    );
    sent.extend(send(scene, "shared")?);
    wait_until_received(&sent, &[&first, &second])?;

    // Leaving tells the coordinator: nobody waits for the session to end.
    let mut left = first;
    left.close_input();
    wait_for_assignment(&second, "all partitions after the other member has left", |partitions| partitions.len() == 4)?;
    sent.extend(send(scene, "after")?);
    wait_until_received(&sent, &[&left, &second])?;
    left.succeed(PATIENCE)?;
    second.succeed(PATIENCE)?;
    Ok(())
}

pub(crate) fn static_member(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[])?;
    let _permits = scene.family.permits(2);
    let start = |instance: &str| {
        let parameters = [
            ("session_ms", SESSION_MS.to_string()),
            ("heartbeat_ms", "300".to_owned()),
            ("instance", instance.to_owned()),
        ];
        scene.start("group-member", &parameters)
    };
    let stays = start("stays")?;
    wait_for_assignment(&stays, "all partitions for the only member", |partitions| partitions.len() == 4)?;
    let mut comes_back = start("comes-back")?;
    let had = wait_for_assignment(&comes_back, "half of the partitions", |partitions| partitions.len() == 2)?;
    wait_for_assignment(&stays, "the other half", |partitions| partitions.len() == 2)?;
    let assignments = stays.count_lines("assigned\t");
    let mut sent: BTreeSet<Record> = send(scene, "before")?;
    wait_until_received(&sent, &[&stays, &comes_back])?;

    comes_back.kill();
    let back = start("comes-back")?;
    wait_for_assignment(&back, "the partitions it had", |partitions| partitions == had)?;
    sent.extend(send(scene, "after")?);
    wait_until_received(&sent, &[&stays, &comes_back, &back])?;
    ensure!(
        stays.count_lines("assigned\t") == assignments,
        "the member that stayed was part of a rebalance:\n{}",
        stays.last_words()
    );
    stays.succeed(PATIENCE)?;
    back.succeed(PATIENCE)?;
    Ok(())
}
