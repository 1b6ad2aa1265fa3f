//! The lock that keeps writers apart: `flock` on the memory itself, the same that the reference takes.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk;
use crate::error::{Error, Result};
use crate::reference_writer;
use crate::storage::FileIdentity;

/// Pause between attempts at first: most locks are held for a few milliseconds.
const SHORT_PAUSE: Duration = Duration::from_millis(5);
/// Pause between attempts after [`PATIENCE`].
const LONG_PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Shared,
    Exclusive,
}

/// A held lock; released when dropped, and by the system when the process dies.
///
/// It has a descriptor of its own, so that a reader and a writer inside one process exclude each other too.
#[derive(Debug)]
pub struct FileLock {
    file: Arc<File>,
    path: PathBuf,
    identity: FileIdentity,
}

/// A descriptor that is kept between locks, see [`FileLock::exclusive_kept`].
#[derive(Debug)]
pub struct KeptFile(Arc<File>, FileIdentity);

/// Whether a program of the reference is about to write, or writes, the memory at `path`, as far as that can be seen.
#[must_use]
pub fn reference_is_at_work(path: &Path) -> bool {
    reference_writer::is_at_work(path)
}

impl FileLock {
    /// Locks for writing: nobody else may read under a lock or write.
    ///
    /// Waits at most `timeout`; with zero it tries once. Fails with [`Error::Locked`], [`Error::NotFound`], or
    /// [`Error::ReadOnly`] when there is no permission to write.
    pub fn exclusive(path: &Path, timeout: Duration) -> Result<Self> {
        Self::acquire(path, timeout, Mode::Exclusive)
    }

    /// Locks for writing through the descriptor in `kept`, which is opened when there is none yet. A writer that comes again
    /// and again saves opening and closing the file each time.
    ///
    /// Unlike with [`FileLock::exclusive`] the path may name another file by now: the caller compares
    /// [`FileLock::identity`] with what the path names, and empties `kept` when they differ.
    pub fn exclusive_kept(
        kept: &mut Option<KeptFile>,
        path: &Path,
        timeout: Duration,
    ) -> Result<Self> {
        if let Some(KeptFile(file, identity)) = kept {
            let start = Instant::now();
            Self::wait_for_all(file, path, start, timeout, Mode::Exclusive)?;
            return Ok(Self {
                file: Arc::clone(file),
                path: path.to_path_buf(),
                identity: *identity,
            });
        }
        let lock = Self::exclusive(path, timeout)?;
        *kept = Some(KeptFile(Arc::clone(&lock.file), lock.identity));
        Ok(lock)
    }

    /// Locks for reading: others may read under a lock, nobody may write.
    pub fn shared(path: &Path, timeout: Duration) -> Result<Self> {
        Self::acquire(path, timeout, Mode::Shared)
    }

    /// Locks, for writing and without waiting, a file that has no name yet or another one: a file that will replace `path`
    /// must be locked before it is renamed, and the lock on the old one kept until after.
    pub fn exclusive_on(file: &File, path: &Path) -> Result<Self> {
        let failed = |error| Error::io("lock", path, error);
        let file = file.try_clone().map_err(failed)?;
        let start = Instant::now();
        Self::wait(&file, path, start, Duration::ZERO, Mode::Exclusive)?;
        Ok(Self {
            identity: FileIdentity::of(&file).map_err(failed)?,
            file: Arc::new(file),
            path: path.to_path_buf(),
        })
    }

    /// Which file is locked. After a rename by another process the caller's own handle may be another file: compare.
    #[must_use]
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// The locked file; not positioned, and open for writing only under an exclusive lock.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// False when the path names another file by now.
    pub fn is_current(&self) -> Result<bool> {
        Ok(FileIdentity::of_path(&self.path)? == Some(self.identity))
    }

    /// Tells, without waiting, whether someone holds an exclusive lock.
    ///
    /// It takes a shared lock for a moment, so it is for questions of people, not for loops.
    pub fn is_held_exclusively(path: &Path) -> Result<bool> {
        match Self::shared(path, Duration::ZERO) {
            Ok(_) => Ok(false),
            Err(Error::Locked { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn acquire(path: &Path, timeout: Duration, mode: Mode) -> Result<Self> {
        let start = Instant::now();
        loop {
            let file = open(path, mode)?;
            Self::wait_for_all(&file, path, start, timeout, mode)?;
            let identity =
                FileIdentity::of(&file).map_err(|error| Error::io("look up", path, error))?;
            // The reference replaces the file while it holds the lock on the old one: what was locked may be nameless.
            if FileIdentity::of_path(path)? == Some(identity) {
                return Ok(Self {
                    file: Arc::new(file),
                    path: path.to_path_buf(),
                    identity,
                });
            }
            if start.elapsed() > timeout && !timeout.is_zero() {
                return Err(locked(path, start));
            }
        }
    }

    /// [`FileLock::wait`], and writers also wait for those who write without a lock on what the path names.
    fn wait_for_all(
        file: &File,
        path: &Path,
        start: Instant,
        timeout: Duration,
        mode: Mode,
    ) -> Result<()> {
        loop {
            Self::wait(file, path, start, timeout, mode)?;
            if mode == Mode::Shared || !reference_writer::is_at_work(path) {
                return Ok(());
            }
            file.unlock()
                .map_err(|error| Error::io("unlock", path, error))?;
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(locked(path, start));
            }
            std::thread::sleep(LONG_PAUSE.min(left));
        }
    }

    fn wait(file: &File, path: &Path, start: Instant, timeout: Duration, mode: Mode) -> Result<()> {
        loop {
            let attempt = match mode {
                Mode::Shared => file.try_lock_shared(),
                Mode::Exclusive => file.try_lock(),
            };
            match attempt {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
            }
            let waited = start.elapsed();
            let left = timeout.saturating_sub(waited);
            if left.is_zero() {
                return Err(locked(path, start));
            }
            let pause = if waited < PATIENCE {
                SHORT_PAUSE
            } else {
                LONG_PAUSE
            };
            std::thread::sleep(pause.min(left));
        }
    }
}

fn open(path: &Path, mode: Mode) -> Result<File> {
    let writable = mode == Mode::Exclusive;
    disk::open_options()
        .read(true)
        .write(writable)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem if writable => {
                Error::ReadOnly {
                    path: path.to_path_buf(),
                }
            }
            _ => Error::io("open", path, error),
        })
}

fn locked(path: &Path, start: Instant) -> Error {
    Error::Locked {
        path: path.to_path_buf(),
        waited_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the descriptor would release it as well, unless it is kept or a child process inherited it.
        let _ = self.file.unlock();
    }
}
