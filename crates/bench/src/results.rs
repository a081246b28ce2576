//! What a run has measured, as it is kept in `results.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::machine::facts::Facts;
use crate::rows::spec::{Sample, Spec};
use crate::server::Role;

/// Changes when older programs cannot read the file any more.
pub(crate) const FORMAT: u32 = 1;

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The machine.
    pub(crate) machine: Facts,
    /// What was measured.
    pub(crate) servers: Vec<ServerInfo>,
    /// Whether this was the short form.
    pub(crate) quick: bool,
    /// 1 for full length; less, and the figures mean little.
    pub(crate) scale: f64,
    /// How long it took, in seconds; of a run that is not at its end, so far.
    pub(crate) seconds: f64,
    /// Whether it came to its end.
    pub(crate) finished: bool,
    /// The cases, in the order of their rows.
    pub(crate) cases: Vec<CaseResult>,
    /// Rows that were not measured, and why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A server that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerInfo {
    /// Its name, by which samples are found.
    pub(crate) name: String,
    /// What it is to the verdicts.
    pub(crate) role: Role,
    /// How it was started.
    pub(crate) description: String,
}

/// A case, measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CaseResult {
    /// What it is.
    pub(crate) spec: Spec,
    /// The rounds.
    pub(crate) rounds: Vec<Round>,
    /// Servers that failed in it, and why.
    pub(crate) failures: BTreeMap<String, String>,
}

/// A round: each server once, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    /// By the server's name.
    pub(crate) samples: BTreeMap<String, Sample>,
    /// The share of the machine that was idle just before each measurement.
    pub(crate) idle_before: BTreeMap<String, f64>,
}

/// A row that was not measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// Its number.
    pub(crate) row: u32,
    /// Why.
    pub(crate) reason: String,
}

impl Results {
    /// The name of the server with that role, the first one.
    pub(crate) fn server(&self, role: Role) -> Option<&str> {
        self.servers.iter().find(|server| server.role == role).map(|server| server.name.as_str())
    }

    /// Writes the file as a whole.
    ///
    /// # Errors
    /// The disk is full, or the folder may not be written.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("json.new");
        std::fs::write(&temporary, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&temporary, path))
            .with_context(|| format!("write {}", path.display()))
    }

    /// Reads a file that [`save`](Self::save) has written.
    ///
    /// # Errors
    /// There is none, or it is of another format.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let results: Self = serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
        ensure!(results.format == FORMAT, "{} has format {}", path.display(), results.format);
        Ok(results)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rows::spec::{Better, Goal, Metric, Wanted};

    /// Results of one case with one metric, of which less is better: a round for each of `(floor, ours, kafka)`.
    pub(crate) fn results(rounds: &[(f64, f64, f64)]) -> Results {
        let metric = Metric { name: "cpu".into(), label: "CPU".into(), unit: "us".into(), better: Better::Lower };
        let mut spec = Spec::new(1, "case", "a case", vec![metric]);
        spec.goals = [Wanted::TimesKafka(5.0), Wanted::WithinFloor(1.3)]
            .map(|wanted| Goal { metric: "cpu".into(), wanted })
            .into();
        let round = |(floor, ours, kafka): &(f64, f64, f64)| {
            let sample = |value: &f64| Sample::default().with("cpu", *value);
            let samples = [("floor", floor), ("dohle", ours), ("kafka", kafka)]
                .map(|(name, value)| (name.to_owned(), sample(value)));
            Round { samples: samples.into(), idle_before: BTreeMap::new() }
        };
        let server =
            |(name, role): (&str, Role)| ServerInfo { name: name.to_owned(), role, description: String::new() };
        Results {
            format: FORMAT,
            machine: Facts::default(),
            servers: [("floor", Role::Floor), ("dohle", Role::Ours), ("kafka", Role::Kafka)].map(server).into(),
            quick: false,
            scale: 1.0,
            seconds: 1.0,
            finished: true,
            cases: vec![CaseResult { spec, rounds: rounds.iter().map(round).collect(), failures: BTreeMap::new() }],
            left_out: Vec::new(),
        }
    }

    #[test]
    fn results_come_back_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        let mut results = results(&[(1.0, 1.5, 9.0)]);
        results.save(&path).unwrap();
        let read = Results::load(&path).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&results).unwrap());
        results.format = 2;
        results.save(&path).unwrap();
        assert!(Results::load(&path).is_err());
    }
}
