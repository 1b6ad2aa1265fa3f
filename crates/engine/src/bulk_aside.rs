//! What a large batch puts aside until its end: parts of its full-text index, and encoded frames. Memory then holds neither,
//! however many documents come.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mv2::bytes::Bytes;
use mv2::storage::{FileStorage, Storage};

use crate::error::{Error, Result};

/// A file without a name beside the memory, from the first bytes on; the system takes it back when it is closed.
pub struct Aside {
    folder: PathBuf,
    /// `None` where such a file cannot be made.
    storage: OnceLock<Option<FileStorage>>,
    end: AtomicU64,
    failed: AtomicBool,
}

impl Aside {
    /// For a batch into the memory that `storage` holds.
    #[must_use]
    pub fn new(storage: &FileStorage) -> Self {
        let folder = storage.path().parent().unwrap_or(Path::new("."));
        Self {
            folder: folder.to_path_buf(),
            storage: OnceLock::new(),
            end: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// Takes bytes, and gives the place they are found at. `None` where that is not possible: the folder cannot be written
    /// to, or the disk is full. Who gave them then has to keep them.
    #[must_use]
    pub fn put(&self, bytes: &[u8]) -> Option<Range<u64>> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let storage = self.storage.get_or_init(|| make(&self.folder)).as_ref();
        let length = bytes.len() as u64;
        let start = self.end.fetch_add(length, Ordering::Relaxed);
        if storage.is_some_and(|storage| storage.write_at(start, bytes).is_ok()) {
            return Some(start..start + length);
        }
        self.failed.store(true, Ordering::Relaxed);
        None
    }

    /// Reads bytes that were put aside.
    pub fn get(&self, place: &Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; (place.end - place.start) as usize];
        self.file()?
            .read_at(place.start, &mut bytes)
            .map_err(|error| self.failure("read", &error))?;
        Ok(bytes)
    }

    /// Changes bytes that were put aside.
    pub fn change(&self, place: &Range<u64>, bytes: &[u8]) -> Result<()> {
        self.file()?
            .write_at(place.start, bytes)
            .map_err(|error| self.failure("write", &error))
    }

    /// A map of the first `length` bytes.
    pub fn map(&self, length: u64) -> Result<Bytes> {
        self.file()?
            .map(length)
            .map_err(|error| self.failure("map", &error))
    }

    fn file(&self) -> Result<&FileStorage> {
        let file = self.storage.get().and_then(Option::as_ref);
        file.ok_or_else(|| self.failure("read", &std::io::ErrorKind::NotFound.into()))
    }

    fn failure(&self, operation: &str, error: &std::io::Error) -> Error {
        Error::io(
            &format!("{operation} a temporary file in"),
            &self.folder,
            error,
        )
    }
}

fn make(folder: &Path) -> Option<FileStorage> {
    let file = mv2::disk::temporary_file(folder).ok()?;
    FileStorage::from_file(file, folder, true).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_put_aside_is_found_again_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        let aside = Aside::new(&memory);
        assert!(aside.get(&(0..1)).is_err());
        let places = [b"first".as_slice(), b"second"].map(|bytes| aside.put(bytes).unwrap());
        assert_eq!(places, [0..5, 5..11]);
        aside.change(&places[0], b"other").unwrap();
        assert_eq!(aside.get(&places[0]).unwrap(), b"other");
        assert_eq!(&*aside.map(11).unwrap(), b"othersecond");
        assert!(aside.map(12).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_no_file_can_be_made_nothing_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let memory = FileStorage::create(&gone.join("notes.mv2")).unwrap();
        std::fs::remove_dir_all(&gone).unwrap();
        let aside = Aside::new(&memory);
        assert_eq!(aside.put(b"bytes"), None);
        assert_eq!(aside.put(b"bytes"), None);
    }
}
