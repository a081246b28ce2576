//! What a connection gives its frames to.

use std::future::Future;

use bytes::Bytes;

use crate::connection::Connection;
use crate::response::Outcome;

/// Answers requests. One value serves all connections.
pub trait Service: Send + Sync + 'static {
    /// What one turn of one connection gathers, the append queues it touched for example; finished by
    /// [`Service::end_turn`].
    type Turn: Default + Send;

    /// Stage one of a request; it runs to its end before the next frame of the connection is taken. `frame` is what
    /// follows the size prefix: header and body, not checked in any way. It shares memory with everything else that was
    /// read in the turn: what is kept for long must be copied.
    fn call(
        &self,
        connection: &Connection,
        frame: Bytes,
        turn: &mut Self::Turn,
    ) -> impl Future<Output = Outcome> + Send;

    /// Ends a turn: all its frames were given to [`Service::call`], none of its [`Outcome::Later`] was polled yet.
    fn end_turn(&self, turn: Self::Turn);

    /// Whether a request of this API may start while earlier ones of its connection, which may overlap too, still wait.
    ///
    /// The futures of such requests are polled once after their turn and then only when they are the first that waits,
    /// so they must not need polling to get on with their work.
    fn overlaps(&self, api_key: i16) -> bool;
}
