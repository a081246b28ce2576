//! The same requests to an Apache Kafka and to a Dohle in the same state, and what they answer, field by field.
//!
//! The corpus comes from the table of messages (`corpus.rs`), with what that does not tell in `bases.rs`; orders that matter
//! are in `sequences.rs`; what may differ is in `allowances.yaml`.

mod allowances;
mod bases;
mod batches;
mod compare;
mod corpus;
mod peer;
mod report;
mod schema;
mod sequences;
mod value;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::allowances::{Allowances, Verdict};
use crate::bases::{STANDING_GROUP, STANDING_TOPICS};
use crate::batches::Batch;
use crate::compare::differences;
use crate::corpus::{Case, Generator, Preparation, Step, commit, create_topic, delete_topic, produce};
use crate::peer::{Outcome, Peer};
use crate::report::Report;
use crate::schema::{Schema, Versions};
use crate::value::Value;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

/// A case that takes longer is named in the report.
const SLOW: Duration = Duration::from_secs(2);

/// Sends a corpus of requests to a real Apache Kafka 4.3.1 and to Dohle, and prints where their answers differ.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this API; may be given several times. `sequences` means the cases of several steps.
    #[arg(long = "api", value_name = "NAME")]
    apis: Vec<String>,
    /// Only the newest version of each API.
    #[arg(long)]
    newest: bool,
    /// Only cases whose name contains this.
    #[arg(long = "case", value_name = "TEXT")]
    case: Option<String>,
    /// Show deviations that are listed, too, and all cases of each.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let schema = Schema::read()?;
    let allowances = Allowances::read()?;
    report::starting();
    let mut pair = Pair { kafka: Peer::kafka()?, dohle: Peer::dohle()?, schema: &schema, is_topic_ready: false };
    let (kafka, dohle) = (pair.kafka.advertised(&schema)?, pair.dohle.advertised(&schema)?);
    let mut report = Report::default();
    for (key, versions) in &kafka {
        let name = schema.requests.get(key).map_or_else(|| key.to_string(), |message| message.name.clone());
        match dohle.get(key) {
            None => report.not_served(name),
            Some(own) if own != versions => report.other_versions(name, *versions, *own),
            Some(_) => {}
        }
    }
    if let Some(key) = dohle.keys().find(|key| !kafka.contains_key(key)) {
        bail!("Dohle advertises the API {key}, which Kafka does not");
    }
    pair.begin()?;

    let mut generator = Generator { schema: &schema, number: 0 };
    let mut cases = Vec::new();
    let known: BTreeSet<&str> = schema.requests.values().map(|message| message.name.as_str()).collect();
    if let Some(unknown) = arguments.apis.iter().find(|name| *name != "sequences" && !known.contains(name.as_str())) {
        bail!("there is no API {unknown}");
    }
    let wanted = |name: &str| arguments.apis.is_empty() || arguments.apis.iter().any(|wanted| wanted == name);
    for (key, own) in &dohle {
        let (message, kafka) = (&schema.requests[key], kafka[key]);
        if wanted(&message.name) {
            let both = Versions {
                min: own.min.max(kafka.min).max(message.versions.min),
                max: own.max.min(kafka.max).min(message.versions.max),
            };
            let min = if arguments.newest { both.max } else { both.min };
            cases.extend(generator.cases(*key, Versions { min, max: both.max }));
        }
    }
    if wanted("sequences") {
        cases.extend(sequences::sequences());
    }
    if let Some(part) = &arguments.case {
        cases.retain(|case| case.name.contains(part));
    }
    pair.run(&cases, &allowances, &mut report)?;
    if !arguments.newest && arguments.apis.is_empty() && arguments.case.is_none() {
        report.unseen(allowances.unseen());
    }
    report.print(arguments.verbose);
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Both brokers.
struct Pair<'a> {
    kafka: Peer,
    dohle: Peer,
    schema: &'a Schema,
    /// Whether the topic of cases that want one is there, as new.
    is_topic_ready: bool,
}

impl Pair<'_> {
    /// Brings both into the state in which the corpus begins.
    fn begin(&mut self) -> Result<()> {
        let data = |peer: &Peer| Value::Text(peer.data().display().to_string());
        for peer in [&mut self.kafka, &mut self.dohle] {
            let folder = data(peer);
            peer.know("data-folder".to_owned(), folder);
            let Outcome::Answer(answer) = peer.ask(self.schema, 18, 4, &Value::Struct(Vec::new()))? else {
                bail!("{} does not answer ApiVersions 4", peer.name);
            };
            if let Some(Value::Array(features)) = answer.field("FinalizedFeatures") {
                let metadata =
                    features.iter().find(|feature| feature.field("Name") == Some(&Value::text("metadata.version")));
                if let Some(level) = metadata.and_then(|feature| feature.field("MaxVersionLevel")) {
                    peer.know("metadata.version".to_owned(), level.clone());
                }
            }
        }
        let mut steps = Vec::new();
        for (topic, partitions, settings) in STANDING_TOPICS {
            steps.push(create_topic(topic, partitions, settings));
        }
        let keyed = Batch { records: vec![(Some("k"), Some("v"))], ..Batch::default() };
        steps.push(produce("plain", 0, Batch::default().bytes()));
        steps.push(produce("plain", 0, Batch::of_producer(1_000, 0, 0).bytes()));
        steps.push(produce("plain", 1, Batch::default().bytes()));
        steps.push(produce("compacted", 0, keyed.bytes()));
        // Its coordinator's topic is created by being looked for.
        let keys = Value::Array(vec![Value::text(STANDING_GROUP)]);
        steps.push(Step::new(10, 4, Value::of(vec![("CoordinatorKeys", keys)])));
        steps.push(commit(STANDING_GROUP));
        for step in steps {
            for peer in [&mut self.kafka, &mut self.dohle] {
                succeed(peer, self.schema, &step)?;
            }
        }
        Ok(())
    }

    fn run(&mut self, cases: &[Case], allowances: &Allowances, report: &mut Report) -> Result<()> {
        let start = Instant::now();
        let mut told = start;
        for (done, case) in cases.iter().enumerate() {
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                report::progress(done, cases.len(), start.elapsed(), &case.name);
            }
            let begun = Instant::now();
            self.play(case, allowances, report).with_context(|| case.name.clone())?;
            if begun.elapsed() >= SLOW {
                report.slow(&case.name, begun.elapsed());
            }
        }
        Ok(())
    }

    fn play(&mut self, case: &Case, allowances: &Allowances, report: &mut Report) -> Result<()> {
        report.case();
        self.prepare(&case.preparation)?;
        let mut is_changed = false;
        for (number, step) in (1..).zip(&case.steps) {
            if self.is_waiting_for_symbols(step) {
                // Its preparation has failed, which has been compared.
                break;
            }
            let api = self.schema.requests[&step.key].name.as_str();
            let place = format!("{}, request {number}", case.name);
            let (mut kafka, mut dohle) = self.ask_both(step)?;
            if number > 1 && LOOKING.contains(&step.key) {
                let until = Instant::now() + LOOKED;
                let is_unlisted = |difference| matches!(allowances.judge(api, &place, &difference), Verdict::Unlisted);
                while differences((&self.kafka, &kafka), (&self.dohle, &dohle)).into_iter().any(is_unlisted)
                    && Instant::now() < until
                {
                    (kafka, dohle) = self.ask_both(step)?;
                }
            }
            let is_changing = CHANGING.contains(&step.key) && !(is_refusal(&kafka) && is_refusal(&dohle));
            is_changed |= is_changing;
            if is_changing && TOPICS_CHANGING.contains(&step.key) {
                self.settle(&topics_of(case, step))?;
            }
            for difference in differences((&self.kafka, &kafka), (&self.dohle, &dohle)) {
                match allowances.judge(api, &place, &difference) {
                    Verdict::Own => {}
                    Verdict::Listed(reason) => report.listed(api, &place, difference, reason),
                    Verdict::Unlisted => report.unlisted(api, &place, difference),
                }
            }
        }
        match &case.preparation {
            Preparation::Topic(_) => self.is_topic_ready = !is_changed,
            Preparation::NoTopic(topic) if is_changed => {
                self.ask_both(&delete_topic(topic))?;
                self.settle(std::slice::from_ref(topic))?;
            }
            _ => {}
        }
        let is_own =
            |symbol: &str| symbol.contains(":case-") && symbol != "topic:case-topic" || symbol.contains(":seq-");
        self.kafka.forget(is_own);
        self.dohle.forget(is_own);
        Ok(())
    }

    fn prepare(&mut self, preparation: &Preparation) -> Result<()> {
        let Preparation::Topic(topic) = preparation else { return Ok(()) };
        if !self.is_topic_ready {
            self.ask_both(&delete_topic(topic))?;
            self.settle(std::slice::from_ref(topic))?;
            for step in [create_topic(topic, 2, &[]), produce(topic, 0, Batch::default().bytes())] {
                succeed(&mut self.kafka, self.schema, &step)?;
                succeed(&mut self.dohle, self.schema, &step)?;
            }
        }
        Ok(())
    }

    fn is_waiting_for_symbols(&self, step: &Step) -> bool {
        let mut missing = false;
        each_symbol(&step.request, &mut |symbol| {
            missing |= self.kafka.meaning(symbol).is_none() || self.dohle.meaning(symbol).is_none();
        });
        missing
    }

    /// Waits until both brokers say the same of these topics: a Kafka knows of a change some time after it has answered.
    fn settle(&mut self, topics: &[String]) -> Result<()> {
        let until = Instant::now() + SETTLED;
        for topic in topics {
            let named = Value::of(vec![("Name", Value::text(topic)), ("TopicId", Value::Uuid([0; 16]))]);
            let request = vec![("Topics", Value::Array(vec![named])), ("AllowAutoTopicCreation", Value::Bool(false))];
            let step = Step::new(3, 12, Value::of(request));
            loop {
                let (kafka, dohle) = self.ask_once(&step)?;
                if differences((&self.kafka, &kafka), (&self.dohle, &dohle)).is_empty() || Instant::now() > until {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Asks both, again while Kafka alone has a coordinator that is still loading, or a leader that does not know it yet.
    fn ask_both(&mut self, step: &Step) -> Result<(Outcome, Outcome)> {
        let until = Instant::now() + SETTLED;
        loop {
            let (kafka, dohle) = self.ask_once(step)?;
            let codes = |outcome: &Outcome| {
                let mut codes = BTreeSet::new();
                if let Outcome::Answer(answer) = outcome {
                    compare::error_codes(answer, &mut codes);
                }
                codes
            };
            let is_early = codes(&kafka).difference(&codes(&dohle)).any(|code| PASSING.contains(code));
            if !is_early || Instant::now() > until {
                return Ok((kafka, dohle));
            }
        }
    }

    fn ask_once(&mut self, step: &Step) -> Result<(Outcome, Outcome)> {
        let schema = self.schema;
        let (kafka, dohle) = (&mut self.kafka, &mut self.dohle);
        let (left, right) = std::thread::scope(|scope| {
            let left = scope.spawn(|| ask(kafka, schema, step));
            let right = ask(dohle, schema, step);
            (left.join(), right)
        });
        let left = left.map_err(|_| anyhow::anyhow!("asking Kafka failed"))?;
        Ok((left?, right?))
    }
}

fn each_symbol(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Symbol(symbol) => see(symbol),
        Value::Array(elements) => elements.iter().for_each(|element| each_symbol(element, see)),
        Value::Struct(fields) => fields.iter().for_each(|(_, value)| each_symbol(value, see)),
        _ => {}
    }
}

fn ask(peer: &mut Peer, schema: &Schema, step: &Step) -> Result<Outcome> {
    let outcome = peer.ask(schema, step.key, step.version, &step.request)?;
    if let Outcome::Answer(answer) = &outcome {
        for (symbol, path) in &step.remember {
            if let Some(value) = answer.at(path) {
                peer.know(symbol.clone(), value.clone());
            }
        }
    }
    Ok(outcome)
}

/// APIs that change a topic, or what they have changed is to be deleted.
const CHANGING: [i16; 8] = [0, 19, 20, 21, 33, 37, 44, 45];

/// APIs that change which topics and partitions there are.
const TOPICS_CHANGING: [i16; 3] = [19, 20, 37];

/// How long Kafka may take to know of a change that it has answered for.
const SETTLED: Duration = Duration::from_secs(5);
/// Requests that look at what an earlier one of their case has changed: DescribeGroups, DescribeConfigs. A Kafka tells of a
/// change some time after it has answered it.
const LOOKING: [i16; 2] = [15, 32];
/// How long such a look may take to show the same.
const LOOKED: Duration = Duration::from_secs(1);

/// Errors that pass: NOT_LEADER_OR_FOLLOWER, COORDINATOR_LOAD_IN_PROGRESS.
const PASSING: [i64; 2] = [6, 14];

/// The topics that a step of a case is about, by name.
fn topics_of(case: &Case, step: &Step) -> Vec<String> {
    let own = match &case.preparation {
        Preparation::Topic(topic) | Preparation::NoTopic(topic) => Some(topic.clone()),
        Preparation::Nothing => None,
    };
    let Some(Value::Array(topics)) = step.request.field("Topics") else { return own.into_iter().collect() };
    let named = topics.iter().filter_map(|topic| match topic.field("Name") {
        Some(Value::Text(name)) if own.as_ref() != Some(name) => Some(name.clone()),
        _ => None,
    });
    own.iter().cloned().chain(named).collect()
}

/// Whether an answer says that nothing was done.
fn is_refusal(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answer(answer) => {
            let mut codes = BTreeSet::new();
            compare::error_codes(answer, &mut codes);
            !codes.contains(&0)
        }
        Outcome::Closed => true,
        _ => false,
    }
}

/// Where the answers of the preparation have their error codes.
const ERROR_CODES: [&str; 4] = [
    "Topics.ErrorCode",
    "Topics.Partitions.ErrorCode",
    "Responses.PartitionResponses.ErrorCode",
    "Coordinators.ErrorCode",
];

/// Repeats a step until it succeeds: coordinators and leaders take a moment to be there.
fn succeed(peer: &mut Peer, schema: &Schema, step: &Step) -> Result<()> {
    dohle_integration_tests::waiting::wait_for("a step of the preparation", Duration::from_secs(30), || {
        let outcome = ask(peer, schema, step);
        let succeeded = match &outcome {
            Ok(Outcome::Answer(answer)) => {
                ERROR_CODES.iter().filter_map(|path| answer.at(path)).all(|code| matches!(code, Value::Int(0 | 36)))
            }
            _ => false,
        };
        succeeded.then_some(())
    })
    .with_context(|| format!("{}: {}", peer.name, step.request))
}
