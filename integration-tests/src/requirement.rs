//! What a test needs beside the broker, and what its absence means.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use libtest_mimic::Completion;

use crate::process::spawn;

/// A toolchain or a broker that a test needs is not there.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// Whether absence is a failure: with `CI` or `DOHLE_REQUIRE_ALL` set to something other than `false` or `0`.
#[must_use]
pub fn everything_is_required() -> bool {
    ["CI", "DOHLE_REQUIRE_ALL"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Ends a test that cannot run: ignored and named, or failed where everything is required.
///
/// # Errors
/// Everything is required.
pub fn skip(missing: &Missing) -> Result<Completion> {
    if everything_is_required() {
        bail!("required here, but missing: {missing}");
    }
    Ok(Completion::ignored_with(format!("SKIPPED, missing: {missing}")))
}

/// Checks that a program can be run.
///
/// # Errors
/// It cannot; the message tells who needs it.
pub fn program(name: &str, version_option: &str, needed_by: &str) -> Result<(), Missing> {
    let mut command = Command::new(name);
    command.arg(version_option).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match spawn(&mut command).and_then(|mut child| child.wait()) {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Missing(format!("{name}, needed by {needed_by}"))),
    }
}
