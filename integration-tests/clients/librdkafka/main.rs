//! Plays one scenario with librdkafka: `SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]`. What it prints is described in
//! `integration-tests/README.md`.

mod admin;
mod clients;
mod consuming;
mod group_member;
mod large_records;
mod payloads;
mod producing;
mod refusals;
mod seeking;
mod topics;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use dohle_integration_tests::events::Event;

fn main() -> Result<()> {
    let play = Play::from_arguments(std::env::args().skip(1).collect())?;
    match play.scenario.as_str() {
        "hello" => consuming::hello(&play),
        "produce-callbacks" => producing::callbacks(&play),
        "produce-idempotent" => producing::idempotent(&play),
        "in-flight" => producing::in_flight(&play),
        "partitioning" => producing::partitioning(&play),
        "payloads" => payloads::play(&play),
        "large-records" => large_records::play(&play),
        "produce-until-told" => producing::until_told(&play),
        "consume-automatic" => consuming::automatic(&play),
        "consume-manual" => consuming::manual(&play),
        "consume-own-offsets" => consuming::own_offsets(&play),
        "seek" => seeking::seek(&play),
        "pause" => seeking::pause(&play),
        "group-member" => group_member::play(&play),
        "topics" => topics::play(&play),
        "admin" => admin::play(&play),
        "refuse-transactions" => refusals::transactions(&play),
        "refuse-consumer-protocol" => refusals::consumer_protocol(&play),
        unknown => bail!("unknown scenario {unknown}"),
    }
}

/// What a scenario is played with.
struct Play {
    scenario: String,
    bootstrap: String,
    topic: String,
    group: String,
    parameters: BTreeMap<String, String>,
}

impl Play {
    fn from_arguments(arguments: Vec<String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let mut next = |what: &str| arguments.next().with_context(|| format!("argument {what} is missing"));
        let (scenario, bootstrap) = (next("SCENARIO")?, next("BOOTSTRAP")?);
        let (topic, group) = (next("TOPIC")?, next("GROUP")?);
        let mut parameters = BTreeMap::new();
        for argument in arguments {
            let (name, value) = argument.split_once('=').with_context(|| format!("not NAME=VALUE: {argument}"))?;
            parameters.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self { scenario, bootstrap, topic, group, parameters })
    }

    fn text(&self, name: &str) -> Result<&str> {
        self.parameters.get(name).map(String::as_str).with_context(|| format!("parameter {name} is missing"))
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N> {
        self.text(name)?.parse().ok().with_context(|| format!("parameter {name} is no number"))
    }
}

/// Prints the line of an event.
fn print(event: &Event) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{event}").and_then(|()| output.flush()).context("standard output")
}

/// Turns true when standard input ends: then the program is to end its work in order.
fn told_to_end() -> Arc<AtomicBool> {
    let told = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&told);
    std::thread::spawn(move || {
        // However it ends, nobody can ask for the end any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        seen.store(true, Ordering::Relaxed);
    });
    told
}
