//! The machine: what is done to it so that figures can be compared, and what it is.

pub(crate) mod disk;
pub(crate) mod facts;
pub(crate) mod idle;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod process;
