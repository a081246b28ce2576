//! `scenarios.yaml` times the client families.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use dohle_integration_tests::cluster::{Cluster, external_bootstrap};
use dohle_integration_tests::events::Event;
use dohle_integration_tests::families::{Family, Play};
use dohle_integration_tests::observer::Observer;
use dohle_integration_tests::process::Running;
use dohle_integration_tests::requirement::skip;
use dohle_integration_tests::scenarios::{Scenario, scenarios};
use dohle_integration_tests::waiting::PATIENCE;
use libtest_mimic::{Completion, Trial};

use crate::stage::{Suite, explained_by, trial};
use crate::{
    admin, consuming, group_members, group_takeover, kills, large_records, partitioning, payloads, producing, refusals,
    seeking, topics,
};

/// What a scenario of one family has to work with, on the shared broker.
pub(crate) struct Scene<'a> {
    pub(crate) family: &'a Family,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) observer: Observer,
    /// The topic of this test; not there yet.
    pub(crate) topic: String,
    /// The group of this test.
    pub(crate) group: String,
    /// What the family's driver leaves out of this scenario, and nothing else.
    pub(crate) leaves_out: BTreeSet<String>,
}

impl Scene<'_> {
    /// Starts the family's driver.
    pub(crate) fn start(&self, scenario: &str, parameters: &[(&str, String)]) -> Result<Running> {
        let bootstrap = self.cluster.bootstrap();
        let (topic, group) = (self.topic.as_str(), self.group.as_str());
        self.family.start(&Play { scenario, bootstrap, topic, group, parameters })
    }

    /// Runs the family's driver to its end and returns what it printed.
    pub(crate) fn play(&self, scenario: &str, parameters: &[(&str, String)]) -> Result<Vec<Event>> {
        let _permit = self.family.permits(1);
        Event::parse_all(&self.start(scenario, parameters)?.succeed(PATIENCE)?.output)
    }
}

/// How a scenario is played and judged.
enum Judge {
    OnSharedBroker(fn(&Scene<'_>) -> Result<()>),
    /// With the family and what its driver leaves out.
    WithBrokerOfItsOwn(fn(&Family, &BTreeSet<String>) -> Result<()>),
}

fn judge(id: &str) -> Result<Judge> {
    Ok(match id {
        "hello" => Judge::OnSharedBroker(producing::hello),
        "produce-callbacks" => Judge::OnSharedBroker(producing::callbacks),
        "produce-idempotent" => Judge::OnSharedBroker(producing::idempotent),
        "produce-through-kills" => Judge::WithBrokerOfItsOwn(kills::produce_through_kills),
        "in-flight" => Judge::OnSharedBroker(producing::in_flight),
        "partitioning" => Judge::OnSharedBroker(partitioning::partitioning),
        "payloads" => Judge::OnSharedBroker(payloads::payloads),
        "large-records" => Judge::OnSharedBroker(large_records::large_records),
        "seek" => Judge::OnSharedBroker(seeking::seek),
        "pause" => Judge::OnSharedBroker(seeking::pause),
        "admin" => Judge::OnSharedBroker(admin::admin),
        "consume-automatic" => Judge::OnSharedBroker(consuming::automatic),
        "consume-manual" => Judge::OnSharedBroker(consuming::manual),
        "consume-own-offsets" => Judge::OnSharedBroker(consuming::own_offsets),
        "group-takeover" => Judge::OnSharedBroker(group_takeover::takeover),
        "group-cooperative" => Judge::OnSharedBroker(group_members::cooperative),
        "group-static-member" => Judge::OnSharedBroker(group_members::static_member),
        "topics" => Judge::OnSharedBroker(topics::topics),
        "refuse-transactions" => Judge::OnSharedBroker(refusals::transactions),
        "refuse-consumer-protocol" => Judge::OnSharedBroker(refusals::consumer_protocol),
        _ => bail!("scenario {id} is in the list, but nothing here plays it"),
    })
}

/// A test for every scenario and family.
///
/// # Errors
/// A scenario of the list is unknown here, or a family that it names.
pub(crate) fn trials(suite: &Arc<Suite>) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for scenario in scenarios()? {
        let mut named = scenario.not_for.keys().chain(scenario.leaves_out.keys());
        let unknown = named.find(|name| !suite.families.iter().any(|family| family.name() == name.as_str()));
        ensure!(unknown.is_none(), "{}: {unknown:?} is no family", scenario.id);
    }
    for family in &suite.families {
        for scenario in scenarios()? {
            let judge = judge(&scenario.id)?;
            let (suite, family) = (Arc::clone(suite), family.clone());
            let name = format!("{}::{}", family.name(), scenario.id);
            trials.push(trial(name, move || run(&suite, &family, &scenario, &judge)));
        }
    }
    Ok(trials)
}

fn run(suite: &Suite, family: &Family, scenario: &Scenario, judge: &Judge) -> Result<Completion> {
    if let Some(reason) = scenario.not_for.get(family.name()) {
        return Ok(Completion::ignored_with(reason));
    }
    if let Err(missing) = family.prepare()? {
        return skip(&missing);
    }
    let is_external = external_bootstrap().is_some();
    let leaves_out = scenario.leaves_out.get(family.name());
    let leaves_out = leaves_out.map(|reasons| reasons.keys().cloned().collect()).unwrap_or_default();
    match judge {
        Judge::WithBrokerOfItsOwn(_) if is_external => {
            return Ok(Completion::ignored_with("starts brokers of its own"));
        }
        Judge::OnSharedBroker(_) if is_external && scenario.refusal => {
            return Ok(Completion::ignored_with("the other broker need not refuse this"));
        }
        Judge::WithBrokerOfItsOwn(play) => play(family, &leaves_out)?,
        Judge::OnSharedBroker(play) => {
            let cluster = suite.cluster()?;
            let observer = Observer::new(cluster.bootstrap())?;
            let topic = suite.name(&format!("{}-{}", scenario.id, family.name()));
            let scene = Scene { family, cluster, observer, group: format!("{topic}-group"), topic, leaves_out };
            let result = play(&scene).with_context(|| scenario.about.clone());
            explained_by(&scene.cluster, result)?;
        }
    }
    Ok(Completion::Completed)
}
