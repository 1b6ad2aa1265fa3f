//! A file on disk.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Storage;
use crate::bytes::Bytes;
use crate::disk;
use crate::error::{Error, Result};
use crate::mmap::Map;

/// What the operating system calls a file, whatever its name: two paths with the same identity are one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device number (`st_dev`); 0 where the system has none.
    pub device: u64,
    /// File number on the device (`st_ino`); 0 where the system has none.
    pub inode: u64,
}

impl FileIdentity {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    // Other systems have no stable identity in the standard library; they do not allow replacing an open file either.
    #[cfg(not(unix))]
    pub(crate) fn of(_metadata: &Metadata) -> Self {
        Self {
            device: 0,
            inode: 0,
        }
    }

    /// Identity and length in bytes of whatever `path` names now; `None` when nothing is there.
    pub fn and_length_of_path(path: &Path) -> Result<Option<(Self, u64)>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some((Self::of(&metadata), metadata.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look up", path, error)),
        }
    }

    /// Identity of whatever `path` names now; `None` when nothing is there.
    pub fn of_path(path: &Path) -> Result<Option<Self>> {
        Ok(Self::and_length_of_path(path)?.map(|(identity, _)| identity))
    }
}

/// A [`Storage`] in a file. It takes no lock: see [`crate::lock::FileLock`].
#[derive(Debug)]
pub struct FileStorage {
    file: File,
    path: PathBuf,
    writable: bool,
    identity: FileIdentity,
    name_is_durable: AtomicBool,
}

impl FileStorage {
    /// Opens a file that must exist. Fails with [`Error::ReadOnly`] when it is to be written and has no permission for it.
    pub fn open_existing(path: &Path, writable: bool) -> Result<Self> {
        let file = disk::open_options()
            .read(true)
            .write(writable)
            .open(path)
            .map_err(|error| {
                let refused = matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                );
                if writable && refused {
                    Error::ReadOnly {
                        path: path.to_path_buf(),
                    }
                } else {
                    Error::io("open", path, error)
                }
            })?;
        Self::from_file(file, path, writable)
    }

    /// Creates a file that must not exist yet.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| Error::io("create", path, error))?;
        Self::from_file(file, path, true)
    }

    /// Wraps a file that is already open, for example the result of a compaction before it gets its name.
    pub fn from_file(file: File, path: &Path, writable: bool) -> Result<Self> {
        let metadata = file
            .metadata()
            .map_err(|error| Error::io("look up", path, error))?;
        let refused = |kind, what| {
            Err(Error::Io {
                operation: "open",
                path: path.to_path_buf(),
                source: io::Error::new(kind, what),
            })
        };
        if metadata.is_dir() {
            return refused(io::ErrorKind::IsADirectory, "it is a folder");
        }
        if !metadata.is_file() {
            return refused(io::ErrorKind::NotSeekable, "it is a device or pipe");
        }
        Ok(Self {
            identity: FileIdentity::of(&metadata),
            file,
            path: path.to_path_buf(),
            writable,
            name_is_durable: AtomicBool::new(false),
        })
    }

    /// Makes the name of the file survive power loss: who gave it may have been killed in front of that. Asks the disk once.
    pub fn sync_name(&self) -> io::Result<()> {
        if self.name_is_durable.load(Ordering::Relaxed) {
            return Ok(());
        }
        match crate::atomic::sync_folder(&self.path) {
            // A folder that may not be read cannot be synced, and not every file system can sync one.
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                ) =>
            {
                Err(error)
            }
            _ => {
                self.name_is_durable.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Opens whatever the path names now, with the same access. The result may be another file after a rename.
    pub fn reopen(&self) -> Result<Self> {
        Self::open_existing(&self.path, self.writable)
    }

    /// Path it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when it was opened for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The open file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Which file this is.
    #[must_use]
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Which file `path` names now; `None` when nothing is there.
    pub fn path_identity(path: &Path) -> Result<Option<FileIdentity>> {
        FileIdentity::of_path(path)
    }

    /// False when the path now names another file, or none.
    pub fn is_current(&self) -> Result<bool> {
        Ok(FileIdentity::of_path(&self.path)? == Some(self.identity))
    }
}

impl Storage for FileStorage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        disk::read_at(&self.file, offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        disk::write_at(&self.file, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        disk::set_length(&self.file, len)
    }

    fn sync(&self) -> io::Result<()> {
        disk::sync(&self.file)
    }

    fn map(&self, len: u64) -> io::Result<Bytes> {
        let length = usize::try_from(len)
            .map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, "larger than memory"))?;
        if length == 0 {
            return Ok(Bytes::default());
        }
        Ok(Bytes::from_map(Map::new(&self.file, length)?))
    }
}
