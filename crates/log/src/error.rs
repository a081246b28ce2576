//! What can go wrong with a partition's log.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dohle_model::{Offset, TopicId};
use dohle_protocol::ErrorCode;

use crate::producer_state::ProducerStateError;

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk failed.
    #[error("{path}: {source}")]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The folder holds another topic of the same name.
    #[error("{path} belongs to topic id {found}, not to {expected}")]
    TopicId {
        /// The folder.
        path: PathBuf,
        /// The id in `partition.metadata`.
        found: TopicId,
        /// The id that was asked for.
        expected: TopicId,
    },
    /// A file that Dohle must understand to go on says something else.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl LogError {
    pub(crate) fn storage(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Storage { path, source }
    }
}

/// Why a batch was not appended. Nothing of it is in the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The producer's epoch or sequence does not fit (KIP-98).
    #[error(transparent)]
    Producer(#[from] ProducerStateError),
    /// The disk failed or is full.
    #[error("the log could not be written: {0}")]
    Storage(Arc<io::Error>),
}

impl AppendError {
    /// The error that the producer gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Producer(error) => error.error_code(),
            Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}

/// Why a log cannot be read at an offset.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset lies before the first or after the last.
    #[error("offset {requested} is outside the log, which goes from {log_start_offset} to {log_end_offset}")]
    OutOfRange {
        /// What was asked for.
        requested: Offset,
        /// The first readable offset.
        log_start_offset: Offset,
        /// One past the last.
        log_end_offset: Offset,
    },
    /// The disk failed, or what it gave is no batch.
    #[error("the log could not be read: {0}")]
    Storage(#[from] io::Error),
}

impl ReadError {
    /// The error that the reader gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}
