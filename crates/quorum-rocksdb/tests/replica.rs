//! A replica on RocksDB and a real disk: it comes back with what it had, and knows when its log was cut.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::sync::Arc;

use dohle_config::ServerConfig;
use dohle_model::{BrokerId, DirectoryId, Uuid};
use dohle_protocol::messages::broker_registration_request::Feature;
use dohle_protocol::messages::{BrokerRegistrationRequest, BrokerRegistrationResponse};
use dohle_quorum::{MetadataLogStore, OpenStore, Quorum, QuorumError, QuorumOptions};
use dohle_quorum_rocksdb::RocksDbStore;
use dohle_seams::live::LiveDisk;
use dohle_seams::{Disk, Environment, OpenMode};
use tokio::runtime::Handle;

const CLUSTER_ID: &str = "a-cluster-of-one-node1";

async fn try_start(folder: &Path) -> Result<Quorum, QuorumError> {
    let open_store: OpenStore =
        Box::new(|folder| RocksDbStore::open(folder).map(|store| Arc::new(store) as Arc<dyn MetadataLogStore>));
    Quorum::start(QuorumOptions {
        environment: Environment::live(Handle::current(), Handle::current()),
        config: Arc::new(ServerConfig::zero_config(None).unwrap()),
        cluster_id: CLUSTER_ID.to_owned(),
        directory_id: DirectoryId(Uuid([7; 16])),
        metadata_directory: folder.to_owned(),
        open_store,
    })
    .await
}

async fn register(quorum: &Quorum, incarnation: u8) -> BrokerRegistrationResponse {
    let feature = Feature { name: "metadata.version".to_owned(), min_supported_version: 30, max_supported_version: 30 };
    let request = BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: CLUSTER_ID.to_owned(),
        incarnation_id: Uuid([incarnation; 16]),
        features: vec![feature],
        log_dirs: vec![Uuid([7; 16])],
        ..Default::default()
    };
    quorum.controller().register_broker(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_decided_is_there_after_restarts_in_order_and_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut next_producer_id = 0;
    for life in 1..=6_u8 {
        let quorum = try_start(folder.path()).await.unwrap();
        let image = quorum.controller().image();
        assert_eq!(image.next_producer_id(), next_producer_id);
        let response = register(&quorum, life).await;
        assert_eq!((response.error_code, response.broker_epoch), (0, i64::from(life) - 1));
        for _ in 0..10 {
            let (first, count) = quorum.controller().allocate_producer_ids(BrokerId(1)).await.unwrap();
            assert_eq!(first.0, next_producer_id);
            next_producer_id += i64::from(count);
        }
        quorum.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_log_that_lost_a_synced_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let quorum = try_start(folder.path()).await.unwrap();
    register(&quorum, 1).await;
    for _ in 0..50 {
        quorum.controller().allocate_producer_ids(BrokerId(1)).await.unwrap();
    }
    quorum.shutdown().await;
    // As much as RocksDB takes for a torn end.
    let store = folder.path().join("__cluster_metadata-0/quorum");
    let logs = LiveDisk.list(&store).unwrap().into_iter().filter(|entry| entry.name.ends_with(".log"));
    let log = logs.map(|entry| store.join(entry.name)).next_back().unwrap();
    let log = LiveDisk.open(&log, OpenMode::ReadWrite).unwrap();
    log.set_size(log.size_bytes().unwrap() * 3 / 4).unwrap();
    let error = try_start(folder.path()).await.unwrap_err();
    assert!(matches!(error, QuorumError::LogLost { .. }), "{error}");
}
