//! The one task of a connection: takes frames, collects responses in order, sends them, waits.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::byte_stream::ByteStream;
use crate::connection::Connection;
use crate::connection_control::ConnectionControl;
use crate::frame_buffer::{FrameBuffer, FrameHead, InvalidFrameSize, TURN_BYTES};
use crate::held_memory::{HeldShare, Shortage};
use crate::output::{Output, SendError};
use crate::response::{CloseReason, Outcome, Response};
use crate::service::Service;

/// What a frame costs at least when turns are counted in bytes, so that tiny ones do not make a turn long.
const FRAME_COST_MIN_BYTES: usize = 512;
/// A turn takes no more frames once its responses have this size.
const TURN_RESPONSE_BYTES: usize = 1024 * 1024;
/// How many requests of a connection may wait.
const PENDING_MAX: usize = 512;
/// No further request is started while those that wait have frames of this size together, as they may hold on to them.
const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Below this, what a peer has not taken or not finished is no matter.
const HELD_SMALL_BYTES: usize = 64 * 1024;
/// How often it is looked whether memory that peers make us hold is short.
const HELD_LOOK: Duration = Duration::from_secs(1);
/// How long a peer may take nothing, or be sluggish, while it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who sends this much in a second is not sluggish.
const BRISK_BYTES: u128 = 256 * 1024;

/// What a connection holds of the memory for all.
pub(crate) struct HeldShares {
    /// Responses that were not taken.
    pub(crate) unsent: HeldShare,
    /// Requests that were not finished.
    pub(crate) unfinished: HeldShare,
}

/// A request that was started and whose response has not left.
struct Pending {
    answer: PendingAnswer,
    frame_bytes: usize,
}

enum PendingAnswer {
    Waiting(Pin<Box<dyn Future<Output = Response> + Send>>),
    Ready(Response),
}

impl Pending {
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let PendingAnswer::Waiting(future) = &mut self.answer {
            match future.as_mut().poll(context) {
                Poll::Ready(response) => self.answer = PendingAnswer::Ready(response),
                Poll::Pending => return false,
            }
        }
        true
    }
}

pub(crate) struct ConnectionTask<S> {
    service: Arc<S>,
    connection: Connection,
    control: Arc<ConnectionControl>,
    stream: Box<dyn ByteStream>,
    input: FrameBuffer,
    /// In request order; the first is never ready while the task waits.
    pending: VecDeque<Pending>,
    /// Whether all that is pending may be overlapped.
    pending_overlaps: bool,
    /// Frames of what is pending.
    pending_bytes: usize,
    output: Output,
    held: HeldShares,
    held_timer: Option<Pin<Box<Sleep>>>,
    /// Since when a large request has been coming.
    unfinished_since: Option<Instant>,
    /// Set: no frame is taken any more, and the connection ends when all was answered.
    ending: Option<CloseReason>,
    throttled_until: Option<Instant>,
    throttle_timer: Option<Pin<Box<Sleep>>>,
    idle_max: Option<Duration>,
    idle_timer: Option<Pin<Box<Sleep>>>,
    last_active: Instant,
    /// Bytes moved since others could last run on this thread.
    spent: usize,
}

impl<S: Service> ConnectionTask<S> {
    pub(crate) fn new(
        service: Arc<S>,
        connection: Connection,
        control: Arc<ConnectionControl>,
        stream: Box<dyn ByteStream>,
        input: FrameBuffer,
        held: HeldShares,
        idle_max: Option<Duration>,
    ) -> Self {
        Self {
            service,
            connection,
            control,
            stream,
            input,
            pending: VecDeque::new(),
            pending_overlaps: true,
            pending_bytes: 0,
            output: Output::default(),
            held,
            held_timer: None,
            unfinished_since: None,
            ending: None,
            throttled_until: None,
            throttle_timer: None,
            idle_max,
            idle_timer: None,
            last_active: Instant::now(),
            spent: 0,
        }
    }

    /// Serves the connection to its end.
    pub(crate) async fn run(mut self: Box<Self>) -> CloseReason {
        loop {
            self.take_turn().await;
            if let Err(reason) = self.flush().await {
                return reason;
            }
            if self.pending.is_empty()
                && let Some(reason) = self.ending.take()
            {
                return reason;
            }
            if self.spent >= TURN_BYTES {
                self.spent = 0;
                tokio::task::yield_now().await;
            }
            if self.may_take().is_none()
                && let Err(reason) = poll_fn(|context| self.poll_wait(context)).await
            {
                return reason;
            }
        }
    }

    /// Gives all frames that may start to the service, ends the turn, and moves what is ready to the output.
    async fn take_turn(&mut self) {
        let before = self.pending.len();
        if let Some(mut head) = self.may_take() {
            let mut turn = S::Turn::default();
            let mut cost = 0;
            let mut gathers = false;
            loop {
                let frame = self.input.take(head);
                self.unfinished_since = None;
                cost += head.size_bytes.max(FRAME_COST_MIN_BYTES);
                self.spent += FRAME_COST_MIN_BYTES;
                gathers |= self.overlaps(head);
                match self.service.call(&self.connection, frame, &mut turn).await {
                    Outcome::Now(response) if self.pending.is_empty() => self.answer(response),
                    Outcome::Now(response) => self.wait_in_line(PendingAnswer::Ready(response), head),
                    Outcome::Later(future) => self.wait_in_line(PendingAnswer::Waiting(future), head),
                    Outcome::NoResponse => {}
                    Outcome::Close { reason } => self.ending = Some(reason),
                }
                if cost >= TURN_BYTES || self.output.size_bytes() >= TURN_RESPONSE_BYTES {
                    break;
                }
                match self.may_take_in_turn() {
                    // What the turn has gathered, even from requests without a response, comes before what may not overlap.
                    Some(next) if !gathers || self.overlaps(next) => head = next,
                    _ => break,
                }
            }
            self.service.end_turn(turn);
            self.input.release_unused();
        }
        if !self.pending.is_empty() {
            poll_fn(|context| {
                self.poll_pending(before, context);
                Poll::Ready(())
            })
            .await;
        }
    }

    /// The next frame, where one may start now.
    fn may_take(&mut self) -> Option<FrameHead> {
        if self.output.is_empty() { self.may_take_in_turn() } else { None }
    }

    /// The same within a turn, where responses gather.
    fn may_take_in_turn(&mut self) -> Option<FrameHead> {
        if self.ending.is_none() && self.control.is_draining() {
            self.ending = Some(CloseReason::ShuttingDown);
        }
        let is_full = self.pending.len() >= PENDING_MAX || self.pending_bytes >= PENDING_BYTES_MAX;
        if is_full || self.ending.is_some() || self.throttled_until.is_some() {
            return None;
        }
        match self.input.head() {
            Ok(head) => head.filter(|head| self.pending.is_empty() || (self.pending_overlaps && self.overlaps(*head))),
            Err(InvalidFrameSize(size_bytes)) => {
                self.ending = Some(CloseReason::InvalidFrameSize { size_bytes });
                None
            }
        }
    }

    fn overlaps(&self, head: FrameHead) -> bool {
        head.api_key.is_some_and(|key| self.service.overlaps(key))
    }

    fn wait_in_line(&mut self, answer: PendingAnswer, head: FrameHead) {
        self.pending_overlaps = self.overlaps(head) && (self.pending_overlaps || self.pending.is_empty());
        self.pending_bytes += head.size_bytes;
        self.pending.push_back(Pending { answer, frame_bytes: head.size_bytes });
    }

    /// Polls what is new from `before` on once, and moves what is ready at the front to the output.
    fn poll_pending(&mut self, before: usize, context: &mut Context<'_>) {
        for pending in self.pending.iter_mut().skip(before.max(1)) {
            pending.poll(context);
        }
        while self.pending.front_mut().is_some_and(|first| first.poll(context)) {
            let Some(Pending { answer: PendingAnswer::Ready(response), frame_bytes }) = self.pending.pop_front() else {
                unreachable!("it was polled to its end")
            };
            self.pending_bytes -= frame_bytes;
            self.answer(response);
        }
    }

    fn answer(&mut self, mut response: Response) {
        if let Some(throttle) = response.throttle {
            let until = Instant::now() + throttle;
            self.throttled_until = Some(self.throttled_until.map_or(until, |other| other.max(until)));
        }
        if let Some(reason) = response.close.take() {
            self.ending = Some(reason);
            self.pending.clear();
            self.pending_bytes = 0;
        }
        self.output.push_response(response);
    }

    async fn flush(&mut self) -> Result<(), CloseReason> {
        while !self.output.is_empty() {
            self.held.unsent.set(self.output.memory_bytes());
            let sent = poll_fn(|context| match self.output.poll_send(self.stream.as_mut(), context) {
                Poll::Ready(Ok(sent)) => Poll::Ready(Ok(sent)),
                Poll::Ready(Err(SendError::Stream(error))) => Poll::Ready(Err(failed(&error))),
                Poll::Ready(Err(SendError::Region(error))) => Poll::Ready(Err(CloseReason::RegionFailed(error.kind()))),
                Poll::Pending => {
                    self.spent = 0;
                    let unsent_bytes = self.output.size_bytes();
                    if self.poll_not_reading(context).is_ready() {
                        return Poll::Ready(Err(CloseReason::NotReading { unsent_bytes }));
                    }
                    self.poll_idle(context).map(|()| Err(CloseReason::IdleInResponse { unsent_bytes }))
                }
            })
            .await?;
            self.last_active = Instant::now();
            self.control.sent(sent, self.last_active);
            self.spent += sent;
            if self.spent >= TURN_BYTES && !self.output.is_empty() {
                self.spent = 0;
                tokio::task::yield_now().await;
            }
        }
        self.held.unsent.set(0);
        self.held_timer = None;
        Ok(())
    }

    /// Ready when the peer has taken nothing for longer than the memory for unsent responses allows.
    fn poll_not_reading(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.output.memory_bytes() < HELD_SMALL_BYTES {
            return Poll::Pending;
        }
        while self.poll_held_look(context).is_ready() {
            let patience = match self.held.unsent.shortage() {
                Shortage::None => continue,
                Shortage::Some => PATIENCE,
                Shortage::Severe | Shortage::Extreme => Duration::ZERO,
            };
            if self.last_active.elapsed() >= patience {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Ready when the peer has sent a large request for longer, and more slowly, than the memory for such allows.
    fn poll_sluggish(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let held_bytes = self.large_unfinished_bytes();
        self.held.unfinished.set(held_bytes);
        if held_bytes == 0 {
            self.unfinished_since = None;
            self.held_timer = None;
            return Poll::Pending;
        }
        let since = *self.unfinished_since.get_or_insert_with(Instant::now);
        while self.poll_held_look(context).is_ready() {
            let took = since.elapsed();
            let is_brisk = held_bytes as u128 * 1000 >= BRISK_BYTES * took.as_millis();
            let is_given_up = match self.held.unfinished.shortage() {
                Shortage::None => false,
                Shortage::Some => took >= PATIENCE && !is_brisk,
                Shortage::Severe => !is_brisk,
                Shortage::Extreme => true,
            };
            if is_given_up {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// What has come of a request that is large and not whole.
    fn large_unfinished_bytes(&self) -> usize {
        match self.input.held_bytes() {
            held_bytes if held_bytes >= HELD_SMALL_BYTES => held_bytes,
            _ => 0,
        }
    }

    /// Ready when it is time to look at the memory that peers make us hold.
    fn poll_held_look(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.held_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HELD_LOOK)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        timer.as_mut().reset(Instant::now() + HELD_LOOK);
        Poll::Ready(())
    }

    /// Waits until something can be done; all that was ready to be sent is sent.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.ending.is_none() && self.control.poll_draining(context) {
            self.ending = Some(CloseReason::ShuttingDown);
        }
        if self.ending.is_some() && self.pending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(first) = self.pending.front_mut()
            && first.poll(context)
        {
            return Poll::Ready(Ok(()));
        }
        if self.poll_throttle(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        // Behind a frame that must wait nothing is read: the peer's own buffer is where its requests queue.
        let reads = self.ending.is_none() && self.throttled_until.is_none() && matches!(self.input.head(), Ok(None));
        if reads {
            match self.input.poll_fill(self.stream.as_mut(), context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(CloseReason::PeerClosed)),
                Poll::Ready(Ok(received)) => {
                    self.spent += received;
                    self.last_active = Instant::now();
                    self.control.received(received, self.last_active);
                    self.held.unfinished.set(self.large_unfinished_bytes());
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(failed(&error))),
                Poll::Pending => {}
            }
            if self.poll_sluggish(context).is_ready() {
                return Poll::Ready(Err(CloseReason::Sluggish { received_bytes: self.input.held_bytes() }));
            }
        } else {
            // It is not the peer's fault that nothing comes.
            self.unfinished_since = None;
        }
        if !reads && !self.pending.is_empty() && self.stream.poll_closed(context).is_ready() {
            // While only a throttle is waited for, the end is not looked for: a peer that needs no responses (acks=0) may
            // have closed behind requests that are still to be read.
            return Poll::Ready(Err(CloseReason::PeerClosed));
        }
        self.spent = 0;
        // Who waits for a response is not idle, nor is who must wait; a peer that takes no bytes is.
        if !self.pending.is_empty() || self.throttled_until.is_some() {
            self.last_active = Instant::now();
        }
        let reason = match self.input.held_bytes() {
            0 => CloseReason::Idle,
            received_bytes => CloseReason::IdleInRequest { received_bytes },
        };
        self.poll_idle(context).map(|()| Err(reason))
    }

    /// Ready once when a throttle has just ended.
    fn poll_throttle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.throttled_until else { return Poll::Pending };
        let timer = self.throttle_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.throttled_until = None;
        self.throttle_timer = None;
        Poll::Ready(())
    }

    /// Ready when nothing came or went for too long. The timer is set again only when it fires, not with each request.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(idle_max) = self.idle_max else { return Poll::Pending };
        let first = self.last_active + idle_max;
        let timer = self.idle_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(first)));
        while timer.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let deadline = self.last_active + idle_max;
            if deadline <= now {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

fn failed(error: &std::io::Error) -> CloseReason {
    match error.kind() {
        std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => CloseReason::PeerClosed,
        kind => CloseReason::Failed(kind),
    }
}
