//! The real world: the operating system's files, clock and randomness, and a pool of threads.
