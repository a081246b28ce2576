//! What can go wrong with the quorum.

use std::io;
use std::path::PathBuf;

use dohle_protocol::ErrorCode;

use crate::replica::ReplicaKey;

/// Why a controller did not answer, or a quorum did not start.
#[derive(Debug, thiserror::Error)]
pub enum QuorumError {
    /// This replica does not lead the quorum, or no longer does. What was asked for may have happened all the same.
    #[error("this node is not the active controller")]
    NotController {
        /// Who leads, as far as is known.
        leader: Option<i32>,
    },
    /// The answer did not come in time. What was asked for may still happen.
    #[error("the controller did not answer in time")]
    TimedOut,
    /// The controller says no.
    #[error("the controller refuses: {0}")]
    Refused(ErrorCode),
    /// The quorum has stopped or is about to.
    #[error("the metadata quorum has stopped")]
    Stopped,
    /// The disk failed while the quorum was starting.
    #[error("{path}: {source}")]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The log has lost entries that were once durable.
    #[error(
        "{path} has lost metadata: its log ends at {found} but was durable up to {expected}. This replica must not go on; \
         format the directory anew and add it to the quorum again"
    )]
    LogLost {
        /// The folder.
        path: PathBuf,
        /// Where the log ends.
        found: String,
        /// Where it should at least end.
        expected: String,
    },
    /// The log belongs to a quorum in which this replica has no vote.
    #[error("{path} holds the metadata log of the voters {voters}, which replica {replica} is none of")]
    ForeignLog {
        /// The folder.
        path: PathBuf,
        /// The voters.
        voters: String,
        /// This replica.
        replica: ReplicaKey,
    },
    /// The quorum stopped while it was starting.
    #[error("the metadata quorum has stopped: {0}")]
    Failed(QuorumFailure),
    /// Recovery failed, or the consensus library could not start.
    #[error("{path}: {reason}")]
    Start {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl QuorumError {
    pub(crate) fn storage(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Storage { path, source }
    }

    /// What a client gets to see.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotController { .. } | Self::Stopped => ErrorCode::NotController,
            Self::TimedOut => ErrorCode::RequestTimedOut,
            Self::Refused(error) => *error,
            Self::Failed(_)
            | Self::Storage { .. }
            | Self::LogLost { .. }
            | Self::ForeignLog { .. }
            | Self::Start { .. } => ErrorCode::UnknownServerError,
        }
    }
}

/// Why a running quorum has stopped. The node must end: what it would go on with is not what the others have.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct QuorumFailure(pub(crate) String);
