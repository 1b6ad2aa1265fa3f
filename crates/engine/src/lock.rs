//! Who holds the writer lock, told in words.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::memory::refuse_special;

/// MV007 after waiting for another writer.
#[must_use]
pub fn locked(path: &Path, waited: Duration) -> Error {
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    let who = mv2::registry::who(path).unwrap_or_default();
    let by = who.owner.as_ref().map_or_else(String::new, |owner| {
        format!(" (process {}: {})", owner.pid, owner.cmd)
    });
    let mut details =
        json!({ "path": path.to_string_lossy(), "waited_ms": waited, "stale": who.stale });
    if let Some(owner) = who.owner {
        details["owner"] = json!(owner);
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
    refuse_special(path)?;
    let who = mv2::registry::who(path)?;
    if !who.locked {
        return Ok(json!({ "locked": false }));
    }
    Ok(json!({ "locked": true, "owner": who.owner, "stale": who.stale }))
}

/// Removes what a dead or silent owner left behind; whether there was anything.
pub fn nudge(path: &Path) -> Result<bool> {
    refuse_special(path)?;
    Ok(mv2::registry::nudge(path)?)
}
