//! The floor server: what the kernel alone costs for the requests of the generator, and so the limit for any broker on this
//! machine. A blocking thread for each connection; receive, check the CRC, one gathered write for all that a wake-up brought,
//! reply; fetches are a header and `sendfile`. No validation, no sessions, no groups, no restart: it is no broker.

mod connection;
mod fetch;
mod partition;
mod produce;
mod topics;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

use self::connection::Connection;
use self::topics::Topics;

/// Serves until the process is ended.
///
/// # Errors
/// It cannot listen, or keep data in `folder`.
pub(crate) fn serve(listen: SocketAddr, folder: PathBuf) -> Result<()> {
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let topics = Arc::new(Topics::new(folder));
    let listener = TcpListener::bind(listen).with_context(|| format!("listen on {listen}"))?;
    loop {
        let (stream, _) = listener.accept().context("accept a connection")?;
        stream.set_nodelay(true)?;
        let topics = Arc::clone(&topics);
        // How a connection ends is the client's to notice.
        std::thread::Builder::new().spawn(move || Connection::new(stream, topics).run())?;
    }
}
