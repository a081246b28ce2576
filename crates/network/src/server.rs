//! Accepts connections within the limits, starts a task for each, and ends them all.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::Instrument;

use crate::byte_stream::{Acceptor, ByteStream};
use crate::connection::Connection;
use crate::connection_limits::ConnectionLimits;
use crate::connection_task::{ConnectionTask, Control};
use crate::frame_buffer::FrameBuffer;
use crate::request_memory::RequestMemory;
use crate::response::CloseReason;
use crate::service::Service;

/// Waits after accepting failed for want of resources: long enough not to spin, short enough to go unnoticed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// One listener of a server.
#[derive(Debug)]
pub struct ListenerOptions {
    /// Its name in `listeners`.
    pub name: String,
    /// Where its connections come from.
    pub acceptor: Box<dyn Acceptor>,
    /// Connections of this listener at a time (`listener.name.NAME.max.connections`); `None`: only the server's limit.
    pub connections_max: Option<usize>,
}

/// What a server has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Connections now.
    pub connections: u64,
    /// Connections taken.
    pub accepted: u64,
    /// Connections closed at once because their address had too many.
    pub refused: u64,
    /// Connections closed because nothing came or went for too long.
    pub expired: u64,
}

/// Serves listeners until it is shut down. Dropping it ends all connections at once.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    listeners: Vec<(String, SocketAddr)>,
    accepting: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    limits: RwLock<ConnectionLimits>,
    memory: Option<Arc<RequestMemory>>,
    table: Mutex<ConnectionTable>,
    /// Told whenever a connection has ended or the limits have changed.
    changed: Notify,
    accepted: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
}

#[derive(Debug, Default)]
struct ConnectionTable {
    connections: BTreeMap<u64, Entry>,
    per_address: BTreeMap<IpAddr, usize>,
    per_listener: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Entry {
    control: Arc<Control>,
    /// Set as soon as the task is started.
    abort: Option<AbortHandle>,
}

/// A connection's place in the table, given up when its task ends in whatever way.
struct Slot {
    shared: Arc<Shared>,
    id: u64,
    address: IpAddr,
    listener: Arc<str>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.shared.table.lock();
        table.connections.remove(&self.id);
        count_down(&mut table.per_address, &self.address);
        count_down(&mut table.per_listener, &self.listener);
        drop(table);
        self.shared.changed.notify_waiters();
    }
}

fn count_down<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Server {
    /// Starts to accept on all listeners; connections are served on `runtime`.
    #[must_use]
    pub fn start<S: Service>(
        listeners: Vec<ListenerOptions>,
        service: Arc<S>,
        limits: ConnectionLimits,
        runtime: &Handle,
    ) -> Self {
        let memory = limits.queued_request_bytes_max.map(|limit| Arc::new(RequestMemory::new(limit)));
        let shared = Arc::new(Shared {
            limits: RwLock::new(limits),
            memory,
            table: Mutex::default(),
            changed: Notify::new(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        });
        let addresses =
            listeners.iter().map(|listener| (listener.name.clone(), listener.acceptor.local_address())).collect();
        let accepting = listeners
            .into_iter()
            .map(|listener| {
                let accepting = Accepting {
                    shared: Arc::clone(&shared),
                    service: Arc::clone(&service),
                    runtime: runtime.clone(),
                    name: listener.name.into(),
                    connections_max: listener.connections_max,
                };
                runtime.spawn(accepting.run(listener.acceptor))
            })
            .collect();
        Self { shared, listeners: addresses, accepting }
    }

    /// The listeners with the addresses that they are bound to, as given at the start.
    #[must_use]
    pub fn listeners(&self) -> &[(String, SocketAddr)] {
        &self.listeners
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> NetworkCounters {
        NetworkCounters {
            connections: self.shared.table.lock().connections.len() as u64,
            accepted: self.shared.accepted.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
            expired: self.shared.expired.load(Ordering::Relaxed),
        }
    }

    /// Changes the limits for new connections. Connections above them stay; the limit on queued bytes cannot change.
    pub fn set_limits(&self, limits: ConnectionLimits) {
        *self.shared.limits.write() = limits;
        self.shared.changed.notify_waiters();
    }

    /// Stops accepting, closes idle connections, lets started requests finish, and ends what is left after `grace`.
    pub async fn shutdown(mut self, grace: Duration) {
        for accepting in std::mem::take(&mut self.accepting) {
            accepting.abort();
            // It ended because it was told to.
            let _ = accepting.await;
        }
        for entry in self.shared.table.lock().connections.values() {
            entry.control.drain();
        }
        if tokio::time::timeout(grace, self.shared.all_ended()).await.is_err() {
            self.shared.abort_all();
            self.shared.all_ended().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
        self.shared.abort_all();
    }
}

impl Shared {
    /// Waits until `condition` holds; it is asked again after each change.
    async fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    async fn all_ended(&self) {
        self.wait_until(|shared| shared.table.lock().connections.is_empty()).await;
    }

    fn abort_all(&self) {
        // An aborted task that is not running is dropped here and now, and takes its slot back under the same lock.
        let aborts: Vec<_> = self.table.lock().connections.values().filter_map(|entry| entry.abort.clone()).collect();
        for abort in aborts {
            abort.abort();
        }
    }

    fn has_room(&self, listener: &str, listener_max: Option<usize>) -> bool {
        let connections_max = self.limits.read().connections_max;
        let table = self.table.lock();
        table.connections.len() < connections_max
            && listener_max.is_none_or(|max| table.per_listener.get(listener).copied().unwrap_or(0) < max)
    }
}

/// The accepting task of one listener.
struct Accepting<S> {
    shared: Arc<Shared>,
    service: Arc<S>,
    runtime: Handle,
    name: Arc<str>,
    connections_max: Option<usize>,
}

impl<S: Service> Accepting<S> {
    async fn run(self, mut acceptor: Box<dyn Acceptor>) {
        loop {
            if !self.shared.has_room(&self.name, self.connections_max) {
                tracing::warn!(listener = &*self.name, "too many connections: new ones wait");
                self.shared.wait_until(|shared| shared.has_room(&self.name, self.connections_max)).await;
            }
            match poll_fn(|context| acceptor.poll_accept(context)).await {
                Ok(stream) => self.serve(stream),
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(listener = &*self.name, %error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    tracing::warn!(listener = &*self.name, %error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn serve(&self, stream: Box<dyn ByteStream>) {
        /// Tells connections apart, over all servers of the process.
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let peer_address = stream.peer_address();
        let address = peer_address.ip();
        let (address_max, idle_max, frame_max) = {
            let limits = self.shared.limits.read();
            (limits.connections_of(address), limits.idle_max, limits.request_size_max_bytes)
        };
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let control = Arc::new(Control::default());
        {
            let mut table = self.shared.table.lock();
            let of_address = table.per_address.entry(address).or_default();
            if *of_address >= address_max {
                if *of_address == 0 {
                    table.per_address.remove(&address);
                }
                drop(table);
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                tracing::info!(listener = &*self.name, peer = %address, address_max, "too many connections of an address");
                return;
            }
            *of_address += 1;
            *table.per_listener.entry(Arc::clone(&self.name)).or_default() += 1;
            table.connections.insert(id, Entry { control: Arc::clone(&control), abort: None });
        }
        let slot = Slot { shared: Arc::clone(&self.shared), id, address, listener: Arc::clone(&self.name) };
        self.shared.accepted.fetch_add(1, Ordering::Relaxed);

        let connection = Connection::new(id, Arc::clone(&self.name), peer_address, stream.local_address());
        let input = FrameBuffer::new(id, frame_max, self.shared.memory.clone());
        let span = tracing::debug_span!("connection", id, listener = &*self.name, peer = %peer_address);
        let task = ConnectionTask::new(Arc::clone(&self.service), connection, control, stream, input, idle_max);
        let serving = async move {
            tracing::debug!("connection opened");
            let slot = slot;
            let reason = task.run().await;
            match reason {
                CloseReason::Idle => {
                    slot.shared.expired.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(%reason, "connection closed");
                }
                CloseReason::InvalidFrameSize { .. } => {
                    tracing::warn!(peer = %peer_address, %reason, "connection closed");
                }
                _ => tracing::debug!(%reason, "connection closed"),
            }
        };
        let abort = self.runtime.spawn(serving.instrument(span)).abort_handle();
        // Where the task has ended already, so has its entry.
        if let Some(entry) = self.shared.table.lock().connections.get_mut(&id) {
            entry.abort = Some(abort);
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
    )
}
