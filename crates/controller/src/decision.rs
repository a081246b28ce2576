//! What every decision sees, and what it comes to.

use dohle_config::ServerConfig;
use dohle_metadata::Image;
use dohle_model::TopicName;
use dohle_protocol::ErrorCode;
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_seams::Randomness;

/// The most records that one user's request may lead to, as in Kafka.
pub(crate) const RECORDS_MAX: usize = 10_000;

/// What Kafka says of a request that leads to more.
pub(crate) const TOO_MANY_RECORDS: &str = "Unable to perform excessively large batch operation.";

/// What a decision is made on.
pub(crate) struct Context<'a> {
    /// The metadata, with the effects of all earlier decisions whether committed or not.
    pub(crate) image: &'a Image,
    /// The node's own settings, dynamic ones in the image among them: defaults of topics, among others.
    pub(crate) config: &'a ServerConfig,
    /// For ids and placement.
    pub(crate) randomness: &'a dyn Randomness,
}

impl Context<'_> {
    /// Whether a topic's partitions may be led by a replica out of the ISR when no other is left.
    pub(crate) fn allows_unclean_election(&self, topic: &TopicName) -> bool {
        match self.image.topic_override(topic, "unclean.leader.election.enable") {
            Some(value) => value.trim().eq_ignore_ascii_case("true"),
            None => self.config.topic_defaults.unclean_leader_election_enable,
        }
    }
}

/// Records to commit, and what to answer once they are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision<R> {
    /// To be committed together, in this order; empty where nothing changes.
    pub(crate) records: Vec<MetadataRecord>,
    /// The answer.
    pub(crate) response: R,
}

impl<R> Decision<R> {
    /// An answer that changes nothing.
    pub(crate) fn unchanged(response: R) -> Self {
        Self { records: Vec::new(), response }
    }
}

/// An error as Kafka's tools show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    /// `None` where Kafka leaves it to the client to say what the code means.
    pub(crate) message: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    pub(crate) fn without_message(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// Code and message as a response has them, where `None` is a success.
    pub(crate) fn parts(error: Option<Self>) -> (i16, Option<String>) {
        match error {
            Some(error) => (error.code.code(), error.message),
            None => (ErrorCode::None.code(), None),
        }
    }
}
