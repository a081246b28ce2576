//! What every store must do, checked: for the tests of stores.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dohle_seams::simulated::{SimulatedDisk, world};

use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{ErrorSubject, ErrorVerb, StorageError};
use tokio::sync::watch;

use crate::log_store::LogStore;
use crate::state_machine::StateMachine;
use crate::store::MetadataLogStore;
use crate::subscription::Publications;
use crate::synced_end::SyncedEnd;
use crate::types::{SeededRuntime, Types};

/// Makes an empty store, with whatever must outlive it.
type MakeStore<G> = Box<dyn Fn() -> io::Result<(G, Arc<dyn MetadataLogStore>)> + Send + Sync>;

struct Builder<G>(MakeStore<G>);

impl<G: Send + Sync + 'static> StoreBuilder<Types, LogStore, StateMachine, G> for Builder<G> {
    async fn build(&self) -> Result<(G, LogStore, StateMachine), StorageError<Types>> {
        let built = (|| {
            let (guard, store) = (self.0)()?;
            let environment = world(0, SimulatedDisk::new(0));
            let folder = PathBuf::from("/conformance");
            environment.disk.create_directories(&folder)?;
            let (disk, offload) = (environment.disk, environment.offload);
            let synced_end = SyncedEnd::open(Arc::clone(&disk), Arc::clone(&offload), &folder)?;
            let publications = Arc::new(Publications::default());
            let machine = StateMachine::open(disk, offload, folder, publications, watch::channel(0).0)?;
            Ok((guard, LogStore::new(store, Arc::new(synced_end)), machine))
        })();
        built.map_err(|error: io::Error| StorageError::from_io_error(ErrorSubject::Store, ErrorVerb::Read, error))
    }
}

/// Runs the consensus library's own suite against stores that `make` makes, each with a guard that is dropped after it.
/// To be called inside a tokio runtime.
///
/// # Panics
/// Where a store does not do what it must.
pub async fn check<G: Send + Sync + 'static>(
    make: impl Fn() -> io::Result<(G, Arc<dyn MetadataLogStore>)> + Send + Sync + 'static,
) {
    let suite = Suite::<Types, LogStore, StateMachine, Builder<G>, G>::test_all(Builder(Box::new(make)));
    SeededRuntime::scope(0, suite).await.expect("the store conforms");
}
