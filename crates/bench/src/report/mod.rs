//! What was measured, for people: a table, charts, and a page for `docs/`.

mod bars;
mod charts;
mod document;
mod figures;
mod lines;
mod svg;
mod table;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command_line::ReportOptions;
use crate::results::Results;
use crate::rows::{LEFT_OUT, all};

/// Prints the table, and writes the charts into `out`.
///
/// # Errors
/// They cannot be written.
pub(crate) fn show(results: &Results, out: &Path) -> Result<()> {
    write_charts(results, out)?;
    std::io::stdout().write_all(table::table(results).as_bytes()).context("print the table")
}

/// Writes the page and its charts.
///
/// # Errors
/// There are no such results, or the files cannot be written.
pub(crate) fn write(options: &ReportOptions) -> Result<()> {
    let results = Results::load(&options.results)?;
    let folder = options.docs.join("benchmarks");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let charts = write_charts(&results, &folder)?;
    let page = options.docs.join("benchmarks.md");
    std::fs::write(&page, document::document(&results, &charts)).with_context(|| format!("write {}", page.display()))
}

/// Prints the rows.
///
/// # Errors
/// They cannot be written.
pub(crate) fn list_rows() -> Result<()> {
    let mut lines: Vec<(u32, String)> = LEFT_OUT.map(|(row, reason)| (row, format!("(left out) {reason}"))).into();
    lines.extend(all().iter().map(|case| case.spec()).map(|spec| {
        let quick = if spec.guard.is_some() { " [quick]" } else { "" };
        (spec.row, format!("{}: {}{quick}", spec.name, spec.about))
    }));
    lines.sort_by_key(|(row, _)| *row);
    let text: String = lines.iter().map(|(row, line)| format!("{row:2} {line}\n")).collect();
    std::io::stdout().write_all(text.as_bytes()).context("print the rows")
}

/// Writes the charts, and gives back their names and titles.
fn write_charts(results: &Results, folder: &Path) -> Result<Vec<charts::Named>> {
    let charts = charts::charts(results);
    let mut named = Vec::new();
    for chart in charts {
        let path = folder.join(&chart.named.file);
        std::fs::write(&path, chart.svg).with_context(|| format!("write {}", path.display()))?;
        named.push(chart.named);
    }
    Ok(named)
}
