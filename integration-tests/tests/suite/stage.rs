//! What tests share: one broker for all that need none of their own, names that no other test uses, and how a test ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use dohle_integration_tests::broker::BrokerOptions;
use dohle_integration_tests::cluster::{Cluster, external_bootstrap};
use dohle_integration_tests::families::Family;
use dohle_integration_tests::kafka_tools::KafkaTools;
use dohle_integration_tests::requirement::skip;
use libtest_mimic::{Completion, Failed, Trial};

/// One run of the suite.
pub(crate) struct Suite {
    /// The client families.
    pub(crate) families: Vec<Family>,
    /// In every name of a topic or group: a broker that is not ours still has those of earlier runs.
    run: String,
    shared: Mutex<Option<Arc<Cluster>>>,
}

impl Suite {
    pub(crate) fn new(families: Vec<Family>) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { families, run: since_1970.as_millis().to_string(), shared: Mutex::new(None) }
    }

    /// The broker for tests that neither stop it nor count what it holds.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn cluster(&self) -> Result<Arc<Cluster>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.as_ref() {
            return Ok(Arc::clone(cluster));
        }
        let cluster = Arc::new(Cluster::start(BrokerOptions::with_quick_groups())?);
        *shared = Some(Arc::clone(&cluster));
        Ok(cluster)
    }

    /// A name for a topic or a group of this run.
    pub(crate) fn name(&self, about: &str) -> String {
        format!("{about}-{}", self.run)
    }

    /// Stops the shared broker.
    pub(crate) fn end(&self) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A test named `name`.
pub(crate) fn trial(name: impl Into<String>, body: impl FnOnce() -> Result<Completion> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, || {
        body().map_err(|error| {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            Failed::from(causes.join("\n"))
        })
    })
}

/// A test of brokers that it starts and stops itself: ignored where an external one is tested.
pub(crate) fn trial_with_brokers(
    name: impl Into<String>,
    body: impl FnOnce() -> Result<Completion> + Send + 'static,
) -> Trial {
    trial(name, || match external_bootstrap() {
        Some(_) => Ok(Completion::ignored_with("starts brokers of its own")),
        None => body(),
    })
}

/// A test with Kafka's tools.
pub(crate) fn with_tools(body: impl FnOnce(&KafkaTools) -> Result<()>) -> Result<Completion> {
    match KafkaTools::prepare()? {
        Ok(tools) => body(&tools).map(|()| Completion::Completed),
        Err(missing) => skip(&missing),
    }
}

/// Adds the end of the broker's log to a failure.
pub(crate) fn explained_by(cluster: &Cluster, result: Result<()>) -> Result<()> {
    if cluster.is_external() {
        return result;
    }
    result.with_context(|| format!("the broker's log ends with:\n{}", cluster.last_words()))
}

/// Fails unless both are the same; shows the first difference, not thousands of records.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &[T], found: &[T]) -> Result<()> {
    let at = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let at = at.or_else(|| (expected.len() != found.len()).then(|| expected.len().min(found.len())));
    let Some(at) = at else { return Ok(()) };
    Err(anyhow!(
        "{what}: {} expected, {} found; they differ at {at}:\n  expected {:?}\n  found    {:?}",
        expected.len(),
        found.len(),
        &expected[at..expected.len().min(at + 3)],
        &found[at..found.len().min(at + 3)],
    ))
}
