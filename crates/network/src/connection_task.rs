//! The one task of a connection: takes frames, collects responses in order, sends them, waits.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep};

use crate::byte_stream::ByteStream;
use crate::connection::Connection;
use crate::frame_buffer::{FrameBuffer, FrameHead, InvalidFrameSize, TURN_BYTES};
use crate::output::Output;
use crate::response::{CloseReason, Outcome, Response};
use crate::service::Service;

/// What a frame costs at least when turns are counted in bytes, so that tiny ones do not make a turn long.
const FRAME_COST_MIN_BYTES: usize = 512;
/// A turn takes no more frames once its responses have this size.
const TURN_RESPONSE_BYTES: usize = 1024 * 1024;
/// How many requests of a connection may wait.
const PENDING_MAX: usize = 512;

/// Through which the server reaches a connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    draining: AtomicBool,
    waker: AtomicWaker,
}

impl Control {
    /// Lets the connection finish what it has started and end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn is_draining(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.draining.load(Ordering::Acquire)
    }
}

/// A request that was started and whose response has not left.
enum Pending {
    Waiting(Pin<Box<dyn Future<Output = Response> + Send>>),
    Ready(Response),
}

impl Pending {
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::Waiting(future) = self {
            match future.as_mut().poll(context) {
                Poll::Ready(response) => *self = Self::Ready(response),
                Poll::Pending => return false,
            }
        }
        true
    }
}

pub(crate) struct ConnectionTask<S> {
    service: Arc<S>,
    connection: Connection,
    control: Arc<Control>,
    stream: Box<dyn ByteStream>,
    input: FrameBuffer,
    /// In request order; the first is never ready while the task waits.
    pending: VecDeque<Pending>,
    /// Whether all that is pending may be overlapped.
    pending_overlaps: bool,
    output: Output,
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
        control: Arc<Control>,
        stream: Box<dyn ByteStream>,
        input: FrameBuffer,
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
            output: Output::default(),
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
    pub(crate) async fn run(mut self) -> CloseReason {
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
            loop {
                let frame = self.input.take(head);
                cost += head.size_bytes.max(FRAME_COST_MIN_BYTES);
                self.spent += FRAME_COST_MIN_BYTES;
                let overlaps = self.overlaps(head);
                match self.service.call(&self.connection, frame, &mut turn).await {
                    Outcome::Now(response) if self.pending.is_empty() => self.answer(response),
                    Outcome::Now(response) => self.wait_in_line(Pending::Ready(response), overlaps),
                    Outcome::Later(future) => self.wait_in_line(Pending::Waiting(future), overlaps),
                    Outcome::NoResponse => {}
                    Outcome::Close { reason } => self.ending = Some(reason),
                }
                if cost >= TURN_BYTES || self.output.size_bytes() >= TURN_RESPONSE_BYTES {
                    break;
                }
                match self.may_take_in_turn() {
                    Some(next) => head = next,
                    None => break,
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
        if self.ending.is_some() || self.throttled_until.is_some() || self.pending.len() >= PENDING_MAX {
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

    fn wait_in_line(&mut self, pending: Pending, overlaps: bool) {
        self.pending_overlaps = overlaps && (self.pending_overlaps || self.pending.is_empty());
        self.pending.push_back(pending);
    }

    /// Polls what is new from `before` on once, and moves what is ready at the front to the output.
    fn poll_pending(&mut self, before: usize, context: &mut Context<'_>) {
        for pending in self.pending.iter_mut().skip(before.max(1)) {
            pending.poll(context);
        }
        while self.pending.front_mut().is_some_and(|first| first.poll(context)) {
            let Some(Pending::Ready(response)) = self.pending.pop_front() else {
                unreachable!("it was polled to its end")
            };
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
        }
        self.output.push_response(response);
    }

    async fn flush(&mut self) -> Result<(), CloseReason> {
        while !self.output.is_empty() {
            let sent = poll_fn(|context| match self.output.poll_send(self.stream.as_mut(), context) {
                Poll::Ready(Ok(sent)) => Poll::Ready(Ok(sent)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(failed(&error))),
                Poll::Pending => {
                    self.spent = 0;
                    self.poll_idle(context).map(|()| Err(CloseReason::Idle))
                }
            })
            .await?;
            self.last_active = Instant::now();
            self.spent += sent;
            if self.spent >= TURN_BYTES && !self.output.is_empty() {
                self.spent = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits until something can be done; all that was ready to be sent is sent.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.ending.is_none() && self.control.is_draining(context) {
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
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(failed(&error))),
                Poll::Pending => {}
            }
        } else if self.stream.poll_closed(context).is_ready() {
            return Poll::Ready(Err(CloseReason::PeerClosed));
        }
        self.spent = 0;
        // Who waits for a response is not idle, nor is who must wait; a peer that takes no bytes is.
        if !self.pending.is_empty() || self.throttled_until.is_some() {
            self.last_active = Instant::now();
        }
        self.poll_idle(context).map(|()| Err(CloseReason::Idle))
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
