//! Committed offsets: who may commit, what expires, what is deleted.

use std::sync::Arc;
use std::time::Duration;

use dohle_coordinator_runtime::{Coordinator as _, ReplayPosition};
use dohle_model::Uuid;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::OffsetDeleteRequest;
use dohle_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};

use super::machine::{GROUP, Machine, commit_of, join_of};
use crate::commit::Commit;
use crate::fetch::{Fetch, FetchTopic};
use crate::shard::{GroupReply, GroupRequest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_commit_without_a_member_makes_a_simple_group() {
    let mut machine = Machine::new();
    assert_eq!(machine.fetch("topic"), -1);
    assert_eq!(machine.commit(commit_of("", -1, "topic", 5)), Ok(vec![]));
    assert_eq!(machine.fetch("topic"), 5);
    assert_eq!(machine.group().protocol_type, None);
    assert_eq!(machine.replayed().fetch("topic"), 5);
}

#[test]
fn a_generation_of_a_missing_group_is_refused() {
    let mut machine = Machine::new();
    assert_eq!(machine.commit(commit_of("m", 1, "topic", 5)), Err(ErrorCode::GroupIdNotFound));
    let older = Commit { reports_missing_groups: false, ..commit_of("m", 1, "topic", 5) };
    assert_eq!(machine.commit(older), Err(ErrorCode::IllegalGeneration));
}

#[test]
fn only_members_of_the_generation_commit_for_a_group_with_members() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    assert_eq!(machine.commit(commit_of("", -1, "topic", 5)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(machine.commit(commit_of("stranger", 1, "topic", 5)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(machine.commit(commit_of(&ids[0], 0, "topic", 5)), Err(ErrorCode::IllegalGeneration));
    assert_eq!(machine.commit(commit_of(&ids[0], -1, "topic", 5)), Err(ErrorCode::IllegalGeneration));
    assert_eq!(machine.commit(commit_of(&ids[0], 1, "topic", 5)), Ok(vec![]));
    machine.leave(&ids[0], None).unwrap();
    assert_eq!(machine.commit(commit_of("", -1, "topic", 6)), Ok(vec![]), "an operator resets an empty group");
}

#[test]
fn commits_go_on_while_members_rejoin_but_not_while_the_assignment_is_awaited() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1", "2"]);
    let leader = ids.iter().find(|id| machine.group().is_leader(id)).unwrap().clone();
    let follower = ids.iter().find(|id| **id != leader).unwrap().clone();
    machine.join(join_of(&leader, ""));
    assert_eq!(machine.commit(commit_of(&follower, 1, "topic", 5)), Ok(vec![]));
    machine.join(join_of(&follower, ""));
    assert_eq!(machine.commit(commit_of(&follower, 2, "topic", 6)), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn a_text_that_is_too_long_fails_its_partition_alone() {
    let mut machine = Machine::new();
    let mut commit = commit_of("", -1, "topic", 5);
    let mut second = commit.topics[0].partitions[0].clone();
    (second.index, second.partition) = (1, 1);
    // 4096 characters of three bytes fit, one more does not.
    second.metadata = "\u{20ac}".repeat(4097);
    commit.topics[0].partitions[0].metadata = "\u{20ac}".repeat(4096);
    commit.topics[0].partitions.push(second);
    assert_eq!(machine.commit(commit), Ok(vec![(0, 1, ErrorCode::OffsetMetadataTooLarge)]));
    assert_eq!(machine.fetch("topic"), 5);
}

#[test]
fn an_offset_of_an_earlier_topic_of_the_same_name_is_not_given() {
    let mut machine = Machine::new();
    machine.commit(commit_of("", -1, "topic", 5)).unwrap();
    let mut offset_of = |topic_id: Uuid| {
        let topic = FetchTopic { name: "topic".to_owned(), topic_id, partitions: vec![0], refused: None };
        let fetch = Fetch { group_id: GROUP.to_owned(), topics: Some(vec![topic]), require_stable: true };
        match machine.reply_now(GroupRequest::Fetch(fetch)) {
            GroupReply::Fetch(group) => group.topics[0].partitions[0].committed_offset,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([offset_of(Uuid([7; 16])), offset_of(Uuid::ZERO), offset_of(Uuid([8; 16]))], [5, 5, -1]);
}

#[test]
fn offsets_of_open_transactions_are_unstable_until_they_end() {
    for (commits, expected) in [(true, 9), (false, 5)] {
        let mut machine = Machine::new();
        machine.commit(commit_of("", -1, "topic", 9)).unwrap();
        let (key, value) = machine.log.pop().unwrap();
        machine.commit(commit_of("", -1, "topic", 5)).unwrap();
        let position = ReplayPosition { offset: 100, transactional_producer_id: Some(3) };
        machine.shard.replay(position, &key, value.as_ref()).unwrap();
        let stable = |machine: &mut Machine| {
            let fetch = Fetch { group_id: GROUP.to_owned(), topics: None, require_stable: true };
            match machine.reply_now(GroupRequest::Fetch(fetch)) {
                GroupReply::Fetch(group) => group.topics[0].partitions[0].clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(stable(&mut machine).error_code, ErrorCode::UnstableOffsetCommit.code());
        assert_eq!(machine.fetch("topic"), 5, "whoever does not mind sees the old one");
        machine.shard.replay_end_transaction(3, commits);
        assert_eq!(stable(&mut machine).committed_offset, expected);
    }
}

#[test]
fn offsets_of_simple_groups_expire_after_their_commit() {
    let mut machine = Machine::new();
    machine.commit(commit_of("", -1, "old", 5)).unwrap();
    machine.advance(DAY);
    machine.commit(commit_of("", -1, "new", 5)).unwrap();
    machine.advance(6 * DAY + DAY / 2);
    assert_eq!((machine.fetch("old"), machine.fetch("new")), (-1, 5));
    machine.advance(DAY);
    assert!(!machine.has_group(), "a group without members and offsets is gone");
    assert!(!machine.replayed().has_group());
}

#[test]
fn offsets_of_groups_expire_after_the_last_member_left() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    machine.commit(commit_of(&ids[0], 1, "topic", 5)).unwrap();
    for _ in 0..8 * 24 * 60 * 12 {
        machine.advance(Duration::from_secs(5));
        assert_eq!(machine.heartbeat(&ids[0], 1), ErrorCode::None);
    }
    assert_eq!(machine.fetch("topic"), 5, "a member reads the topic");
    machine.leave(&ids[0], None).unwrap();
    machine.advance(7 * DAY - Duration::from_secs(60));
    assert_eq!(machine.fetch("topic"), 5);
    machine.advance(DAY);
    assert!(!machine.has_group());
}

#[test]
fn offsets_of_topics_that_no_member_reads_expire_after_their_commit() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    machine.commit(commit_of(&ids[0], 1, "other", 5)).unwrap();
    machine.commit(commit_of(&ids[0], 1, "topic", 5)).unwrap();
    for _ in 0..8 * 24 * 60 * 12 {
        machine.advance(Duration::from_secs(5));
        machine.heartbeat(&ids[0], 1);
    }
    assert_eq!((machine.fetch("other"), machine.fetch("topic")), (-1, 5));
}

#[test]
fn an_explicit_retention_counts_for_itself() {
    let mut machine = Machine::new();
    let commit = Commit { retention_ms: Some(60_000), ..commit_of("", -1, "topic", 5) };
    machine.commit(commit).unwrap();
    assert_eq!(machine.replayed().fetch("topic"), 5);
    machine.advance(DAY);
    assert!(!machine.has_group());
}

#[test]
fn deleted_topics_take_their_offsets_along_but_not_those_of_their_successors() {
    let mut machine = Machine::new();
    machine.commit(commit_of("", -1, "topic", 5)).unwrap();
    let deleted = |id: u8| GroupRequest::TopicsDeleted(Arc::from([("topic".into(), Uuid([id; 16]))]));
    machine.reply_now(deleted(8));
    assert_eq!(machine.fetch("topic"), 5, "it was committed for the topic of another id");
    machine.reply_now(deleted(7));
    assert_eq!(machine.fetch("topic"), -1);
    assert_eq!(machine.replayed().fetch("topic"), -1);
}

#[test]
fn only_empty_groups_are_deleted() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    machine.commit(commit_of(&ids[0], 1, "topic", 5)).unwrap();
    let mut delete = |id: &str, leaver: Option<&str>| {
        if let Some(leaver) = leaver {
            machine.leave(leaver, None).unwrap();
        }
        match machine.reply_now(GroupRequest::DeleteGroups(vec![id.to_owned()])) {
            GroupReply::DeleteGroups(results) => results[0].1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delete("none", None), ErrorCode::GroupIdNotFound);
    assert_eq!(delete(GROUP, None), ErrorCode::NonEmptyGroup);
    assert_eq!(delete(GROUP, Some(&ids[0])), ErrorCode::None);
    assert!(!machine.has_group());
    assert!(!machine.replayed().has_group());
}

#[test]
fn offsets_are_deleted_unless_a_member_reads_the_topic() {
    let mut machine = Machine::new();
    let ids = machine.stable_group(&["1"]);
    machine.commit(commit_of(&ids[0], 1, "topic", 5)).unwrap();
    machine.commit(commit_of(&ids[0], 1, "other", 5)).unwrap();
    let topics = ["topic", "other"].map(|name| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    });
    let request = OffsetDeleteRequest { group_id: GROUP.to_owned(), topics: topics.to_vec() };
    let response = match machine.reply_now(GroupRequest::DeleteOffsets(request)) {
        GroupReply::DeleteOffsets(response) => response,
        other => panic!("{other:?}"),
    };
    let codes: Vec<i16> = response.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
    assert_eq!(codes, [ErrorCode::GroupSubscribedToTopic.code(), 0]);
    assert_eq!((machine.fetch("topic"), machine.fetch("other")), (5, -1));
}
