//! A node in a simulated world, asked by requests: every API in every version, what its answers mean, power loss, starting and
//! stopping. One program, since linking a whole node takes long.
#![expect(clippy::unwrap_used, reason = "what does not go well fails the test")]

mod admin;
mod cluster_administration;
mod dynamic_settings;
mod every_api;
mod partition_admin;
mod power_loss;
mod produce_and_fetch;
mod refused_requests;
mod requests;
mod simulation;
mod start_and_stop;
