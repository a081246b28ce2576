//! Ports for brokers: below the range from which the system gives ports to outgoing connections, so that a broker that
//! is down keeps its port until it is started again.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 16_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A program that is just being started has, for a moment, all sockets of this process: a port that is looked at then
/// would stay taken. So neither happens during the other.
pub(crate) static LOOKING_OR_STARTING: Mutex<()> = Mutex::new(());

/// A port on the loopback address that nobody listens on and that this process has not been given before.
#[expect(clippy::missing_panics_doc, reason = "twelve thousand ports in use is not a state to recover from")]
pub fn free_port() -> u16 {
    // Another run of the suite at the same time begins elsewhere.
    let start = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    let start = u16::try_from(start).unwrap_or(0);
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if is_free(port) {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// Whether nobody listens on this port of the loopback address.
#[must_use]
pub fn is_free(port: u16) -> bool {
    let _looking = LOOKING_OR_STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
