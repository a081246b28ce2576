//! Tests of the rules (`machine`), of the coordinator as handlers see it (`service`), and of many seeded runs of both.

mod machine;
mod membership;
mod offsets;
mod replay;
mod service;
mod simulation;
