//! Hands out producer ids from blocks that the controller allots (KIP-730): an id is never given twice.

use dohle_model::{BrokerId, ProducerId};
use dohle_quorum::{ControllerHandle, QuorumError};
use tokio::sync::Mutex;

/// The block in hand: ids from `next` (inclusive) to `end` (exclusive).
#[derive(Debug, Default)]
struct Block {
    next: i64,
    end: i64,
}

/// The broker's source of producer ids.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    controller: ControllerHandle,
    broker: BrokerId,
    block: Mutex<Block>,
}

impl ProducerIds {
    pub(crate) fn new(controller: ControllerHandle, broker: BrokerId) -> Self {
        Self { controller, broker, block: Mutex::default() }
    }

    /// The next id; waits for a new block where the one in hand is used up.
    ///
    /// # Errors
    /// Where the controller cannot allot one.
    pub(crate) async fn next(&self) -> Result<ProducerId, QuorumError> {
        let mut block = self.block.lock().await;
        if block.next >= block.end {
            let (first, count) = self.controller.allocate_producer_ids(self.broker).await?;
            *block = Block { next: first.0, end: first.0 + i64::from(count) };
        }
        let id = ProducerId(block.next);
        block.next += 1;
        Ok(id)
    }
}
