//! Things that are fetched or built once for all clones and runs: in the user's cache folder, under a name that changes
//! with what they are made from.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// One lock for each name, so that tests side by side make a thing once.
static BEING_MADE: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());

/// The folder `NAME-HASH` in the cache, made by `make` in a temporary place if it is not there yet. `sources` are what it
/// is made from.
///
/// # Errors
/// Making it fails; nothing is left in the cache then.
pub fn made_once(name: &str, sources: &[&str], make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    let full_name = format!("{name}-{:016x}", hasher.finish());
    let lock =
        Arc::clone(BEING_MADE.lock().unwrap_or_else(PoisonError::into_inner).entry(full_name.clone()).or_default());
    let _making = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let root = root()?;
    let folder = root.join(full_name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&root).with_context(|| format!("create {}", root.display()))?;
    let temporary =
        tempfile::Builder::new().prefix(".making-").tempdir_in(&root).context("folder to make things in")?;
    make(temporary.path()).with_context(|| format!("making {name}"))?;
    let made = temporary.keep();
    if let Err(error) = std::fs::rename(&made, &folder) {
        // Another run of the suite was quicker.
        let _ = std::fs::remove_dir_all(&made);
        if !folder.is_dir() {
            return Err(error).with_context(|| format!("create {}", folder.display()));
        }
    }
    Ok(folder)
}

fn root() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => {
            PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
        }
    };
    Ok(cache.join("dohle").join("integration-tests"))
}
