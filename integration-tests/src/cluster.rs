//! What a scenario runs against: a broker of its own, or one that runs already and is named by `DOHLE_TEST_BOOTSTRAP`.

use std::path::PathBuf;

use anyhow::Result;

use crate::broker::{Broker, BrokerOptions};

/// The broker that is named by the environment, if any: another implementation to compare with, say.
#[must_use]
pub fn external_bootstrap() -> Option<String> {
    std::env::var("DOHLE_TEST_BOOTSTRAP").ok().filter(|address| !address.is_empty())
}

/// Something to run scenarios against that do not stop or kill it.
pub struct Cluster {
    broker: Option<Broker>,
    bootstrap: String,
}

impl Cluster {
    /// The external broker, or one started with `options`.
    ///
    /// # Errors
    /// The broker does not start.
    pub fn start(options: BrokerOptions) -> Result<Self> {
        if let Some(bootstrap) = external_bootstrap() {
            return Ok(Self { broker: None, bootstrap });
        }
        let broker = Broker::start(options)?;
        let bootstrap = broker.bootstrap();
        Ok(Self { broker: Some(broker), bootstrap })
    }

    /// Where clients find it: `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The broker, where it was started here.
    #[must_use]
    pub fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    /// Whether it was not started here: then its properties are unknown and it may hold the topics of earlier runs.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.broker.is_none()
    }

    /// The broker's log directory, where it is ours.
    #[must_use]
    pub fn data(&self) -> Option<PathBuf> {
        self.broker.as_ref().map(Broker::data)
    }

    /// The end of the broker's log, where it is ours.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.broker.as_ref().map_or_else(String::new, Broker::last_words)
    }
}
