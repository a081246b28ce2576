//! The real world: the operating system's files, clock and randomness, and a pool of threads.
#![expect(clippy::disallowed_methods, reason = "this module is where the seams touch the system")]

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Advice, FallocateFlags, FlockOperation};
use rustix::io::ReadWriteFlags;

use crate::disk::{DirectoryEntry, Disk, DiskFile, DiskLock, DiskSpace, FileFacts, OpenMode};
use crate::{Environment, Offload, Randomness, WallClock};

impl Environment {
    /// The real world, with connections served on `data` and quorum and lifecycle on `control`.
    #[must_use]
    pub fn live(data: tokio::runtime::Handle, control: tokio::runtime::Handle) -> Self {
        Self {
            disk: Arc::new(LiveDisk),
            clock: Arc::new(LiveClock),
            randomness: Arc::new(LiveRandomness),
            offload: Arc::new(ThreadPool::new(OFFLOAD_THREADS_MAX)),
            data_runtime: data,
            control_runtime: control,
        }
    }
}

/// Enough to keep a few disks busy; blocked threads cost no CPU.
const OFFLOAD_THREADS_MAX: usize = 16;
/// How long an idle thread waits for work before it ends.
const IDLE_THREAD_LIFE: Duration = Duration::from_secs(10);

/// The operating system's file system.
#[derive(Debug)]
pub struct LiveDisk;

#[derive(Debug)]
struct LiveFile(fs::File);

#[derive(Debug)]
struct LiveLock(#[expect(dead_code, reason = "held for the lock that ends with it")] fs::File);

impl DiskLock for LiveLock {}

impl DiskFile for LiveFile {
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        // The kernel takes at most 1024 parts at a time.
        let mut position = position;
        for chunk in parts.chunks(1024) {
            let total: usize = chunk.iter().map(|part| part.len()).sum();
            let mut written = retry(|| rustix::io::pwritev(&self.0, chunk, position))?;
            // A short write: the rest part by part.
            if written < total {
                let mut before = 0;
                for part in chunk {
                    let skip = written.saturating_sub(before).min(part.len());
                    if skip < part.len() {
                        self.0.write_all_at(&part[skip..], position + (before + skip) as u64)?;
                        written = before + part.len();
                    }
                    before += part.len();
                }
            }
            position += total as u64;
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], position + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        // ext4 takes a cut to nothing, even of an empty file, for the beginning of a rewrite, and writes all that has come
        // since to the disk while the file is closed, be it because it was removed.
        if self.size_bytes()? == size_bytes {
            return Ok(());
        }
        self.0.set_len(size_bytes)
    }

    fn reserve(&self, size_bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::KEEP_SIZE, 0, size_bytes) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn is_in_memory(&self, position: u64, size_bytes: usize) -> bool {
        probes(position, size_bytes).skip(1).all(|at| {
            let mut byte = [0];
            let read = rustix::io::preadv2(&self.0, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT);
            // Other errors say nothing of memory: a file system may not be able to tell.
            !matches!(read, Err(rustix::io::Errno::AGAIN))
        })
    }

    fn load(&self, position: u64, size_bytes: usize) {
        // Some pieces ahead of the one that is waited for, so that the disk is not idle in between, and not all at once, which
        // would keep a processor in the kernel for milliseconds. A kernel that takes no advice reads ahead by itself.
        let ask = |at: u64| {
            let _ = rustix::fs::fadvise(&self.0, at, NonZeroU64::new(PROBE_BYTES as u64), Advice::WillNeed);
        };
        let ahead = LOADED_AHEAD * PROBE_BYTES as u64;
        (0..LOADED_AHEAD).for_each(|piece| ask(position + piece * PROBE_BYTES as u64));
        for at in probes(position, size_bytes) {
            ask(at + ahead);
            if !matches!(self.0.read_at(&mut [0], at), Ok(1)) {
                return;
            }
        }
    }

    fn region_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// How far the pages of a region lie apart that are looked at: the kernel reads ahead in pieces of about this size.
const PROBE_BYTES: usize = 128 * 1024;
/// How many such pieces are asked for ahead of the one that is waited for.
const LOADED_AHEAD: u64 = 4;

/// Positions in a region: every so often, and its last byte.
fn probes(position: u64, size_bytes: usize) -> impl Iterator<Item = u64> {
    let last = size_bytes.checked_sub(1);
    (0..last.unwrap_or(0)).step_by(PROBE_BYTES).chain(last).map(move |offset| position + offset as u64)
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

impl Disk for LiveDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateOrOpen => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        Ok(Arc::new(LiveFile(options.open(path)?)))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(DirectoryEntry { name, is_directory: entry.file_type()?.is_dir() });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn facts(&self, path: &Path) -> io::Result<Option<FileFacts>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(FileFacts {
                size_bytes: metadata.len(),
                modified_ms: metadata.modified().map(milliseconds)?,
                is_directory: metadata.is_dir(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        let space = rustix::fs::statvfs(path)?;
        Ok(DiskSpace {
            total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
            usable_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        })
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(LiveLock(file)))
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's wall clock.
#[derive(Debug)]
pub struct LiveClock;

impl WallClock for LiveClock {
    fn now_ms(&self) -> i64 {
        milliseconds(SystemTime::now())
    }
}

/// The system's randomness.
#[derive(Debug)]
pub struct LiveRandomness;

impl Randomness for LiveRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        let mut filled = 0;
        while filled < bytes.len() {
            filled += retry(|| rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()))
                .expect("the kernel gives random bytes");
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A pool that starts threads as work waits and lets idle ones end.
#[derive(Debug)]
pub struct ThreadPool(Arc<Shared>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

struct Shared {
    threads_max: usize,
    queue: Mutex<Queue>,
    work: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("threads_max", &self.threads_max).finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// A pool of at most `threads_max` threads; none is started before there is work.
    #[must_use]
    pub fn new(threads_max: usize) -> Self {
        Self(Arc::new(Shared { threads_max, queue: Mutex::default(), work: Condvar::new() }))
    }
}

impl Offload for ThreadPool {
    fn spawn(&self, work: Job) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(work);
        if queue.idle >= queue.jobs.len() {
            self.0.work.notify_one();
        } else if queue.threads < self.0.threads_max {
            let shared = Arc::clone(&self.0);
            let builder = std::thread::Builder::new().name("offload".to_owned()).stack_size(512 * 1024);
            match builder.spawn(move || shared.run()) {
                Ok(_) => queue.threads += 1,
                // The threads there are will come to it; with none at all there is no going on.
                Err(error) if queue.threads > 0 => tracing::warn!(%error, "cannot start another thread"),
                Err(error) => panic!("cannot start a thread for blocking work: {error}"),
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                    tracing::error!("offloaded work panicked");
                }
                queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.idle += 1;
            let (next, waited) =
                self.work.wait_timeout(queue, IDLE_THREAD_LIFE).unwrap_or_else(PoisonError::into_inner);
            queue = next;
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OffloadExt;

    #[tokio::test]
    async fn offloaded_work_gives_back_its_result() {
        let pool = ThreadPool::new(2);
        let results = futures_join(&pool).await;
        assert_eq!(results, (0..50).sum::<u64>());
    }

    async fn futures_join(pool: &ThreadPool) -> u64 {
        let jobs: Vec<_> = (0..50).map(|n| pool.run(move || n)).collect();
        let mut sum = 0;
        for job in jobs {
            sum += job.await;
        }
        sum
    }

    #[test]
    fn a_region_is_in_memory_once_it_was_loaded() {
        let directory = std::env::temp_dir().join(format!("dohle-seams-load-{}", std::process::id()));
        LiveDisk.create_directories(&directory).unwrap();
        let file = LiveDisk.open(&directory.join("file"), OpenMode::CreateOrOpen).unwrap();
        file.write_vectored_at(&[IoSlice::new(&vec![7; 3 * PROBE_BYTES])], 0).unwrap();
        file.sync().unwrap();
        rustix::fs::fadvise(file.region_fd().unwrap(), 0, None, Advice::DontNeed).unwrap();
        file.load(100, 3 * PROBE_BYTES - 100);
        assert!(file.is_in_memory(100, 3 * PROBE_BYTES - 100));
        // There is nothing to wait for behind the end.
        file.load(3 * PROBE_BYTES as u64 - 1, 1000);
        assert!(file.is_in_memory(3 * PROBE_BYTES as u64 - 1, 1000));
        assert!(file.is_in_memory(0, 0));
        LiveDisk.remove_directory_all(&directory).unwrap();
    }

    #[test]
    fn gathered_writes_land_in_order() {
        let directory = std::env::temp_dir().join(format!("dohle-seams-{}", std::process::id()));
        LiveDisk.create_directories(&directory).unwrap();
        let path = directory.join("file");
        let file = LiveDisk.open(&path, OpenMode::CreateOrOpen).unwrap();
        file.write_vectored_at(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")], 1).unwrap();
        assert_eq!(LiveDisk.read_to_end(&path).unwrap(), b"\0abcd");
        LiveDisk.remove_directory_all(&directory).unwrap();
        assert_eq!(LiveDisk.facts(&path).unwrap(), None);
    }
}
