//! Finding the last commit of the file that a path leads to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mv2::lock::FileLock;
use mv2::storage::FileStorage;
use serde_json::json;

use crate::committed::Committed;
use crate::describe::Care;
use crate::error::{Code, Error, Result};
use crate::writer;

/// How long a lock is waited for before the file is looked at without it once more.
pub(super) const LOOKS_AGAIN: Duration = Duration::from_millis(20);

/// Whether the caller holds a lock on the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Reads the last commit. When the header does not lead straight to it (another program's header, a damaged file, the
/// reference writing in place) it is searched for under the shared lock.
pub fn load(
    storage: &Arc<FileStorage>,
    timeout: Duration,
    locked: Locked,
    care: Care,
) -> Result<Committed> {
    if locked == Locked::Yes {
        return Committed::load(Arc::clone(storage), care);
    }
    let path = storage.path();
    let started = Instant::now();
    loop {
        let look = Instant::now();
        match Committed::load_unlocked(storage, care) {
            Ok(Some(committed)) if !is_halfway(&committed) => return Ok(committed),
            Err(error) if error.code != Code::Corrupt => return Err(error),
            _ => {}
        }
        // Whoever has the lock may be done with what is in the way long before it gives it back.
        let left = timeout.saturating_sub(started.elapsed());
        let pause = LOOKS_AGAIN.max(5 * look.elapsed());
        let lock = match FileLock::shared(path, left.min(pause)) {
            Err(mv2::Error::Locked { .. }) if left > pause => continue,
            lock => {
                lock.map_err(|error| crate::lock::describe(error.into(), path, started.elapsed()))?
            }
        };
        if lock.identity() == storage.identity() {
            return Committed::load(Arc::clone(storage), care);
        }
        // It was replaced meanwhile: what the path names now counts.
        let current = FileStorage::open_existing(path, storage.is_writable())?;
        return Committed::load(Arc::new(current), care);
    }
}

/// Whether the header is one of several that a program of the reference writes one after the other when it applies the log:
/// the first name the new table of contents, and only the last says that the records are in it. Then what the first record
/// stores is among the last frames.
fn is_halfway(committed: &Committed) -> bool {
    let is_applied = || -> Option<bool> {
        let pending = writer::load_pending(committed, false).ok()?;
        let first = pending.frames.front()?.view().ok()?;
        let count = committed.frame_count();
        // Other records of the log may have stored as many behind it.
        let among = count.saturating_sub(pending.frames.len() as u64 + 8)..count;
        Some(among.into_iter().any(|id| {
            committed.frame(id).is_ok_and(|frame| {
                (frame.timestamp, frame.uri, frame.checksum)
                    == (first.timestamp, first.uri, first.checksum)
            })
        }))
    };
    !committed.directory_is_stored
        && mv2::lock::reference_is_at_work(committed.storage.path())
        && is_applied() == Some(true)
}

/// MV019 for what is there and is no file: a folder, a device, a pipe, or a link that leads nowhere.
pub fn refuse_special(path: &Path) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::invalid(
            "path",
            format_args!("{what} ({})", path.display()),
            "the path of a file",
        ))
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) if metadata.is_dir() => refused("a folder"),
        Ok(_) => refused("a device or pipe"),
        Err(_) if std::fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()) => {
            refused("a link that leads nowhere")
        }
        Err(_) => Ok(()),
    }
}

/// The file that a path leads to.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Error::io("find", path, &error))
}

pub(super) fn missing(path: &Path) -> Error {
    Error::new(
        Code::NotFound,
        format!("no memory at {}", path.display()),
        json!({ "path": path.to_string_lossy() }),
    )
}

/// MV012 when there are `offenders`: the memory would not be one file.
pub fn refuse_neighbours(path: &Path, offenders: &[PathBuf]) -> Result<()> {
    if offenders.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = offenders
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    Err(Error::new(
        Code::Corrupt,
        format!(
            "files of another program stand beside {}: {}",
            path.display(),
            names.join(", ")
        ),
        json!({ "offenders": names, "path": path.to_string_lossy() }),
    ))
}
