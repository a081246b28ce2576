//! The folder of one partition's log, and the names of the files in it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dohle_model::Offset;
use dohle_seams::Disk;

/// What a segment's files end in.
pub(crate) const SEGMENT_SUFFIXES: [&str; 5] = ["log", "index", "timeindex", "txnindex", "snapshot"];
/// Added to the name of a file that is no longer part of the log and waits to be removed.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";

/// `TOPIC-P/`.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
}

impl Folder {
    /// The path of the file of this base offset and suffix.
    pub(crate) fn file(&self, base_offset: Offset, suffix: &str) -> PathBuf {
        self.path.join(format!("{:020}.{suffix}", base_offset.0))
    }

    /// The offsets in the names of all files with this suffix, ascending.
    pub(crate) fn offsets_of(&self, suffix: &str) -> io::Result<Vec<Offset>> {
        let mut offsets: Vec<Offset> =
            self.disk.list(&self.path)?.iter().filter_map(|entry| base_offset_of(&entry.name, suffix)).collect();
        offsets.sort_unstable();
        Ok(offsets)
    }

    pub(crate) fn remove_if_there(&self, path: &Path) -> io::Result<()> {
        match self.disk.remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Removes all files of a segment.
    pub(crate) fn remove_segment(&self, base_offset: Offset) -> io::Result<()> {
        SEGMENT_SUFFIXES.iter().try_for_each(|suffix| self.remove_if_there(&self.file(base_offset, suffix)))
    }

    /// Renames all files of a segment, so that whoever reads them goes on and a new start removes them. Gives their new
    /// names.
    pub(crate) fn set_segment_aside(&self, base_offset: Offset) -> io::Result<Vec<PathBuf>> {
        let mut renamed = Vec::new();
        for suffix in SEGMENT_SUFFIXES {
            let path = self.file(base_offset, suffix);
            let mut name = OsString::from(path.as_os_str());
            name.push(DELETED_SUFFIX);
            match self.disk.rename(&path, Path::new(&name)) {
                Ok(()) => renamed.push(name.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(renamed)
    }

    /// Makes the names in the folder survive a crash of the machine.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.sync_directory(&self.path)
    }
}

/// The base offset in the name of a file with this suffix.
pub(crate) fn base_offset_of(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Offset))?
}

#[cfg(test)]
mod tests {
    use dohle_seams::simulated::SimulatedDisk;

    use super::*;

    #[test]
    fn only_twenty_digits_and_a_known_end_name_a_file_of_the_log() {
        assert_eq!(base_offset_of("00000000000000000042.log", "log"), Some(Offset(42)));
        assert_eq!(base_offset_of("09223372036854775807.index", "index"), Some(Offset(i64::MAX)));
        for strange in [
            "42.log",
            "0000000000000000004x.log",
            "+0000000000000000042.log",
            "00000000000000000042log",
            "00000000000000000042.log.swap",
            "99999999999999999999.log",
        ] {
            assert_eq!(base_offset_of(strange, "log"), None, "{strange}");
        }
    }

    #[test]
    fn a_segment_is_set_aside_with_the_files_it_has() {
        let disk = SimulatedDisk::new(1);
        disk.create_directories(Path::new("/p")).unwrap();
        let folder = Folder { disk: disk.clone(), path: "/p".into() };
        for suffix in ["log", "index", "snapshot"] {
            disk.replace_file(&folder.file(Offset(7), suffix), b"x").unwrap();
        }
        assert_eq!(folder.offsets_of("log").unwrap(), [Offset(7)]);
        let renamed = folder.set_segment_aside(Offset(7)).unwrap();
        assert_eq!(renamed.len(), 3);
        assert!(renamed.iter().all(|path| disk.facts(path).unwrap().is_some()));
        assert_eq!(folder.offsets_of("log").unwrap(), []);
        assert!(folder.set_segment_aside(Offset(7)).unwrap().is_empty());
        folder.remove_segment(Offset(7)).unwrap();
    }
}
