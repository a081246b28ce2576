//! Cluster metadata: image, delta, replay of records. No async, no IO.
