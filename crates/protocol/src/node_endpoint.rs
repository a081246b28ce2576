//! Where the leaders are that a response points at, so that a client need not ask for metadata first (KIP-951).

use crate::wire::Writer;

/// A broker, as clients of one listener reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: i32,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// Writes the tagged section that ends a response: the endpoints, where there are any.
pub(crate) fn encode_last_section(writer: &mut Writer, endpoints: &[NodeEndpoint]) {
    if endpoints.is_empty() {
        writer.unsigned_varint(0);
        return;
    }
    writer.unsigned_varint(1);
    writer.tagged_field(0, |writer| {
        writer.array_length(endpoints.len(), true);
        for endpoint in endpoints {
            writer.int32(endpoint.node_id);
            writer.string(&endpoint.host, true);
            writer.int32(endpoint.port);
            match &endpoint.rack {
                Some(rack) => writer.string(rack, true),
                None => writer.null_string(true),
            }
            writer.unsigned_varint(0);
        }
    });
}
