//! Partition replicas on disk, and the log directories that hold them: Kafka's files, byte for byte.
//!
//! A [`PartitionLog`] has one owner that appends, rolls and deletes; readers share its [`LogReader`], which never waits for
//! an append. A [`LogDirectory`] is one entry of `log.dirs`. Nothing here starts a task or a thread: work that may block
//! is given back to the caller to run where it likes.

mod checkpoint;
mod error;
mod leader_epochs;
mod log_directory;
mod log_reader;
mod partition_log;
mod producer_state;
mod segment;
mod segment_index;

pub use error::{AppendError, LogError, ReadError};
pub use log_directory::{LogDirectory, LogDirectoryError, MetaProperties};
pub use log_reader::{LogReader, LogSlice};
pub use partition_log::{Appended, FlushWork, Flushed, OpenOptions, PartitionLog, RemovedFiles};
pub use producer_state::ProducerStateError;
