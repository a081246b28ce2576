//! `dohle server`: configuration, folders, runtimes, and the node's life from start to the signal that ends it.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use dohle_broker::{Loggers, Node, NodeOptions};
use dohle_config::ServerConfig;
use dohle_quorum::MetadataLogStore;
use dohle_quorum_rocksdb::RocksDbStore;
use dohle_seams::Environment;
use dohle_seams::live::{LiveDisk, LiveRandomness};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::command_line::ServerOptions;
use crate::tcp_network::TcpNetwork;
use crate::{configuration, log_directories, logging, tcp_network};

/// How long blocked threads may hold up the end of the process once the node has stopped.
const THREADS_END: Duration = Duration::from_secs(1);

/// What a node starts with besides its configuration.
pub(crate) struct Start {
    pub(crate) config: ServerConfig,
    pub(crate) cluster_id: String,
    pub(crate) environment: Environment,
    pub(crate) loggers: Arc<dyn Loggers>,
    /// How many files may be open, where there is a limit.
    pub(crate) open_files_max: Option<u64>,
}

pub(crate) fn run(options: &ServerOptions, started: Instant) -> anyhow::Result<ExitCode> {
    let loggers = logging::start()?;
    use_small_pages();
    let (config, warnings) = configuration::load(&LiveDisk, options)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    for listener in &config.controller_listeners {
        tracing::info!(%listener, "listener of controllers is not opened: the metadata quorum has one voter");
    }
    let open_files_max = raise_open_files_limit();
    let may_format = options.config.is_none();
    let cluster_id = log_directories::settle(&LiveDisk, &LiveRandomness, &config, may_format)?;
    let data = runtime("data", data_workers(&config))?;
    let control = runtime("control", 1)?;
    let environment = Environment::live(data.handle().clone(), control.handle().clone());
    let start = Start { config, cluster_id, environment, loggers, open_files_max };
    let code = control.block_on(serve(start, started));
    // A second signal ends the process where this would take too long.
    data.shutdown_timeout(THREADS_END);
    control.shutdown_timeout(THREADS_END);
    code
}

/// One worker per core, no more than `num.io.threads`.
fn data_workers(config: &ServerConfig) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(usize::try_from(config.num_io_threads).unwrap_or(1)).max(1)
}

fn runtime(name: &'static str, workers: usize) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(format!("dohle-{name}"))
        .enable_all()
        .build()
        .with_context(|| format!("cannot start the {name} runtime"))
}

/// Keeps the kernel from backing the heap with pages of 2 MiB: a node that does little would hold most of its memory for
/// nothing. What moves in bulk lies in the page cache, not on the heap.
fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "cannot do without huge pages");
    }
}

/// Every segment and every connection holds a file: the limit is raised as far as it may be. Gives the limit that holds now,
/// `None` where there is none.
fn raise_open_files_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, open_files_max = limit.current, "cannot raise the limit of open files");
    }
    let open_files_max = getrlimit(Resource::Nofile).current;
    let connections_max = open_files_max.map(tcp_network::connections_max);
    tracing::info!(open_files_max, connections_max, was = limit.current, "limit of open files");
    open_files_max
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn serve(start: Start, started: Instant) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let (config, cluster_id) = (start.config.clone(), start.cluster_id.clone());
    let node = tokio::select! {
        node = start_node(start) => node?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(ExitCode::SUCCESS);
        }
    };
    announce(&config, &cluster_id, &node, started);
    let signal = tokio::select! {
        signal = signals.next() => signal,
        // Not stopped in order: what a failed disk or quorum still holds is for the next start to find out.
        failure = node.failed() => anyhow::bail!("the node cannot go on: {failure}"),
    };
    tracing::info!(signal, "stopping");
    tokio::select! {
        () = node.shutdown() => tracing::info!("stopped"),
        signal = signals.next() => {
            tracing::warn!(signal, "stopped at once by a second signal; the logs are recovered at the next start");
            std::process::exit(1);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The one line that tells an operator what runs here.
fn announce(config: &ServerConfig, cluster_id: &str, node: &Node, started: Instant) {
    let join = |texts: Vec<String>| texts.join(",");
    let listeners = join(node.listeners().iter().map(|(name, address)| format!("{name}://{address}")).collect());
    let advertised =
        join(config.listeners.iter().map(|listener| format!("{}://{}", listener.name, listener.advertised)).collect());
    let log_dirs = join(config.log_dirs.iter().map(|path| path.display().to_string()).collect());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster_id,
        node_id = config.node_id.0,
        listeners,
        advertised,
        log_dirs,
        took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "ready"
    );
}

async fn start_node(start: Start) -> anyhow::Result<Node> {
    let Start { config, cluster_id, environment, loggers, open_files_max } = start;
    let network = TcpNetwork::new(&config, open_files_max, environment.data_runtime.clone());
    let options = NodeOptions {
        environment,
        config: Arc::new(config),
        cluster_id,
        network: Arc::new(network),
        loggers,
        open_store: Box::new(|folder| Ok(Arc::new(RocksDbStore::open(folder)?) as Arc<dyn MetadataLogStore>)),
    };
    Ok(Node::start(options).await?)
}
