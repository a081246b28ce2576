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

#[cfg(test)]
mod tests {
    use dohle_seams::simulated::SimulatedDisk;

    use super::*;

    #[test]
    fn entries_read_back_and_anything_cut_off_is_noticed() {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/")).unwrap();
        let path = Path::new("/checkpoint");
        assert_eq!(read(&*disk, path).unwrap(), Vec::<String>::new(), "no file, no entries");
        let entries = ["orders 0 17".to_owned(), "orders 1 4".to_owned()];
        let bytes = encode(&entries);
        assert_eq!(bytes, b"0\n2\norders 0 17\norders 1 4\n");
        disk.replace_file(path, &bytes).unwrap();
        assert_eq!(read(&*disk, path).unwrap(), entries);
        for length in 0..bytes.len() {
            disk.replace_file(path, &bytes[..length]).unwrap();
            assert_eq!(read(&*disk, path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{length} bytes");
        }
        for bad in [&b"1\n0\n"[..], b"0\n1\n", b"0\nx\n", b"0\n0\nmore\n", b"0\n1\n\xff\n"] {
            disk.replace_file(path, bad).unwrap();
            assert!(read(&*disk, path).is_err(), "{bad:?}");
        }
    }
}
