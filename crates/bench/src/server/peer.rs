//! Any other broker, by the command that runs it in the foreground.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Launcher, Role, Running};

/// Starts a broker by a command of the shell, in which `{port}` and `{data}` stand for the port to listen on and the folder to
/// use.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    name: String,
    command: String,
}

impl std::str::FromStr for Peer {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, command) = text.split_once('=').context("not NAME=COMMAND")?;
        let taken = ["floor", "dohle", "kafka"].contains(&name);
        ensure!(!name.is_empty() && !taken, "{name:?} cannot be a peer's name");
        ensure!(command.contains("{port}"), "the command does not say where {{port}} goes");
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

impl Launcher for Peer {
    fn name(&self) -> &str {
        &self.name
    }

    fn role(&self) -> Role {
        Role::Peer
    }

    fn description(&self) -> String {
        self.command.clone()
    }

    fn start(&self, folder: &Path, address: SocketAddr) -> Result<Running> {
        let data = self.data(folder);
        std::fs::create_dir_all(&data)?;
        let line = self.command.replace("{port}", &address.port().to_string());
        let line = line.replace("{data}", &data.display().to_string());
        let mut command = Command::new("sh");
        // Replaced by the broker, so that its CPU time is this process's.
        command.arg("-c").arg(format!("exec {line}"));
        Running::start(&self.name, command, folder, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        let peer: Peer = "other=broker --port {port} --option=1".parse().unwrap();
        assert_eq!((peer.name(), peer.description().as_str()), ("other", "broker --port {port} --option=1"));
        assert!("broker --port {port}".parse::<Peer>().is_err());
        assert!("kafka=broker {port}".parse::<Peer>().is_err());
        assert!("other=broker".parse::<Peer>().is_err());
    }
}
