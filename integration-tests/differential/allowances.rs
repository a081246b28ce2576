//! What may differ: fields that are each broker's own, and deviations that are known, each with its reason.

use std::cell::Cell;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::compare::Difference;

/// The list beside this file.
const LIST: &str = include_str!("allowances.yaml");

/// Where differences are expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The API; all if it is missing.
    #[serde(default)]
    api: Option<String>,
    /// The end of the field's path; `[*]` stands for any name of a setting.
    field: String,
    /// What must be in the case's name.
    #[serde(default)]
    case: Option<String>,
    /// Kafka's value; any if it is missing.
    #[serde(default)]
    kafka: Option<String>,
    /// Ours; any if it is missing.
    #[serde(default)]
    dohle: Option<String>,
    /// Whether there was a difference.
    #[serde(skip)]
    is_seen: Cell<bool>,
}

/// Why answers differ somewhere, as it should be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowance {
    reason: String,
    places: Vec<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    own: Vec<Allowance>,
    deviations: Vec<Allowance>,
}

/// What a difference is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A value of each broker's own.
    Own,
    /// A deviation that is in the list, with the reason.
    Listed(String),
    /// A deviation to be mended or listed.
    Unlisted,
}

/// The list of what may differ.
#[derive(Debug)]
pub(crate) struct Allowances(List);

impl Allowances {
    /// Reads it.
    ///
    /// # Errors
    /// It is malformed.
    pub(crate) fn read() -> Result<Self> {
        Ok(Self(serde_yaml::from_str(LIST).context("allowances.yaml")?))
    }

    /// What to make of a difference in an answer of `api`.
    pub(crate) fn judge(&self, api: &str, case: &str, difference: &Difference) -> Verdict {
        let unnamed = without_names(&difference.field);
        let is_at = |field: &str, end: &str| field == end || field.ends_with(&format!(".{end}"));
        let is_in = |place: &&Place| {
            place.api.as_deref().is_none_or(|own| own == api)
                && (is_at(&difference.field, &place.field) || is_at(&unnamed, &place.field))
                && place.case.as_deref().is_none_or(|part| case.contains(part))
                && place.kafka.as_deref().is_none_or(|value| value == difference.kafka)
                && place.dohle.as_deref().is_none_or(|value| value == difference.dohle)
        };
        let matches = |allowance: &&Allowance| {
            let place = allowance.places.iter().find(is_in);
            place.inspect(|place| place.is_seen.set(true)).is_some()
        };
        if self.0.own.iter().any(|allowance| matches(&allowance)) {
            return Verdict::Own;
        }
        match self.0.deviations.iter().find(matches) {
            Some(allowance) => Verdict::Listed(allowance.reason.clone()),
            None => Verdict::Unlisted,
        }
    }
}

impl Allowances {
    /// The places of deviations at which nothing differed: what the list no longer needs.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let places = self.0.deviations.iter().flat_map(|allowance| &allowance.places);
        let unseen = places.filter(|place| !place.is_seen.get());
        let case = |place: &Place| place.case.as_ref().map_or_else(String::new, |case| format!(" in {case}"));
        unseen
            .map(|place| format!("{} {}{}", place.api.as_deref().unwrap_or("all"), place.field, case(place)))
            .collect()
    }
}

/// A path in which the name of a setting is left open.
fn without_names(field: &str) -> String {
    match (field.find('['), field.rfind(']')) {
        (Some(start), Some(end)) if start < end => format!("{}*{}", &field[..=start], &field[end..]),
        _ => field.to_owned(),
    }
}
