//! Topics created by being used: `auto.create.topics.enable`, and the internal topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use dohle_config::ServerConfig;
use dohle_model::TopicName;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::CreateTopicsRequest;
use dohle_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use dohle_protocol::messages::create_topics_response::CreatableTopicResult;
use dohle_quorum::ControllerHandle;
use parking_lot::Mutex;

/// The topic that holds groups and their offsets.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// How many topics may be under way at once. Who asks for more has to ask again, as everybody does who asks for a topic
/// that is not there yet.
const UNDER_WAY_MAX: usize = 10_000;

/// Creates topics that clients ask for, each once however many ask at the same time.
#[derive(Debug)]
pub(crate) struct TopicCreation {
    config: Arc<ServerConfig>,
    controller: ControllerHandle,
    runtime: tokio::runtime::Handle,
    under_way: UnderWay,
}

/// The topics that the controller was asked for and has not answered for.
#[derive(Clone, Debug, Default)]
struct UnderWay(Arc<Mutex<BTreeSet<TopicName>>>);

impl UnderWay {
    /// Those of `topics` that nobody asks for already, and that there is room for.
    fn begin(&self, topics: Vec<CreatableTopic>) -> Vec<CreatableTopic> {
        let mut under_way = self.0.lock();
        let mut is_new =
            |topic: &CreatableTopic| under_way.len() < UNDER_WAY_MAX && under_way.insert(topic.name.as_str().into());
        topics.into_iter().filter(|topic| is_new(topic)).collect()
    }

    fn end(&self, names: &[TopicName]) {
        let mut under_way = self.0.lock();
        for name in names {
            under_way.remove(name);
        }
    }
}

impl TopicCreation {
    pub(crate) fn new(
        config: Arc<ServerConfig>,
        controller: ControllerHandle,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self { config, controller, runtime, under_way: UnderWay::default() }
    }

    /// Starts creating the topics that one request asks for, in one request, with the broker's defaults; internal topics
    /// get their own settings. Those of coordinators that are not served are left alone: their settings could not be
    /// changed once they are.
    pub(crate) fn create_in_background(&self, names: &[TopicName]) {
        let topic = |name: &TopicName| match name.as_str() {
            CONSUMER_OFFSETS => Some(self.consumer_offsets()),
            _ if name.is_internal() => None,
            name => Some(CreatableTopic {
                name: name.to_owned(),
                num_partitions: -1,
                replication_factor: -1,
                ..CreatableTopic::default()
            }),
        };
        self.create(names.iter().filter_map(topic).collect());
    }

    /// Starts creating the topic of the group coordinator.
    pub(crate) fn create_consumer_offsets_in_background(&self) {
        self.create(vec![self.consumer_offsets()]);
    }

    fn consumer_offsets(&self) -> CreatableTopic {
        let config = |name: &str, value: String| CreatableTopicConfig { name: name.to_owned(), value: Some(value) };
        CreatableTopic {
            name: CONSUMER_OFFSETS.to_owned(),
            num_partitions: self.config.offsets_topic_num_partitions,
            replication_factor: self.config.offsets_topic_replication_factor,
            configs: vec![
                config("cleanup.policy", "compact".to_owned()),
                config("compression.type", "producer".to_owned()),
                config("segment.bytes", self.config.offsets_topic_segment_bytes.to_string()),
            ],
            ..CreatableTopic::default()
        }
    }

    fn create(&self, topics: Vec<CreatableTopic>) {
        let topics = self.under_way.begin(topics);
        if topics.is_empty() {
            return;
        }
        let controller = self.controller.clone();
        let under_way = self.under_way.clone();
        self.runtime.spawn(async move {
            let names: Vec<TopicName> = topics.iter().map(|topic| topic.name.as_str().into()).collect();
            let request = CreateTopicsRequest { topics, timeout_ms: 30_000, ..CreateTopicsRequest::default() };
            match controller.create_topics(request).await {
                Ok(response) => response.topics.iter().for_each(tell),
                Err(error) => tracing::warn!(?names, %error, "could not create topics that were used"),
            }
            under_way.end(&names);
        });
    }
}

/// Logs what became of a topic.
fn tell(result: &CreatableTopicResult) {
    let (topic, message) = (result.name.as_str(), result.error_message.as_deref().unwrap_or_default());
    match ErrorCode::from_code(result.error_code) {
        Some(ErrorCode::None) => tracing::info!(topic, "created a topic for its first use"),
        // Asked for again before this broker saw it.
        Some(ErrorCode::TopicAlreadyExists) => {}
        error => tracing::warn!(topic, ?error, message, "could not create a topic that was used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(numbers: std::ops::Range<usize>) -> Vec<CreatableTopic> {
        numbers.map(|number| CreatableTopic { name: format!("t{number}"), ..CreatableTopic::default() }).collect()
    }

    #[test]
    fn a_topic_is_asked_for_once_until_it_is_answered_for() {
        let under_way = UnderWay::default();
        assert_eq!(under_way.begin(topics(0..3)), topics(0..3));
        assert_eq!(under_way.begin(topics(1..5)), topics(3..5));
        under_way.end(&["t1".into(), "t4".into()]);
        let again: Vec<_> = under_way.begin(topics(0..5)).into_iter().map(|topic| topic.name).collect();
        assert_eq!(again, ["t1", "t4"]);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let under_way = UnderWay::default();
        assert_eq!(under_way.begin(topics(0..UNDER_WAY_MAX + 5)), topics(0..UNDER_WAY_MAX));
        assert_eq!(under_way.begin(topics(UNDER_WAY_MAX..UNDER_WAY_MAX + 1)), []);
        under_way.end(&["t7".into()]);
        assert_eq!(under_way.begin(topics(UNDER_WAY_MAX..UNDER_WAY_MAX + 2)).len(), 1);
    }
}
