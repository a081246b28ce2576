//! Request handlers, wiring and lifecycle of a node.
//!
//! A [`Node`] is a broker and, so far, the controller of its cluster in one process. It opens its log directories, starts
//! the metadata quorum, registers, opens the logs that the committed metadata places here, and serves clients once it is
//! unfenced. Metadata changes reach its parts in a fixed order, see `publisher`.

mod config_requests;
mod connection_settings;
mod controller_change;
mod coordinator_logs;
mod deleting_records;
mod dynamic_settings;
mod fetch_sessions;
mod fetching;
mod handlers;
mod large_checks;
mod leader_hints;
mod lifecycle;
mod listeners;
mod loggers;
mod node;
mod offsets_topic;
mod producer_ids;
mod publisher;
mod request_context;
mod service;
mod state;
mod topic_creation;
mod topic_index;
mod watching;

pub use connection_settings::SettingError;
pub use lifecycle::RegistrationError;
pub use listeners::Listen;
pub use loggers::{LogLevel, Loggers, ROOT, RememberedLevels};
pub use node::{Node, NodeError, NodeFailure, NodeOptions};
