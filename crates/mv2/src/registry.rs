//! Who writes a memory: advisory records in a folder of the user, never beside the memory.
//!
//! The folder is `$MEMVID_LOCK_REGISTRY_DIR`, else `<temporary folder>/.memvid/locks`, else `~/.memvid/locks`, else
//! `./.memvid/locks`: the first that can be created and written. A record is called after the file it is about:
//! `unix-<device>-<inode>-<BLAKE3 of the first 4096 bytes>.json`. It excludes nobody; the lock of [`crate::lock`] does.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::lock::FileLock;
use crate::reference_writer;
use crate::storage::FileIdentity;
use crate::time;

mod process;

/// A record whose heartbeat is older than this is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(10);
/// How often a process that stays registered renews its record.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// A record is a few hundred bytes; anything much longer is not one.
const MAX_RECORD: u64 = 64 << 10;

/// How often the owner of a lock is looked for before it stays nameless.
const LOOKS: u32 = 20;

/// What a process says about itself while it writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRecord {
    /// Process id.
    pub pid: u32,
    /// Command line.
    pub cmd: String,
    /// When the record was made, RFC 3339 UTC.
    pub started_at: String,
    /// Path of the memory.
    pub file_path: String,
    /// Name of the record without `.json`.
    pub file_id: String,
    /// Pause between heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Last heartbeat, RFC 3339 UTC.
    pub last_heartbeat: String,
}

/// Answer to "who has locked this file?".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Who {
    /// Someone holds the writer lock, or left a record behind when it died.
    pub locked: bool,
    /// Who, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerRecord>,
    /// The owner is dead or has been silent for ten seconds: [`nudge`] removes the record.
    pub stale: bool,
}

impl OwnerRecord {
    /// A record of this process for `path`. Fails when the file cannot be read.
    pub fn of_this_process(path: &Path) -> Result<Self> {
        let now = time::to_rfc3339(SystemTime::now());
        Ok(Self {
            pid: std::process::id(),
            cmd: process::command_line(),
            started_at: now.clone(),
            file_path: path.to_string_lossy().into_owned(),
            file_id: file_id(path)?,
            heartbeat_ms: u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX),
            last_heartbeat: now,
        })
    }

    /// True when the process is gone or its heartbeat is too old or unreadable.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let silent = time::from_rfc3339(&self.last_heartbeat)
            .is_none_or(|heartbeat| heartbeat.elapsed().is_ok_and(|age| age > STALE_AFTER));
        silent || !process::is_alive(self.pid)
    }
}

/// Name of the record of a file. It changes with every commit, since the header is part of it.
pub fn file_id(path: &Path) -> Result<String> {
    let failed = |error| Error::io("read the header of", path, error);
    let file = File::open(path).map_err(failed)?;
    let identity = FileIdentity::of(&file).map_err(failed)?;
    let mut page = Vec::with_capacity(4096);
    file.take(4096).read_to_end(&mut page).map_err(failed)?;
    Ok(format!(
        "{}{}",
        prefix(identity),
        blake3::hash(&page).to_hex()
    ))
}

fn prefix(identity: FileIdentity) -> String {
    format!("unix-{:016x}-{:016x}-", identity.device, identity.inode)
}

/// The folder of the records, created when it is missing. `None` when no place can be written.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let below = |folder: PathBuf| folder.join(".memvid").join("locks");
    let given = std::env::var_os("MEMVID_LOCK_REGISTRY_DIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = std::env::var_os("HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    [
        given,
        Some(below(std::env::temp_dir())),
        home.map(below),
        Some(below(PathBuf::from("."))),
    ]
    .into_iter()
    .flatten()
    .find(|folder| make_folder(folder).is_ok() && tempfile::tempfile_in(folder).is_ok())
}

/// Makes a folder that only this user can write to, whatever is usual.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(folder)
}

/// Registers this process as the writer of `path` and gives the path of the record, for [`remove`].
///
/// Only the caller knows whether it holds the lock; registering takes none.
pub fn register(path: &Path) -> Result<PathBuf> {
    let folder = folder().ok_or_else(|| Error::NotFound {
        path: PathBuf::from("MEMVID_LOCK_REGISTRY_DIR"),
    })?;
    write(&folder, &OwnerRecord::of_this_process(path)?)
}

/// Writes a record into a folder, as a whole or not at all.
pub fn write(folder: &Path, record: &OwnerRecord) -> Result<PathBuf> {
    let path = folder.join(format!("{}.json", record.file_id));
    let failed = |error| Error::io("write the lock record", &path, error);
    let json = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    io::Write::write_all(&mut file, &json).map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(path)
}

/// Renews the heartbeat of a record.
pub fn renew(record_path: &Path) -> Result<()> {
    let Some(mut record) = read(record_path)? else {
        return Ok(());
    };
    record.last_heartbeat = time::to_rfc3339(SystemTime::now());
    write(record_path.parent().unwrap_or(Path::new(".")), &record).map(|_| ())
}

/// Removes a record; one that is gone already is no error.
pub fn remove(record_path: &Path) -> Result<()> {
    match std::fs::remove_file(record_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the lock record", record_path, error))
        }
        _ => Ok(()),
    }
}

/// Reads a record; `None` when there is none or it is no record.
pub fn read(record_path: &Path) -> Result<Option<OwnerRecord>> {
    let failed = |error| Error::io("read the lock record", record_path, error);
    let file = match File::open(record_path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut json = Vec::new();
    file.take(MAX_RECORD)
        .read_to_end(&mut json)
        .map_err(failed)?;
    Ok(serde_json::from_slice(&json).ok())
}

/// The record about `path` and where it is: the exact one, else the newest about the same file before later commits.
fn find(path: &Path, identity: FileIdentity) -> Result<Option<(PathBuf, OwnerRecord)>> {
    let Some(folder) = folder() else {
        return Ok(None);
    };
    let exact = folder.join(format!("{}.json", file_id(path)?));
    if let Some(record) = read(&exact)? {
        return Ok(Some((exact, record)));
    }
    let prefix = prefix(identity);
    let entries = std::fs::read_dir(&folder).map_err(|error| Error::io("list", &folder, error))?;
    let mut newest: Option<(PathBuf, OwnerRecord)> = None;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        if let Some(record) = read(&entry.path())?
            && newest
                .as_ref()
                .is_none_or(|(_, other)| other.last_heartbeat < record.last_heartbeat)
        {
            newest = Some((entry.path(), record));
        }
    }
    Ok(newest)
}

/// Says who has locked a file. The lock itself decides; the record, or else the system's own table of locks, names the
/// owner. A record of a dead or silent process counts as a stale lock until [`nudge`] removes it.
pub fn who(path: &Path) -> Result<Who> {
    let Some(identity) = FileIdentity::of_path(path)? else {
        return Ok(Who::default());
    };
    let record = find(path, identity)?.map(|(_, record)| record);
    for attempt in 1..=LOOKS {
        let held = match FileLock::is_held_exclusively(path) {
            // The file went away in between.
            Err(Error::NotFound { .. }) => return Ok(Who::default()),
            other => other?,
        };
        if !held {
            break;
        }
        let owner = record
            .clone()
            .filter(|record| process::is_alive(record.pid))
            // The file may be another one than a moment ago: writers replace it when they rewrite it.
            .or_else(|| process::holder(path, FileIdentity::of_path(path).ok()??));
        // Most writers hold the lock for less than a millisecond: one that is gone before it could be named is looked
        // for again, so that the answer describes one moment.
        if owner.is_some() || attempt == LOOKS {
            return Ok(Who {
                locked: true,
                stale: false,
                owner,
            });
        }
    }
    // A program of the reference goes on writing without a lock on what the path names.
    if reference_writer::is_at_work(path) {
        return Ok(Who {
            locked: true,
            stale: false,
            owner: reference_writer::process(path).and_then(|pid| process::describe(pid, path)),
        });
    }
    Ok(match record {
        Some(record) if record.is_stale() => Who {
            locked: true,
            stale: true,
            owner: Some(record),
        },
        _ => Who::default(),
    })
}

/// Removes the record of a dead or silent owner; true when there was one. A live owner is left alone: this crate sends no
/// signals, and a writer holds the lock for the time of one call only.
pub fn nudge(path: &Path) -> Result<bool> {
    let Some(identity) = FileIdentity::of_path(path)? else {
        return Ok(false);
    };
    if FileLock::is_held_exclusively(path)? {
        return Ok(false);
    }
    let mut removed = false;
    // There may be several: each commit gives the file another name for its record.
    while let Some((record_path, record)) = find(path, identity)? {
        if !record.is_stale() {
            break;
        }
        remove(&record_path)?;
        removed = true;
    }
    Ok(removed)
}
