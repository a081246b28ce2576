//! What the quorum asks of a store: entries by index, three values, and an honest word about when they are durable.

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Called once, on any thread, when what was written before is durable, or can never be said to be.
pub type WhenDurable = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A value that is kept beside the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredValue {
    /// Whom this replica has voted for, and in which term.
    Vote,
    /// Up to where the log is known to be committed; may lag.
    Committed,
    /// Up to where the log was removed.
    Purged,
}

impl StoredValue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vote, Self::Committed, Self::Purged];

    /// A name that never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Committed => "committed",
            Self::Purged => "purged",
        }
    }
}

/// A change that happens as a whole or not at all, in this order.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The entries with an index in this range are removed.
    pub removed: Option<Range<u64>>,
    /// Entries with their index; the first follows the last there is, unless nothing is left or ever was.
    pub appended: Vec<(u64, Bytes)>,
    /// Values that are set.
    pub values: Vec<(StoredValue, Bytes)>,
}

/// The log, the vote and little more of one replica.
///
/// Whoever writes does so one change after the other. A change can be read as soon as `write` returns, and survives a
/// crash of the machine once a later `sync` has called back; changes become durable in the order in which they were
/// written, so a crash loses a tail of them and never one from the middle. An error is final: after one the store says
/// no more, and the replica must stop.
pub trait MetadataLogStore: Send + Sync + Debug + 'static {
    /// The entries with an index in `indexes` that there are, in order; at least one, but no more than
    /// `size_bytes_max` together.
    ///
    /// # Errors
    /// The disk's error, or `InvalidData`.
    fn entries(&self, indexes: Range<u64>, size_bytes_max: usize) -> io::Result<Vec<Bytes>>;

    /// The entry with the highest index.
    ///
    /// # Errors
    /// As [`Self::entries`].
    fn last_entry(&self) -> io::Result<Option<Bytes>>;

    /// A value, as last set.
    ///
    /// # Errors
    /// As [`Self::entries`].
    fn value(&self, value: StoredValue) -> io::Result<Option<Bytes>>;

    /// Makes a change.
    ///
    /// # Errors
    /// The disk's error.
    fn write(&self, change: Change) -> io::Result<()>;

    /// Makes everything written so far durable; does not wait for it. Callbacks come in the order of the calls.
    fn sync(&self, when_durable: WhenDurable);

    /// Makes everything durable and lets go of the files. Blocks. Writes fail from then on.
    fn close(&self);
}

/// Opens a store that lies in a folder, which exists. Blocks.
pub type OpenStore = Box<dyn FnOnce(&std::path::Path) -> io::Result<Arc<dyn MetadataLogStore>> + Send>;
