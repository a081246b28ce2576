//! Listeners and connections: framing, response order, back-pressure, zero-copy send.
//!
//! One task serves one connection. It waits for readability without owning a buffer, takes all complete frames that
//! have arrived, gives each to the [`Service`], ends the turn (which gathers what the frames have queued), and sends
//! the responses in request order with as few system calls as it can.
//!
//! What holds on every connection:
//! - Responses leave in the order of their requests.
//! - A request starts only when all earlier ones were answered, unless the service says that it may overlap and all
//!   those that still wait may too. No frame is taken while a response is unsent.
//! - Responses that wait, read-ahead, and responses not yet taken by the peer are bounded.
//! - Who misbehaves costs one line in the log, and many who do cost no more than a line a second.
//! - When the peer goes away, whatever waits on its behalf is dropped at once.
//!
//! The streams themselves are behind [`ByteStream`] and [`Acceptor`]: [`tcp`] is the live one, [`simulated`] runs under
//! a seed. Bytes after the size prefix mean nothing here but the API key, which decides about overlapping.

mod byte_stream;
mod connection;
mod connection_control;
mod connection_limits;
mod connection_log;
mod connection_task;
mod creation_rate;
mod frame_buffer;
mod held_memory;
mod output;
mod request_memory;
mod response;
mod server;
mod service;
pub mod simulated;
pub mod tcp;
#[cfg(test)]
mod tests;

pub use byte_stream::{Acceptor, ByteStream, Following};
pub use connection::{ClientSoftware, Connection};
pub use connection_limits::{ConnectionLimits, ListenerLimits};
pub use response::{CloseReason, Outcome, Response, ResponseBuilder, ResponsePart};
pub use server::{ListenerOptions, LiveLimits, NetworkCounters, Server};
pub use service::Service;
