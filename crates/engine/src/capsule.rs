//! Encrypted copies of a memory.

use std::path::{Path, PathBuf};

use crate::error::Result;

/// Writes an encrypted copy and gives its path: `x.mv2` becomes `x.mv2e` unless an output is named.
///
/// A memory with records in its log is copied as it is: they are part of the file.
pub fn lock_capsule(
    path: &Path,
    output: Option<PathBuf>,
    password: &str,
    force: bool,
) -> Result<String> {
    shown(&mv2::capsule::lock(
        path,
        output.as_deref(),
        password,
        force,
    )?)
}

/// Decrypts a capsule and gives the memory's path: the default output drops the `e`.
pub fn unlock_capsule(
    path: &Path,
    output: Option<PathBuf>,
    password: &str,
    force: bool,
) -> Result<String> {
    shown(&mv2::capsule::unlock(
        path,
        output.as_deref(),
        password,
        force,
    )?)
}

fn shown(path: &Path) -> Result<String> {
    Ok(path.to_string_lossy().into_owned())
}
