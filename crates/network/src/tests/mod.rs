//! Whole connections over simulated streams and over TCP, served by a service whose requests say what becomes of them.

mod back_pressure;
mod frames;
mod limits;
mod ordering;
mod random;
mod shutdown;
mod sockets;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dohle_seams::DiskFile;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::simulated::SimulatedNetwork;
use crate::{
    CloseReason, Connection, ConnectionLimits, ListenerLimits, ListenerOptions, Outcome, Response, ResponseBuilder,
    Server, Service,
};

/// An API whose requests overlap.
const GATHERED: i16 = 0;
/// An API whose requests do not.
const SINGLE: i16 = 1;

/// Requests are words: what to do, then a name that is logged and answered, then an argument.
#[derive(Debug, Default)]
struct TestService {
    log: Mutex<Vec<String>>,
    gates: Mutex<BTreeMap<String, oneshot::Sender<()>>>,
    changed: Notify,
    /// What `regions` is answered with: bytes, or where they are in the file.
    parts: Mutex<Vec<TestPart>>,
}

#[derive(Clone, Debug)]
enum TestPart {
    Written(Vec<u8>),
    Shared(Bytes),
    Region(Arc<dyn DiskFile>, u64, usize),
}

/// Logs that a request no longer waits though it was not answered.
struct Waiting {
    service: Arc<TestService>,
    name: String,
    answered: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.service.note(format!("drop {}", self.name));
        }
    }
}

impl TestService {
    fn note(&self, event: String) {
        self.log.lock().push(event);
        self.changed.notify_waiters();
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    fn count(&self, first_word: &str) -> usize {
        self.log.lock().iter().filter(|event| event.split(' ').next() == Some(first_word)).count()
    }

    /// Waits until an event was logged.
    async fn saw(&self, event: &str) {
        self.wait_until(|log| log.iter().any(|seen| seen == event)).await;
    }

    async fn wait_until(&self, condition: impl Fn(&[String]) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if condition(&self.log.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Lets a request that waits be answered.
    fn release(&self, name: &str) {
        let gate = self.gates.lock().remove(name).expect("it waits");
        // A request that was dropped is not answered.
        let _ = gate.send(());
    }

    fn wait(self: &Arc<Self>, name: &str) -> impl Future<Output = Response> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        self.gates.lock().insert(name.to_owned(), sender);
        let mut waiting = Waiting { service: Arc::clone(self), name: name.to_owned(), answered: false };
        async move {
            receiver.await.expect("gates are opened, not dropped");
            waiting.answered = true;
            reply(&waiting.name)
        }
    }
}

/// The service as servers take it.
#[derive(Clone, Debug, Default)]
struct Served(Arc<TestService>);

impl Service for Served {
    type Turn = Vec<String>;

    async fn call(&self, _connection: &Connection, frame: Bytes, turn: &mut Self::Turn) -> Outcome {
        let Some(text) = frame.get(2..) else {
            self.0.note(format!("malformed {}", frame.len()));
            return Outcome::Close { reason: CloseReason::Malformed("too short".to_owned()) };
        };
        let words: Vec<_> = std::str::from_utf8(text).unwrap().split(' ').collect();
        let name = words[1];
        let number = |word: &str| word.parse().expect("a number");
        self.0.note(format!("start {name}"));
        turn.push(name.to_owned());
        match words[0] {
            "now" => Outcome::Now(reply(name)),
            "later" => Outcome::Later(Box::pin(self.0.wait(name))),
            "none" => Outcome::NoResponse,
            "close" => Outcome::Close { reason: CloseReason::UnsupportedVersion(name.to_owned()) },
            "last" => Outcome::Now(reply(name).with_close()),
            "fail" => {
                let waiting = self.0.wait(name);
                Outcome::Later(Box::pin(async move {
                    waiting.await;
                    Response::close(CloseReason::UnansweredFailure)
                }))
            }
            "throttle" => Outcome::Now(reply(name).with_throttle(Duration::from_millis(number(words[2])))),
            "yield" => {
                tokio::task::yield_now().await;
                Outcome::Now(reply(name))
            }
            "big" => Outcome::Now(reply(&name.repeat(usize::try_from(number(words[2])).unwrap() / name.len()))),
            "regions" => {
                let mut builder = ResponseBuilder::new();
                for part in self.0.parts.lock().clone() {
                    match part {
                        TestPart::Written(bytes) => builder.writer().raw(&bytes),
                        TestPart::Shared(bytes) => builder.bytes(bytes),
                        TestPart::Region(file, position, size_bytes) => builder.region(file, position, size_bytes),
                    }
                }
                Outcome::Now(builder.finish())
            }
            other => panic!("what is '{other}'?"),
        }
    }

    fn end_turn(&self, turn: Self::Turn) {
        self.0.note(format!("end {}", turn.join(",")));
    }

    fn overlaps(&self, api_key: i16) -> bool {
        api_key == GATHERED
    }
}

fn reply(text: &str) -> Response {
    let mut writer = Response::writer();
    writer.raw(text.as_bytes());
    Response::from_writer(writer)
}

/// A request as it is on the wire.
fn request(api_key: i16, text: &str) -> Vec<u8> {
    let mut bytes = i32::try_from(text.len() + 2).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(&api_key.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The next response; `None` where the server has closed the connection in order.
async fn response(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut size = [0; 4];
    match stream.read_exact(&mut size).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
        Err(error) => panic!("{error}"),
    }
    let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut bytes).await.unwrap();
    Some(bytes)
}

async fn text(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    response(stream).await.map(|bytes| String::from_utf8(bytes).unwrap())
}

/// A server on a simulated network, with the listener `CLIENTS`.
struct Simulation {
    network: Arc<SimulatedNetwork>,
    service: Arc<TestService>,
    server: Server,
}

const CLIENTS: &str = "CLIENTS";

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

impl Simulation {
    fn start(seed: u64) -> Self {
        Self::with_limits(seed, ConnectionLimits::default())
    }

    fn with_limits(seed: u64, limits: ConnectionLimits) -> Self {
        Self::with_listeners(seed, limits, &[(CLIENTS, None)])
    }

    fn with_listeners(seed: u64, mut limits: ConnectionLimits, listeners: &[(&str, Option<usize>)]) -> Self {
        let of_listener = |max: &Option<usize>| ListenerLimits { connections_max: *max, ..ListenerLimits::default() };
        limits.listeners = listeners.iter().map(|(name, max)| ((*name).to_owned(), of_listener(max))).collect();
        let network = SimulatedNetwork::new(seed);
        let listeners = listeners
            .iter()
            .zip(9092..)
            .map(|((name, _), port)| ListenerOptions {
                name: (*name).to_owned(),
                acceptor: Box::new(network.listen(name, address(port)).unwrap()),
            })
            .collect();
        let service = Served::default();
        let server = Server::start(listeners, Arc::new(service.clone()), limits, &Handle::current());
        Self { network, service: service.0, server }
    }
}

/// Lets everything run that can without time passing much.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
