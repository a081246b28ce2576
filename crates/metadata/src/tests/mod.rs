//! Replay record by record, refusals, and properties that hold for any history.

mod history;
mod properties;
mod refusals;
mod replay;
