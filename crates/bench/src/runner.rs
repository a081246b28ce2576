//! A run: every case, round by round, each server in its turn.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::command_line::RunOptions;
use crate::machine::facts::Facts;
use crate::machine::network;
use crate::progress::Progress;
use crate::results::{CaseResult, FORMAT, LeftOut, Results, Round, ServerInfo};
use crate::rows::spec::Sample;
use crate::rows::{Case, LEFT_OUT, all};
use crate::server::dohle::Dohle;
use crate::server::floor::Floor;
use crate::server::kafka::Kafka;
use crate::server::{Launcher, Role};
use crate::session::{Conditions, SHORT_WARMING_SECONDS, Slot, WARMING_SECONDS};
use crate::{guard, interrupt, report};

const QUICK_ROUNDS: usize = 3;
const QUICK_SCALE: f64 = 0.6;
const IDLE_WAIT: Duration = Duration::from_secs(10);
const QUICK_IDLE_WAIT: Duration = Duration::from_secs(1);
/// Starting a server, about.
const START_SECONDS: f64 = 4.0;
const REAL_CLIENT: &str = "dohle-bench-librdkafka";
const RESULTS: &str = "results.json";

/// Measures what is asked for.
///
/// # Errors
/// It cannot begin, a signal has come, or results cannot be written. What fails while it is measured is part of the results,
/// and of the exit code.
pub(crate) fn run(options: &RunOptions) -> Result<ExitCode> {
    ensure!(options.scale > 0.0 && options.scale <= 1.0, "--scale {} is not above 0 and up to 1", options.scale);
    interrupt::catch()?;
    raise_open_files()?;
    // Fetched before this process leaves the machine's network.
    let launchers = launchers(options)?;
    let network = network::isolate()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix("dohle-bench-");
    let work = match &options.work {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    };
    let work = work.context("a folder for the brokers' data")?;
    std::fs::create_dir_all(&options.out).with_context(|| format!("create {}", options.out.display()))?;
    let real_client = real_client();
    let (cases, left_out) = chosen(options, real_client.is_some());
    ensure!(!cases.is_empty(), "no row is chosen");

    let servers = launchers.iter().map(|launcher| ServerInfo {
        name: launcher.name().to_owned(),
        role: launcher.role(),
        description: launcher.description(),
    });
    let results = Results {
        format: FORMAT,
        machine: Facts::gather(work.path(), network),
        servers: servers.collect(),
        quick: options.quick,
        scale: if options.quick { options.scale * QUICK_SCALE } else { options.scale },
        seconds: 0.0,
        finished: false,
        cases: Vec::new(),
        left_out,
    };
    let idle_wait = if options.quick { QUICK_IDLE_WAIT } else { IDLE_WAIT };
    let conditions = Conditions {
        scale: results.scale,
        idle_wait: options.idle_wait.map_or(idle_wait, Duration::from_secs),
        real_client: real_client.as_deref(),
    };
    let slots = launchers
        .into_iter()
        .enumerate()
        .map(|(number, launcher)| Slot::new(launcher, number, work.path(), options.base_port))
        .collect::<Result<Vec<_>>>()?;
    let mut run = Run { slots, conditions, progress: Progress::new(0.0), results, out: options.out.clone() };
    let rounds = |case: &dyn Case| {
        let own = case.spec().rounds;
        options.rounds.unwrap_or(if options.quick { QUICK_ROUNDS.min(own) } else { own })
    };
    run.progress = Progress::new(run.estimate(&cases, rounds));
    run.measure(&cases, rounds)?;
    if options.quick {
        run.measure_crossed_again(cases, rounds)?;
    }
    run.finish()
}

/// The servers to measure, in the order of a round.
fn launchers(options: &RunOptions) -> Result<Vec<Box<dyn Launcher>>> {
    let dohle = std::path::absolute(&options.dohle)?;
    let mut launchers: Vec<Box<dyn Launcher>> = vec![Box::new(Floor), Box::new(Dohle::new(dohle)?)];
    if !options.without_kafka && !options.quick {
        let kafka = Kafka::prepare(options.kafka_home.as_deref()).context(
            "Apache Kafka is not to be had: --kafka-home names a distribution, --without-kafka leaves it out",
        )?;
        launchers.push(Box::new(kafka));
    }
    launchers.extend(options.peers.iter().cloned().map(|peer| Box::new(peer) as Box<dyn Launcher>));
    Ok(launchers)
}

/// The cases that are asked for, and the rows that are not measured although they are.
fn chosen(options: &RunOptions, real_client: bool) -> (Vec<Box<dyn Case>>, Vec<LeftOut>) {
    const REAL_CLIENT_ROW: u32 = 20;
    let mut left_out: Vec<LeftOut> = LEFT_OUT.map(|(row, reason)| LeftOut { row, reason: reason.to_owned() }).into();
    let mut cases = all();
    cases.retain(|case| {
        let spec = case.spec();
        options.rows.contains(&spec) && (!options.quick || spec.guard.is_some())
    });
    if !real_client && cases.iter().any(|case| case.spec().row == REAL_CLIENT_ROW) {
        let reason = format!("real-client: {REAL_CLIENT} is not built (cargo feature librdkafka)");
        left_out.push(LeftOut { row: REAL_CLIENT_ROW, reason });
        cases.retain(|case| case.spec().row != REAL_CLIENT_ROW);
    }
    (cases, left_out)
}

/// The program beside this one.
fn real_client() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.with_file_name(REAL_CLIENT);
    program.is_file().then_some(program)
}

/// Five thousand connections and ten thousand partitions take files; what is set here, servers inherit.
fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("raise the limit of open files")
}

/// A run under way.
struct Run<'a> {
    slots: Vec<Slot>,
    conditions: Conditions<'a>,
    progress: Progress,
    results: Results,
    out: PathBuf,
}

impl Run<'_> {
    /// About how many seconds the cases will take.
    fn estimate(&self, cases: &[Box<dyn Case>], rounds: impl Fn(&dyn Case) -> usize) -> f64 {
        let mut seconds = self.start_estimate(WARMING_SECONDS);
        for case in cases {
            let spec = case.spec();
            let servers = self.slots.iter().filter(|slot| takes_part(slot, case.as_ref())).count();
            seconds += spec.seconds * self.conditions.scale * (servers * rounds(case.as_ref())) as f64;
            if spec.fresh {
                seconds += self.start_estimate(SHORT_WARMING_SECONDS);
            }
        }
        seconds
    }

    /// About how many seconds it takes to start all servers.
    fn start_estimate(&self, warming: f64) -> f64 {
        let warmed = self.slots.iter().filter(|slot| slot.launcher.wants_warming()).count();
        warmed as f64 * (START_SECONDS + warming * self.conditions.scale)
    }

    fn measure(&mut self, cases: &[Box<dyn Case>], rounds: impl Fn(&dyn Case) -> usize) -> Result<()> {
        for case in cases {
            let spec = case.spec();
            self.results.cases.push(CaseResult {
                spec: spec.clone(),
                rounds: Vec::new(),
                failures: std::collections::BTreeMap::new(),
            });
            if spec.fresh {
                for slot in &mut self.slots {
                    slot.discard()?;
                }
            }
            let mut prepared: Vec<Sample> = Vec::new();
            for index in 0..self.slots.len() {
                let sample = self.attempt(index, case.as_ref(), |run, index| run.prepare(index, case.as_ref()))?;
                prepared.push(sample.unwrap_or_default());
            }
            let count = rounds(case.as_ref());
            for round in 0..count {
                self.case().rounds.push(Round::default());
                for turn in 0..self.slots.len() {
                    // Another one begins each round.
                    let index = (round + turn) % self.slots.len();
                    self.progress.show(&format!(
                        "row {} {}, round {} of {count}: {}",
                        spec.row,
                        spec.name,
                        round + 1,
                        self.slots[index].launcher.name()
                    ));
                    let shared = prepared[index].clone();
                    self.attempt(index, case.as_ref(), |run, index| run.round(index, case.as_ref(), round, &shared))?;
                }
            }
            for index in 0..self.slots.len() {
                self.attempt(index, case.as_ref(), |run, index| {
                    case.clean(&run.slots[index].context(0, run.conditions)?)
                })?;
            }
            self.results.seconds = self.progress.elapsed().as_secs_f64();
            self.results.save(&self.out.join(RESULTS))?;
        }
        Ok(())
    }

    /// Measures once more what seems to cross its limit: what a change costs does so again, what something else on the machine
    /// costs mostly does not.
    fn measure_crossed_again(
        &mut self,
        mut cases: Vec<Box<dyn Case>>,
        rounds: impl Fn(&dyn Case) -> usize + Copy,
    ) -> Result<()> {
        let (crossed, within): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.results.cases).into_iter().partition(|case| {
                let found = guard::crossed_by(&self.results, case);
                found.iter().for_each(|what| self.progress.note(&format!("measured once more: {what}")));
                found.is_some()
            });
        self.results.cases = within;
        cases.retain(|case| crossed.iter().any(|crossed| crossed.spec.name == case.spec().name));
        if !cases.is_empty() {
            self.progress = Progress::new(self.estimate(&cases, rounds));
            self.measure(&cases, rounds)?;
        }
        Ok(())
    }

    /// Does something with a server that takes part in a case and has not failed in it. A failure is noted, and the server
    /// starts anew for the next case.
    fn attempt<T>(
        &mut self,
        index: usize,
        case: &dyn Case,
        step: impl FnOnce(&mut Self, usize) -> Result<T>,
    ) -> Result<Option<T>> {
        let name = self.slots[index].launcher.name().to_owned();
        if !takes_part(&self.slots[index], case) || self.case().failures.contains_key(&name) {
            return Ok(None);
        }
        match step(self, index) {
            Ok(done) => Ok(Some(done)),
            Err(error) => {
                interrupt::check()?;
                self.progress.note(&format!("{name} fails in {}: {error:#}", case.spec().name));
                self.progress.note(&self.slots[index].last_words());
                // The first line says what; what the server says is not for the record.
                let reason = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
                self.case().failures.insert(name, reason);
                self.slots[index].discard()?;
                Ok(None)
            }
        }
    }

    fn prepare(&mut self, index: usize, case: &dyn Case) -> Result<Sample> {
        let fresh = case.spec().fresh;
        let slot = &mut self.slots[index];
        if slot.ensure_running()? && slot.launcher.wants_warming() {
            let seconds = if fresh { SHORT_WARMING_SECONDS } else { WARMING_SECONDS };
            self.progress.show(&format!("warming {}", slot.launcher.name()));
            slot.warm(self.conditions, seconds)?;
            self.progress.advance(START_SECONDS + seconds * self.conditions.scale);
        }
        case.prepare(&self.slots[index].context(0, self.conditions)?)
    }

    fn round(&mut self, index: usize, case: &dyn Case, round: usize, shared: &Sample) -> Result<()> {
        let slot = &self.slots[index];
        let idle = Slot::await_idle(self.conditions)?;
        let mut sample = case.measure(&slot.context(round, self.conditions)?)?;
        sample.merge(shared);
        let name = slot.launcher.name().to_owned();
        if let Some(round) = self.case().rounds.last_mut() {
            round.idle_before.insert(name.clone(), idle);
            round.samples.insert(name, sample);
        }
        self.progress.advance(case.spec().seconds * self.conditions.scale);
        Ok(())
    }

    /// The case under way.
    fn case(&mut self) -> &mut CaseResult {
        self.results.cases.last_mut().expect("a case is under way while servers are measured")
    }

    /// Stops the servers, shows what was measured, and says whether all is well.
    fn finish(mut self) -> Result<ExitCode> {
        self.progress.finish();
        for slot in &mut self.slots {
            slot.discard()?;
        }
        self.results.finished = true;
        self.results.seconds = self.progress.elapsed().as_secs_f64();
        self.results.save(&self.out.join(RESULTS))?;
        report::show(&self.results, &self.out)?;
        Ok(exit_code(&self.results, &self.out, &self.progress))
    }
}

fn takes_part(slot: &Slot, case: &dyn Case) -> bool {
    slot.launcher.role() != Role::Floor || case.spec().floor
}

/// Fails where we or the floor failed, and, in the short form, where a limit is crossed.
fn exit_code(results: &Results, out: &Path, progress: &Progress) -> ExitCode {
    let own = [results.server(Role::Ours), results.server(Role::Floor)];
    let failed = results.cases.iter().any(|case| case.failures.keys().any(|name| own.contains(&Some(name))));
    let crossed = if results.quick { guard::crossed(results) } else { Vec::new() };
    for line in &crossed {
        progress.note(line);
    }
    progress.note(&format!("{} and charts are in {}", RESULTS, out.display()));
    if failed || !crossed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
