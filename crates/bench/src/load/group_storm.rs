//! Members of classic groups that all join at once, on a connection each, as consumers do: join, again with the id that the
//! first answer gives, sync, and heartbeats that tell of the next rebalance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use dohle_protocol::messages::heartbeat_request::HeartbeatRequest;
use dohle_protocol::messages::heartbeat_response::HeartbeatResponse;
use dohle_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use dohle_protocol::messages::join_group_response::JoinGroupResponse;
use dohle_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use dohle_protocol::messages::sync_group_response::SyncGroupResponse;
use dohle_protocol::{ApiKey, ErrorCode, Message};

use super::link::Link;
use super::poller::{Interest, Poller};
use crate::admin::decode_response;
use crate::frames::requests::frame;
use crate::frames::versions;
use crate::interrupt;

const LIMIT: Duration = Duration::from_secs(120);
/// Shorter than clients' three seconds: they are not what is measured.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(100);
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";

/// A member that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Its group.
    pub(crate) group_id: String,
    /// Its id.
    pub(crate) member_id: String,
    /// The generation that it is in.
    pub(crate) generation_id: i32,
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Joining,
    Syncing,
    Stable { next_heartbeat: Instant },
    Heartbeating,
}

struct Member {
    link: Link,
    joined: Joined,
    state: State,
    /// A frame that has not gone out whole.
    unsent: Option<Bytes>,
    interest: Interest,
}

/// Has `members` members of each of `groups` join at once. Gives them back, by their connections still open, when every group
/// has all its members in one generation.
///
/// # Errors
/// That does not happen in time, or the broker refuses.
pub(crate) fn join(address: SocketAddr, groups: &[String], members: usize) -> Result<Vec<(Joined, Link)>> {
    let mut storm = Storm { poller: Poller::new()?, members: Vec::new(), per_group: members };
    for group_id in groups {
        for _ in 0..members {
            let link = Link::connect(address, None)?;
            storm.poller.add(&link, storm.members.len(), Interest::Read)?;
            let joined = Joined { group_id: group_id.clone(), member_id: String::new(), generation_id: -1 };
            let (state, unsent, interest) = (State::Joining, None, Interest::Read);
            storm.members.push(Member { link, joined, state, unsent, interest });
        }
    }
    storm.run()?;
    Ok(storm.members.into_iter().map(|member| (member.joined, member.link)).collect())
}

struct Storm {
    poller: Poller,
    members: Vec<Member>,
    per_group: usize,
}

impl Storm {
    fn run(&mut self) -> Result<()> {
        let limit = Instant::now() + LIMIT;
        for index in 0..self.members.len() {
            self.members[index].ask_join();
            self.flush(index)?;
        }
        let mut ready = Vec::new();
        while !self.is_stable() {
            interrupt::check()?;
            ensure!(Instant::now() < limit, "the groups are not stable after {LIMIT:?}");
            self.poller.wait(&mut ready, Some(Duration::from_millis(10)))?;
            for index in ready.drain(..) {
                let mut responses = Vec::new();
                self.members[index].link.receive(|response| {
                    responses.push(Bytes::copy_from_slice(response));
                    Ok(())
                })?;
                for response in responses {
                    self.members[index].answered(&response)?;
                }
                self.flush(index)?;
            }
            self.heartbeat()?;
        }
        Ok(())
    }

    /// Whether all members are in the generation of the others of their group, and none waits for an answer.
    fn is_stable(&self) -> bool {
        self.members.chunks(self.per_group).all(|group| {
            group.iter().all(|member| {
                matches!(member.state, State::Stable { .. })
                    && member.joined.generation_id == group[0].joined.generation_id
            })
        })
    }

    fn heartbeat(&mut self) -> Result<()> {
        let now = Instant::now();
        for index in 0..self.members.len() {
            if matches!(self.members[index].state, State::Stable { next_heartbeat } if next_heartbeat <= now) {
                self.members[index].ask_heartbeat();
                self.flush(index)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, index: usize) -> Result<()> {
        let member = &mut self.members[index];
        let Some(frame) = &member.unsent else { return Ok(()) };
        let interest = if member.link.send(frame)? {
            member.unsent = None;
            Interest::Read
        } else {
            Interest::ReadAndWrite
        };
        if interest != member.interest {
            member.interest = interest;
            self.poller.change(&member.link, index, interest)?;
        }
        Ok(())
    }
}

impl Member {
    fn ask(&mut self, key: ApiKey, version: i16, request: &impl Message, state: State) {
        self.unsent = Some(frame(key, version, request));
        self.state = state;
    }

    fn ask_join(&mut self) {
        let protocol = JoinGroupRequestProtocol { name: PROTOCOL.to_owned(), metadata: subscription() };
        let request = JoinGroupRequest {
            group_id: self.joined.group_id.clone(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.joined.member_id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![protocol],
            ..Default::default()
        };
        self.ask(ApiKey::JoinGroup, versions::JOIN_GROUP, &request, State::Joining);
    }

    fn ask_sync(&mut self, members: &[String]) {
        let assignments = members
            .iter()
            .map(|member_id| SyncGroupRequestAssignment {
                member_id: member_id.clone(),
                assignment: Bytes::from_static(&[0; 10]),
            })
            .collect();
        let request = SyncGroupRequest {
            group_id: self.joined.group_id.clone(),
            generation_id: self.joined.generation_id,
            member_id: self.joined.member_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: Some(PROTOCOL.to_owned()),
            assignments,
            ..Default::default()
        };
        self.ask(ApiKey::SyncGroup, versions::SYNC_GROUP, &request, State::Syncing);
    }

    fn ask_heartbeat(&mut self) {
        let request = heartbeat(&self.joined);
        self.ask(ApiKey::Heartbeat, versions::HEARTBEAT, &request, State::Heartbeating);
    }

    fn answered(&mut self, response: &Bytes) -> Result<()> {
        match self.state {
            State::Joining => {
                let response: JoinGroupResponse = decode_response(ApiKey::JoinGroup, versions::JOIN_GROUP, response)?;
                match ErrorCode::from_code(response.error_code) {
                    Some(ErrorCode::None) => {
                        self.joined.member_id = response.member_id;
                        self.joined.generation_id = response.generation_id;
                        // The leader alone is told who the members are.
                        let members: Vec<String> =
                            response.members.into_iter().map(|member| member.member_id).collect();
                        self.ask_sync(&members);
                    }
                    Some(ErrorCode::MemberIdRequired) => {
                        self.joined.member_id = response.member_id;
                        self.ask_join();
                    }
                    Some(error) if may_pass(error) => self.ask_join(),
                    _ => bail!("join: error {}", response.error_code),
                }
            }
            State::Syncing => {
                let response: SyncGroupResponse = decode_response(ApiKey::SyncGroup, versions::SYNC_GROUP, response)?;
                self.after_sync_or_heartbeat(response.error_code)?;
            }
            State::Heartbeating => {
                let response: HeartbeatResponse = decode_response(ApiKey::Heartbeat, versions::HEARTBEAT, response)?;
                self.after_sync_or_heartbeat(response.error_code)?;
            }
            State::Stable { .. } => bail!("a response to nothing"),
        }
        Ok(())
    }

    fn after_sync_or_heartbeat(&mut self, error_code: i16) -> Result<()> {
        match ErrorCode::from_code(error_code).context("an unknown error code")? {
            ErrorCode::None => self.state = State::Stable { next_heartbeat: Instant::now() + HEARTBEAT_EVERY },
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => self.ask_join(),
            ErrorCode::UnknownMemberId => {
                self.joined.member_id.clear();
                self.ask_join();
            }
            error if may_pass(error) => self.ask_join(),
            error => bail!("sync or heartbeat: {error}"),
        }
        Ok(())
    }
}

/// Whether to ask again.
fn may_pass(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::RebalanceInProgress | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress
    )
}

/// A member's heartbeat.
pub(crate) fn heartbeat(member: &Joined) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: member.group_id.clone(),
        generation_id: member.generation_id,
        member_id: member.member_id.clone(),
        group_instance_id: None,
    }
}

/// How many members each group has in which generation; for messages.
pub(crate) fn generations(members: &[Joined]) -> BTreeMap<&str, Vec<i32>> {
    let mut generations: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for member in members {
        generations.entry(&member.group_id).or_default().push(member.generation_id);
    }
    generations
}

/// A consumer's subscription to one topic, version 0 of its protocol.
fn subscription() -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 6];
    bytes.extend(b"groups");
    bytes.extend([0xff; 4]);
    bytes.into()
}
