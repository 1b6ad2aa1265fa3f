//! Who holds the writer lock, told in words.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};

/// MV007 after waiting for another writer.
#[must_use]
pub fn locked(path: &Path, waited: Duration) -> Error {
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    let owner = owner(path);
    let by = owner.as_ref().map_or_else(String::new, |owner| {
        let pid = owner
            .get("pid")
            .map(ToString::to_string)
            .unwrap_or_default();
        let command = owner.get("cmd").and_then(Value::as_str).unwrap_or_default();
        format!(" (process {pid}: {command})")
    });
    let mut details =
        json!({ "path": path.to_string_lossy(), "waited_ms": waited, "stale": false });
    if let Some(owner) = owner {
        details["owner"] = owner;
    }
    let message = format!(
        "{} is being written by another process{by}; waited {waited} ms",
        path.display()
    );
    Error::new(Code::Locked, message, details)
}

/// Adds the owner to a lock failure; other errors stay as they are.
#[must_use]
pub fn describe(error: Error, path: &Path, waited: Duration) -> Error {
    if error.code == Code::Locked {
        locked(path, waited)
    } else {
        error
    }
}

/// `{ locked: false }`, or the owner of the writer lock as far as the system tells.
pub fn who(path: &Path) -> Result<Value> {
    if !path.exists() || !mv2::lock::FileLock::is_held_exclusively(path)? {
        return Ok(json!({ "locked": false }));
    }
    Ok(match owner(path) {
        Some(owner) => json!({ "locked": true, "owner": owner, "stale": false }),
        None => json!({ "locked": true, "owner": Value::Null, "stale": false }),
    })
}

/// Clears a stale owner record, or asks a live owner to release; whether there was anything to do.
pub fn nudge(path: &Path) -> Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    Ok(mv2::registry::nudge(path)?)
}

/// The process that holds the lock on `path`: the kernel's lock table knows, at no cost for the writer.
#[cfg(target_os = "linux")]
fn owner(path: &Path) -> Option<Value> {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(path).ok()?.ino();
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234567 0 EOF"
    let pid: u32 = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let held = fields.get(1) == Some(&"FLOCK") && fields.get(3) == Some(&"WRITE");
        let same = fields
            .get(5)
            .and_then(|id| id.rsplit(':').next())
            .and_then(|id| id.parse().ok())
            == Some(inode);
        (held && same)
            .then(|| fields.get(4).and_then(|pid| pid.parse().ok()))
            .flatten()
    })?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(json!({ "pid": pid, "cmd": command.trim_end(), "file_path": path.to_string_lossy() }))
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn owner(_path: &Path) -> Option<Value> {
    None
}
