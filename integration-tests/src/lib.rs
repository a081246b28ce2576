//! What the integration tests are made of: a broker process, client processes, and a look at the broker from outside.
//!
//! Nothing here links the broker. It is started as a binary and reached over sockets, as its users reach it. The
//! scenarios themselves are in `tests/suite`, the programs that play them with other clients in `clients`.

pub mod broker;
pub mod cache;
pub mod checkout;
pub mod cluster;
pub mod events;
pub mod families;
pub mod java;
pub mod kafka_tools;
pub mod log_file;
pub mod memory;
pub mod observer;
pub mod partitioners;
pub mod ports;
pub mod process;
pub mod requirement;
pub mod scenarios;
pub mod sources;
pub mod waiting;
