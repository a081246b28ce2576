//! Two members of a group, and what happens when one is killed, and when one leaves.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use dohle_integration_tests::events::{Event, Record, received};
use dohle_integration_tests::process::Running;
use dohle_integration_tests::waiting::{PATIENCE, wait_for};

use crate::scenario::Scene;

pub(crate) const PARTITIONS: i32 = 4;
pub(crate) const RECORDS_PER_PARTITION: usize = 25;
/// The session of a member that is to leave in order.
const LEAVERS_SESSION_MS: u128 = 2 * PATIENCE.as_millis();

pub(crate) fn takeover(scene: &Scene<'_>) -> Result<()> {
    scene.observer.create_topic(&scene.topic, PARTITIONS, &[])?;
    let mut sent: BTreeSet<Record> = send(scene, "before")?;
    let _permits = scene.family.permits(2);
    // A broker that is not ours has Kafka's lower bound for session time-outs.
    let session_ms = if scene.cluster.is_external() { 6000 } else { 3000 };
    let parameters = [("session_ms", session_ms.to_string()), ("heartbeat_ms", "300".to_owned())];

    let survivor = scene.start("group-member", &parameters)?;
    wait_for_assignment(&survivor, "all partitions for the only member", |partitions| partitions.len() == 4)?;
    let mut victim = scene.start("group-member", &parameters)?;
    let of_victim = wait_for_assignment(&victim, "half of the partitions", |partitions| partitions.len() == 2)?;
    wait_for_assignment(&survivor, "the other half of the partitions", |partitions| {
        partitions.len() == 2 && partitions.iter().all(|partition| !of_victim.contains(partition))
    })?;
    sent.extend(send(scene, "shared")?);
    wait_until_received(&sent, &[&survivor, &victim])?;
    let shared: BTreeSet<Record> = sent.iter().filter(|record| record.value.starts_with("shared")).cloned().collect();
    let by_victim: BTreeSet<Record> = seen(&victim)?.intersection(&shared).cloned().collect();
    ensure!(
        by_victim.len() == of_victim.len() * RECORDS_PER_PARTITION
            && by_victim.iter().all(|record| of_victim.contains(&record.partition)),
        "a member with partitions {of_victim:?} received {by_victim:?}"
    );

    victim.kill();
    wait_for_assignment(&survivor, "all partitions after the other member's death", |partitions| {
        partitions.len() == 4
    })?;
    sent.extend(send(scene, "after")?);
    // What the killed member had not committed may come twice; nothing may be missing.
    wait_until_received(&sent, &[&survivor, &victim])?;
    let after = seen(&survivor)?.iter().filter(|record| record.value.starts_with("after")).count();
    ensure!(after == 4 * RECORDS_PER_PARTITION, "the survivor received {after} of the records after the other's death");
    drop(victim);

    // Its session is longer than anything is waited for here: that it leaves is what the coordinator has to go by.
    let parameters = [("session_ms", LEAVERS_SESSION_MS.to_string()), ("heartbeat_ms", "300".to_owned())];
    let leaver = scene.start("group-member", &parameters)?;
    wait_for_assignment(&leaver, "half of the partitions", |partitions| partitions.len() == 2)?;
    wait_for_assignment(&survivor, "the other half of the partitions", |partitions| partitions.len() == 2)?;
    let together = send(scene, "together")?;
    wait_until_received(&together, &[&survivor, &leaver])?;
    leaver.succeed(PATIENCE)?;
    wait_for_assignment(&survivor, "all partitions after the other member has left", |partitions| {
        partitions.len() == 4
    })?;
    let last = send(scene, "last")?;
    wait_until_received(&last, &[&survivor])?;
    survivor.succeed(PATIENCE)?;
    let committed = scene.observer.committed(&scene.group, &scene.topic)?;
    let end = i64::try_from(5 * RECORDS_PER_PARTITION)?;
    ensure!(
        committed.len() == 4 && committed.values().all(|(offset, _)| *offset == end),
        "the ends are {end}, committed are {committed:?}"
    );
    Ok(())
}

pub(crate) fn send(scene: &Scene<'_>, value: &str) -> Result<BTreeSet<Record>> {
    let mut sent = BTreeSet::new();
    for partition in 0..PARTITIONS {
        sent.extend(scene.observer.send_numbered(&scene.topic, partition, value, RECORDS_PER_PARTITION)?);
    }
    Ok(sent)
}

/// Waits until the last assignment of a member is the wanted one.
pub(crate) fn wait_for_assignment(
    member: &Running,
    what: &str,
    is_wanted: impl Fn(&[i32]) -> bool,
) -> Result<Vec<i32>> {
    member.wait_for(what, PATIENCE, |lines| {
        let last = lines.iter().rev().find(|line| line.starts_with("assigned\t"))?;
        match Event::parse(last) {
            Ok(Some(Event::Assigned(partitions))) if is_wanted(&partitions) => Some(partitions),
            _ => None,
        }
    })
}

pub(crate) fn seen(member: &Running) -> Result<BTreeSet<Record>> {
    Ok(received(&Event::parse_all(&member.output())?).into_iter().collect())
}

pub(crate) fn wait_until_received(records: &BTreeSet<Record>, members: &[&Running]) -> Result<()> {
    let result = wait_for("all records are received", PATIENCE, || {
        let mut all = BTreeSet::new();
        for member in members {
            match seen(member) {
                Ok(records) => all.extend(records),
                Err(error) => return Some(Err(error)),
            }
        }
        records.is_subset(&all).then_some(Ok(()))
    });
    let result = result.map_err(|error| {
        let words: Vec<String> = members.iter().map(|member| member.last_words()).collect();
        error.context(words.join("\n"))
    });
    result?
}
