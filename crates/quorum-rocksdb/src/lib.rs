//! The metadata log in RocksDB: entries and values in two column families over one write-ahead log.
//!
//! A change is written to the log's page cache and visible at once; one thread makes changes durable, many with one fsync,
//! and only then calls back. One write-ahead log for everything means that whatever is durable has all before it with it.

mod options;
mod store;
mod sync_thread;

pub use store::RocksDbStore;
