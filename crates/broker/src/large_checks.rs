//! Checks of batches that decompress to much more than usual: beside the work for other connections, some at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use dohle_protocol::validation::{ValidatedBatch, ValidationError, ValidationRules, validate};
use dohle_seams::{Offload, OffloadExt};
use tokio::sync::Semaphore;

/// Where such batches are checked.
#[derive(Debug)]
pub(crate) struct LargeChecks {
    offload: Arc<dyn Offload>,
    places: Semaphore,
}

impl LargeChecks {
    /// No more at a time than there are cores, as each may take the memory of a codec's largest window.
    pub(crate) fn new(offload: Arc<dyn Offload>) -> Self {
        let places = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { offload, places: Semaphore::new(places) }
    }

    /// [`validate`], once there is a place for it.
    pub(crate) async fn run(
        &self,
        records: Bytes,
        rules: ValidationRules,
        now_ms: i64,
    ) -> Result<ValidatedBatch, ValidationError> {
        let _place = self.places.acquire().await.expect("never closed");
        self.offload.run(move || validate(records, &rules, now_ms)).await
    }
}
