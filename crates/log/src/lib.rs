//! Partition replicas on disk, and the log directories that hold them.
