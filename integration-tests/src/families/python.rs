//! Python libraries. `clients/python/LIBRARY` has `driver.py` and `requirements.txt`, which pins every package; what drivers
//! share lies in `clients/python/shared` and can be imported.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use super::clients;
use crate::cache::made_once;
use crate::process::{run_to_end, said};
use crate::requirement::{Missing, program};
use crate::sources::{sources, texts};

/// One library.
#[derive(Debug, Clone)]
pub(super) struct Library {
    /// Its folder in `clients/python`.
    pub(super) folder: &'static str,
    /// The folder of the version that its driver has the rest in common with.
    pub(super) shares_with: Option<&'static str>,
}

pub(super) fn toolchain() -> Result<(), Missing> {
    static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
    TOOLCHAIN.get_or_init(|| program("python3", "--version", "the Python clients")).clone()
}

impl Library {
    pub(super) fn driver(&self) -> Result<Command> {
        let environment = self.environment()?;
        let mut command = Command::new(environment.join("bin").join("python"));
        let imported = std::iter::once("shared").chain(self.shares_with).map(|folder| clients("python").join(folder));
        command.env("PYTHONPATH", std::env::join_paths(imported)?);
        command.arg("-B").arg(self.folder().join("driver.py"));
        Ok(command)
    }

    /// The virtual environment with its packages. The drivers themselves need no making.
    fn environment(&self) -> Result<PathBuf> {
        let requirements = sources(&[self.folder()], &["requirements.txt"])?;
        let version = said("python3", &["--version"])?;
        made_once(&format!("python-{}", self.folder), &texts(&requirements, &[&version]), |folder| {
            let mut python = Command::new("python3");
            python.args(["-m", "venv"]).arg(folder);
            run_to_end(python)?;
            let mut pip = Command::new(folder.join("bin").join("python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            pip.args(["--only-binary", ":all:", "--requirement"]).arg(self.folder().join("requirements.txt"));
            run_to_end(pip)
        })
    }

    fn folder(&self) -> PathBuf {
        clients("python").join(self.folder)
    }
}
