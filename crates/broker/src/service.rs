//! What connections give their frames to.

use std::sync::Arc;

use bytes::Bytes;
use dohle_network::{CloseReason, Connection, Outcome, Service};
use dohle_protocol::header::RequestHeader;
use dohle_protocol::{ApiKey, Reader};

use crate::handlers::{self, ProduceTurn, RequestContext};
use crate::state::BrokerState;

/// Answers the requests of clients.
#[derive(Debug)]
pub(crate) struct BrokerService {
    broker: Arc<BrokerState>,
}

impl BrokerService {
    pub(crate) fn new(broker: Arc<BrokerState>) -> Self {
        Self { broker }
    }
}

impl Service for BrokerService {
    type Turn = ProduceTurn;

    async fn call(&self, connection: &Connection, frame: Bytes, turn: &mut ProduceTurn) -> Outcome {
        let mut reader = Reader::new(&frame);
        let header = match RequestHeader::decode(&mut reader) {
            Ok(header) => header,
            Err(error) => return Outcome::Close { reason: CloseReason::Malformed(format!("header: {error}")) },
        };
        let (api_key, version) = (header.api_key, header.api_version);
        tracing::trace!(api_key, version, correlation_id = header.correlation_id, "request");
        let body = frame.slice(reader.position()..);
        let image = self.broker.image.load_full();
        let context = RequestContext { broker: &self.broker, connection, header: &header, image };
        handlers::dispatch(&context, &body, turn).await
    }

    fn end_turn(&self, turn: ProduceTurn) {
        turn.finish();
    }

    fn overlaps(&self, api_key: i16) -> bool {
        api_key == ApiKey::Produce.code()
    }
}
