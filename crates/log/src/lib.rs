//! Partition replicas on disk, and the log directories that hold them: Kafka's files, byte for byte.
//!
//! A [`PartitionLog`] has one owner that appends, rolls and deletes; readers share its [`LogReader`], which never waits for
//! an append. A [`LogDirectory`] is one entry of `log.dirs`. Nothing here starts a task or a thread: work that may block
//! is given back to the caller to run where it likes.

mod append;
mod batch_walk;
mod checkpoint;
mod error;
mod flush;
mod folder;
mod leader_epochs;
mod log_directory;
mod log_loading;
mod log_reader;
mod partition_log;
mod partition_metadata;
mod producer_state;
mod retention;
mod segment;
mod segment_index;

pub use append::Appended;
pub use error::{AppendError, LogError, ReadError};
pub use flush::{FlushWork, Flushed};
pub use log_directory::{LogDirectory, LogDirectoryError, MetaProperties};
pub use log_reader::{LogReader, LogSlice};
pub use partition_log::{OpenOptions, PartitionLog};
pub use producer_state::{ProducerState, ProducerStateError};
pub use retention::RemovedFiles;
