//! What a decision causes.

use tokio::time::Instant;

use crate::{Coordinator, Ticket};

/// A change to the timers of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange<T> {
    /// The timer expires at the instant, whatever it was set to before.
    Set(T, Instant),
    /// The timer does not expire.
    Cancel(T),
}

/// Collects what decisions cause; the shard does it.
#[derive(Debug)]
pub struct Effects<C: Coordinator> {
    /// Records to append, in order.
    pub records: Vec<C::Record>,
    /// Replies, sent once the records are committed.
    pub replies: Vec<(Ticket, C::Reply)>,
    /// Changes of timers, done at once.
    pub timers: Vec<TimerChange<C::Timer>>,
    /// What to come back with when the records are committed or have failed.
    pub completions: Vec<C::Completion>,
    /// Whether the records may be spread over several batches.
    pub may_be_split: bool,
}

impl<C: Coordinator> Default for Effects<C> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            replies: Vec::new(),
            timers: Vec::new(),
            completions: Vec::new(),
            may_be_split: false,
        }
    }
}

impl<C: Coordinator> Effects<C> {
    /// Appends a record, together with the decision's other records or not at all.
    pub fn append(&mut self, record: C::Record) {
        self.records.push(record);
    }

    /// Allows the decision's records to go into several batches: each is right without the others.
    pub fn allow_split(&mut self) {
        self.may_be_split = true;
    }

    /// Answers a request, of this decision or one that was kept waiting.
    pub fn reply(&mut self, ticket: Ticket, reply: C::Reply) {
        self.replies.push((ticket, reply));
    }

    /// Sets a timer; an earlier setting of the same timer is forgotten.
    pub fn set_timer(&mut self, timer: C::Timer, at: Instant) {
        self.timers.push(TimerChange::Set(timer, at));
    }

    /// Stops a timer.
    pub fn cancel_timer(&mut self, timer: C::Timer) {
        self.timers.push(TimerChange::Cancel(timer));
    }

    /// Comes back with `completion` when the records of this decision are committed, or have failed.
    pub fn when_committed(&mut self, completion: C::Completion) {
        self.completions.push(completion);
    }
}
