//! Kafka's wire protocol: frames, headers, generated messages and records, record batches. Bytes in, values out.
//!
//! Messages and records are generated at build time from the tables in `schema/` (see `build.rs`). Produce and Fetch,
//! whose bodies carry record batches, have cursors of their own beside the generated structs.

pub mod api_key;
mod batch_builder;
pub mod compression;
pub mod error_code;
pub mod fetch;
pub mod header;
#[cfg(test)]
mod message_checks;
pub mod messages;
mod node_endpoint;
pub mod produce;
pub mod record_batch;
mod record_walk;
pub mod records;
pub mod validation;
pub mod wire;

pub use api_key::{ApiKey, VersionRange};
pub use error_code::ErrorCode;
pub use node_endpoint::NodeEndpoint;
pub use wire::{DecodeError, Message, Reader, Writer};
