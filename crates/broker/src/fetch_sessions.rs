//! Incremental fetch sessions (KIP-227): a client names its partitions once, later requests bring changes only, and a
//! response leaves out the partitions of which there is nothing to tell.
//!
//! A request begins with [`FetchSessions::begin`], which tells what to fetch, and ends with [`FetchSessions::finish`],
//! which tells what of it to answer. Time and randomness come in as values.

use std::collections::BTreeMap;
use std::sync::Arc;

use dohle_model::{TopicId, TopicName};
use dohle_protocol::ErrorCode;
use parking_lot::Mutex;

/// No session, in requests and responses.
const NO_SESSION: i32 = 0;
/// The epoch of a request that names all it wants, and wants a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that names all it wants, and wants no session, or no longer.
const FINAL_EPOCH: i32 = -1;
/// A session that was not used for so long may be evicted, and a session older than this by a more valuable one.
const EVICTION_MS: i64 = 120_000;

/// How many partitions all sessions remember together: a client may name as many as it likes, existing or not.
const PARTITIONS_MAX: usize = 1_000_000;

/// A topic as requests name it: by id from version 13 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FetchTopicKey {
    Name(TopicName),
    Id(TopicId),
}

/// What is wanted of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchPosition {
    pub(crate) offset: i64,
    /// Where the log of a follower starts, -1 where it is none or does not say.
    pub(crate) log_start_offset: i64,
    /// At most so many bytes.
    pub(crate) max_bytes: i32,
    /// The leader epoch that the client knows, -1 for none.
    pub(crate) current_leader_epoch: i32,
    /// The leader epoch of the last record that the client has, -1 for none.
    pub(crate) last_fetched_epoch: i32,
}

/// One partition to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchTarget {
    pub(crate) topic: FetchTopicKey,
    pub(crate) partition: i32,
    pub(crate) position: FetchPosition,
}

/// What a request says of its session.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    /// Whether it names topics by id.
    pub(crate) by_id: bool,
    /// Followers' sessions are not evicted for consumers'.
    pub(crate) from_follower: bool,
    pub(crate) targets: Vec<FetchTarget>,
    /// What a session is to drop.
    pub(crate) forgotten: Vec<(FetchTopicKey, i32)>,
}

/// What was found of a partition, as far as sessions go by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) has_records: bool,
    /// An error, or a divergence: told in any case, and once more what it is like when that is over.
    pub(crate) is_irregular: bool,
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
}

/// What a request fetches.
#[derive(Debug)]
pub(crate) struct FetchContext {
    pub(crate) targets: Vec<FetchTarget>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sessionless,
    /// To become a session.
    Full {
        by_id: bool,
        privileged: bool,
    },
    Incremental {
        session: Arc<Mutex<FetchSession>>,
        /// The epoch that the session is in while this request is served.
        epoch: i32,
        /// Each target's place in the session.
        places: Vec<u64>,
    },
}

/// What a response says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionAnswer {
    /// For the whole response; nothing else is told then.
    pub(crate) error: ErrorCode,
    pub(crate) session_id: i32,
    /// Which targets are told; `None` for all.
    pub(crate) told: Option<Vec<bool>>,
}

impl SessionAnswer {
    fn told(&self, index: usize) -> bool {
        self.told.as_ref().is_none_or(|told| told[index])
    }

    /// Those of `items`, one for each target, that are told.
    pub(crate) fn filter<'a, T>(&'a self, items: &'a [T]) -> impl Iterator<Item = &'a T> + Clone {
        let told = self.error == ErrorCode::None;
        items.iter().enumerate().filter(move |(index, _)| told && self.told(*index)).map(|(_, item)| item)
    }
}

/// All sessions of a broker.
#[derive(Debug)]
pub(crate) struct FetchSessions(Mutex<Cache>);

impl FetchSessions {
    /// At most `slots_max` sessions (`max.incremental.fetch.session.cache.slots`).
    pub(crate) fn new(slots_max: usize) -> Self {
        Self(Mutex::new(Cache { slots_max, partitions_max: PARTITIONS_MAX, sessions: BTreeMap::new() }))
    }

    /// What a request fetches.
    ///
    /// # Errors
    /// The error of the whole response, where the request does not fit its session.
    pub(crate) fn begin(&self, request: SessionRequest, now_ms: i64) -> Result<FetchContext, ErrorCode> {
        if matches!(request.session_epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            if request.session_id != NO_SESSION {
                self.0.lock().sessions.remove(&request.session_id);
            }
            let kind = if request.session_epoch == FINAL_EPOCH {
                Kind::Sessionless
            } else {
                Kind::Full { by_id: request.by_id, privileged: request.from_follower }
            };
            return Ok(FetchContext { targets: request.targets, kind });
        }
        let session = self.0.lock().get(request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let mut locked = session.lock();
        if locked.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if locked.by_id != request.by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        locked.update(request.targets, &request.forgotten);
        let mut cache = self.0.lock();
        if locked.is_empty() {
            cache.sessions.remove(&locked.id);
            return Ok(FetchContext { targets: Vec::new(), kind: Kind::Sessionless });
        }
        if !cache.touch(locked.id, locked.size(), now_ms) {
            cache.sessions.remove(&locked.id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        drop(cache);
        locked.epoch = next_epoch(locked.epoch);
        let epoch = locked.epoch;
        let (places, targets) = locked.targets().unzip();
        drop(locked);
        Ok(FetchContext { targets, kind: Kind::Incremental { session, epoch, places } })
    }

    /// What to answer, given what was found of each target. `random_id` makes up ids for new sessions, from 1 up.
    pub(crate) fn finish(
        &self,
        context: &FetchContext,
        found: &[Found],
        now_ms: i64,
        random_id: impl FnMut() -> i32,
    ) -> SessionAnswer {
        let all = |session_id| SessionAnswer { error: ErrorCode::None, session_id, told: None };
        match &context.kind {
            Kind::Sessionless => all(NO_SESSION),
            Kind::Full { by_id, privileged } => {
                let mut cache = self.0.lock();
                let size = context.targets.len();
                let Some(id) = cache.make_room(*privileged, size, now_ms, random_id) else { return all(NO_SESSION) };
                let session = FetchSession::new(id, *by_id, &context.targets, found);
                cache.insert(session, *privileged, now_ms);
                all(id)
            }
            Kind::Incremental { session, epoch, places } => {
                let mut session = session.lock();
                if session.epoch != *epoch {
                    // Another request of the session has overtaken this one.
                    let error = ErrorCode::InvalidFetchSessionEpoch;
                    return SessionAnswer { error, session_id: session.id, told: None };
                }
                let told = places.iter().zip(found).map(|(place, found)| session.tell(*place, found)).collect();
                SessionAnswer { error: ErrorCode::None, session_id: session.id, told: Some(told) }
            }
        }
    }
}

/// Counts on from `epoch`; 0 and -1 have meanings of their own.
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

/// A partition of a session.
#[derive(Debug)]
struct CachedPartition {
    target: FetchTarget,
    /// What the client was last told.
    high_watermark: i64,
    log_start_offset: i64,
}

/// One session: partitions in the order in which they are served, those that have just had records last.
#[derive(Debug)]
struct FetchSession {
    id: i32,
    by_id: bool,
    /// What the next request must bring.
    epoch: i32,
    partitions: BTreeMap<u64, CachedPartition>,
    places: BTreeMap<(FetchTopicKey, i32), u64>,
    next_place: u64,
}

impl FetchSession {
    fn new(id: i32, by_id: bool, targets: &[FetchTarget], found: &[Found]) -> Self {
        let mut session = Self {
            id,
            by_id,
            epoch: next_epoch(INITIAL_EPOCH),
            partitions: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
        };
        for (target, found) in targets.iter().zip(found) {
            let place = session.put(target.clone());
            if let Some(cached) = session.partitions.get_mut(&place) {
                cached.remember(found);
            }
        }
        session
    }

    fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    fn size(&self) -> usize {
        self.partitions.len()
    }

    fn targets(&self) -> impl Iterator<Item = (u64, FetchTarget)> {
        self.partitions.iter().map(|(place, cached)| (*place, cached.target.clone()))
    }

    /// Adds a partition at the end, or changes what is wanted of it where it is.
    fn put(&mut self, target: FetchTarget) -> u64 {
        let key = (target.topic.clone(), target.partition);
        if let Some(place) = self.places.get(&key) {
            if let Some(cached) = self.partitions.get_mut(place) {
                cached.target.position = target.position;
            }
            return *place;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(key, place);
        self.partitions.insert(place, CachedPartition { target, high_watermark: -1, log_start_offset: -1 });
        place
    }

    fn update(&mut self, targets: Vec<FetchTarget>, forgotten: &[(FetchTopicKey, i32)]) {
        for target in targets {
            self.put(target);
        }
        for key in forgotten {
            if let Some(place) = self.places.remove(key) {
                self.partitions.remove(&place);
            }
        }
    }

    /// Whether the client is to be told of the partition at `place`; what it was told is remembered.
    fn tell(&mut self, place: u64, found: &Found) -> bool {
        let Some(cached) = self.partitions.get_mut(&place) else { return false };
        let told = found.has_records
            || found.is_irregular
            || cached.high_watermark != found.high_watermark
            || cached.log_start_offset != found.log_start_offset;
        cached.remember(found);
        if found.has_records
            && let Some(cached) = self.partitions.remove(&place)
        {
            self.places.insert((cached.target.topic.clone(), cached.target.partition), self.next_place);
            self.partitions.insert(self.next_place, cached);
            self.next_place += 1;
        }
        told
    }
}

impl CachedPartition {
    fn remember(&mut self, found: &Found) {
        self.high_watermark = if found.is_irregular { -1 } else { found.high_watermark };
        self.log_start_offset = found.log_start_offset;
    }
}

/// A session in its slot.
#[derive(Debug)]
struct Slot {
    session: Arc<Mutex<FetchSession>>,
    privileged: bool,
    size: usize,
    created_ms: i64,
    last_used_ms: i64,
}

/// What a session is worth when slots are short: followers' more than consumers', larger ones more than smaller ones.
type Worth = (bool, usize, i32);

impl Slot {
    fn worth(&self, id: i32) -> Worth {
        (self.privileged, self.size, id)
    }

    /// Whether a new session, privileged or not, may take the slot of this one, if it is worth more.
    fn may_go_for(&self, privileged: bool) -> bool {
        let settled = self.last_used_ms - self.created_ms > EVICTION_MS;
        settled || (privileged && !self.privileged)
    }
}

#[derive(Debug)]
struct Cache {
    slots_max: usize,
    /// Over all sessions.
    partitions_max: usize,
    sessions: BTreeMap<i32, Slot>,
}

impl Cache {
    fn get(&self, id: i32) -> Option<Arc<Mutex<FetchSession>>> {
        self.sessions.get(&id).map(|slot| Arc::clone(&slot.session))
    }

    /// The session has been used, and has `size` partitions now; false where it has become too large to be kept.
    fn touch(&mut self, id: i32, size: usize, now_ms: i64) -> bool {
        let before = self.sessions.get(&id).map_or(0, |slot| slot.size);
        if size > before && !self.has_room_for(size - before) {
            return false;
        }
        if let Some(slot) = self.sessions.get_mut(&id) {
            slot.size = size;
            slot.last_used_ms = now_ms;
        }
        true
    }

    /// Whether so many more partitions can be remembered.
    fn has_room_for(&self, partitions: usize) -> bool {
        let taken: usize = self.sessions.values().map(|slot| slot.size).sum();
        taken + partitions <= self.partitions_max
    }

    fn insert(&mut self, session: FetchSession, privileged: bool, now_ms: i64) {
        let (id, size) = (session.id, session.size());
        let session = Arc::new(Mutex::new(session));
        self.sessions.insert(id, Slot { session, privileged, size, created_ms: now_ms, last_used_ms: now_ms });
    }

    /// An unused id for a new session of `size` partitions; `None` where all slots are taken by sessions that are worth more,
    /// or so many partitions cannot be remembered.
    fn make_room(
        &mut self,
        privileged: bool,
        size: usize,
        now_ms: i64,
        mut random_id: impl FnMut() -> i32,
    ) -> Option<i32> {
        if self.sessions.len() >= self.slots_max {
            let evicted = self.evictable(privileged, size, now_ms)?;
            self.sessions.remove(&evicted);
        }
        if !self.has_room_for(size) {
            return None;
        }
        loop {
            let id = random_id();
            if id != NO_SESSION && !self.sessions.contains_key(&id) {
                return Some(id);
            }
        }
    }

    /// The session that has to go: the one unused for longest, where that is long enough; otherwise the one worth least
    /// of those that may go, where the new one is worth more.
    fn evictable(&self, privileged: bool, size: usize, now_ms: i64) -> Option<i32> {
        let (stalest, slot) = self.sessions.iter().min_by_key(|(_, slot)| slot.last_used_ms)?;
        if now_ms - slot.last_used_ms > EVICTION_MS {
            return Some(*stalest);
        }
        let may_go = self.sessions.iter().filter(|(_, slot)| slot.may_go_for(privileged));
        let least = may_go.map(|(id, slot)| slot.worth(*id)).min()?;
        let new: Worth = (privileged, size, 0);
        (new >= least).then_some(least.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(partition: i32, offset: i64) -> FetchTarget {
        let position = FetchPosition {
            offset,
            log_start_offset: -1,
            max_bytes: 1,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
        };
        FetchTarget { topic: FetchTopicKey::Name("t".into()), partition, position }
    }

    fn request(session_id: i32, session_epoch: i32, targets: Vec<FetchTarget>) -> SessionRequest {
        SessionRequest { session_id, session_epoch, by_id: false, from_follower: false, targets, forgotten: Vec::new() }
    }

    fn quiet(high_watermark: i64) -> Found {
        Found { has_records: false, is_irregular: false, high_watermark, log_start_offset: 0 }
    }

    fn records(high_watermark: i64) -> Found {
        Found { has_records: true, ..quiet(high_watermark) }
    }

    fn ids() -> impl FnMut() -> i32 {
        let mut next = 0;
        move || {
            next += 1;
            next
        }
    }

    /// A session of partitions 0 to `count`, each with high watermark 10.
    fn open(sessions: &FetchSessions, count: i32, privileged: bool, now_ms: i64) -> i32 {
        let targets: Vec<_> = (0..count).map(|partition| target(partition, 0)).collect();
        let found = vec![quiet(10); targets.len()];
        let request = SessionRequest { from_follower: privileged, ..request(0, 0, targets) };
        let context = sessions.begin(request, now_ms).unwrap();
        sessions.finish(&context, &found, now_ms, ids()).session_id
    }

    fn order(context: &FetchContext) -> Vec<i32> {
        context.targets.iter().map(|target| target.partition).collect()
    }

    #[test]
    fn a_response_leaves_out_what_has_not_changed() {
        let sessions = FetchSessions::new(10);
        let id = open(&sessions, 3, false, 0);
        let context = sessions.begin(request(id, 1, vec![]), 1).unwrap();
        assert_eq!(order(&context), [0, 1, 2]);
        let error = Found { is_irregular: true, high_watermark: -1, log_start_offset: -1, has_records: false };
        let answer = sessions.finish(&context, &[records(11), quiet(10), error], 1, ids());
        assert_eq!(answer.told, Some(vec![true, false, true]));
        // What had records comes last; what had an error is told again when it is well.
        let context = sessions.begin(request(id, 2, vec![]), 1).unwrap();
        assert_eq!(order(&context), [1, 2, 0]);
        let answer = sessions.finish(&context, &[quiet(12), quiet(10), quiet(11)], 1, ids());
        assert_eq!((answer.session_id, answer.told), (id, Some(vec![true, true, false])));
    }

    #[test]
    fn requests_bring_changes_alone() {
        let sessions = FetchSessions::new(10);
        let id = open(&sessions, 2, false, 0);
        let changed = SessionRequest {
            forgotten: vec![(FetchTopicKey::Name("t".into()), 0)],
            ..request(id, 1, vec![target(1, 7), target(5, 8)])
        };
        let context = sessions.begin(changed, 1).unwrap();
        assert_eq!(context.targets, [target(1, 7), target(5, 8)]);
        let answer = sessions.finish(&context, &[quiet(10), quiet(0)], 1, ids());
        assert_eq!(answer.told, Some(vec![false, true]), "a new partition is told of in any case");
    }

    #[test]
    fn a_session_without_partitions_ends() {
        let sessions = FetchSessions::new(10);
        let id = open(&sessions, 1, false, 0);
        let emptied =
            SessionRequest { forgotten: vec![(FetchTopicKey::Name("t".into()), 0)], ..request(id, 1, vec![]) };
        let context = sessions.begin(emptied, 1).unwrap();
        assert_eq!(sessions.finish(&context, &[], 1, ids()).session_id, NO_SESSION);
        assert_eq!(sessions.begin(request(id, 2, vec![]), 1).unwrap_err(), ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn requests_must_fit_their_session() {
        let sessions = FetchSessions::new(10);
        let id = open(&sessions, 1, false, 0);
        let error = |request| sessions.begin(request, 1).unwrap_err();
        assert_eq!(error(request(id + 1, 1, vec![])), ErrorCode::FetchSessionIdNotFound);
        assert_eq!(error(request(id, 2, vec![])), ErrorCode::InvalidFetchSessionEpoch);
        assert_eq!(
            error(SessionRequest { by_id: true, ..request(id, 1, vec![]) }),
            ErrorCode::FetchSessionTopicIdError
        );
        // A full request ends the session that it names.
        sessions.begin(request(id, FINAL_EPOCH, vec![target(0, 0)]), 1).unwrap();
        assert_eq!(error(request(id, 1, vec![])), ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn of_two_requests_at_once_the_first_is_told_off() {
        let sessions = FetchSessions::new(10);
        let id = open(&sessions, 1, false, 0);
        let first = sessions.begin(request(id, 1, vec![]), 1).unwrap();
        let second = sessions.begin(request(id, 2, vec![]), 1).unwrap();
        assert_eq!(sessions.finish(&first, &[quiet(10)], 1, ids()).error, ErrorCode::InvalidFetchSessionEpoch);
        assert_eq!(sessions.finish(&second, &[quiet(10)], 1, ids()).error, ErrorCode::None);
    }

    #[test]
    fn epochs_wrap_to_one() {
        assert_eq!((next_epoch(0), next_epoch(5), next_epoch(i32::MAX)), (1, 6, 1));
    }

    #[test]
    fn a_partition_named_twice_is_one() {
        let sessions = FetchSessions::new(10);
        let context = sessions.begin(request(0, 0, vec![target(0, 1), target(0, 2)]), 0).unwrap();
        let id = sessions.finish(&context, &[quiet(1), quiet(1)], 0, ids()).session_id;
        assert_eq!(sessions.begin(request(id, 1, vec![]), 0).unwrap().targets, [target(0, 2)]);
    }

    #[test]
    fn slots_go_to_those_worth_most() {
        let sessions = FetchSessions::new(1);
        assert_ne!(open(&sessions, 2, false, 0), NO_SESSION);
        assert_eq!(open(&sessions, 9, false, 1), NO_SESSION, "the first is neither stale nor settled");
        assert_ne!(open(&sessions, 1, true, 2), NO_SESSION, "a follower's is worth more than a consumer's");
        assert_eq!(open(&sessions, 9, false, 3), NO_SESSION);
        assert_ne!(open(&sessions, 1, false, 2 + EVICTION_MS + 1), NO_SESSION, "it was not used for too long");
    }

    #[test]
    fn a_settled_session_goes_for_a_larger_one_only() {
        let sessions = FetchSessions::new(1);
        let id = open(&sessions, 2, false, 0);
        sessions.begin(request(id, 1, vec![]), EVICTION_MS + 1).unwrap();
        assert_eq!(open(&sessions, 1, false, EVICTION_MS + 2), NO_SESSION);
        assert_ne!(open(&sessions, 3, false, EVICTION_MS + 2), NO_SESSION);
    }

    #[test]
    fn sessions_remember_so_many_partitions_and_no_more() {
        let sessions = FetchSessions::new(10);
        sessions.0.lock().partitions_max = 5;
        let id = open(&sessions, 3, false, 0);
        assert_eq!(open(&sessions, 3, false, 0), NO_SESSION);
        assert_ne!(open(&sessions, 1, false, 0), NO_SESSION);
        sessions.begin(request(id, 1, vec![target(3, 0)]), 0).unwrap();
        let grown = sessions.begin(request(id, 2, vec![target(4, 0)]), 0);
        assert_eq!(grown.unwrap_err(), ErrorCode::FetchSessionIdNotFound, "the client names all of them anew");
        assert_ne!(open(&sessions, 4, false, 0), NO_SESSION, "its place is free");
    }

    #[test]
    fn without_slots_there_are_no_sessions() {
        assert_eq!(open(&FetchSessions::new(0), 1, false, 0), NO_SESSION);
    }
}
