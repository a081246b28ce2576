//! Primed memory. Pages that the host has taken back cost ten times what recycled ones cost, so the guest's free pages are
//! written once, shortly before a measurement.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

const PIECE: usize = 1 << 20;

/// Fills `bytes` of page cache by a file in `folder`, and gives the pages back.
///
/// # Errors
/// The disk is full or fails.
pub(crate) fn prime(folder: &Path, bytes: u64) -> Result<()> {
    let path = folder.join("priming");
    let mut file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    // Without a name first: an early end leaves nothing behind, and closing it drops the pages before they are written back.
    std::fs::remove_file(&path)?;
    let piece = vec![0xa5; PIECE];
    for _ in 0..bytes.div_ceil(PIECE as u64) {
        file.write_all(&piece).context("prime memory")?;
    }
    Ok(())
}
