//! Kafka's checkpoint files: a version, a count, then one entry a line.

use std::io;
use std::path::Path;

use dohle_seams::Disk;

/// The only version there is.
const VERSION: &str = "0";

/// The entries' lines; none where there is no file.
///
/// # Errors
/// The disk's error, or `InvalidData` where the file is not a checkpoint.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<String>> {
    let bytes = match disk.read_to_end(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let text = String::from_utf8(bytes).map_err(|_| malformed(path, "it is not text"))?;
    // The last line whole, so that a torn file is not taken for a shorter number.
    if !text.ends_with('\n') {
        return Err(malformed(path, "its last line is cut off"));
    }
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return Err(malformed(path, "it does not start with version 0"));
    }
    let count: usize =
        lines.next().and_then(|line| line.parse().ok()).ok_or_else(|| malformed(path, "it has no count"))?;
    let entries: Vec<String> = lines.map(str::to_owned).collect();
    if entries.len() != count {
        return Err(malformed(path, "its count is not the number of its entries"));
    }
    Ok(entries)
}

/// The bytes of a checkpoint with these lines.
pub(crate) fn encode(entries: &[String]) -> Vec<u8> {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for entry in entries {
        text.push_str(entry);
        text.push('\n');
    }
    text.into_bytes()
}

pub(crate) fn malformed(path: &Path, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", path.display()))
}
