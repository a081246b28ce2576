//! DeleteRecords on one partition: the log's start moves up, and how far all live replicas have followed.

use dohle_model::{BrokerId, Offset};
use dohle_protocol::ErrorCode;

use crate::leader_state::LeaderState;
use crate::partition::{Partition, PartitionError};

/// Why records are not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    /// The topic is compacted and nothing else: its records go by their keys.
    #[error("records of a topic that is only compacted cannot be deleted by their offsets")]
    CompactedOnly,
    /// The offset is negative, or lies behind the high watermark.
    #[error("offset {requested} is not between 0 and the high watermark {high_watermark}")]
    OutOfRange {
        /// What was asked for.
        requested: Offset,
        /// One past the last committed record.
        high_watermark: Offset,
    },
    /// The partition is not led from here, or its disk has failed.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

impl DeleteRecordsError {
    /// The error that the client gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::CompactedOnly => ErrorCode::PolicyViolation,
            Self::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Partition(error) => error.error_code(),
        }
    }
}

impl Partition {
    /// Deletes all records before `before`, with `None` all that are committed; a start that lies behind it already stays.
    /// Readers see it at once, segments that lie wholly before it go with the next check of retention. Gives the offset
    /// that the low watermark has to reach. Blocks.
    ///
    /// # Errors
    /// See [`DeleteRecordsError`].
    pub fn delete_records(&self, before: Option<Offset>) -> Result<Offset, DeleteRecordsError> {
        self.check_leadership(None)?;
        let policy = self.config().cleanup_policy;
        if policy.compact && !policy.delete {
            return Err(DeleteRecordsError::CompactedOnly);
        }
        let raised = self.with_open_log(|log| {
            let high_watermark = self.high_watermark();
            let requested = before.unwrap_or(high_watermark);
            if requested.0 < 0 || requested > high_watermark {
                return Err(DeleteRecordsError::OutOfRange { requested, high_watermark });
            }
            match log.raise_log_start_offset(requested) {
                Ok(()) => Ok(requested),
                Err(error) => {
                    self.fail(&error);
                    Err(PartitionError::Offline(error.to_string().into()).into())
                }
            }
        });
        let requested = raised.unwrap_or_else(|| Err(self.why_not_leading().into()))?;
        self.wake_watchers();
        Ok(requested)
    }

    /// The first offset of which some live replica may still have a record; `None` where a live follower has not told yet.
    ///
    /// # Errors
    /// Where this broker does not lead.
    pub fn low_watermark(&self, is_live: impl Fn(BrokerId) -> bool) -> Result<Option<Offset>, PartitionError> {
        self.check_leadership(None)?;
        let start = self.reader().log_start_offset();
        let low = self.leader.read().as_ref().map(|leader: &LeaderState| leader.low_watermark(start, is_live));
        low.ok_or_else(|| self.why_not_leading())
    }
}
