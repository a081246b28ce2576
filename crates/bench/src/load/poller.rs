//! Waiting for many connections at once, with timeouts finer than a millisecond.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

const EVENTS_AT_ONCE: usize = 256;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read.
    Read,
    /// Bytes to read, or room to write.
    ReadAndWrite,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN,
            Self::ReadAndWrite => EventFlags::IN | EventFlags::OUT,
        }
    }
}

/// An epoll, level-triggered.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

impl Poller {
    /// A new one. Makes this thread's timeouts exact.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn new() -> Result<Self> {
        // The kernel groups timeouts of 50 us otherwise.
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)).context("timer slack")?;
        Ok(Self(epoll::create(CreateFlags::CLOEXEC).context("epoll")?))
    }

    /// Watches `source`, whose events carry `token`.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn add(&self, source: impl AsFd, token: usize, interest: Interest) -> Result<()> {
        Ok(epoll::add(&self.0, source, EventData::new_u64(token as u64), interest.flags())?)
    }

    /// Watches `source` for something else.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn change(&self, source: impl AsFd, token: usize, interest: Interest) -> Result<()> {
        Ok(epoll::modify(&self.0, source, EventData::new_u64(token as u64), interest.flags())?)
    }

    /// Waits until something happens, or `timeout` has passed, or a signal comes, and puts the tokens of what has happened
    /// into `tokens`.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn wait(&self, tokens: &mut Vec<usize>, timeout: Option<Duration>) -> Result<()> {
        tokens.clear();
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        match epoll::wait(&self.0, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        tokens.extend(events.iter().map(|event| usize::try_from(event.data.u64()).unwrap_or(usize::MAX)));
        Ok(())
    }
}
