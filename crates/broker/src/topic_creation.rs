//! Topics created by being used: `auto.create.topics.enable`, and the internal topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use dohle_config::ServerConfig;
use dohle_model::TopicName;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::CreateTopicsRequest;
use dohle_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use dohle_quorum::ControllerHandle;
use parking_lot::Mutex;

/// The topic that holds groups and their offsets.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// Creates topics that clients ask for, each once however many ask at the same time.
#[derive(Debug)]
pub(crate) struct TopicCreation {
    config: Arc<ServerConfig>,
    controller: ControllerHandle,
    runtime: tokio::runtime::Handle,
    under_way: Arc<Mutex<BTreeSet<TopicName>>>,
}

impl TopicCreation {
    pub(crate) fn new(
        config: Arc<ServerConfig>,
        controller: ControllerHandle,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self { config, controller, runtime, under_way: Arc::default() }
    }

    /// Starts creating a topic with the broker's defaults; internal topics get their own settings. Those of coordinators
    /// that are not served are left alone: their settings could not be changed once they are.
    pub(crate) fn create_in_background(&self, name: &TopicName) {
        if name.as_str() == CONSUMER_OFFSETS {
            self.create_consumer_offsets_in_background();
            return;
        }
        if name.is_internal() {
            return;
        }
        self.create(CreatableTopic {
            name: name.as_str().to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            ..CreatableTopic::default()
        });
    }

    /// Starts creating the topic of the group coordinator.
    pub(crate) fn create_consumer_offsets_in_background(&self) {
        let config = |name: &str, value: String| CreatableTopicConfig { name: name.to_owned(), value: Some(value) };
        self.create(CreatableTopic {
            name: CONSUMER_OFFSETS.to_owned(),
            num_partitions: self.config.offsets_topic_num_partitions,
            replication_factor: self.config.offsets_topic_replication_factor,
            configs: vec![
                config("cleanup.policy", "compact".to_owned()),
                config("compression.type", "producer".to_owned()),
                config("segment.bytes", self.config.offsets_topic_segment_bytes.to_string()),
            ],
            ..CreatableTopic::default()
        });
    }

    fn create(&self, topic: CreatableTopic) {
        let name = TopicName::from(topic.name.as_str());
        if !self.under_way.lock().insert(name.clone()) {
            return;
        }
        let controller = self.controller.clone();
        let under_way = Arc::clone(&self.under_way);
        self.runtime.spawn(async move {
            let request =
                CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..CreateTopicsRequest::default() };
            match controller.create_topics(request).await {
                Ok(response) => {
                    for topic in response.topics {
                        let message = topic.error_message.unwrap_or_default();
                        let topic_name = topic.name;
                        match ErrorCode::from_code(topic.error_code) {
                            Some(ErrorCode::None) => {
                                tracing::info!(topic = topic_name, "created a topic for its first use")
                            }
                            // Asked for again before this broker saw it.
                            Some(ErrorCode::TopicAlreadyExists) => {}
                            error => {
                                tracing::warn!(
                                    topic = topic_name,
                                    ?error,
                                    message,
                                    "could not create a topic that was used"
                                );
                            }
                        }
                    }
                }
                Err(error) => tracing::warn!(topic = %name, %error, "could not create a topic that was used"),
            }
            under_way.lock().remove(&name);
        });
    }
}
