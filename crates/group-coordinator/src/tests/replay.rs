//! Random operations: after each of them the log gives what the live state says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::Ticket;
use dohle_seams::simulated::SeededRandomness;

use super::machine::{GROUP, Machine, commit_of, join_of, static_join, subscription};
use crate::group::{Group, GroupState};
use crate::join::Join;
use crate::member::Protocol;
use crate::offsets::Offsets;
use crate::shard::GroupRequest;

type Members = Vec<(String, Option<String>, Bytes, Bytes)>;

/// What a record of a group says, the time of a state with members apart.
#[derive(Debug, PartialEq)]
struct Picture {
    state: GroupState,
    empty_since: Option<i64>,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    generation_id: i32,
    leader: Option<String>,
    members: Members,
}

fn picture(group: &Group) -> Picture {
    let protocol = group.protocol_name.clone().unwrap_or_default();
    Picture {
        state: group.state,
        empty_since: group.state_timestamp_ms.filter(|_| group.state == GroupState::Empty && group.generation_id > 0),
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol_name.clone(),
        generation_id: group.generation_id,
        leader: group.leader.as_deref().map(str::to_owned),
        members: group
            .members
            .values()
            .map(|member| {
                let id = member.id.as_ref().to_owned();
                (id, member.instance_id.clone(), member.metadata(&protocol), member.assignment.clone())
            })
            .collect(),
    }
}

fn offsets(machine: &Machine) -> BTreeMap<String, Offsets> {
    machine.shard.groups.iter().map(|(id, group)| (id.as_ref().to_owned(), group.offsets.clone())).collect()
}

fn check(machine: &Machine, seed: u64) {
    let loaded = machine.replayed();
    assert_eq!(offsets(machine), offsets(&loaded), "seed {seed}");
    for (id, group) in &machine.shard.groups {
        // A rebalance is no part of the log.
        if matches!(group.state, GroupState::Stable | GroupState::Empty) {
            assert_eq!(picture(group), picture(&loaded.shard.groups[id]), "seed {seed}");
        }
    }
}

/// A client: its id, and what it waits for.
struct Client {
    instance: Option<String>,
    id: String,
    generation_id: i32,
    waiting: Option<Ticket>,
}

fn run(seed: u64) -> usize {
    let random = SeededRandomness::new(seed);
    let pick = |bound: usize| usize::try_from(random.next() % bound as u64).unwrap();
    let mut machine = Machine::new();
    let mut clients: Vec<Client> = (0..4)
        .map(|index| Client {
            instance: (index < 2).then(|| format!("static{index}")),
            id: String::new(),
            generation_id: -1,
            waiting: None,
        })
        .collect();
    let mut stable_steps = 0;
    for step in 0..300_i64 {
        let client = &mut clients[pick(4)];
        match pick(12) {
            0..=2 => {
                let topics: &[&str] = if pick(4) == 0 { &["topic", "other"] } else { &["topic"] };
                let restarts = pick(6) == 0;
                let id = if restarts { String::new() } else { client.id.clone() };
                let base = match &client.instance {
                    Some(instance) => static_join(instance, &step.to_string()),
                    None => join_of("", &step.to_string()),
                };
                let protocols = vec![Protocol { name: "range".to_owned(), metadata: subscription(topics) }];
                let ticket = machine.join(Join { member_id: id, protocols, ..base });
                client.waiting = Some(ticket);
            }
            3..=5 => {
                let all: Vec<String> = if machine.has_group() {
                    machine.group().members.keys().map(|id| id.as_ref().to_owned()).collect()
                } else {
                    Vec::new()
                };
                machine.sync(&client.id.clone(), client.generation_id, &all);
            }
            6 | 7 => {
                let (id, generation_id) = (client.id.clone(), client.generation_id);
                let topic = if pick(2) == 0 { "topic" } else { "other" };
                let _ = machine.commit(commit_of(&id, generation_id, topic, step));
            }
            8 => {
                let _ = machine.heartbeat(&client.id.clone(), client.generation_id);
            }
            9 => {
                if pick(3) == 0 {
                    let (id, instance) = (client.id.clone(), client.instance.clone());
                    let _ = machine.leave(&id, instance.as_deref());
                }
            }
            10 => machine.advance(Duration::from_millis(random.next() % 8_000)),
            _ => match pick(20) {
                0 => machine.advance(Duration::from_secs(8 * 24 * 60 * 60)),
                1 => {
                    machine.request(GroupRequest::DeleteGroups(vec![GROUP.to_owned()]));
                }
                2 => {
                    let _ = machine.commit(commit_of("", -1, "topic", step));
                }
                // The coordinator moves; what waits gets no answer.
                3 => machine = machine.replayed(),
                _ => machine.advance(Duration::from_millis(100)),
            },
        }
        for client in &mut clients {
            if let Some(response) = client.waiting.and_then(|ticket| machine.join_reply(ticket)) {
                client.waiting = None;
                client.id = response.member_id;
                client.generation_id = response.generation_id;
            }
        }
        check(&machine, seed);
        stable_steps += usize::from(machine.has_group() && machine.group().state == GroupState::Stable);
    }
    stable_steps
}

#[test]
fn the_log_says_what_the_live_state_says() {
    let stable_steps: usize = (0..60).map(run).sum();
    assert!(stable_steps > 1000, "the operations get somewhere: {stable_steps}");
}
