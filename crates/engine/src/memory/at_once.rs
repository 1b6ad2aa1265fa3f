//! Opening on the caller's thread.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mv2::header::{self, HEADER_SIZE, Header};
use mv2::wal::RECORD_HEADER_SIZE;

use crate::committed::Committed;
use crate::describe::Care;
use crate::memory::Memory;
use crate::options::{OpenMode, OpenOptions};

/// A longer log is read elsewhere, bytes: this is a millisecond of work.
const MOST_LOG: u64 = 1 << 20;

impl Memory {
    /// Opens a memory that was closed by this library and needs no waiting: some hundred microseconds, of which handing it to
    /// another thread would be more than half. `None`, with nothing done, for all others, and for all that fails:
    /// [`Memory::open`] says why.
    #[must_use]
    pub fn open_at_once(path: &Path, options: OpenOptions) -> Option<Self> {
        if options.mode == OpenMode::Create
            || options.salvage
            || options.vector_compression.is_some()
            || !is_quick(path)?
        {
            return None;
        }
        let load = |storage: &_| Committed::load_unlocked(storage, Care::Quick);
        Self::open_by(path, options, load).ok()?
    }
}

/// Whether the header leads straight to the last commit, and little stands in the log.
fn is_quick(path: &Path) -> Option<bool> {
    // Opening a pipe would wait for who writes to it.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = [0; HEADER_SIZE + RECORD_HEADER_SIZE];
    File::open(path).ok()?.read_exact(&mut bytes).ok()?;
    let (page, first_record) = bytes.split_at(HEADER_SIZE);
    if header::is_intact(page) != Some(true) {
        return Some(false);
    }
    let header = Header::decode(page).ok()?;
    let log_is_empty =
        header.wal_offset == HEADER_SIZE as u64 && first_record.iter().all(|byte| *byte == 0);
    Some(log_is_empty || header.wal_size <= MOST_LOG)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::PutOptions;
    use crate::document::Document;

    fn options(mode: OpenMode) -> OpenOptions {
        OpenOptions {
            mode,
            ..OpenOptions::default()
        }
    }

    #[test]
    fn what_takes_little_is_opened_at_once_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        assert!(Memory::open_at_once(&path, options(OpenMode::Auto)).is_none());
        assert!(!path.exists());
        assert!(Memory::open_at_once(folder.path(), options(OpenMode::Open)).is_none());
        let memory = Memory::open(&path, options(OpenMode::Create)).unwrap();
        let put = |text: &str| {
            let documents = vec![Document::text(text.to_owned(), 1)];
            memory.put(documents, PutOptions::default()).unwrap();
        };
        put("the first");
        memory.seal().unwrap();
        put("in the log");
        let opened = Memory::open_at_once(&path, options(OpenMode::Open)).unwrap();
        assert_eq!(opened.text(0).unwrap(), "the first");
        assert_eq!(opened.text(1).unwrap(), "in the log");
        assert!(Memory::open_at_once(&path, options(OpenMode::Create)).is_none());
        assert_eq!(opened.text(1).unwrap(), "in the log");
        drop((memory, opened));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(Memory::open_at_once(&path, options(OpenMode::Open)).is_none());
        // Found by searching.
        assert!(Memory::open(&path, options(OpenMode::Open)).is_ok());
    }
}
