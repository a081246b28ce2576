//! Who is in a group: joins, syncs, heartbeats, leaves, sessions.

use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::CoordinatorError;
use dohle_protocol::ErrorCode;

use super::machine::{GROUP, Machine, commit_of, join_of, static_join, subscription};
use crate::config::GroupCoordinatorConfig;
use crate::group::GroupState;
use crate::join::Join;
use crate::member::Protocol;
use crate::shard::{GroupReply, GroupRequest};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn code(code: ErrorCode) -> i16 {
    code.code()
}

#[test]
fn a_new_member_must_come_back_with_the_id_it_is_given() {
    let mut machine = Machine::new();
    let (id, join) = machine.join_dynamic("1");
    assert_eq!(id, "client-1");
    machine.advance(seconds(3));
    let response = machine.join_reply(join).unwrap();
    assert_eq!((response.error_code, response.generation_id, response.leader.as_str()), (0, 1, "client-1"));
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
    assert_eq!(response.members.len(), 1, "the leader learns who is there");
}

#[test]
fn static_members_without_a_rebalance_timeout_are_not_looked_for_without_a_pause() {
    let mut machine = Machine::prompt();
    let hasty = machine.join(Join { rebalance_timeout_ms: 0, ..static_join("instance", "1") });
    let other = machine.join(Join { requires_known_member_id: false, ..join_of("", "2") });
    machine.advance(seconds(1));
    let ids = [hasty, other].map(|join| machine.join_reply(join).unwrap().member_id);
    machine.sync_all(&ids);
    machine.leave(&ids[1], None).unwrap();
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
    // Nobody has rejoined: time must go on all the same.
    machine.advance(seconds(3));
    assert_eq!(machine.group().members.len(), 1);
}

#[test]
fn old_clients_join_in_one_step() {
    let mut machine = Machine::new();
    let join = machine.join(Join { requires_known_member_id: false, ..join_of("", "1") });
    machine.advance(seconds(3));
    assert_eq!(machine.join_reply(join).unwrap().member_id, "client-1");
}

#[test]
fn an_unknown_member_id_is_refused() {
    let mut machine = Machine::new();
    for existing in [false, true] {
        if existing {
            machine.stable_group(&["1"]);
        }
        let join = machine.join(join_of("stranger", ""));
        let response = machine.join_reply(join).unwrap();
        assert_eq!((response.error_code, response.member_id.as_str()), (code(ErrorCode::UnknownMemberId), "stranger"));
    }
}

#[test]
fn the_initial_delay_is_extended_while_members_arrive_but_not_beyond_the_rebalance_timeout() {
    let mut machine = Machine::new();
    let short =
        |suffix: &str| Join { rebalance_timeout_ms: 8_000, requires_known_member_id: false, ..join_of("", suffix) };
    let first = machine.join(short("0"));
    for suffix in ["1", "2", "3"] {
        machine.advance(Duration::from_millis(2_500));
        machine.join(short(suffix));
    }
    // 7.5 s have passed: 3 s, then 3 s more, then the 2 s that were left.
    assert!(machine.join_reply(first).is_none());
    machine.advance(Duration::from_millis(500));
    let response = machine.join_reply(first).unwrap();
    assert_eq!((response.generation_id, response.members.len()), (1, 4));
}

#[test]
fn pending_members_hold_the_join_phase_open_until_their_session_ends() {
    let mut machine = Machine::prompt();
    let ids = machine.stable_group(&["1"]);
    machine.join(join_of("", "2"));
    let rejoin = machine.join(join_of(&ids[0], ""));
    machine.advance(seconds(9));
    assert!(machine.join_reply(rejoin).is_none(), "client-2 was promised a place");
    machine.advance(seconds(1));
    assert_eq!(machine.join_reply(rejoin).unwrap().generation_id, 2);
}

#[test]
fn members_that_do_not_rejoin_in_time_are_removed() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let rejoin = machine.join(join_of(&ids[0], ""));
    for _ in 0..12 {
        machine.advance(seconds(5));
        machine.heartbeat(&ids[1], 1);
    }
    let response = machine.join_reply(rejoin).unwrap();
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
    assert_eq!(machine.heartbeat(&ids[1], 2), ErrorCode::UnknownMemberId);
}

#[test]
fn the_leader_stays_leader_when_it_rejoins() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2", "3"]);
    let leader = machine.group().leader.clone().unwrap();
    let joins: Vec<_> = ids.iter().rev().map(|id| machine.join(Join { ..changed(join_of(id, "")) })).collect();
    for join in joins {
        assert_eq!(machine.join_reply(join).unwrap().leader, leader.as_ref());
    }
}

/// The join with another subscription.
fn changed(join: Join) -> Join {
    Join { protocols: vec![Protocol { name: "range".to_owned(), metadata: subscription(&["topic", "other"]) }], ..join }
}

#[test]
fn the_protocol_is_chosen_by_votes_among_those_that_all_speak() {
    let mut machine = Machine::new();
    let with = |suffix: &str, names: &[&str]| Join {
        requires_known_member_id: false,
        protocols: names.iter().map(|name| Protocol { name: (*name).to_owned(), metadata: Bytes::new() }).collect(),
        protocol_type: "connect".to_owned(),
        ..join_of("", suffix)
    };
    let first = machine.join(with("1", &["c", "a", "b"]));
    machine.join(with("2", &["b", "a"]));
    machine.join(with("3", &["b", "d", "a"]));
    let stranger = machine.join(with("4", &["d"]));
    assert_eq!(machine.join_reply(stranger).unwrap().error_code, code(ErrorCode::InconsistentGroupProtocol));
    machine.advance(seconds(60));
    assert_eq!(machine.join_reply(first).unwrap().protocol_name.as_deref(), Some("b"), "c is not spoken by all");
}

#[test]
fn another_protocol_type_is_refused_and_leaves_no_group_behind() {
    let mut machine = Machine::new();
    let join = machine.join(Join { protocols: Vec::new(), ..join_of("", "1") });
    assert_eq!(machine.join_reply(join).unwrap().error_code, code(ErrorCode::InconsistentGroupProtocol));
    assert!(!machine.has_group());
    machine.stable_group(&["1"]);
    let join = machine.join(Join { protocol_type: "connect".to_owned(), ..join_of("", "2") });
    assert_eq!(machine.join_reply(join).unwrap().error_code, code(ErrorCode::InconsistentGroupProtocol));
}

#[test]
fn a_full_group_refuses_new_members() {
    let mut machine = Machine::with(GroupCoordinatorConfig { group_size_max: 2, ..GroupCoordinatorConfig::default() });
    machine.stable_group(&["1", "2"]);
    let join = machine.join(join_of("", "3"));
    let response = machine.join_reply(join).unwrap();
    assert_eq!((response.error_code, response.member_id.as_str()), (code(ErrorCode::GroupMaxSizeReached), ""));
}

#[test]
fn rejoining_unchanged_gives_the_current_generation() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let follower = ids.iter().find(|id| !machine.group().is_leader(id)).unwrap().clone();
    let join = machine.join(join_of(&follower, ""));
    let response = machine.join_reply(join).unwrap();
    assert_eq!((response.error_code, response.generation_id, response.members.len()), (0, 1, 0));
    assert_eq!(machine.group().state, GroupState::Stable);
    let join = machine.join(changed(join_of(&follower, "")));
    assert!(machine.join_reply(join).is_none(), "another subscription is a reason to rebalance");
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
}

#[test]
fn everyone_gets_their_part_once_the_leader_handed_it_in() {
    let mut machine = Machine::new();
    let (first, _) = machine.join_dynamic("1");
    let (second, _) = machine.join_dynamic("2");
    machine.advance(seconds(6));
    let follower = machine.sync(&second, 1, &[]);
    assert!(machine.sync_reply(follower).is_none());
    let leader = machine.sync(&first, 1, std::slice::from_ref(&second));
    assert_eq!(machine.sync_reply(follower).unwrap().assignment, second.as_bytes());
    let response = machine.sync_reply(leader).unwrap();
    assert_eq!((response.error_code, response.assignment.len()), (0, 0), "the leader assigned nothing to itself");
    assert_eq!(machine.group().state, GroupState::Stable);
    let again = machine.sync(&second, 1, &[]);
    assert_eq!(machine.sync_reply(again).unwrap().assignment, second.as_bytes());
}

#[test]
fn syncs_are_checked() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let mut sync_error = |member_id: &str, generation_id: i32| {
        let ticket = machine.sync(member_id, generation_id, &[]);
        machine.sync_reply(ticket).unwrap().error_code
    };
    assert_eq!(sync_error("stranger", 1), code(ErrorCode::UnknownMemberId));
    assert_eq!(sync_error(&ids[0], 0), code(ErrorCode::IllegalGeneration));
    machine.join(changed(join_of(&ids[1], "")));
    let ticket = machine.sync(&ids[0], 1, &[]);
    assert_eq!(machine.sync_reply(ticket).unwrap().error_code, code(ErrorCode::RebalanceInProgress));
}

#[test]
fn an_assignment_that_cannot_be_stored_fails_all_and_starts_over() {
    let mut machine = Machine::new();
    let (first, _) = machine.join_dynamic("1");
    let (second, _) = machine.join_dynamic("2");
    machine.advance(seconds(6));
    let follower = machine.sync(&second, 1, &[]);
    machine.append_result = Err(CoordinatorError::NotAvailable);
    machine.sync(&first, 1, std::slice::from_ref(&second));
    assert_eq!(machine.sync_reply(follower).unwrap().error_code, code(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
}

#[test]
fn a_rebalance_ends_the_waits_for_the_assignment() {
    let mut machine = Machine::new();
    let (first, _) = machine.join_dynamic("1");
    let (second, _) = machine.join_dynamic("2");
    machine.advance(seconds(6));
    let follower = machine.sync(&second, 1, &[]);
    machine.join(changed(join_of(&first, "")));
    assert_eq!(machine.sync_reply(follower).unwrap().error_code, code(ErrorCode::RebalanceInProgress));
}

#[test]
fn members_that_never_ask_for_their_assignment_are_removed() {
    let mut machine = Machine::new();
    let (first, _) = machine.join_dynamic("1");
    let (second, _) = machine.join_dynamic("2");
    machine.advance(seconds(6));
    let leader = machine.sync(&first, 1, std::slice::from_ref(&first));
    assert_eq!(machine.sync_reply(leader).unwrap().error_code, 0);
    for _ in 0..12 {
        machine.advance(seconds(5));
        machine.heartbeat(&first, 1);
        machine.heartbeat(&second, 1);
    }
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
    assert!(machine.group().members.contains_key(first.as_str()));
    assert!(!machine.group().members.contains_key(second.as_str()));
}

#[test]
fn heartbeats_tell_of_rebalances_but_not_while_the_assignment_is_awaited() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    assert_eq!(machine.heartbeat(&ids[0], 1), ErrorCode::None);
    assert_eq!(machine.heartbeat(&ids[0], 0), ErrorCode::IllegalGeneration);
    assert_eq!(machine.heartbeat("stranger", 1), ErrorCode::UnknownMemberId);
    machine.join(changed(join_of(&ids[1], "")));
    assert_eq!(machine.heartbeat(&ids[0], 1), ErrorCode::RebalanceInProgress);
    machine.join(changed(join_of(&ids[0], "")));
    assert_eq!(machine.group().state, GroupState::CompletingRebalance);
    assert_eq!(machine.heartbeat(&ids[0], 2), ErrorCode::None);
}

#[test]
fn sessions_end_unless_members_are_heard_of() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2", "3"]);
    machine.advance(seconds(3));
    for _ in 0..10 {
        machine.advance(seconds(4));
        let generation_id = machine.group().generation_id;
        assert_ne!(machine.heartbeat(&ids[0], generation_id), ErrorCode::UnknownMemberId);
        let _ = machine.commit(commit_of(&ids[1], generation_id, "topic", 1));
    }
    assert!(machine.group().members.contains_key(ids[0].as_str()), "it sent heartbeats");
    assert!(machine.group().members.contains_key(ids[1].as_str()), "it committed");
    assert!(!machine.group().members.contains_key(ids[2].as_str()), "it was silent");
}

#[test]
fn members_that_wait_for_us_need_not_be_heard_of() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let waiting = machine.join(changed(join_of(&ids[0], "")));
    for _ in 0..10 {
        machine.advance(seconds(5));
        machine.heartbeat(&ids[1], 1);
    }
    assert!(machine.join_reply(waiting).is_none());
    assert_eq!(machine.group().members.len(), 2);
}

#[test]
fn new_members_that_wait_too_long_are_taken_for_dead() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    // Members may take an hour to rejoin.
    let mut join = changed(join_of(&ids[0], ""));
    join.rebalance_timeout_ms = 3_600_000;
    machine.join(join);
    machine.sync(&ids[0], 2, &ids);
    let (id, waiting) = machine.join_dynamic("2");
    for _ in 0..59 {
        machine.advance(seconds(5));
        machine.heartbeat(&ids[0], 2);
    }
    assert!(machine.join_reply(waiting).is_none());
    machine.advance(seconds(5));
    assert_eq!(machine.join_reply(waiting).unwrap().error_code, code(ErrorCode::UnknownMemberId));
    assert!(!machine.group().members.contains_key(id.as_str()));
}

#[test]
fn the_last_member_leaves_an_empty_generation_in_the_log() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    assert_eq!(machine.leave(&ids[0], None), Ok(0));
    let group = machine.group();
    assert_eq!((group.state, group.generation_id, &group.protocol_name), (GroupState::Empty, 2, &None));
    let loaded = machine.replayed();
    assert_eq!((loaded.group().state, loaded.group().generation_id), (GroupState::Empty, 2));
    assert_eq!(loaded.group().protocol_type.as_deref(), Some("consumer"));
    assert_eq!(machine.leave(&ids[0], None), Ok(code(ErrorCode::UnknownMemberId)));
}

#[test]
fn leaving_while_others_rejoin_ends_the_join_phase() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let waiting = machine.join(changed(join_of(&ids[0], "")));
    machine.leave(&ids[1], None).unwrap();
    assert_eq!(machine.join_reply(waiting).unwrap().generation_id, 2);
}

#[test]
fn leaving_a_group_that_does_not_exist_is_an_error() {
    assert_eq!(Machine::new().leave("anyone", None), Err(ErrorCode::UnknownMemberId));
}

/// A stable group of static members "a" and "b"; "a" leads.
fn static_group(machine: &mut Machine) -> Vec<String> {
    let joins = [machine.join(static_join("a", "1")), machine.join(static_join("b", "1"))];
    machine.advance(seconds(10));
    let ids: Vec<String> = joins.iter().map(|join| machine.join_reply(*join).unwrap().member_id).collect();
    machine.sync_all(&ids);
    ids
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut machine = Machine::new();
    let ids = static_group(&mut machine);
    let back = machine.join(static_join("b", "2"));
    let response = machine.join_reply(back).unwrap();
    assert_eq!((response.error_code, response.generation_id, response.skip_assignment), (0, 1, false));
    assert_eq!(response.member_id, "b-2");
    assert_eq!(machine.group().state, GroupState::Stable);
    let sync = machine.sync("b-2", 1, &[]);
    assert_eq!(machine.sync_reply(sync).unwrap().assignment, ids[1].as_bytes(), "it has its old assignment");
    assert!(machine.replayed().group().members.contains_key("b-2"), "the log knows its new id");
}

#[test]
fn a_static_leader_that_comes_back_need_not_assign() {
    let mut machine = Machine::new();
    static_group(&mut machine);
    let back = machine.join(static_join("a", "2"));
    let response = machine.join_reply(back).unwrap();
    assert_eq!((response.leader.as_str(), response.skip_assignment, response.members.len()), ("a-2", true, 2));
    let older = machine.join(Join { supports_skipping_assignment: false, ..static_join("a", "3") });
    let response = machine.join_reply(older).unwrap();
    assert_eq!((response.leader.as_str(), response.members.len()), ("a-2", 0), "it must not take itself for leader");
}

#[test]
fn the_former_self_of_a_static_member_is_fenced() {
    let mut machine = Machine::new();
    static_group(&mut machine);
    machine.join(static_join("b", "2"));
    let join = machine.join(Join { member_id: "b-1".to_owned(), ..static_join("b", "") });
    assert_eq!(machine.join_reply(join).unwrap().error_code, code(ErrorCode::FencedInstanceId));
    assert_eq!(machine.leave("b-1", Some("b")), Ok(code(ErrorCode::FencedInstanceId)));
    let mut commit = commit_of("b-1", 1, "topic", 1);
    commit.instance_id = Some("b".to_owned());
    assert_eq!(machine.commit(commit), Err(ErrorCode::FencedInstanceId));
}

#[test]
fn an_operator_removes_a_static_member_by_its_instance_id() {
    let mut machine = Machine::new();
    static_group(&mut machine);
    assert_eq!(machine.leave("", Some("stranger")), Ok(code(ErrorCode::UnknownMemberId)));
    assert_eq!(machine.leave("", Some("b")), Ok(0));
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
}

#[test]
fn a_static_member_that_returns_before_the_assignment_starts_a_rebalance() {
    let mut machine = Machine::new();
    let joins = [machine.join(static_join("a", "1")), machine.join(static_join("b", "1"))];
    machine.advance(seconds(10));
    assert!(joins.into_iter().all(|join| machine.join_reply(join).is_some()));
    let back = machine.join(static_join("b", "2"));
    assert!(machine.join_reply(back).is_none());
    assert_eq!(machine.group().state, GroupState::PreparingRebalance);
}

#[test]
fn a_replacement_that_cannot_be_stored_is_undone() {
    let mut machine = Machine::new();
    let ids = static_group(&mut machine);
    machine.append_result = Err(CoordinatorError::NotAvailable);
    machine.join(static_join("a", "2"));
    machine.append_result = Ok(());
    assert!(machine.group().is_leader(&ids[0]));
    assert_eq!(machine.heartbeat(&ids[0], 1), ErrorCode::None);
    assert_eq!(machine.group().members.len(), 2);
}

#[test]
fn static_members_stay_through_a_join_phase_that_they_miss() {
    let mut machine = Machine::new();
    let ids = static_group(&mut machine);
    let waiting = machine.join(Join { member_id: ids[0].clone(), ..changed(static_join("a", "")) });
    for _ in 0..12 {
        machine.advance(seconds(5));
        machine.heartbeat(&ids[1], 1);
    }
    assert_eq!(machine.join_reply(waiting).unwrap().members.len(), 2);
}

#[test]
fn a_loaded_group_goes_on_and_its_sessions_start_anew() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let mut loaded = machine.replayed();
    assert_eq!(loaded.group().state, GroupState::Stable);
    assert_eq!(loaded.heartbeat(&ids[0], 1), ErrorCode::None);
    let sync = loaded.sync(&ids[1], 1, &[]);
    assert_eq!(loaded.sync_reply(sync).unwrap().assignment, ids[1].as_bytes());
    loaded.advance(seconds(9));
    assert_eq!(loaded.heartbeat(&ids[0], 1), ErrorCode::None);
    loaded.advance(seconds(1));
    assert_eq!(loaded.group().members.len(), 1, "the other was not heard of");
}

#[test]
fn a_loaded_group_that_is_too_large_rebalances() {
    let mut machine = Machine::new();
    machine.stable_group(&["1", "2", "3"]);
    machine.shard.config =
        std::sync::Arc::new(GroupCoordinatorConfig { group_size_max: 2, ..GroupCoordinatorConfig::default() });
    assert_eq!(machine.replayed().group().state, GroupState::PreparingRebalance);
}

#[test]
fn groups_are_described_and_listed() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    let mut describe = |id: &str, reports_missing_groups| match machine
        .reply_now(GroupRequest::Describe { group_ids: vec![id.to_owned()], reports_missing_groups })
    {
        GroupReply::Describe(mut groups) => groups.remove(0),
        other => panic!("{other:?}"),
    };
    let group = describe(GROUP, true);
    assert_eq!((group.group_state.as_str(), group.protocol_data.as_str()), ("Stable", "range"));
    assert_eq!(group.members[0].member_assignment, ids[0].as_bytes());
    assert_eq!(group.members[0].client_host, "/127.0.0.1");
    assert_eq!(describe("none", true).error_code, code(ErrorCode::GroupIdNotFound));
    let missing = describe("none", false);
    assert_eq!((missing.error_code, missing.group_state.as_str()), (0, "Dead"));
    let mut list = |states: &[&str], types: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match machine.reply_now(GroupRequest::List { states: own(states), types: own(types) }) {
            GroupReply::List(groups) => groups.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([list(&[], &[]), list(&["sTaBLE"], &[]), list(&["Empty"], &[])], [1, 1, 0]);
    assert_eq!([list(&[], &["Classic"]), list(&[], &["consumer"])], [1, 0]);
}
