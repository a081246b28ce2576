#![allow(dead_code, unreachable_pub, reason = "each program of tests uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it is part of tests")]
//! One broker in a simulated world: disk, network, metadata store, clock and randomness follow one seed.

mod client;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dohle_broker::{Listen, LogLevel, Node, NodeError, NodeOptions, RememberedLevels};
use dohle_config::{Listener, ServerConfig};
use dohle_log::{LogDirectory, MetaProperties};
use dohle_model::DirectoryId;
use dohle_network::Acceptor;
use dohle_network::simulated::SimulatedNetwork;
use dohle_quorum::{FileStore, MetadataLogStore};
use dohle_seams::simulated::{SeededRandomness, SimulatedDisk, world};
use dohle_seams::{Disk, Environment, RandomnessExt};
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, RngSeed};
use tokio::time::Instant;

pub use client::Client;

/// The one listener.
const LISTENER: &str = "PLAINTEXT";
const CLUSTER_ID: &str = "simulated-cluster-0001";

/// What happened when, line by line.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<String>>);

impl Trace {
    pub fn note(&self, started: Instant, what: impl std::fmt::Display) {
        let mut text = self.0.lock().unwrap();
        writeln!(text, "{:>9} us  {what}", started.elapsed().as_micros()).unwrap();
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// Listens on a simulated network.
#[derive(Debug)]
struct SimulatedListen(Arc<SimulatedNetwork>);

impl Listen for SimulatedListen {
    fn listen<'a>(&'a self, listener: &'a Listener) -> BoxFuture<'a, io::Result<Vec<Box<dyn Acceptor>>>> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listener.port);
        let acceptor = self.0.listen(&listener.name, address).map(|acceptor| Box::new(acceptor) as Box<dyn Acceptor>);
        Box::pin(async move { Ok(vec![acceptor?]) })
    }

    fn resolve<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// Listens nowhere.
#[derive(Debug)]
struct AddressesInUse;

impl Listen for AddressesInUse {
    fn listen<'a>(&'a self, _listener: &'a Listener) -> BoxFuture<'a, io::Result<Vec<Box<dyn Acceptor>>>> {
        Box::pin(async { Err(io::ErrorKind::AddrInUse.into()) })
    }

    fn resolve<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Everything that outlives a broker.
pub struct World {
    seed: u64,
    started: Instant,
    first: Environment,
    lives: u64,
    config: Arc<ServerConfig>,
    pub disk: Arc<SimulatedDisk>,
    pub network: Arc<SimulatedNetwork>,
    pub randomness: SeededRandomness,
    pub trace: Trace,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed);
        let first = world(seed, Arc::clone(&disk));
        let config = ServerConfig::zero_config(None).unwrap();
        let meta = MetaProperties {
            cluster_id: CLUSTER_ID.to_owned(),
            node_id: config.node_id.0,
            directory_id: DirectoryId(first.randomness.uuid()),
        };
        LogDirectory::format(&*disk, Path::new(&config.metadata_log_dir), &meta).unwrap();
        Self {
            seed,
            started: Instant::now(),
            first,
            lives: 0,
            config: Arc::new(config),
            disk,
            network: SimulatedNetwork::new(seed),
            randomness: SeededRandomness::new(!seed),
            trace: Trace::default(),
        }
    }

    /// Starts the broker on what the disk holds.
    pub async fn start(&mut self) -> Node {
        let node = self.start_with(Arc::new(SimulatedListen(Arc::clone(&self.network)))).await.unwrap();
        self.note(format_args!("started, life {}", self.lives));
        node
    }

    /// Starts the broker where every address is in use already.
    pub async fn start_without_network(&mut self) -> Result<Node, NodeError> {
        self.start_with(Arc::new(AddressesInUse)).await
    }

    async fn start_with(&mut self, network: Arc<dyn Listen>) -> Result<Node, NodeError> {
        self.lives += 1;
        let fresh = world(self.seed + (self.lives << 32), Arc::clone(&self.disk));
        // Time goes on between two lives; randomness does not repeat.
        let environment = Environment { clock: Arc::clone(&self.first.clock), ..fresh };
        let (disk, offload) = (Arc::clone(&environment.disk), Arc::clone(&environment.offload));
        let open_store = move |folder: &Path| {
            let store = FileStore::open(&*disk, offload, folder)?;
            Ok(Arc::new(store) as Arc<dyn MetadataLogStore>)
        };
        let options = NodeOptions {
            environment,
            config: Arc::clone(&self.config),
            cluster_id: CLUSTER_ID.to_owned(),
            network,
            loggers: Arc::new(RememberedLevels::new(LogLevel::Info, &["dohle_broker"])),
            open_store: Box::new(open_store),
        };
        Node::start(options).await
    }

    pub fn connect(&self) -> Client {
        Client::new(self.network.connect(LISTENER).unwrap())
    }

    /// Cuts the power: what was not synced is lost, connections break, and the process is gone.
    pub async fn cut_the_power(&self, node: Node) {
        self.note("power loss");
        self.disk.power_loss();
        self.network.reset_connections(LISTENER);
        drop(node);
        // Its tasks end when they are next scheduled.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    pub fn note(&self, what: impl std::fmt::Display) {
        self.trace.note(self.started, what);
    }

    /// Whether the log directory holds the mark of a stop in order.
    pub fn was_stopped_in_order(&self) -> bool {
        let mark = self.config.log_dirs[0].join(".kafka_cleanshutdown");
        self.disk.facts(&mark).unwrap().is_some()
    }

    pub fn started(&self) -> Instant {
        self.started
    }
}

/// Runs a simulation under a seed and gives back what happened.
pub fn simulate<F: Future<Output = ()>>(seed: u64, run: impl FnOnce(World) -> F) -> String {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&seed.to_be_bytes()))
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(seed);
        let trace = world.trace.clone();
        run(world).await;
        trace.text()
    })
}

/// What producers were told: by partition, offsets and values.
pub type Acknowledged = Arc<Mutex<BTreeMap<i32, BTreeMap<i64, String>>>>;
