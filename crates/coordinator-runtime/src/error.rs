//! Why a coordinator does not answer a request.

use dohle_protocol::ErrorCode;

use crate::LogAccessError;

/// Why a request got no reply from its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorError {
    /// This broker does not lead the partition, no longer leads it, or could not load it.
    #[error("this broker does not coordinate the partition")]
    NotCoordinator,
    /// The shard is still reading its log.
    #[error("the coordinator is loading")]
    LoadInProgress,
    /// The records could not be appended or committed for now: too few replicas in sync, or the time-out passed.
    #[error("the coordinator cannot commit at the moment")]
    NotAvailable,
    /// The records of one request exceed what a batch may hold.
    #[error("the records of the request are too large")]
    RecordsTooLarge,
    /// The runtime is shutting down.
    #[error("the coordinator is shutting down")]
    ShuttingDown,
}

impl CoordinatorError {
    /// The error that clients get. OffsetFetch alone replaces `COORDINATOR_NOT_AVAILABLE`, see its handler.
    #[must_use]
    pub fn error_code(self) -> ErrorCode {
        match self {
            Self::NotCoordinator => ErrorCode::NotCoordinator,
            Self::LoadInProgress => ErrorCode::CoordinatorLoadInProgress,
            Self::NotAvailable | Self::ShuttingDown => ErrorCode::CoordinatorNotAvailable,
            Self::RecordsTooLarge => ErrorCode::UnknownServerError,
        }
    }
}

impl From<LogAccessError> for CoordinatorError {
    fn from(error: LogAccessError) -> Self {
        match error {
            LogAccessError::NotLeader | LogAccessError::Storage(_) => Self::NotCoordinator,
            LogAccessError::UnknownPartition | LogAccessError::NotEnoughReplicas | LogAccessError::TimedOut => {
                Self::NotAvailable
            }
            LogAccessError::TooLarge => Self::RecordsTooLarge,
        }
    }
}
