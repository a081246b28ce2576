//! Replays the log of a partition into a coordinator.

use std::collections::BTreeSet;

use dohle_protocol::record_batch::{BatchError, BatchHeader, records};

use crate::{Coordinator, LogAccessError, PartitionLogs, ReplayError, ReplayPosition};

/// Why a shard could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Log(#[from] LogAccessError),
    #[error("the batch at or after offset {offset} is malformed: {source}")]
    Batch { offset: i64, source: BatchError },
    #[error("the record at offset {offset} is malformed: {source}")]
    Record { offset: i64, source: ReplayError },
    #[error("the log gives no whole batch at offset {0}")]
    NoProgress(i64),
}

/// Reads the whole log; returns its end offset.
pub(crate) async fn load<C: Coordinator>(
    coordinator: &mut C,
    logs: &dyn PartitionLogs,
    partition: i32,
    buffer_bytes: usize,
) -> Result<i64, LoadError> {
    let bounds = logs.bounds(partition)?;
    let mut position = bounds.log_start_offset;
    let mut unknown_types = BTreeSet::new();
    while position < bounds.log_end_offset {
        let mut bytes = logs.read(partition, position, buffer_bytes).await?;
        if bytes.is_empty() {
            // Compaction may have emptied the log's last segments.
            break;
        }
        let before = position;
        while !bytes.is_empty() {
            let malformed = |source| LoadError::Batch { offset: position, source };
            let header = BatchHeader::decode(&bytes).map_err(malformed)?;
            if bytes.len() < header.size_bytes() {
                // A read that was cut off in the middle of a batch: the next one starts with it.
                break;
            }
            let batch = bytes.split_to(header.size_bytes());
            let transactional_producer_id = header.is_transactional().then_some(header.producer_id);
            for record in records(&batch).map_err(malformed)? {
                // The batch that holds the start offset may begin before it.
                if record.offset < position {
                    continue;
                }
                if header.is_control() {
                    // An end marker: version, then 0 for abort and 1 for commit.
                    if let Some([_, _, 0, kind @ (0 | 1), ..]) = record.key.as_deref() {
                        coordinator.replay_end_transaction(header.producer_id, *kind == 1);
                    }
                    continue;
                }
                let Some(key) = &record.key else { continue };
                let replay_position = ReplayPosition { offset: record.offset, transactional_producer_id };
                match coordinator.replay(replay_position, key, record.value.as_ref()) {
                    Ok(()) => {}
                    Err(ReplayError::UnknownType(kind)) => {
                        if unknown_types.insert(kind) {
                            tracing::warn!(partition, record_type = kind, "records of this type are ignored");
                        }
                    }
                    Err(source) => return Err(LoadError::Record { offset: record.offset, source }),
                }
            }
            position = position.max(header.last_offset() + 1);
        }
        if position == before {
            return Err(LoadError::NoProgress(position));
        }
        tokio::task::yield_now().await;
    }
    Ok(position.max(bounds.log_end_offset))
}
