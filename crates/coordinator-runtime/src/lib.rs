//! Shards over an internal topic: decide, append, apply, reply when committed.
