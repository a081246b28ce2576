//! Dropping the oldest segments: by the log's start, by size, by age.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dohle_model::Offset;

use crate::partition_log::PartitionLog;
use crate::segment::Segment;

/// Files that are no longer part of the log, renamed already; to be removed after `file.delete.delay.ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovedFiles(pub Vec<PathBuf>);

impl PartitionLog {
    /// Drops the oldest segments by the topic's rules (log start, size, time), never at or above the high watermark; the
    /// active one is rolled first where it goes too. Their files are renamed; removing them is up to the caller.
    ///
    /// # Errors
    /// The disk's error.
    pub fn delete_old_segments(&mut self, high_watermark: Offset, now_ms: i64) -> io::Result<RemovedFiles> {
        let segments = Arc::clone(&self.reader.segments.load());
        let count = self.deletable(&segments, high_watermark, now_ms)?;
        if count == 0 {
            return Ok(RemovedFiles::default());
        }
        if count == segments.len() {
            self.roll(now_ms)?;
        }
        let segments = Arc::clone(&self.reader.segments.load());
        let (gone, kept) = segments.split_at(count);
        let start = kept[0].base_offset();
        self.reader.log_start_offset.fetch_max(start.0, Ordering::AcqRel);
        self.reader.segments.store(Arc::new(kept.to_vec()));
        self.reader.epochs.write().trim_to(start)?;
        self.names_changed = true;
        let mut removed = RemovedFiles::default();
        for segment in gone {
            tracing::info!(
                topic_partition = %self.topic_partition,
                segment = segment.base_offset().0,
                size_bytes = segment.size_bytes(),
                "deleting a segment by the topic's retention"
            );
            removed.0.extend(self.folder.set_segment_aside(segment.base_offset())?);
        }
        Ok(removed)
    }

    /// How many of the oldest segments may go.
    fn deletable(&self, segments: &[Arc<Segment>], high_watermark: Offset, now_ms: i64) -> io::Result<usize> {
        let log_start_offset = self.reader.log_start_offset();
        let by_rules = self.config.cleanup_policy.delete;
        let size_max = u64::try_from(self.config.retention_bytes).ok().filter(|_| by_rules);
        let age_max = Some(self.config.retention_ms).filter(|age| by_rules && *age >= 0);
        let mut total: u64 = segments.iter().map(|segment| segment.size_bytes()).sum();
        for (at, segment) in segments.iter().enumerate() {
            let size = segment.size_bytes();
            let is_active = at + 1 == segments.len();
            if segment.next_offset() > high_watermark || (is_active && size == 0) {
                return Ok(at);
            }
            let goes = (!is_active && segment.next_offset() <= log_start_offset)
                || size_max.is_some_and(|max| total.saturating_sub(size) >= max)
                || match age_max {
                    Some(max) => now_ms.saturating_sub(self.newest_ms(segment)?) > max,
                    None => false,
                };
            if !goes {
                return Ok(at);
            }
            total -= size;
        }
        Ok(segments.len())
    }

    /// The largest timestamp, or where there is none when the file was last written.
    fn newest_ms(&self, segment: &Segment) -> io::Result<i64> {
        match segment.max_timestamp() {
            (timestamp, _) if timestamp >= 0 => Ok(timestamp),
            _ => {
                let facts = self.folder.disk.facts(&segment.path("log"))?;
                Ok(facts.map_or(i64::MAX, |facts| facts.modified_ms))
            }
        }
    }

    /// Takes back the right to read what lies before `offset`, as `DeleteRecords` asks; segments that lie wholly before it
    /// go with the next [`Self::delete_old_segments`]. The log's start never moves back, and never beyond its end.
    ///
    /// # Errors
    /// The disk's error.
    pub fn raise_log_start_offset(&mut self, offset: Offset) -> io::Result<()> {
        let start = offset.min(self.reader.log_end_offset());
        let before = self.reader.log_start_offset.fetch_max(start.0, Ordering::AcqRel);
        if before < start.0 { self.reader.epochs.write().trim_to(start) } else { Ok(()) }
    }
}
