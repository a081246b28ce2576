//! The floor server: this program, in a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Launcher, Role, Running};

/// Starts the floor server.
#[derive(Debug)]
pub(crate) struct Floor;

impl Launcher for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn role(&self) -> Role {
        Role::Floor
    }

    fn description(&self) -> String {
        "the same system calls and nothing else: a blocking thread for each connection, receive, CRC, one gathered write \
         for each wake-up, reply; fetches by sendfile"
            .to_owned()
    }

    fn start(&self, folder: &Path, address: SocketAddr) -> Result<Running> {
        let mut command = Command::new(std::env::current_exe().context("this program")?);
        command.arg("floor").arg("--listen").arg(address.to_string()).arg("--data").arg(self.data(folder));
        Running::start(self.name(), command, folder, address)
    }
}
