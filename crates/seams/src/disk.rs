//! Files and folders.
//!
//! Durability is what POSIX gives: what was written to a file survives a crash of the process at once, and a
//! crash of the machine only after [`DiskFile::sync`]; a name survives it only after [`Disk::sync_directory`].

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    ReadWrite,
    /// For reading and writing; made empty if it does not exist.
    CreateOrOpen,
    /// For reading and writing; it must not exist.
    CreateNew,
}

/// What a folder holds under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name within the folder. Names that are not UTF-8 are not ours and are left out of listings.
    pub name: String,
    /// Whether it is a folder.
    pub is_directory: bool,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Whether it is a folder.
    pub is_directory: bool,
}

/// An open file. All methods take `&self`: positions are explicit. Callers order their own writes.
pub trait DiskFile: Send + Sync + Debug {
    /// Writes all of `parts`, one after the other, from `position` (in bytes) on. On an error some prefix
    /// may have been written.
    ///
    /// # Errors
    /// The disk's error, `StorageFull` among them.
    fn write_vectored_at(&self, parts: &[io::IoSlice<'_>], position: u64) -> io::Result<()>;

    /// Reads up to `buffer.len()` bytes from `position` on; fewer only at the end of the file.
    ///
    /// # Errors
    /// The disk's error.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Makes everything written so far (data and size) survive a crash of the machine. Blocks.
    ///
    /// # Errors
    /// The disk's error; the state of what was not synced before is then unknown.
    fn sync(&self) -> io::Result<()>;

    /// The size in bytes.
    ///
    /// # Errors
    /// The disk's error.
    fn size_bytes(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeroes.
    ///
    /// # Errors
    /// The disk's error.
    fn set_size(&self, size_bytes: u64) -> io::Result<()>;

    /// Asks for blocks up to `size_bytes` without changing the size. A disk that cannot is not an error.
    ///
    /// # Errors
    /// `StorageFull`, or another error of the disk.
    fn reserve(&self, size_bytes: u64) -> io::Result<()>;

    /// Whether a region is in memory, so that reading or sending it waits for no disk, as far as can be told from a few of
    /// its pages. Its beginning is not looked at: whoever asks knows what lies there and has mostly just read it. Costs
    /// little, and waits for nothing.
    fn is_in_memory(&self, position: u64, size_bytes: usize) -> bool;

    /// Brings a region into memory, and begins to do so with what is right behind it. Blocks. What cannot be read is met
    /// again by whoever reads it.
    fn load(&self, position: u64, size_bytes: usize);

    /// The descriptor from which the kernel can send regions of this file, where there is one.
    fn region_fd(&self) -> Option<BorrowedFd<'_>>;
}

/// The size of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What this process may still write, in bytes.
    pub usable_bytes: u64,
}

/// A held lock on a file; given up when dropped, and by the kernel when the process ends.
pub trait DiskLock: Send + Sync + Debug {}

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// The disk's error: `NotFound`, `AlreadyExists`, ...
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a folder and those above it; existing ones are left alone.
    ///
    /// # Errors
    /// The disk's error.
    fn create_directories(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or folder another name, replacing a file of that name.
    ///
    /// # Errors
    /// The disk's error.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The disk's error; `NotFound` where there is none.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder and all in it.
    ///
    /// # Errors
    /// The disk's error.
    fn remove_directory_all(&self, path: &Path) -> io::Result<()>;

    /// What a folder holds, sorted by name.
    ///
    /// # Errors
    /// The disk's error.
    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;

    /// Size and age of a file or folder, `None` where there is none.
    ///
    /// # Errors
    /// The disk's error.
    fn facts(&self, path: &Path) -> io::Result<Option<FileFacts>>;

    /// Makes the names in a folder survive a crash of the machine. Blocks.
    ///
    /// # Errors
    /// The disk's error.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// How large the file system is that holds a path, and how much of it may still be used.
    ///
    /// # Errors
    /// The disk's error.
    fn space(&self, path: &Path) -> io::Result<DiskSpace>;

    /// A path from the root on, as others see it; it need not exist.
    ///
    /// # Errors
    /// The current folder cannot be told.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf>;

    /// Takes an exclusive lock on a file, making it where needed. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock` where another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Reads a whole (small) file.
    ///
    /// # Errors
    /// The disk's error.
    fn read_to_end(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let size = usize::try_from(file.size_bytes()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Replaces a (small) file so that a crash leaves the old or the new one whole: `PATH.tmp`, sync,
    /// rename, sync of the folder. Blocks.
    ///
    /// # Errors
    /// The disk's error; the old file then still stands.
    fn replace_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = Path::new(&name);
        let file = self.open(temporary, OpenMode::CreateOrOpen)?;
        file.set_size(0)?;
        file.write_vectored_at(&[io::IoSlice::new(bytes)], 0)?;
        file.sync()?;
        drop(file);
        self.rename(temporary, path)?;
        match path.parent() {
            Some(parent) => self.sync_directory(parent),
            None => Ok(()),
        }
    }
}
