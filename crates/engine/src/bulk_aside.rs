//! What a large batch puts aside until its end: parts of its full-text index, and encoded frames. Memory then holds neither,
//! however many documents come.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mv2::atomic::folder_of;
use mv2::bytes::Bytes;
use mv2::storage::{FileStorage, Storage};
use serde_json::json;

use crate::error::{Code, Error, Result};

/// Bytes that were put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    range: Range<u64>,
    /// CRC-32: nobody syncs that file, so the disk may never tell that it could not keep them.
    checksum: u32,
}

impl Place {
    /// How many there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// A file beside the memory, from the first bytes on, that has no name (where the system allows that) and is gone when it is
/// closed.
pub struct Aside {
    folder: PathBuf,
    /// `None` where such a file cannot be made.
    storage: OnceLock<Option<FileStorage>>,
    end: AtomicU64,
    failed: AtomicBool,
    /// Bytes that it takes, so that a test can see what becomes of the others.
    #[cfg(test)]
    most: u64,
}

impl Aside {
    /// For a batch into the memory that `storage` holds.
    #[must_use]
    pub fn new(storage: &FileStorage) -> Self {
        Self {
            folder: folder_of(storage.path()).to_path_buf(),
            storage: OnceLock::new(),
            end: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            #[cfg(test)]
            most: u64::MAX,
        }
    }

    /// One that is full from some place on.
    #[cfg(test)]
    pub fn limited(storage: &FileStorage, most: u64) -> Self {
        Self {
            most,
            ..Self::new(storage)
        }
    }

    /// Loses what stands behind a place.
    #[cfg(test)]
    pub fn cut(&self, length: u64) {
        let _ = self.file().map(|file| file.set_len(length));
    }

    /// Loses what stands at a place.
    #[cfg(test)]
    pub fn overwrite(&self, offset: u64, bytes: &[u8]) {
        let _ = self.file().map(|file| file.write_at(offset, bytes));
    }

    /// Takes bytes, and gives the place they are found at. `None` where that is not possible: the folder cannot be written
    /// to, or the disk is full. Who gave them then has to keep them.
    #[must_use]
    pub fn put(&self, bytes: &[u8]) -> Option<Place> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let storage = self.storage.get_or_init(|| make(&self.folder)).as_ref();
        let length = bytes.len() as u64;
        let start = self.end.fetch_add(length, Ordering::Relaxed);
        let range = start..start + length;
        #[cfg(test)]
        let storage = storage.filter(|_| range.end <= self.most);
        if storage.is_some_and(|storage| storage.write_at(start, bytes).is_ok()) {
            return Some(Place {
                range,
                checksum: crc32fast::hash(bytes),
            });
        }
        self.failed.store(true, Ordering::Relaxed);
        None
    }

    /// Reads bytes that were put aside.
    pub fn get(&self, place: &Place) -> Result<Vec<u8>> {
        let mut bytes = vec![0; place.length() as usize];
        self.file()?
            .read_at(place.range.start, &mut bytes)
            .map_err(|error| self.failure("read", &error))?;
        if crc32fast::hash(&bytes) != place.checksum {
            return Err(self.lost());
        }
        Ok(bytes)
    }

    /// Changes bytes that were put aside; their number stays.
    pub fn change(&self, place: &mut Place, bytes: &[u8]) -> Result<()> {
        self.file()?
            .write_at(place.range.start, bytes)
            .map_err(|error| self.failure("write", &error))?;
        place.checksum = crc32fast::hash(bytes);
        Ok(())
    }

    /// What is at `places`, the last of which is the one furthest back, and the map that shows it, if it can be mapped.
    pub fn show(&self, places: &[Place]) -> Result<(Vec<lex::OwnedBytes>, Option<Bytes>)> {
        let end = places.last().map_or(0, |place| place.range.end);
        // A file of gigabytes may not fit into what is left of the addresses.
        let Ok(map) = self.file()?.map(end) else {
            let shown = places
                .iter()
                .map(|place| Ok(lex::OwnedBytes::new(self.get(place)?)));
            return Ok((shown.collect::<Result<_>>()?, None));
        };
        let all = lex::OwnedBytes::new(map.clone());
        let shown = places
            .iter()
            .map(|place| all.slice(place.range.start as usize..place.range.end as usize));
        Ok((shown.collect(), Some(map)))
    }

    /// Gives the disk back what is at `places`, for what is made of it.
    pub fn give_back(&self, places: Vec<Place>) {
        if let Ok(file) = self.file() {
            for place in places {
                mv2::disk::give_back(file.file(), place.range);
            }
        }
    }

    /// MV018: the disk does not give back what was put aside.
    pub fn lost(&self) -> Error {
        let folder = self.folder.to_string_lossy();
        Error::new(
            Code::Unsupported,
            format!(
                "read a temporary file in: {folder}: it gave back something else than was written"
            ),
            json!({ "path": folder, "operation": "read a temporary file in", "reason": "device" }),
        )
    }

    fn file(&self) -> Result<&FileStorage> {
        let file = self.storage.get().and_then(Option::as_ref);
        file.ok_or_else(|| self.lost())
    }

    fn failure(&self, operation: &str, error: &std::io::Error) -> Error {
        // Nobody but this process can make it shorter.
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return self.lost();
        }
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
        let mut places = [b"first".as_slice(), b"second"].map(|bytes| aside.put(bytes).unwrap());
        aside.change(&mut places[0], b"other").unwrap();
        let read: Vec<_> = places
            .iter()
            .map(|place| aside.get(place).unwrap())
            .collect();
        assert_eq!(read, [b"other".as_slice(), b"second"]);
        let (shown, map) = aside.show(&places).unwrap();
        assert_eq!(shown.iter().map(|bytes| &**bytes).collect::<Vec<_>>(), read);
        drop((shown, map));
        let large = aside.put(&[7; 1 << 20]).unwrap();
        aside.give_back(vec![large]);
        assert_eq!(aside.get(&places[1]).unwrap(), b"second");
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = aside.file().unwrap().file().metadata().unwrap();
            assert!(metadata.len() > 1 << 20 && metadata.blocks() * 512 < 1 << 17);
        }
        drop(aside);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_there_any_more_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        let aside = Aside::new(&memory);
        let mut place = aside.put(b"first").unwrap();
        let other = place.clone();
        aside.change(&mut place, b"other").unwrap();
        let error = aside.get(&other).unwrap_err();
        assert_eq!(
            (error.code, &error.details["reason"]),
            (Code::Unsupported, &json!("device"))
        );
        aside.cut(3);
        assert!(aside.get(&place).is_err());
        assert!(aside.show(&[place]).is_err());
        let never = Aside::new(&memory);
        assert!(never.get(&other).is_err());
    }

    #[test]
    fn where_no_file_can_be_made_or_grow_nothing_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let memory = FileStorage::create(&gone.join("notes.mv2")).unwrap();
        let full = Aside::limited(&memory, 7);
        let place = full.put(b"bytes").unwrap();
        assert_eq!(full.put(b"bytes"), None);
        assert_eq!(full.put(b""), None);
        assert_eq!(full.get(&place).unwrap(), b"bytes");
        drop((memory, full));
        let memory = FileStorage::create(&folder.path().join("notes.mv2")).unwrap();
        let mut aside = Aside::new(&memory);
        aside.folder = gone;
        std::fs::remove_dir_all(&aside.folder).unwrap();
        assert_eq!(aside.put(b"bytes"), None);
        assert_eq!(aside.put(b"bytes"), None);
    }
}
