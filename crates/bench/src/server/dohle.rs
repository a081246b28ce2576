//! Dohle, as a user starts it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::{COMMON_SETTINGS, Launcher, Role, Running};

/// Starts Dohle.
#[derive(Debug)]
pub(crate) struct Dohle {
    binary: PathBuf,
}

impl Dohle {
    /// The binary to start.
    ///
    /// # Errors
    /// There is no such file.
    pub(crate) fn new(binary: PathBuf) -> Result<Self> {
        ensure!(binary.is_file(), "no binary {}: `make build` makes it, --dohle names another", binary.display());
        Ok(Self { binary })
    }
}

impl Launcher for Dohle {
    fn name(&self) -> &'static str {
        "dohle"
    }

    fn role(&self) -> Role {
        Role::Ours
    }

    fn description(&self) -> String {
        let settings = COMMON_SETTINGS.map(|(name, value)| format!(" --override {name}={value}")).concat();
        format!("dohle server --listen HOST:PORT --data FOLDER{settings}")
    }

    fn start(&self, folder: &Path, address: SocketAddr) -> Result<Running> {
        let mut command = Command::new(&self.binary);
        command.arg("server").arg("--listen").arg(address.to_string()).arg("--data").arg(self.data(folder));
        for (name, value) in COMMON_SETTINGS {
            command.arg("--override").arg(format!("{name}={value}"));
        }
        Running::start(self.name(), command, folder, address)
    }
}
