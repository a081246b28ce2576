//! Blocks of producer ids (KIP-730): an id is never given away twice.

use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use dohle_protocol::records::metadata::ProducerIdsRecord;

use crate::decision::{Context, Decision};
use crate::registration::check_epoch;

/// How many ids a block has, as in Kafka.
const BLOCK_SIZE: i32 = 1000;

/// Gives a registered broker the next block.
pub(crate) fn allocate_producer_ids(
    context: &Context<'_>,
    request: &AllocateProducerIdsRequest,
) -> Decision<AllocateProducerIdsResponse> {
    let refuse = |error: ErrorCode| {
        Decision::unchanged(AllocateProducerIdsResponse { error_code: error.code(), ..Default::default() })
    };
    if let Err(error) = check_epoch(context.image, BrokerId(request.broker_id), request.broker_epoch) {
        return refuse(error);
    }
    let first = context.image.next_producer_id();
    let Some(next_producer_id) = first.checked_add(i64::from(BLOCK_SIZE)) else {
        tracing::error!("all producer ids are used up");
        return refuse(ErrorCode::UnknownServerError);
    };
    let record =
        ProducerIdsRecord { broker_id: request.broker_id, broker_epoch: request.broker_epoch, next_producer_id };
    Decision {
        records: vec![record.into()],
        response: AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: BLOCK_SIZE,
            ..Default::default()
        },
    }
}
