//! One member of a classic group.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_coordinator_runtime::Ticket;
use tokio::time::Instant;

/// A protocol that a member speaks, with the member's metadata for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

/// Until when a member must be heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionDeadline {
    /// When the session ends unless something is heard of the member.
    pub(crate) at: Instant,
    /// When the session's timer expires. It is left alone where it expires no later than `at`, and set again when it
    /// does: a commit or heartbeat then costs no change of timers.
    pub(crate) timer_at: Option<Instant>,
}

/// A member, with its requests that wait.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    /// Set for a static member (KIP-345).
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// In the member's order of preference.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// The JoinGroup that waits for the join phase to end.
    pub(crate) awaiting_join: Option<Ticket>,
    /// The SyncGroup that waits for the assignment.
    pub(crate) awaiting_sync: Option<Ticket>,
    /// Has not seen the end of a join phase yet.
    pub(crate) is_new: bool,
    pub(crate) session: Option<SessionDeadline>,
}

impl Member {
    pub(crate) fn session_timeout(&self) -> Duration {
        milliseconds(self.session_timeout_ms)
    }

    /// The metadata for a protocol; empty where the member does not speak it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|candidate| candidate.name == protocol);
        found.map_or_else(Bytes::new, |protocol| protocol.metadata.clone())
    }

    /// Whether the member need not heartbeat now: it waits for us.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// A time-out of the protocol; negative ones count as none.
pub(crate) fn milliseconds(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
