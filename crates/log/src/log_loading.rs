//! What a log's folder holds when it is opened: half-done work of an earlier run is finished or undone, segments are
//! opened where they can be trusted and recovered where not, and producer state is rebuilt.
//!
//! Names that are removed here are synced before the log takes appends: a segment or snapshot of a future that was cut off
//! must not come back beside a new one.

use std::io;
use std::sync::Arc;

use dohle_model::{LeaderEpoch, Offset};
use dohle_seams::OpenMode;

use crate::batch_walk::{BatchWalk, SWEEP_BYTES};
use crate::folder::{DELETED_SUFFIX, Folder, SEGMENT_SUFFIXES, base_offset_of};
use crate::leader_epochs::LeaderEpochs;
use crate::partition_log::OpenOptions;
use crate::producer_state::ProducerStates;
use crate::segment::Segment;

/// The output of a compaction that was cut off before it counted.
const CLEANED_SUFFIX: &str = ".cleaned";
/// The output of a compaction that counts, and whose files have not all got their names.
const SWAP_SUFFIX: &str = ".swap";

/// A log as it was found, ready for appends.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Ascending; the last one takes batches.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) epochs: LeaderEpochs,
    pub(crate) producers: ProducerStates,
    pub(crate) log_start_offset: Offset,
    pub(crate) log_end_offset: Offset,
    /// Whether a good producer snapshot of the log's end is in the folder.
    pub(crate) has_end_snapshot: bool,
    /// Whether names in the folder were changed and not synced.
    pub(crate) names_changed: bool,
}

/// Loads the log in `folder`. What it costs depends on what was written since the recovery point; after a clean shutdown,
/// next to nothing is read.
pub(crate) fn load(folder: &Arc<Folder>, options: &OpenOptions) -> io::Result<Loaded> {
    let mut loading = Loading { folder, options, removed: false, recovered_epochs: Vec::new() };
    loading.tidy()?;
    let mut segments = loading.open_segments()?;
    let mut created = false;
    if segments.last().is_none_or(|last| last.next_offset() < options.log_start_offset) {
        // Nothing, or all of it before the first readable offset: start there.
        for segment in segments.drain(..) {
            loading.remove_segment(segment.base_offset())?;
        }
        let reserve = options.reserve_bytes();
        let fresh = Segment::create(folder, options.log_start_offset, options.index_bytes(), reserve, options.now_ms)?;
        segments.push(fresh);
        created = true;
    }
    let segments: Vec<Arc<Segment>> = segments.into_iter().map(Arc::new).collect();
    let log_start_offset = segments[0].base_offset().max(options.log_start_offset);
    let log_end_offset = segments[segments.len() - 1].next_offset();
    let mut epochs = loading.load_epochs(&segments, log_start_offset, log_end_offset)?;
    if created && !epochs.is_empty() {
        epochs.clear()?;
    }
    let (producers, has_end_snapshot) = loading.load_producers(&segments, log_start_offset, log_end_offset)?;
    if loading.removed {
        folder.sync()?;
    }
    Ok(Loaded {
        segments,
        epochs,
        producers,
        log_start_offset,
        log_end_offset,
        has_end_snapshot,
        names_changed: created && !loading.removed,
    })
}

struct Loading<'a> {
    folder: &'a Arc<Folder>,
    options: &'a OpenOptions,
    /// Whether files were removed or renamed.
    removed: bool,
    /// Epochs that batches behind the recovery point tell of.
    recovered_epochs: Vec<(i32, i64)>,
}

impl Loading<'_> {
    /// Finishes or undoes what an earlier run was about to do.
    fn tidy(&mut self) -> io::Result<()> {
        let entries = self.folder.disk.list(&self.folder.path)?;
        let mut swaps = Vec::new();
        let mut with_log = Vec::new();
        for entry in &entries {
            if entry.name.ends_with(DELETED_SUFFIX) || entry.name.ends_with(CLEANED_SUFFIX) {
                self.remove_named(&entry.name)?;
            } else if let Some(name) = entry.name.strip_suffix(SWAP_SUFFIX) {
                swaps.push(name);
            } else if let Some(base) = base_offset_of(&entry.name, "log") {
                with_log.push(base);
            }
        }
        if !swaps.is_empty() {
            self.finish_swap(&swaps)?;
            with_log = self.folder.offsets_of("log")?;
        }
        for entry in &entries {
            let index =
                ["index", "timeindex", "txnindex"].iter().find_map(|suffix| base_offset_of(&entry.name, suffix));
            if index.is_some_and(|base| !with_log.contains(&base)) {
                self.remove_named(&entry.name)?;
            }
        }
        Ok(())
    }

    /// Puts compacted segments in place of those that they were made from.
    fn finish_swap(&mut self, names: &[&str]) -> io::Result<()> {
        let mut replaced: Option<(Offset, Offset)> = None;
        for name in names {
            let Some(base) = base_offset_of(name, "log") else { continue };
            let path = self.folder.path.join(format!("{name}{SWAP_SUFFIX}"));
            let file = self.folder.disk.open(&path, OpenMode::Read)?;
            let size = file.size_bytes()?;
            let mut walk = BatchWalk::new(file, 0, size, SWEEP_BYTES);
            let mut end = base;
            while let Some(header) = walk.header()? {
                end = Offset(header.last_offset() + 1);
                walk.advance(&header);
            }
            let (start, before) = replaced.unwrap_or((base, end));
            replaced = Some((start.min(base), before.max(end)));
        }
        if let Some((start, end)) = replaced {
            for base in self.folder.offsets_of("log")? {
                if start <= base && base < end {
                    for suffix in SEGMENT_SUFFIXES.iter().filter(|suffix| **suffix != "snapshot") {
                        self.folder.remove_if_there(&self.folder.file(base, suffix))?;
                    }
                }
            }
        }
        for name in names {
            let from = self.folder.path.join(format!("{name}{SWAP_SUFFIX}"));
            self.folder.disk.rename(&from, &self.folder.path.join(name))?;
        }
        self.removed = true;
        Ok(())
    }

    fn remove_named(&mut self, name: &str) -> io::Result<()> {
        self.removed = true;
        self.folder.remove_if_there(&self.folder.path.join(name))
    }

    fn remove_segment(&mut self, base_offset: Offset) -> io::Result<()> {
        self.removed = true;
        self.folder.remove_segment(base_offset)
    }

    /// Opens or recovers all segments; the last one is ready for more batches. There may be none.
    fn open_segments(&mut self) -> io::Result<Vec<Segment>> {
        let bases = self.folder.offsets_of("log")?;
        let mut segments: Vec<Segment> = Vec::with_capacity(bases.len());
        let mut cut = false;
        for (at, base) in bases.iter().copied().enumerate() {
            let next_base = bases.get(at + 1).copied();
            if cut || segments.last().is_some_and(|before| base < before.next_offset()) {
                tracing::warn!(
                    topic_partition = %self.options.topic_partition,
                    segment = base.0,
                    "removed a segment that does not follow the one before it"
                );
                self.remove_segment(base)?;
                continue;
            }
            // A flush covers a sealed segment with its indexes, but the active one without. A recovery point within the
            // next segment, not just at its base, is of a flush that came after this one was sealed.
            let trusted =
                self.options.clean_shutdown || next_base.is_some_and(|next| next < self.options.recovery_point);
            let opened = if trusted { self.open_trusted(base, next_base)? } else { None };
            if let Some(segment) = opened {
                segments.push(segment);
                continue;
            }
            let (segment, cut_bytes) = self.recover(base, trusted)?;
            // Whole batches may be missing as well. Compaction leaves gaps of its own, which are no sign of that.
            let gap = !self.options.config.cleanup_policy.compact
                && next_base.is_some_and(|next| segment.next_offset() < next);
            // What was durable once and is damaged now has no bearing on what comes behind it.
            cut = !trusted && (cut_bytes > 0 || gap);
            if next_base.is_some() && !cut {
                segment.seal()?;
            }
            segments.push(segment);
        }
        if bases.len() > segments.len()
            && !cut
            && let Some(last) = segments.pop()
        {
            // The one that was to take batches is gone; this one takes its place.
            let index_bytes = self.options.index_bytes();
            segments.push(match last.unseal(index_bytes)? {
                Some(()) => last,
                None => self.recover(last.base_offset(), true)?.0,
            });
        }
        Ok(segments)
    }

    fn open_trusted(&self, base: Offset, next_base: Option<Offset>) -> io::Result<Option<Segment>> {
        let opened = Segment::open_sealed(self.folder, base, next_base.unwrap_or(base), self.options.now_ms)?;
        let Some(segment) = opened else { return Ok(None) };
        if next_base.is_some() {
            segment.set_durable();
        } else if segment.unseal(self.options.index_bytes())?.is_none() {
            return Ok(None);
        }
        Ok(Some(segment))
    }

    /// Gives the segment, unsealed, and how many bytes were cut off its end.
    fn recover(&mut self, base: Offset, trusted: bool) -> io::Result<(Segment, u64)> {
        let trusted_below = if trusted { Offset(i64::MAX) } else { self.options.recovery_point };
        let (segment, recovered) = Segment::recover(
            self.folder,
            base,
            trusted_below,
            self.options.index_bytes(),
            self.options.index_interval_bytes(),
            self.options.now_ms,
        )?;
        if recovered.cut_bytes > 0 {
            tracing::warn!(
                topic_partition = %self.options.topic_partition,
                segment = base.0,
                next_offset = segment.next_offset().0,
                cut_bytes = recovered.cut_bytes,
                "cut what follows the last good batch of a segment"
            );
        }
        self.recovered_epochs.extend(recovered.epochs);
        Ok((segment, recovered.cut_bytes))
    }

    fn load_epochs(&self, segments: &[Arc<Segment>], start: Offset, end: Offset) -> io::Result<LeaderEpochs> {
        let disk = Arc::clone(&self.folder.disk);
        let mut epochs = match LeaderEpochs::open(Arc::clone(&disk), &self.folder.path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%error, "leader epochs are taken from the batches");
                LeaderEpochs::empty(disk, &self.folder.path)
            }
            other => other?,
        };
        let mut found = Vec::new();
        if epochs.is_empty() {
            let mut latest = -1;
            for segment in segments {
                segment.for_each_header(segment.base_offset(), |header| {
                    if header.partition_leader_epoch > latest {
                        latest = header.partition_leader_epoch;
                        found.push((latest, header.base_offset));
                    }
                })?;
            }
        } else {
            // Epochs of leaders whose batches are gone must not stand in the way of those that are there.
            epochs.truncate_to(end)?;
            found.extend(self.recovered_epochs.iter().copied().filter(|(epoch, _)| *epoch >= 0));
        }
        for (epoch, offset) in found {
            epochs.assign(LeaderEpoch(epoch), Offset(offset))?;
        }
        epochs.truncate_to(end)?;
        epochs.trim_to(start)?;
        Ok(epochs)
    }

    /// Producer state as of `end`: the newest good snapshot not beyond it, then the batches since. Tells whether that
    /// snapshot is of `end` itself.
    fn load_producers(
        &mut self,
        segments: &[Arc<Segment>],
        start: Offset,
        end: Offset,
    ) -> io::Result<(ProducerStates, bool)> {
        let snapshots = self.folder.offsets_of("snapshot")?;
        // After a clean shutdown without any, Kafka takes it that nobody needs one.
        let mut from = if self.options.clean_shutdown && snapshots.is_empty() { end } else { start };
        let mut producers = ProducerStates::default();
        let mut newest = None;
        for offset in snapshots.into_iter().rev() {
            let path = self.folder.file(offset, "snapshot");
            if offset > end {
                self.removed = true;
                self.folder.remove_if_there(&path)?;
            } else if let Some(states) = ProducerStates::decode(&self.folder.disk.read_to_end(&path)?) {
                producers = states;
                from = from.max(offset);
                newest = Some(offset);
                break;
            } else {
                tracing::warn!(
                    topic_partition = %self.options.topic_partition,
                    snapshot = offset.0,
                    "removed a damaged producer snapshot"
                );
                self.removed = true;
                self.folder.remove_if_there(&path)?;
            }
        }
        replay_producers(&mut producers, segments, from)?;
        producers.expire(self.options.now_ms, self.options.producer_id_expiration_ms);
        Ok((producers, newest == Some(end)))
    }
}

/// Remembers the producers' batches from `from` on.
pub(crate) fn replay_producers(
    producers: &mut ProducerStates,
    segments: &[Arc<Segment>],
    from: Offset,
) -> io::Result<()> {
    for segment in segments.iter().filter(|segment| segment.next_offset() > from) {
        segment.for_each_header(from, |header| {
            if header.base_offset >= from.0 && header.has_producer_id() && !header.is_control() {
                producers.update(header, Offset(header.base_offset));
            }
        })?;
    }
    Ok(())
}
