//! What an entry of the metadata log carries: decided records.

use std::fmt;

use dohle_protocol::records::metadata::MetadataRecord;

/// Records that a controller has decided on, all of them or none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// The term in which its controller decided. Entries of another term ignore it: that controller had lost the lead
    /// in between, and what it decided was about an image that may not be the one the entry meets.
    pub(crate) decided_in: u64,
    /// The wall clock of the controller that decided, in milliseconds since 1970.
    pub(crate) decided_at_ms: i64,
    /// The records, in order.
    pub(crate) records: Vec<MetadataRecord>,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records decided in term {}", self.records.len(), self.decided_in)
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Its records were replayed.
    Replayed,
    /// It was ignored: its controller had lost the lead.
    Ignored,
}
