//! Go libraries. `clients/go/LIBRARY` is a module with a `main` package and its `go.sum`; what drivers share is the module
//! `clients/go/play`, which theirs name with `replace`.

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
    /// Its folder in `clients/go`.
    pub(super) folder: &'static str,
}

pub(super) fn toolchain() -> Result<(), Missing> {
    static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
    TOOLCHAIN.get_or_init(|| program("go", "version", "the Go clients")).clone()
}

impl Library {
    pub(super) fn driver(&self) -> Result<Command> {
        let module = clients("go").join(self.folder);
        let sources = sources(&[module.clone(), clients("go").join("play")], &[".go", "go.mod", "go.sum"])?;
        let version = said("go", &["version"])?;
        let made = made_once(&format!("go-{}", self.folder), &texts(&sources, &[&version]), |folder| {
            let mut go = Command::new("go");
            go.current_dir(&module).env("CGO_ENABLED", "0");
            go.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(folder.join("driver")).arg(".");
            run_to_end(go)
        })?;
        Ok(Command::new(made.join("driver")))
    }
}
