//! A simulated world under one seed.
