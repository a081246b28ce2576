//! Groups and committed offsets (classic protocol).
