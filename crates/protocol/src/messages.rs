//! Requests and responses of every API of Kafka 4.3, generated from `schema/messages.tsv`.

#![allow(clippy::all, reason = "generated alike for all schemas")]

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
