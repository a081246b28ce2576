//! Accepts connections within the limits, starts a task for each, and ends them all.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tracing::Instrument;

use crate::byte_stream::{Acceptor, ByteStream};
use crate::connection::Connection;
use crate::connection_control::{ConnectionControl, Traffic};
use crate::connection_limits::ConnectionLimits;
use crate::connection_log::ConnectionLog;
use crate::connection_task::{ConnectionTask, HeldShares};
use crate::creation_rate::CreationRate;
use crate::frame_buffer::FrameBuffer;
use crate::held_memory::{HeldMemory, HeldShare};
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
    /// Bytes received on all connections.
    pub received_bytes: u64,
    /// Bytes sent on all connections.
    pub sent_bytes: u64,
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
    unsent: Arc<HeldMemory>,
    unfinished: Arc<HeldMemory>,
    log: ConnectionLog,
    table: Mutex<ConnectionTable>,
    /// Told whenever a connection has ended or the limits have changed.
    changed: Notify,
    creation_rate: Mutex<CreationRate>,
    traffic: Arc<Traffic>,
    accepted: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
}

#[derive(Debug, Default)]
struct ConnectionTable {
    /// No connection is added any more.
    closed: bool,
    connections: BTreeMap<u64, Entry>,
    per_address: BTreeMap<IpAddr, usize>,
    per_listener: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Entry {
    listener: Arc<str>,
    control: Arc<ConnectionControl>,
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
        if std::thread::panicking() {
            self.shared.log.panicked(&self.listener, self.address);
        }
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
        let unsent = Arc::new(HeldMemory::new(limits.unsent_response_bytes_max));
        let unfinished = Arc::new(HeldMemory::new(limits.unfinished_request_bytes_max));
        let shared = Arc::new(Shared {
            limits: RwLock::new(limits),
            memory,
            unsent,
            unfinished,
            log: ConnectionLog::default(),
            table: Mutex::default(),
            changed: Notify::new(),
            creation_rate: Mutex::default(),
            traffic: Arc::default(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        });
        let addresses: Vec<_> =
            listeners.iter().map(|listener| (listener.name.clone(), listener.acceptor.local_address())).collect();
        // Addresses of one listener share its rate.
        let mut creation_rates: BTreeMap<String, Arc<Mutex<CreationRate>>> = BTreeMap::new();
        let accepting = listeners
            .into_iter()
            .map(|listener| {
                let accepting = Accepting {
                    shared: Arc::clone(&shared),
                    service: Arc::clone(&service),
                    runtime: runtime.clone(),
                    creation_rate: Arc::clone(creation_rates.entry(listener.name.clone()).or_default()),
                    name: listener.name.into(),
                    is_only_listener: addresses.len() == 1,
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
            received_bytes: self.shared.traffic.received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.shared.traffic.sent_bytes.load(Ordering::Relaxed),
        }
    }

    /// How many connections each listener has now, listeners in the order of the start.
    #[must_use]
    pub fn connection_counts(&self) -> Vec<(&str, usize)> {
        let table = self.shared.table.lock();
        let count = |name: &str| table.per_listener.get(name).copied().unwrap_or(0);
        self.listeners.iter().map(|(name, _)| (name.as_str(), count(name))).collect()
    }

    /// The way to change the limits while the server runs.
    #[must_use]
    pub fn live_limits(&self) -> LiveLimits {
        LiveLimits(Arc::downgrade(&self.shared))
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
            tracing::info!("ending connections that still have requests waiting");
            self.shared.abort_all();
            self.shared.all_ended().await;
        }
    }
}

/// The limits of a server, for as long as it runs.
#[derive(Clone, Debug)]
pub struct LiveLimits(Weak<Shared>);

impl LiveLimits {
    /// Changes the limits for new connections. Connections above them stay; the limits on queued bytes and on responses that
    /// are not taken cannot change.
    pub fn set(&self, limits: ConnectionLimits) {
        if let Some(shared) = self.0.upgrade() {
            *shared.limits.write() = limits;
            shared.changed.notify_waiters();
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
        // Collected first: a task that ends gives its place back, which takes the lock.
        let aborts: Vec<_> = {
            let mut table = self.table.lock();
            table.closed = true;
            table.connections.values().filter_map(|entry| entry.abort.clone()).collect()
        };
        for abort in aborts {
            abort.abort();
        }
    }

    /// Ends the connection that was quiet for longest among those of other listeners than `listener`, where there are more
    /// connections than may be.
    fn end_quietest_beside(&self, listener: &str) {
        let connections_max = self.limits.read().connections_max;
        let abort = {
            let table = self.table.lock();
            if table.connections.len() <= connections_max {
                return;
            }
            let others = table.connections.values().filter(|entry| &*entry.listener != listener);
            others.min_by_key(|entry| entry.control.last_active()).and_then(|entry| entry.abort.clone())
        };
        if let Some(abort) = abort {
            self.log.ended_quietest(listener, connections_max);
            abort.abort();
        }
    }
}

/// Why a connection is not served now.
enum Refusal {
    /// There are as many as there may be.
    NoRoom,
    /// Its address has this many, which is all that it may have.
    AddressHasTooMany(usize),
}

/// The accepting task of one listener.
struct Accepting<S> {
    shared: Arc<Shared>,
    service: Arc<S>,
    runtime: Handle,
    name: Arc<str>,
    creation_rate: Arc<Mutex<CreationRate>>,
    is_only_listener: bool,
}

impl<S: Service> Accepting<S> {
    async fn run(self, mut acceptor: Box<dyn Acceptor>) {
        loop {
            match poll_fn(|context| acceptor.poll_accept(context)).await {
                Ok(stream) => {
                    self.wait_for_rate().await;
                    self.take(stream).await;
                }
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(listener = &*self.name, %error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    self.shared.log.cannot_accept(&self.name, &error);
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Whether the limits of all listeners together do not hold this one back: brokers must reach each other however many
    /// clients there are.
    fn is_protected(&self) -> bool {
        !self.is_only_listener && self.shared.limits.read().inter_broker_listener.as_deref() == Some(&*self.name)
    }

    fn has_room(&self, table: &ConnectionTable) -> bool {
        let is_protected = self.is_protected();
        let limits = self.shared.limits.read();
        let connections_max = if is_protected { usize::MAX } else { limits.connections_max };
        let of_listener = table.per_listener.get(&self.name).copied().unwrap_or(0);
        let has_room_itself = limits.of_listener(&self.name).connections_max.is_none_or(|max| of_listener < max);
        table.connections.len() < connections_max && has_room_itself
    }

    async fn wait_for_rate(&self) {
        let now = Instant::now();
        let is_protected = self.is_protected();
        let (of_listener, of_all) = {
            let limits = self.shared.limits.read();
            (limits.of_listener(&self.name).connection_creation_rate_max, limits.connection_creation_rate_max)
        };
        let of_listener = of_listener.map(|rate| self.creation_rate.lock().take(rate, now));
        let of_all = of_all.filter(|_| !is_protected);
        let of_all = of_all.map(|rate| self.shared.creation_rate.lock().take(rate, now));
        // None is earlier than any.
        if let Some(until) = of_listener.max(of_all)
            && until > now
        {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Serves a connection once there is room for it.
    async fn take(&self, stream: Box<dyn ByteStream>) {
        let address = stream.peer_address().ip();
        let control = Arc::new(ConnectionControl::new(Arc::clone(&self.shared.traffic)));
        let mut place = self.try_place(address, &control);
        if matches!(place, Err(Refusal::NoRoom)) {
            self.shared.log.waiting(&self.name);
            while matches!(place, Err(Refusal::NoRoom)) {
                self.shared.wait_until(|shared| self.has_room(&shared.table.lock())).await;
                place = self.try_place(address, &control);
            }
        }
        match place {
            Ok(slot) => self.serve(stream, slot, control),
            Err(Refusal::NoRoom) => unreachable!("it was waited for"),
            Err(Refusal::AddressHasTooMany(address_max)) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                self.shared.log.refused(&self.name, address, address_max);
            }
        }
    }

    fn try_place(&self, address: IpAddr, control: &Arc<ConnectionControl>) -> Result<Slot, Refusal> {
        /// Tells connections apart, over all servers of the process.
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let address_max = self.shared.limits.read().connections_of(address);
        let mut table = self.shared.table.lock();
        if !self.has_room(&table) {
            return Err(Refusal::NoRoom);
        }
        if table.per_address.get(&address).copied().unwrap_or(0) >= address_max {
            return Err(Refusal::AddressHasTooMany(address_max));
        }
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        *table.per_address.entry(address).or_default() += 1;
        *table.per_listener.entry(Arc::clone(&self.name)).or_default() += 1;
        let entry = Entry { listener: Arc::clone(&self.name), control: Arc::clone(control), abort: None };
        table.connections.insert(id, entry);
        Ok(Slot { shared: Arc::clone(&self.shared), id, address, listener: Arc::clone(&self.name) })
    }

    fn serve(&self, stream: Box<dyn ByteStream>, slot: Slot, control: Arc<ConnectionControl>) {
        let peer_address = stream.peer_address();
        let id = slot.id;
        self.shared.accepted.fetch_add(1, Ordering::Relaxed);
        let (idle_max, frame_max) = {
            let limits = self.shared.limits.read();
            (limits.idle_max, limits.request_size_max_bytes)
        };
        let connection = Connection::new(id, Arc::clone(&self.name), peer_address, stream.local_address());
        let input = FrameBuffer::new(id, frame_max, self.shared.memory.clone());
        let span = tracing::debug_span!("connection", id, listener = &*self.name, peer = %peer_address);
        let held = HeldShares {
            unsent: HeldShare::new(Arc::clone(&self.shared.unsent)),
            unfinished: HeldShare::new(Arc::clone(&self.shared.unfinished)),
        };
        // Boxed: a future would hold it more than once, as an argument and as what it becomes.
        let task = Box::new(ConnectionTask::new(
            Arc::clone(&self.service),
            connection,
            control,
            stream,
            input,
            held,
            idle_max,
        ));
        let serving = async move {
            tracing::debug!("connection opened");
            let slot = slot;
            let reason = task.run().await;
            if let CloseReason::Idle | CloseReason::IdleInRequest { .. } | CloseReason::IdleInResponse { .. } = reason {
                slot.shared.expired.fetch_add(1, Ordering::Relaxed);
            }
            slot.shared.log.closed(&slot.listener, peer_address, &reason);
        };
        let abort = self.runtime.spawn(serving.instrument(span)).abort_handle();
        let mut table = self.shared.table.lock();
        if table.closed {
            drop(table);
            abort.abort();
        } else if let Some(entry) = table.connections.get_mut(&id) {
            // Where the task has ended already, so has its entry.
            entry.abort = Some(abort);
            drop(table);
        }
        if self.is_protected() {
            self.shared.end_quietest_beside(&self.name);
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
