//! The list of scenarios that every client family plays: `scenarios.yaml`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What drivers and tests call it.
    pub id: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// Whether it shows a refusal of ours, which another broker need not share.
    #[serde(default)]
    pub refusal: bool,
    /// The families that cannot play it, with the reason.
    #[serde(default)]
    pub not_for: BTreeMap<String, String>,
    /// The families that play it, but not all of it: what they leave out, each with the reason.
    #[serde(default)]
    pub leaves_out: BTreeMap<String, BTreeMap<String, String>>,
}

/// All of them, in the order of the file.
///
/// # Errors
/// The file is not what it should be.
pub fn scenarios() -> Result<Vec<Scenario>> {
    serde_yaml::from_str(include_str!("../scenarios.yaml")).context("scenarios.yaml")
}
