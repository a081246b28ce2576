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
