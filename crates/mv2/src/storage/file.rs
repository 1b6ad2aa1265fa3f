//! A file on disk.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, CWD};

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
    fn of_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    // Other systems have no stable identity in the standard library; they do not allow replacing an open file either.
    #[cfg(not(unix))]
    fn of_metadata(_metadata: &Metadata) -> Self {
        Self {
            device: 0,
            inode: 0,
        }
    }

    /// Identity of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::and_length_of(file)?.0)
    }

    /// Identity and length in bytes of an open file.
    pub(crate) fn and_length_of(file: &File) -> io::Result<(Self, u64)> {
        #[cfg(target_os = "linux")]
        if let Some(found) = without_times::look_up(file, c"", AtFlags::EMPTY_PATH) {
            return Ok(found);
        }
        let metadata = file.metadata()?;
        Ok((Self::of_metadata(&metadata), metadata.len()))
    }

    /// Identity and length in bytes of whatever `path` names now; `None` when nothing is there.
    pub fn and_length_of_path(path: &Path) -> Result<Option<(Self, u64)>> {
        #[cfg(target_os = "linux")]
        if let Some(found) = without_times::look_up(CWD, path, AtFlags::empty()) {
            return Ok(Some(found));
        }
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some((Self::of_metadata(&metadata), metadata.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look up", path, error)),
        }
    }

    /// Identity of whatever `path` names now; `None` when nothing is there.
    pub fn of_path(path: &Path) -> Result<Option<Self>> {
        Ok(Self::and_length_of_path(path)?.map(|(identity, _)| identity))
    }
}

/// Asking about a file without asking for its times.
///
/// Who asks for them lets the next write store a new one to the nanosecond (Linux 6.13 and later), which costs that write's
/// sync a second write to the disk on file systems that store a file's times with the rest of it: 50 us of the 150 that a
/// synced record takes. Every put asks how long the file is.
#[cfg(target_os = "linux")]
mod without_times {
    use std::os::fd::AsFd;

    use rustix::fs::{AtFlags, StatxFlags, makedev, statx};
    use rustix::path::Arg;

    use super::FileIdentity;

    /// Identity and length in bytes of what `path` names, seen from `at`. `None` when nothing is there, and where the system
    /// cannot tell in this way (before Linux 4.11, some containers and network file systems).
    pub(super) fn look_up(
        at: impl AsFd,
        path: impl Arg,
        flags: AtFlags,
    ) -> Option<(FileIdentity, u64)> {
        let asked = StatxFlags::INO | StatxFlags::SIZE;
        let found = statx(at, path, flags, asked).ok()?;
        if !StatxFlags::from_bits_retain(found.stx_mask).contains(asked) {
            return None;
        }
        let identity = FileIdentity {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
        };
        Some((identity, found.stx_size))
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
            identity: FileIdentity::of_metadata(&metadata),
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
        Ok(FileIdentity::and_length_of(&self.file)?.1)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_told_of_a_file_is_what_the_system_tells() {
        use std::os::unix::fs::{MetadataExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        std::fs::write(&path, [7; 4321]).unwrap();
        let other = folder.path().join("other.mv2");
        std::fs::write(&other, b"").unwrap();
        let link = folder.path().join("link.mv2");
        symlink(&path, &link).unwrap();
        for (path, length) in [(&path, 4321), (&link, 4321), (&other, 0)] {
            let metadata = std::fs::metadata(path).unwrap();
            let identity = FileIdentity {
                device: metadata.dev(),
                inode: metadata.ino(),
            };
            let by_path = FileIdentity::and_length_of_path(path).unwrap();
            assert_eq!(by_path, Some((identity, length)));
            let file = File::open(path).unwrap();
            let by_file = FileIdentity::and_length_of(&file).unwrap();
            assert_eq!(by_file, (identity, length));
        }
        let storage = FileStorage::open_existing(&path, true).unwrap();
        storage.set_len(9000).unwrap();
        assert_eq!(storage.len().unwrap(), 9000);
        assert!(storage.is_current().unwrap());
        std::fs::rename(&other, &path).unwrap();
        assert!(!storage.is_current().unwrap());
    }

    #[test]
    fn what_is_not_there_is_nothing_and_what_cannot_be_looked_up_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.mv2");
        for nowhere in [missing.as_path(), Path::new("")] {
            assert_eq!(FileIdentity::and_length_of_path(nowhere).unwrap(), None);
        }
        std::fs::write(&missing, b"").unwrap();
        let inside_a_file = missing.join("notes.mv2");
        let found = FileIdentity::and_length_of_path(&inside_a_file);
        assert!(found.is_err() || cfg!(windows), "{found:?}");
    }
}
