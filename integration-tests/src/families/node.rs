//! Libraries for Node.js. `clients/node/LIBRARY` has `driver.mjs`, `package.json` and `package-lock.json`; what drivers share
//! lies in `clients/node` and is imported as `../NAME.mjs`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::clients;
use crate::cache::made_once;
use crate::process::{run_to_end, said};
use crate::requirement::{Missing, program};
use crate::sources::{sources, texts};

/// One library.
#[derive(Debug, Clone)]
pub(super) struct Library {
    /// Its folder in `clients/node`.
    pub(super) folder: &'static str,
}

pub(super) fn toolchain() -> Result<(), Missing> {
    static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
    let check = || {
        program("node", "--version", "the clients for Node.js")?;
        program("npm", "--version", "the clients for Node.js")
    };
    TOOLCHAIN.get_or_init(check).clone()
}

impl Library {
    pub(super) fn driver(&self) -> Result<Command> {
        let modules = self.modules()?.join("node_modules");
        let sources = sources(&[clients("node"), self.folder()], &[".mjs"])?;
        let where_modules_are = modules.display().to_string();
        // Modules are looked for beside the file that imports them, so the files go to the cache as well.
        let name = format!("node-driver-{}", self.folder);
        let made = made_once(&name, &texts(&sources, &[&where_modules_are]), |folder| {
            std::fs::create_dir(folder.join(self.folder)).context("folder of the driver")?;
            for source in &sources {
                let place = folder.join(source.path.strip_prefix(clients("node"))?);
                std::fs::write(&place, &source.text).with_context(|| format!("write {}", place.display()))?;
            }
            std::os::unix::fs::symlink(&modules, folder.join("node_modules")).context("link to the packages")
        })?;
        let mut command = Command::new("node");
        command.arg(made.join(self.folder).join("driver.mjs"));
        Ok(command)
    }

    /// The folder with its packages in `node_modules`.
    fn modules(&self) -> Result<PathBuf> {
        let lists = sources(&[self.folder()], &["package.json", "package-lock.json"])?;
        let version = said("node", &["--version"])?;
        made_once(&format!("node-{}", self.folder), &texts(&lists, &[&version]), |folder| {
            for list in &lists {
                let place = folder.join(list.path.file_name().context("a file has a name")?);
                std::fs::write(&place, &list.text).with_context(|| format!("write {}", place.display()))?;
            }
            let mut npm = Command::new("npm");
            npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
            run_to_end(npm)
        })
    }

    fn folder(&self) -> PathBuf {
        clients("node").join(self.folder)
    }
}
