//! Files that must not stand beside a memory: a memory is one file.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Existing neighbours with which the reference refuses to open the memory.
#[must_use]
pub fn forbidden(path: &Path) -> Vec<PathBuf> {
    let names = ["-wal", "-shm", "-lock", "-journal"]
        .map(|ending| join(&["".as_ref(), name(path), ending.as_ref()]));
    let hidden = [".wal", ".shm", ".lock", ".journal"]
        .map(|ending| join(&[".".as_ref(), name(path), ending.as_ref()]));
    existing(path, names.into_iter().chain(hidden))
}

/// Existing neighbours that show that the memory is, or was, more than one file: the [`forbidden`] ones and the side files
/// that the reference leaves behind.
#[must_use]
pub fn offenders(path: &Path) -> Vec<PathBuf> {
    let mut found = forbidden(path);
    let stem = path.file_stem().unwrap_or_default();
    let others = [
        join(&[stem, ".manifest.wal".as_ref()]),
        join(&[name(path), ".lock".as_ref()]),
    ];
    found.extend(existing(path, others));
    found
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

fn join(parts: &[&OsStr]) -> OsString {
    parts.iter().fold(OsString::new(), |mut joined, part| {
        joined.push(part);
        joined
    })
}

fn existing(path: &Path, names: impl IntoIterator<Item = OsString>) -> Vec<PathBuf> {
    if path.file_name().is_none() {
        return Vec::new();
    }
    names
        .into_iter()
        .map(|name| path.with_file_name(name))
        // A dangling link counts as well.
        .filter(|neighbour| neighbour.symlink_metadata().is_ok())
        .collect()
}
