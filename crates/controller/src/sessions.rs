//! Which brokers were heard of lately. Soft state of the leader: it is nowhere written, and a new leader begins with a
//! fresh session for every live broker.

use std::collections::BTreeMap;
use std::time::Duration;

use dohle_metadata::Image;
use dohle_model::{BrokerEpoch, BrokerId};

/// What is known of a broker since this leader began.
#[derive(Clone, Copy, Debug)]
struct Session {
    epoch: BrokerEpoch,
    /// When it was last heard of.
    contact: Duration,
    /// How far it said it has followed the metadata; -1 before it said so.
    metadata_offset: i64,
    /// The offset that the others must have reached before it may stop.
    shutdown_offset: Option<i64>,
}

/// The sessions of all brokers. Times are spans since some fixed moment, of a clock that never goes back.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    timeout: Duration,
    brokers: BTreeMap<BrokerId, Session>,
}

impl Sessions {
    /// A new leader's sessions: every broker that is not fenced gets a fresh one.
    pub(crate) fn begin(image: &Image, timeout: Duration, now: Duration) -> Self {
        let mut sessions = Self { timeout, brokers: BTreeMap::new() };
        for broker in image.brokers().filter(|broker| !broker.fenced) {
            sessions.touch(broker.id, broker.epoch, -1, now);
        }
        sessions
    }

    /// Whether this registration of the broker was heard of within the time-out.
    pub(crate) fn is_valid(&self, broker: BrokerId, epoch: BrokerEpoch, now: Duration) -> bool {
        self.brokers.get(&broker).is_some_and(|session| session.epoch == epoch && now < session.contact + self.timeout)
    }

    /// Notes that a broker was heard of.
    pub(crate) fn touch(&mut self, broker: BrokerId, epoch: BrokerEpoch, metadata_offset: i64, now: Duration) {
        let new = Session { epoch, contact: now, metadata_offset, shutdown_offset: None };
        let session = self.brokers.entry(broker).or_insert(new);
        if session.epoch == epoch {
            session.contact = now;
            session.metadata_offset = metadata_offset;
        } else {
            *session = new;
        }
    }

    /// Ends a broker's session: it is known to be gone, or was told to go.
    pub(crate) fn end(&mut self, broker: BrokerId) {
        self.brokers.remove(&broker);
    }

    /// A broker whose session is over by now, the longest unheard of first.
    pub(crate) fn expired(&self, now: Duration) -> Option<(BrokerId, BrokerEpoch)> {
        let (id, session) = self.brokers.iter().min_by_key(|(_, session)| session.contact)?;
        (now >= session.contact + self.timeout).then_some((*id, session.epoch))
    }

    /// When the next session is over.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.brokers.values().map(|session| session.contact + self.timeout).min()
    }

    /// Lets every session last longer by `pause`, in which this node heard of nobody through its own fault.
    pub(crate) fn extend(&mut self, pause: Duration) {
        for session in self.brokers.values_mut() {
            session.contact += pause;
        }
    }

    /// How far the broker said it is; -1 where it has not said so to this leader.
    pub(crate) fn metadata_offset(&self, broker: BrokerId) -> i64 {
        self.brokers.get(&broker).map_or(-1, |session| session.metadata_offset)
    }

    /// The offset that the others must reach before this broker may stop, set to `otherwise` where there is none yet.
    pub(crate) fn shutdown_offset(&mut self, broker: BrokerId, otherwise: i64) -> i64 {
        match self.brokers.get_mut(&broker) {
            Some(session) => *session.shutdown_offset.get_or_insert(otherwise),
            None => otherwise,
        }
    }
}
