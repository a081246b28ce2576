//! Partition logs on a simulated disk, seen from outside.
#![expect(clippy::unwrap_used, reason = "tests")]

mod appending;
mod cutting;
mod files;
mod reading;
mod recovery;
mod retention;
mod support;
