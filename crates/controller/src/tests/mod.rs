//! Decisions by tables; the expected answers are those of a Kafka 4.3.1 controller.

mod cluster;
mod config_changes;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod heartbeat;
mod partition_reassignments;
mod placement;
mod properties;
mod registration;
mod update_features;
