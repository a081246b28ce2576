//! Which rows are asked for.

use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

use crate::rows::spec::Spec;

/// Numbers of rows, ranges of them, and names of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    rows: Vec<RangeInclusive<u32>>,
    names: Vec<String>,
}

impl Selection {
    /// Whether a case is asked for.
    pub(crate) fn contains(&self, spec: &Spec) -> bool {
        self.rows.iter().any(|rows| rows.contains(&spec.row)) || self.names.iter().any(|name| *name == spec.name)
    }
}

impl FromStr for Selection {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut selection = Self { rows: Vec::new(), names: Vec::new() };
        for part in text.split(',').map(str::trim) {
            ensure!(!part.is_empty(), "an empty part in {text:?}");
            if !part.starts_with(|first: char| first.is_ascii_digit()) {
                selection.names.push(part.to_owned());
                continue;
            }
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.parse::<u32>().with_context(|| format!("{text:?} is no row"));
            selection.rows.push(number(first)?..=number(last)?);
        }
        Ok(selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbers_ranges_and_names() {
        let selection: Selection = "1, 4-6,fetch-hot".parse().unwrap();
        let contains = |row, name: &'static str| selection.contains(&Spec::new(row, name, "", Vec::new()));
        assert!(contains(1, "a") && contains(4, "a") && contains(6, "a") && contains(12, "fetch-hot"));
        assert!(!contains(2, "a") && !contains(7, "a") && !contains(12, "fetch-hot-4"));
        assert!("1,,2".parse::<Selection>().is_err());
        assert!("1-x".parse::<Selection>().is_err());
    }
}
