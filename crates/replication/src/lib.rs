//! Leader and follower state of partitions: append queue, high watermark, waiting fetches, the replica manager.
