//! A new, empty memory: complete under its name, or not there at all.

use std::path::Path;

use mv2::atomic::AtomicFile;
use mv2::footer::{FOOTER_SIZE, Footer};
use mv2::header::{CAPSULE_MAGIC, DEFAULT_WAL_SIZE, HEADER_SIZE, Header, MAGIC, set_toc_length};
use mv2::lock::FileLock;
use mv2::reference_writer::turn_away;
use mv2::storage::FileStorage;
use mv2::toc::{self, TicketRef, TocTail};
use mv2::wal;
use serde_json::json;

use crate::commit::{directory_head, frames_start, register_directory};
use crate::compression;
use crate::directory::Parts;
use crate::error::{Code, Error, Result};
use crate::options::{OpenMode, OpenOptions};
use crate::output;

/// Written so that the reference goes on writing to the file, bytes. It is no limit here.
const TICKET_CAPACITY: u64 = 1 << 40;

/// Creates the file. With [`OpenMode::Create`] it replaces a memory that is there, after waiting for its writer.
pub fn create(path: &Path, options: &OpenOptions) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Error::new(
            Code::NotFound,
            format!(
                "the folder {} for the new memory does not exist",
                folder.display()
            ),
            json!({ "path": folder.to_string_lossy() }),
        ));
    }
    let replace = options.mode == OpenMode::Create;
    let lock = if replace && path.exists() {
        let timeout = options.lock_timeout;
        let lock = FileLock::exclusive(path, timeout);
        let lock = lock.map_err(|error| crate::lock::describe(error.into(), path, timeout))?;
        refuse_foreign(lock.file(), path)?;
        Some(lock)
    } else {
        None
    };
    let file = AtomicFile::create(path)?;
    if let Ok(old) = std::fs::metadata(path) {
        // Best effort: the new memory is for the same people as the one it replaces.
        let _ = file.file().set_permissions(old.permissions());
    }
    let bytes = empty(options.enable_lex, options.vector_compression == Some(true));
    let written = mv2::disk::write_at(file.file(), 0, &bytes);
    written.map_err(|error| Error::io("write", path, &error))?;
    match file.persist(replace) {
        // Two processes opened with `auto` at the same time: the other one's memory is as empty as ours.
        Err(mv2::Error::AlreadyExists { .. }) if options.mode == OpenMode::Auto => Ok(()),
        other => {
            other?;
            let old = lock.as_ref().and_then(|lock| lock.file().try_clone().ok());
            if let Some(old) = old.and_then(|old| FileStorage::from_file(old, path, true).ok()) {
                turn_away_from(&old);
            }
            Ok(())
        }
    }
}

/// Only a memory, or nothing, is emptied: whoever mistypes a path is not to lose another file, or a capsule.
fn refuse_foreign(file: &std::fs::File, path: &Path) -> Result<()> {
    let mut magic = [0; 4];
    // What is shorter holds nothing.
    if mv2::disk::read_at(file, 0, &mut magic).is_err() {
        return Ok(());
    }
    match magic {
        MAGIC => Ok(()),
        CAPSULE_MAGIC => Err(mv2::Error::Encrypted {
            path: path.to_path_buf(),
        }
        .into()),
        _ => Err(Error::new(
            Code::Corrupt,
            format!(
                "{} is no memory: it starts with \"{}\"; it is not emptied",
                path.display(),
                magic.escape_ascii()
            ),
            json!({ "path": path.to_string_lossy(), "reason": "not_a_memory" }),
        )),
    }
}

/// Keeps a program of the reference that waits for a file which was replaced from putting it back.
pub fn turn_away_from(old: &FileStorage) {
    // Best effort: what cannot be read as a memory the reference cannot write either.
    let turned_away = || -> Result<()> {
        let bytes = output::map(old, output::length(old)?)?;
        let header = Header::decode(&bytes)?;
        let scan = wal::scan(wal::region(&bytes, &header)?, header.wal_sequence);
        let sequence = scan.last_sequence(header.wal_sequence).saturating_add(1);
        turn_away(old, &header, scan.head, sequence);
        Ok(())
    };
    let _ = turned_away();
}

/// With what a memory of ours was made, by its header: whether it searches full text, and whether it has
/// [`compression::setting`]. `None` when the header leads to another table of contents than the first, which has no frames.
#[must_use]
pub fn of_new_memory(header: &Header) -> Option<(bool, bool)> {
    [(true, false), (true, true), (false, false), (false, true)]
        .into_iter()
        .find(|&(lex_enabled, compresses_vectors)| {
            Header::decode(&empty(lex_enabled, compresses_vectors))
                .is_ok_and(|first| first == *header)
        })
}

/// What follows the frames in a memory without frames.
pub fn empty_tail(lex_enabled: bool) -> TocTail {
    let mut tail = TocTail::default();
    tail.segment_catalog.version = 1;
    tail.segment_catalog.lex_enabled = lex_enabled;
    tail.ticket_ref = TicketRef {
        issuer: "free-tier".to_owned(),
        seq_no: 1,
        expires_in_secs: 0,
        capacity_bytes: TICKET_CAPACITY,
        verified: false,
    };
    tail
}

/// The bytes of a memory without frames.
#[must_use]
pub fn empty(lex_enabled: bool, compresses_vectors: bool) -> Vec<u8> {
    let tail = empty_tail(lex_enabled);
    // The directory tells that no log record is applied yet, should the header ever claim otherwise.
    let directory_offset = HEADER_SIZE as u64 + DEFAULT_WAL_SIZE;
    let mut head = directory_head();
    if compresses_vectors {
        let setting = compression::setting(true, directory_offset);
        head.segments.push(setting);
    }
    let parts = Parts {
        generation: 1,
        frames_start: frames_start(&head),
        frames_end: frames_start(&head),
        log_size: DEFAULT_WAL_SIZE,
        ..Parts::default()
    };
    let directory = register_directory(&mut head, &tail, directory_offset, parts);
    let toc_bytes = toc::encode(&head, 0, &[], &tail);
    let toc_offset = directory_offset + directory.len() as u64;
    let header = Header {
        footer_offset: toc_offset,
        wal_offset: HEADER_SIZE as u64,
        wal_size: DEFAULT_WAL_SIZE,
        wal_checkpoint_pos: 0,
        wal_sequence: 0,
        toc_checksum: toc_bytes.last_chunk::<32>().copied().unwrap_or_default(),
    };
    let footer = Footer::for_toc(&toc_bytes, 1);
    // The log is really written, not left as a hole: a later append then changes no block allocation and its sync is
    // one write.
    let mut bytes = vec![0; HEADER_SIZE + DEFAULT_WAL_SIZE as usize];
    let mut page = header.encode();
    set_toc_length(&mut page, toc_bytes.len() as u64);
    bytes[..HEADER_SIZE].copy_from_slice(&page);
    bytes.reserve_exact(directory.len() + toc_bytes.len() + FOOTER_SIZE);
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(&toc_bytes);
    bytes.extend_from_slice(&footer.encode());
    bytes
}
