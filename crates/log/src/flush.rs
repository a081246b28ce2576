//! Making a log durable: what to sync is gathered under the log's lock, and synced without it.

use std::io;
use std::sync::Arc;

use dohle_model::Offset;
use dohle_seams::{DiskFile, OpenMode};

use crate::folder::Folder;
use crate::segment::Segment;

/// Files to be synced; made under the log's lock, run without it.
#[derive(Debug)]
pub struct FlushWork {
    /// Opened beforehand, so that retention may rename them meanwhile.
    pub(crate) files: io::Result<Vec<Arc<dyn DiskFile>>>,
    /// The folder, where names in it have changed.
    pub(crate) folder: Option<Arc<Folder>>,
    pub(crate) flushed: Flushed,
}

/// What a flush has made durable.
#[derive(Debug)]
pub struct Flushed {
    pub(crate) end_offset: Offset,
    pub(crate) sealed: Vec<Arc<Segment>>,
}

impl FlushWork {
    /// Syncs the files. Blocks.
    ///
    /// # Errors
    /// The disk's error: the log directory must then be given up, as nobody knows what was kept.
    pub fn run(self) -> io::Result<Flushed> {
        for file in self.files? {
            file.sync()?;
        }
        if let Some(folder) = self.folder {
            folder.sync()?;
        }
        Ok(self.flushed)
    }
}

/// All files of a sealed segment, and the producer snapshot that was taken when it was sealed.
pub(crate) fn files_of_sealed(folder: &Folder, segment: &Segment) -> io::Result<Vec<Arc<dyn DiskFile>>> {
    let mut files = vec![segment.file()?];
    let snapshot = folder.file(segment.next_offset(), "snapshot");
    for path in [segment.path("index"), segment.path("timeindex"), snapshot] {
        match folder.disk.open(&path, OpenMode::Read) {
            Ok(file) => files.push(file),
            // A segment that recovery has sealed has no snapshot.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}
