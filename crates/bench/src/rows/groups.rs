//! Row 17: many groups that form at once, beat, and commit.

use std::time::Instant;

use anyhow::{Result, ensure};
use dohle_protocol::ApiKey;
use dohle_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::Case;
use super::context::Context;
use super::metrics::lower;
use super::spec::{Goal, LONG_ROUNDS, Sample, Spec, Wanted};
use crate::frames::requests::frame;
use crate::frames::responses::{check_offset_commit, check_throttle_then_error};
use crate::frames::versions;
use crate::load::exchange::{Exchange, Repeat};
use crate::load::group_storm::{Joined, generations, heartbeat, join};

const GROUPS: u64 = 200;
const MEMBERS: usize = 4;
const COMMIT_CPU: &str = "cpu_us_per_commit";
const STABLE: &str = "stable_s";
const STORM_CPU: &str = "storm_cpu_s";

/// The row.
pub(super) struct Groups;

impl Case for Groups {
    fn spec(&self) -> Spec {
        let metrics = vec![
            lower(COMMIT_CPU, "broker CPU per offset commit", "us"),
            lower(STABLE, "from the first join until all groups are stable", "s"),
            lower(STORM_CPU, "broker CPU until all groups are stable", "s"),
            lower("cpu_us_per_heartbeat", "broker CPU per heartbeat", "us"),
            lower("commit_p99_us", "p99 of a commit", "us"),
            lower("resident_mb", "resident memory", "MB"),
        ];
        let goal = |metric: &'static str, times| Goal { metric: metric.into(), wanted: Wanted::TimesKafka(times) };
        let about = "200 groups x 4 members, a connection each: all join at once, send heartbeats, commit offsets";
        Spec {
            goals: vec![goal(COMMIT_CPU, 5.0), goal(STORM_CPU, 5.0), goal("resident_mb", 10.0)],
            floor: false,
            fresh: true,
            rounds: LONG_ROUNDS,
            seconds: 9.0,
            ..Spec::new(17, "groups", about, metrics)
        }
    }

    fn prepare(&self, context: &Context<'_>) -> Result<Sample> {
        context.running.admin()?.create_topic("groups", 4, &[])?;
        Ok(Sample::default())
    }

    fn measure(&self, context: &Context<'_>) -> Result<Sample> {
        let count = context.count(GROUPS, 2);
        let groups: Vec<String> = (0..count).map(|number| format!("group-{}-{number}", context.round)).collect();
        // The first coordinator makes the topic of offsets; that is not part of the storm.
        context.running.admin()?.await_coordinators(&groups)?;
        let (before, began) = (context.running.cpu().now()?, Instant::now());
        let members = join(context.running.address(), &groups, MEMBERS)?;
        let took = began.elapsed().as_secs_f64();
        let storm_cpu = context.running.cpu().now()?.saturating_sub(before).as_secs_f64();
        let joined: Vec<Joined> = members.iter().map(|(joined, _)| joined.clone()).collect();
        let generations = generations(&joined);
        ensure!(generations.len() as u64 == count, "{} groups of {count} have formed", generations.len());

        let beats = joined.iter().map(|member| {
            let frame = frame(ApiKey::Heartbeat, versions::HEARTBEAT, &heartbeat(member));
            Box::new(Repeat::new(frame, check_throttle_then_error)) as Box<dyn Exchange>
        });
        let beats = context.run_closed(context.window(1.0), 1, &mut beats.collect::<Vec<_>>())?;
        let commits = joined.iter().enumerate().map(|(number, member)| {
            let request = commit(member, i32::try_from(number % 4).unwrap_or(0));
            let frame = frame(ApiKey::OffsetCommit, versions::OFFSET_COMMIT, &request);
            Box::new(Repeat::new(frame, check_offset_commit)) as Box<dyn Exchange>
        });
        let commits = context.run_closed(context.window(2.0), 1, &mut commits.collect::<Vec<_>>())?;
        ensure!(beats.closed.requests > 0 && commits.closed.requests > 0, "nothing was answered");
        let sample = Sample::default()
            .with(COMMIT_CPU, commits.cpu_micros_per_request())
            .with(STABLE, took)
            .with(STORM_CPU, storm_cpu)
            .with("cpu_us_per_heartbeat", beats.cpu_micros_per_request())
            .with("commit_p99_us", commits.closed.latencies.micros_at(99.0))
            .with("resident_mb", context.running.resident_bytes()? / 1e6);
        // Until here: members whose connections close stay in their groups.
        drop(members);
        Ok(sample)
    }

    fn clean(&self, context: &Context<'_>) -> Result<()> {
        context.running.admin()?.delete_topic("groups")
    }
}

fn commit(member: &Joined, partition_index: i32) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 42,
        committed_leader_epoch: -1,
        committed_metadata: Some(String::new()),
    };
    let topic =
        OffsetCommitRequestTopic { name: "groups".to_owned(), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest {
        group_id: member.group_id.clone(),
        generation_id_or_member_epoch: member.generation_id,
        member_id: member.member_id.clone(),
        topics: vec![topic],
        ..Default::default()
    }
}
