//! The files that a program of the suite is made from.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// A file and what is in it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// The files directly in `folders` whose names end with one of `endings`, in the order of their paths.
///
/// # Errors
/// A folder or a file cannot be read.
pub fn sources(folders: &[PathBuf], endings: &[&str]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in folders {
        let listing = || format!("list {}", folder.display());
        for entry in std::fs::read_dir(folder).with_context(listing)? {
            let path = entry.with_context(listing)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                sources.push(Source { path, text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

/// What a thing made from them is named after: their texts, and `more`.
#[must_use]
pub fn texts<'a>(sources: &'a [Source], more: &[&'a str]) -> Vec<&'a str> {
    more.iter().copied().chain(sources.iter().map(|source| source.text.as_str())).collect()
}
