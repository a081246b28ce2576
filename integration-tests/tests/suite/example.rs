//! `KafkaLoadBalancingExample`: the program of a textbook against a broker that was started with no options at all.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::families::Family;
use dohle_integration_tests::requirement::skip;
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::{Completion, Trial};

use crate::stage::{Suite, trial_with_brokers};

/// There is only one port 9092.
static PORT_9092: Mutex<()> = Mutex::new(());

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let families = suite.families.iter().filter(|family| family.has_example()).cloned();
    let trial = |family: Family| trial_with_brokers(format!("{}::example", family.name()), move || run(&family));
    families.map(trial).collect()
}

fn run(family: &Family) -> Result<Completion> {
    if let Err(missing) = family.prepare()? {
        return skip(&missing);
    }
    let _port = PORT_9092.lock().unwrap_or_else(PoisonError::into_inner);
    let _permit = family.permits(1);
    let broker = Broker::start(BrokerOptions { without_options: true, ..BrokerOptions::default() })?;
    let example = family.start_example()?.context("the family has the example")?;
    let said = "Received: Hello, Kafka!";
    let outcome = example.wait_for(said, PATIENCE, |lines| lines.iter().any(|line| line == said).then_some(()));
    outcome.with_context(|| format!("the broker's log ends with:\n{}", broker.last_words()))?;
    Ok(Completion::Completed)
}
