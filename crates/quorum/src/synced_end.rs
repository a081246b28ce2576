//! How far the log was durable at least, kept outside the store.
//!
//! A store that has lost its end cannot always tell (a write-ahead log that is cut off looks like one that ends there), so
//! the position is kept in a file of its own, written at most once a second and when the node stops. A log that is
//! shorter than that has lost what was acknowledged, and its replica must not go on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dohle_seams::{Disk, Offload, OffloadExt};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A position of the log: term, then index.
pub(crate) type Position = (u64, u64);

/// The file's name; it has the form of Kafka's checkpoint files.
const FILE: &str = "log-end-checkpoint";
/// How long positions gather before they are written.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct SyncedEnd {
    disk: Arc<dyn Disk>,
    offload: Arc<dyn Offload>,
    path: PathBuf,
    now: Mutex<Now>,
    advanced: Notify,
    /// What the file says. Held while it is written.
    written: tokio::sync::Mutex<Option<Position>>,
}

#[derive(Debug)]
struct Now {
    end: Option<Position>,
    /// Counts truncations: what is said to be durable after one may have been written before it.
    generation: u64,
}

impl SyncedEnd {
    /// Reads the file in `folder`. Blocks.
    pub(crate) fn open(disk: Arc<dyn Disk>, offload: Arc<dyn Offload>, folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let end = read(&*disk, &path)?;
        Ok(Self {
            disk,
            offload,
            path,
            now: Mutex::new(Now { end, generation: 0 }),
            advanced: Notify::new(),
            written: tokio::sync::Mutex::new(end),
        })
    }

    pub(crate) fn get(&self) -> Option<Position> {
        self.now.lock().end
    }

    /// To be handed to [`Self::advance`] once what is written now is durable.
    pub(crate) fn generation(&self) -> u64 {
        self.now.lock().generation
    }

    /// The log is durable up to `end`, as written in `generation`.
    pub(crate) fn advance(&self, end: Position, generation: u64) {
        let mut now = self.now.lock();
        if now.generation == generation && now.end < Some(end) {
            now.end = Some(end);
            self.advanced.notify_one();
        }
    }

    /// The log is about to be cut after `end`. Returns when a log that ends there is no longer too short.
    pub(crate) async fn truncate(&self, end: Option<Position>) -> io::Result<()> {
        let mut written = self.written.lock().await;
        {
            let mut now = self.now.lock();
            now.generation += 1;
            now.end = now.end.min(end);
        }
        if *written > end { self.write(&mut written, end).await } else { Ok(()) }
    }

    /// Writes the position as it changes, until it is aborted.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.advanced.notified().await;
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = self.store().await {
                tracing::warn!(path = %self.path.display(), %error, "cannot note how far the metadata log is durable");
            }
        }
    }

    /// Writes the position now.
    pub(crate) async fn store(&self) -> io::Result<()> {
        let mut written = self.written.lock().await;
        let end = self.get();
        if *written == end { Ok(()) } else { self.write(&mut written, end).await }
    }

    async fn write(&self, written: &mut Option<Position>, end: Option<Position>) -> io::Result<()> {
        let (disk, path) = (Arc::clone(&self.disk), self.path.clone());
        self.offload.run(move || disk.replace_file(&path, encode(end).as_bytes())).await?;
        *written = end;
        Ok(())
    }
}

fn encode(end: Option<Position>) -> String {
    end.map_or("0\n0\n".to_owned(), |(term, index)| format!("0\n1\n{term} {index}\n"))
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Position>> {
    let bytes = match disk.read_to_end(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let malformed =
        || io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a position of a log", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    match text.lines().collect::<Vec<_>>()[..] {
        ["0", "0"] => Ok(None),
        ["0", "1", entry] if text.ends_with('\n') => {
            let (term, index) = entry.split_once(' ').ok_or_else(malformed)?;
            let number = |text: &str| text.parse().map_err(|_| malformed());
            Ok(Some((number(term)?, number(index)?)))
        }
        _ => Err(malformed()),
    }
}
