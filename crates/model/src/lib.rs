//! Ids, offsets and epochs as newtypes; topic names and ids. Nothing else: no IO, no wire format.

mod ids;
mod topic_name;
mod uuid;

pub use ids::*;
pub use topic_name::{InvalidTopicName, TopicName, colliding_name};
pub use uuid::{ParseUuidError, Uuid};
