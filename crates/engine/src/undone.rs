//! Commits that never came into force, told by the log. A commit is written behind the one before it and comes into force
//! with the header, after which the log is emptied. One that failed is cut off again, but not where the disk goes on failing;
//! should the header then be damaged, what is left looks like a commit of which header and footer are lost.

use mv2::bytes::Bytes;
use mv2::header::HEADER_SIZE;
use mv2::recover::{self, Located};
use mv2::wal::{self, EntryOperation, WalEntry};

use crate::describe::{Care, later_directory, stored_directory};
use crate::directory::Directory;
use crate::error::{Error, Result};

/// Records that follow a commit without a gap: the log of that one, not of a later one.
struct Continued {
    /// The commit.
    directory: Directory,
    /// Sequence of the last record.
    last: u64,
    /// Documents and parts of documents in it.
    inserts: u64,
}

/// What the log says of a commit behind the last one that has a footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The log belongs to it as well as to the one before it, or to neither.
    Possible,
    /// It never came into force: the log went on without it.
    Undone,
    /// The log goes on as if it were not there, up to what it was to contain. The one before it and the log hold as many
    /// frames as it did.
    Repeated,
    /// The same, but it held more frames than those: documents that came with it.
    Uncertain,
}

/// The records behind a commit; `None` when there are none, or the first is not the next one.
fn continued(map: &Bytes, before: &Located) -> Option<Continued> {
    let toc = before.toc(map).ok()?;
    let generation = before.footer.generation;
    let (.., directory) = stored_directory(map, toc, Some(generation), Care::Thorough)?;
    let end = (HEADER_SIZE as u64).checked_add(directory.log_size())?;
    let region = map.get(HEADER_SIZE..usize::try_from(end).ok()?)?;
    let applied = directory.applied_sequence();
    let scan = wal::scan(region, applied);
    let first = scan.pending().next()?.sequence;
    if first != applied.checked_add(1)? {
        return None;
    }
    let is_insert = |payload: &[u8]| matches!(WalEntry::decode(payload), Ok(WalEntry::Frame(entry)) if entry.op == EntryOperation::Insert);
    let payloads = scan
        .pending()
        .filter_map(|record| region.get(record.payload.clone()));
    Some(Continued {
        last: scan.last_sequence(applied),
        inserts: payloads.filter(|payload| is_insert(payload)).count() as u64,
        directory,
    })
}

/// What the log says of the commit behind `before`, of which the directory is there. `Undone` too where there is no such
/// commit; `None` where the log does not follow `before`.
pub fn judge(map: &Bytes, before: &Located) -> Option<Verdict> {
    let log = continued(map, before)?;
    let end = before.footer_offset + mv2::footer::FOOTER_SIZE as u64;
    let Some((_, later)) = later_directory(map, end, log.directory.generation()) else {
        return Some(Verdict::Undone);
    };
    let holds = log.directory.frames().saturating_add(log.inserts);
    Some(match later.applied_sequence().cmp(&log.last) {
        std::cmp::Ordering::Less => Verdict::Undone,
        std::cmp::Ordering::Greater => Verdict::Possible,
        std::cmp::Ordering::Equal if later.frames() == holds => Verdict::Repeated,
        std::cmp::Ordering::Equal => Verdict::Uncertain,
    })
}

/// MV012 where the table of contents that was found is of a commit that never came into force: documents that the log got
/// since would have other ids.
pub fn refuse_undone_commit(map: &Bytes, located: &Located) -> Result<()> {
    if !(located.header_is_damaged && located.footer_missing) {
        return Ok(());
    }
    let Some(before) = recover::last_with_footer(map) else {
        return Ok(());
    };
    match judge(map, &before) {
        Some(Verdict::Undone) => Err(Error::corrupt(
            "header",
            0,
            format_args!(
                "it does not match its checksum, and the table of contents at byte {} is of a commit that never came into force: the log went on without it",
                located.toc_offset
            ),
        )),
        _ => Ok(()),
    }
}
