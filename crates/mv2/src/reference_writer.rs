//! Programs of the reference that write the same memory.
//!
//! They take the lock that we take, but not on what the path names in the end: a commit of theirs gives a copy the name and
//! goes on writing to it without a lock of its own (container.md §10.1), and they do not look whether the file they waited
//! for is still the one with the name. Each would cost whoever writes next to them what he was told is stored. So a writer
//! of ours stays out while one of theirs is at work ([`is_at_work`]), and a file that was replaced turns away those that
//! wait for it ([`turn_away`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::header::Header;
use crate::storage::{FileStorage, Storage};
use crate::wal::{self, RECORD_HEADER_SIZE};

/// They write their side file just before they give a copy the name, and are done a fraction of a second later. Where it
/// can be seen who has it open this is for processes that cannot be seen (another container's), else for all.
const BRIEFLY: Duration = Duration::from_secs(if cfg!(target_os = "linux") { 2 } else { 10 });
/// Side files that are remembered at most; all are looked for again when there are more.
const MOST_LEFT_BEHIND: usize = 256;
/// What no version of the reference can read as a log record: it is shorter than any.
const UNREADABLE: [u8; 1] = [0xff];

/// The side file that the reference makes when it has the lock and removes before it gives it back.
fn side_file(path: &Path) -> PathBuf {
    path.with_extension("manifest.wal")
}

/// Whether a program of the reference writes the memory at `path`. Asked by whoever has the lock: one that is about to
/// begin waits for it.
pub(crate) fn is_at_work(path: &Path) -> bool {
    let side_file = side_file(path);
    let Ok(written) = side_file
        .symlink_metadata()
        .and_then(|metadata| metadata.modified())
    else {
        return false;
    };
    /// Side files that processes left behind when they died: looking for who has one open takes long.
    static LEFT_BEHIND: Mutex<BTreeMap<PathBuf, SystemTime>> = Mutex::new(BTreeMap::new());
    let left_behind = || LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    if left_behind().get(&side_file) == Some(&written) {
        return false;
    }
    // Nobody else waits for this look.
    if written.elapsed().is_ok_and(|age| age < BRIEFLY) || holder(&side_file).is_some() {
        return true;
    }
    let mut left_behind = left_behind();
    if left_behind.len() == MOST_LEFT_BEHIND {
        left_behind.clear();
    }
    left_behind.insert(side_file, written);
    false
}

/// The process of the reference that writes the memory at `path`, as far as it can be seen.
pub(crate) fn process(path: &Path) -> Option<u32> {
    holder(&side_file(path))
}

/// A process that has the file open, as far as this one may see.
#[cfg(target_os = "linux")]
fn holder(path: &Path) -> Option<u32> {
    let path = path.canonicalize().ok()?;
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries(PathBuf::from("/proc")).find_map(|process| {
        let id = process.file_name().to_string_lossy().parse().ok()?;
        entries(process.path().join("fd"))
            .any(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|open| open == path))
            .then_some(id)
    })
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn holder(_path: &Path) -> Option<u32> {
    None
}

/// Makes a file that lost its name useless for a writer of the reference that waits for the lock on it: it ends with an
/// error where it would have committed the old state over the new one. `head` is where the log ends, in bytes from its
/// beginning, and `sequence` is larger than that of any record.
///
/// The caller holds the lock, and the name leads to the new file. Whoever reads the old file goes on: its records stay as they
/// are, and the one behind them is passed over. Best effort: a file that has other names still, that has no room for it,
/// or that cannot be written any more stays as it is.
pub fn turn_away(storage: &FileStorage, header: &Header, head: u64, sequence: u64) {
    if !is_nameless(storage.file()) {
        return;
    }
    let mut record = Vec::new();
    wal::encode_record(sequence, wal::InBatch::ALONE, &UNREADABLE, &mut record);
    // Zeros behind it would be the end of the log; where there is no room for them the region ends it.
    let room = header.wal_size.saturating_sub(head);
    if (record.len() as u64) > room {
        return;
    }
    if record.len() as u64 + RECORD_HEADER_SIZE as u64 <= room {
        record.resize(record.len() + RECORD_HEADER_SIZE, 0);
    }
    // As for every record, its header comes last.
    let at = header.wal_offset + head;
    let (first, rest) = record.split_at(RECORD_HEADER_SIZE);
    let _ = storage
        .write_at(at + first.len() as u64, rest)
        .and_then(|()| storage.write_at(at, first));
}

/// Whether no name leads to the file any more.
fn is_nameless(file: &File) -> bool {
    #[cfg(unix)]
    return file
        .metadata()
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) == 0);
    #[cfg(not(unix))]
    false
}
