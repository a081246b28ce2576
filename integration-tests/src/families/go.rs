//! Go libraries. `clients/go` is one module; each library has a `main` package in it, `clients/go/LIBRARY`, and what drivers
//! share is the package `clients/go/driver`.

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
        let module = clients("go");
        let folders = [module.clone(), module.join("driver"), module.join(self.folder)];
        let sources = sources(&folders, &[".go", "go.mod", "go.sum"])?;
        let version = said("go", &["version"])?;
        let made = made_once(&format!("go-{}", self.folder), &texts(&sources, &[&version]), |folder| {
            let mut go = Command::new("go");
            go.current_dir(&module).env("CGO_ENABLED", "0");
            go.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o"]).arg(folder.join("driver"));
            go.arg(format!("./{}", self.folder));
            run_to_end(go)
        })?;
        Ok(Command::new(made.join("driver")))
    }
}
