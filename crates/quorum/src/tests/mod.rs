//! Tests of a replica in a simulated world.

mod bytes;
mod failures;
mod life;
mod quorum_state;
mod snapshots;
mod stores;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_config::ServerConfig;
use dohle_metadata::Image;
use dohle_model::{BrokerId, DirectoryId, Uuid};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::broker_registration_request::Feature;
use dohle_protocol::messages::create_topics_request::CreatableTopic;
use dohle_protocol::messages::{BrokerHeartbeatRequest, BrokerRegistrationRequest, CreateTopicsRequest};
use dohle_seams::Environment;
use dohle_seams::simulated::{SimulatedDisk, world};
use tokio::runtime::{Builder, RngSeed};

use crate::{ControllerHandle, FileStore, MetadataLogStore, Quorum, QuorumError, QuorumOptions};

const CLUSTER_ID: &str = "simulated-cluster-0001";
const DIRECTORY: DirectoryId = DirectoryId(Uuid([7; 16]));

/// Runs a test under a seed, on a paused clock.
fn simulate<T>(seed: u64, test: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    builder.build().unwrap().block_on(test)
}

/// What outlives a replica.
struct Machine {
    seed: u64,
    lives: u64,
    disk: Arc<SimulatedDisk>,
    config: ServerConfig,
    directory: DirectoryId,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let config = ServerConfig::zero_config(None).unwrap();
        Self { seed, lives: 0, disk: SimulatedDisk::new(seed), config, directory: DIRECTORY }
    }

    fn folder() -> PathBuf {
        PathBuf::from("/data/__cluster_metadata-0")
    }

    fn environment(&self) -> Environment {
        world(self.seed + (self.lives << 32), Arc::clone(&self.disk))
    }

    async fn try_start(&mut self) -> Result<Quorum, QuorumError> {
        self.lives += 1;
        let environment = self.environment();
        let (disk, offload) = (Arc::clone(&environment.disk), Arc::clone(&environment.offload));
        let open_store = move |folder: &Path| {
            FileStore::open(&*disk, offload, folder).map(|store| Arc::new(store) as Arc<dyn MetadataLogStore>)
        };
        Quorum::start(QuorumOptions {
            environment,
            config: Arc::new(self.config.clone()),
            cluster_id: CLUSTER_ID.to_owned(),
            directory_id: self.directory,
            metadata_directory: "/data".into(),
            open_store: Box::new(open_store),
        })
        .await
    }

    async fn start(&mut self) -> Quorum {
        self.try_start().await.unwrap()
    }
}

fn registration(incarnation: u8) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: CLUSTER_ID.to_owned(),
        incarnation_id: Uuid([incarnation; 16]),
        features: vec![Feature {
            name: "metadata.version".to_owned(),
            min_supported_version: 30,
            max_supported_version: 30,
        }],
        log_dirs: vec![DIRECTORY.0],
        ..Default::default()
    }
}

/// Registers broker 1 and has it unfenced.
async fn join(controller: &ControllerHandle, incarnation: u8) {
    let response = controller.register_broker(registration(incarnation)).await.unwrap();
    assert_eq!(response.error_code, 0);
    let heartbeat = BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: response.broker_epoch,
        current_metadata_offset: controller.image().metadata_offset(),
        ..Default::default()
    };
    let response = controller.broker_heartbeat(heartbeat).await.unwrap();
    assert_eq!((response.error_code, response.is_fenced), (0, false));
    assert!(controller.image().is_active(BrokerId(1)), "the answer comes when its change is applied");
}

async fn create_topic(controller: &ControllerHandle, name: &str) -> Result<ErrorCode, QuorumError> {
    let topic =
        CreatableTopic { name: name.to_owned(), num_partitions: 3, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let response = controller.create_topics(request).await?;
    Ok(ErrorCode::from_code(response.topics[0].error_code).unwrap())
}

/// An image without its position, which every restart moves on.
fn contents(image: &Image) -> Image {
    image.at(0)
}
