//! Runs connections against a broker: some in a closed loop, with a fixed number of requests under way, some on a schedule.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::exchange::Exchange;
use super::lane::{Lane, Pace};
use super::meter::{Meter, Phase, Tally, Window};
use super::poller::Poller;
use crate::interrupt;
use crate::machine::process::CpuClock;
use crate::schedule::Schedule;

/// How long requests that are under way at the end may still take.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// No wait is longer, so that Ctrl-C is seen.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How a connection ends when the measurement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It sends no more, and waits for the answers to what it has sent.
    Drained,
    /// It is closed with whatever is under way.
    Dropped,
    /// It goes on until the closed loops have read every record that was produced on schedule.
    Following,
}

/// A connection of a closed loop.
pub(crate) struct Closed<'a> {
    /// What it asks for.
    pub(crate) exchange: &'a mut dyn Exchange,
    /// How many requests it keeps under way.
    pub(crate) in_flight: usize,
    /// How it ends.
    pub(crate) ending: Ending,
}

/// Connections that share one schedule, in turns.
pub(crate) struct Scheduled<'a> {
    /// Requests per second, of all connections together.
    pub(crate) per_second: f64,
    /// What each asks for.
    pub(crate) exchanges: Vec<&'a mut dyn Exchange>,
}

/// A measurement.
pub(crate) struct Plan<'a> {
    /// Where the broker listens.
    pub(crate) address: SocketAddr,
    /// The broker's CPU time.
    pub(crate) cpu: CpuClock,
    /// What counts.
    pub(crate) window: Window,
    /// Connections in closed loops.
    pub(crate) closed: Vec<Closed<'a>>,
    /// Connections on a schedule.
    pub(crate) scheduled: Option<Scheduled<'a>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Length of the window.
    pub(crate) seconds: f64,
    /// CPU time of the broker within it.
    pub(crate) cpu_seconds: f64,
    /// What the closed loops did.
    pub(crate) closed: Tally,
    /// What was done on schedule.
    pub(crate) scheduled: Tally,
    /// The schedule, to know when a request was due.
    pub(crate) schedule: Option<Schedule>,
    /// From when to when was counted.
    pub(crate) counted: (Instant, Instant),
}

impl Outcome {
    /// CPU-microseconds of the broker for each answered request.
    pub(crate) fn cpu_micros_per_request(&self) -> f64 {
        self.cpu_seconds * 1e6 / (self.closed.requests + self.scheduled.requests) as f64
    }
}

impl Plan<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// An answer is an error or does not come, a connection ends, or a signal has come.
    pub(crate) fn run(self) -> Result<Outcome> {
        let poller = Poller::new()?;
        let mut lanes = Vec::new();
        let mut endings = Vec::new();
        for closed in self.closed {
            let pace = Pace::InFlight(closed.in_flight);
            lanes.push(Lane::open(self.address, closed.exchange, pace, &poller, lanes.len())?);
            endings.push(closed.ending);
        }
        let first_scheduled = lanes.len();
        let mut per_second = None;
        if let Some(scheduled) = self.scheduled {
            per_second = Some(scheduled.per_second);
            for exchange in scheduled.exchanges {
                lanes.push(Lane::open(self.address, exchange, Pace::Scheduled, &poller, lanes.len())?);
                endings.push(Ending::Drained);
            }
        }
        let schedule = per_second.map(|per_second| Schedule::new(Instant::now(), per_second));
        let meter = Meter::new(self.window, self.cpu);
        let (closed, scheduled) = (Tally::default(), Tally::default());
        let mut drive =
            Drive { poller, lanes, endings, first_scheduled, schedule, next_due: 0, meter, closed, scheduled };
        drive.run()?;
        let (seconds, cpu_seconds) = drive.meter.used();
        Ok(Outcome {
            seconds,
            cpu_seconds,
            closed: drive.closed,
            scheduled: drive.scheduled,
            schedule,
            counted: drive.meter.counted(),
        })
    }
}

/// A measurement under way.
struct Drive<'a> {
    poller: Poller,
    lanes: Vec<Lane<'a>>,
    /// For each lane, how it ends.
    endings: Vec<Ending>,
    first_scheduled: usize,
    schedule: Option<Schedule>,
    /// Number of the request that is due next.
    next_due: u64,
    meter: Meter,
    closed: Tally,
    scheduled: Tally,
}

impl Drive<'_> {
    fn run(&mut self) -> Result<()> {
        for lane in &mut self.lanes {
            lane.send(&self.poller, false)?;
        }
        let mut ready = Vec::new();
        let mut ended = None;
        loop {
            interrupt::check()?;
            let now = Instant::now();
            let moved = self.closed.moved_in_all.bytes + self.scheduled.moved_in_all.bytes;
            let over = self.meter.advance(now, moved)? == Phase::Over;
            if over {
                let ended = *ended.get_or_insert(now);
                if self.is_drained() {
                    return Ok(());
                }
                ensure!(now < ended + DRAIN_LIMIT, "requests are still under way after {DRAIN_LIMIT:?}");
            } else {
                self.send_due(now)?;
            }
            let timeout = self.timeout(now, over);
            self.poller.wait(&mut ready, Some(timeout))?;
            let now = Instant::now();
            for &token in &ready {
                self.serve(token, now, over)?;
            }
        }
    }

    fn is_drained(&self) -> bool {
        let (read, produced) = (self.closed.moved_in_all.records, self.scheduled.moved_in_all.records);
        self.lanes.iter().zip(&self.endings).all(|(lane, ending)| match ending {
            Ending::Drained => lane.is_quiet(),
            Ending::Dropped => true,
            Ending::Following => read >= produced,
        })
    }

    fn send_due(&mut self, now: Instant) -> Result<()> {
        let Some(schedule) = self.schedule else { return Ok(()) };
        let count = (self.lanes.len() - self.first_scheduled) as u64;
        while schedule.due(self.next_due) <= now {
            let turn = usize::try_from(self.next_due % count)?;
            let lane = &mut self.lanes[self.first_scheduled + turn];
            lane.due(schedule.due(self.next_due));
            lane.send(&self.poller, false)?;
            self.next_due += 1;
        }
        Ok(())
    }

    fn timeout(&self, now: Instant, over: bool) -> Duration {
        if over {
            return WAIT_MAX;
        }
        let mut next = self.meter.next_change();
        if let Some(schedule) = self.schedule {
            next = next.min(schedule.due(self.next_due));
        }
        next.saturating_duration_since(now).min(WAIT_MAX)
    }

    /// Takes the answers of a lane, and sends what they make room for.
    fn serve(&mut self, token: usize, now: Instant, over: bool) -> Result<()> {
        let lane = &mut self.lanes[token];
        let on_schedule = lane.pace() == Pace::Scheduled;
        let tally = if on_schedule { &mut self.scheduled } else { &mut self.closed };
        let meter = &self.meter;
        let counting = meter.phase() == Phase::Counting;
        lane.receive(now, |since, moved| {
            tally.moved_in_all.records += moved.records;
            tally.moved_in_all.bytes += moved.bytes;
            if counting {
                tally.requests += 1;
                tally.moved.records += moved.records;
                tally.moved.bytes += moved.bytes;
            }
            // What was due in the window counts however late its answer comes; a closed loop is as slow as its answers.
            if if on_schedule { meter.covers(since) } else { counting } {
                tally.latencies.record(now.saturating_duration_since(since));
            }
        })?;
        lane.send(&self.poller, over && self.endings[token] != Ending::Following)
    }
}
