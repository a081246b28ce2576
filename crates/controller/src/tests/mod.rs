//! Decisions by tables; the expected answers are those of a Kafka 4.3.1 controller.

mod cluster;
mod create_topics;
mod delete_topics;
mod heartbeat;
mod placement;
mod properties;
mod registration;
