//! Encrypted copies of a memory.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::memory::refuse_special;

/// Writes an encrypted copy and gives its path: `x.mv2` becomes `x.mv2e` unless an output is named.
///
/// A memory with records in its log is copied as it is: they are part of the file.
pub fn lock_capsule(
    path: &Path,
    output: Option<PathBuf>,
    password: &str,
    force: bool,
) -> Result<String> {
    check_output(path, output.as_deref())?;
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
    check_output(path, output.as_deref())?;
    shown(&mv2::capsule::unlock(
        path,
        output.as_deref(),
        password,
        force,
    )?)
}

/// The output must not be the input under any name, nor a device or folder.
fn check_output(input: &Path, output: Option<&Path>) -> Result<()> {
    refuse_special(input)?;
    let Some(output) = output else { return Ok(()) };
    refuse_special(output)?;
    let same = |left: &Path, right: &Path| match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    };
    if same(input, output) {
        return Err(Error::invalid(
            "output",
            output.display(),
            "another file than the input",
        ));
    }
    Ok(())
}

fn shown(path: &Path) -> Result<String> {
    Ok(path.to_string_lossy().into_owned())
}
