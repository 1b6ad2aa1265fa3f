//! The damaged file, kept beside the repaired one where something of it is lost.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mv2::atomic::AtomicFile;
use mv2::bytes::Bytes;
use mv2::storage::FileStorage;

use crate::error::{Error, Result};
use crate::output::Output;

/// Bytes that are copied at a time.
const PIECE: usize = 1 << 20;

/// Writes a copy of the damaged file, zeros where it cannot be read, under a name that is free: `notes.damaged.mv2`,
/// `notes.damaged-2.mv2` and so on. Gives its path.
pub fn keep(damaged: &Bytes, storage: &FileStorage) -> Result<PathBuf> {
    let real = storage.path();
    let mut number = 1;
    loop {
        let path = numbered(real, number);
        number += 1;
        if path.symlink_metadata().is_ok() {
            continue;
        }
        let file = AtomicFile::create(&path)?;
        file.copy_permissions(storage.file());
        let handle = file
            .file()
            .try_clone()
            .map_err(|error| Error::io("create", &path, &error))?;
        let mut out = Output::new(Arc::new(FileStorage::from_file(handle, &path, true)?), 0);
        for piece in damaged.chunks(PIECE) {
            out.write(piece)?;
        }
        out.flush()?;
        drop(out);
        match file.persist(false) {
            // Taken since a moment ago.
            Err(mv2::Error::AlreadyExists { .. }) => {}
            other => return other.map(|_| path).map_err(Error::from),
        }
    }
}

/// The name of a copy, in the folder of the file.
fn numbered(real: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(real.file_stem().unwrap_or_default());
    name.push(".damaged");
    if number > 1 {
        name.push(format!("-{number}"));
    }
    if let Some(extension) = real.extension() {
        name.push(".");
        name.push(extension);
    }
    real.with_file_name(name)
}
