//! A connection with its exchange: which requests wait to be sent, and since when those that went out are under way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};

use super::exchange::{Exchange, Moved};
use super::link::Link;
use super::poller::{Interest, Poller};

/// When requests go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As soon as fewer than so many are under way.
    InFlight(usize),
    /// When they are due.
    Scheduled,
}

/// A connection under load.
pub(crate) struct Lane<'a> {
    link: Link,
    exchange: &'a mut dyn Exchange,
    token: usize,
    pace: Pace,
    /// When requests were due that have not gone out.
    waiting: VecDeque<Instant>,
    /// When requests were due, or sent, that are not answered.
    under_way: VecDeque<Instant>,
    interest: Interest,
    /// When the request that goes out in parts began to.
    began: Option<Instant>,
}

impl<'a> Lane<'a> {
    /// Connects, and has `poller` watch.
    ///
    /// # Errors
    /// Nobody listens.
    pub(crate) fn open(
        address: SocketAddr,
        exchange: &'a mut dyn Exchange,
        pace: Pace,
        poller: &Poller,
        token: usize,
    ) -> Result<Self> {
        let link = Link::connect(address, exchange.head_bytes())?;
        poller.add(&link, token, Interest::Read)?;
        let (waiting, under_way) = (VecDeque::new(), VecDeque::new());
        Ok(Self { link, exchange, token, pace, waiting, under_way, interest: Interest::Read, began: None })
    }

    /// How its requests are paced.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// A request is due.
    pub(crate) fn due(&mut self, at: Instant) {
        self.waiting.push_back(at);
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty() && !self.link.is_sending()
    }

    /// Sends what may go out. With `ending`, no request is begun that is not due.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn send(&mut self, poller: &Poller, ending: bool) -> Result<()> {
        let mut blocked = false;
        while !blocked && self.may_send(ending) {
            let began = match self.pace {
                Pace::Scheduled => self.waiting.front().copied(),
                Pace::InFlight(_) => Some(*self.began.get_or_insert_with(Instant::now)),
            };
            if self.link.send(self.exchange.request())? {
                self.exchange.sent();
                self.under_way.push_back(began.context("a request was due")?);
                self.began = None;
                if self.pace == Pace::Scheduled {
                    self.waiting.pop_front();
                }
            } else {
                blocked = true;
            }
        }
        let interest = if blocked { Interest::ReadAndWrite } else { Interest::Read };
        if interest != self.interest {
            self.interest = interest;
            poller.change(&self.link, self.token, interest)?;
        }
        Ok(())
    }

    fn may_send(&self, ending: bool) -> bool {
        match self.pace {
            Pace::Scheduled => !self.waiting.is_empty(),
            Pace::InFlight(limit) => self.link.is_sending() || (!ending && self.under_way.len() < limit),
        }
    }

    /// Takes what has come in; `on_answer` is told since when each answered request was under way, and what it moved.
    ///
    /// # Errors
    /// The connection has ended, or an answer is an error.
    pub(crate) fn receive(&mut self, now: Instant, mut on_answer: impl FnMut(Instant, Moved)) -> Result<()> {
        let (exchange, under_way) = (&mut self.exchange, &mut self.under_way);
        self.link.receive(|response| {
            let since = under_way.pop_front().context("a response to nothing")?;
            on_answer(since, exchange.answered(response, now)?);
            Ok(())
        })
    }
}
