//! From the command line and the file it names to a checked configuration.

use std::path::Path;

use anyhow::Context;
use dohle_config::{Origin, ServerConfig, Settings};
use dohle_seams::Disk;

use crate::command_line::ServerOptions;

/// Reads a settings file.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> anyhow::Result<Settings> {
    let bytes = disk.read_to_end(path).with_context(|| format!("cannot read the settings in {}", path.display()))?;
    Ok(Settings::from_file(&path.display().to_string(), &bytes)?)
}

/// The configuration of a node to start, with warnings about what has no effect.
pub(crate) fn load(disk: &dyn Disk, options: &ServerOptions) -> anyhow::Result<(ServerConfig, Vec<String>)> {
    let mut settings = match &options.config {
        Some(path) => read(disk, path)?,
        None => Settings::built_in(),
    };
    if let Some(address) = &options.listen {
        settings.set_listen(address)?;
    }
    if let Some(folder) = &options.data {
        let folder = folder.to_str().context("--data: the folder's name is not UTF-8")?;
        settings.set("log.dirs", folder, Origin::Option { name: "--data" });
    }
    for text in &options.overrides {
        settings.set_override(text)?;
    }
    Ok(ServerConfig::resolve(&settings)?)
}
