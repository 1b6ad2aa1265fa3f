//! Commits that never came into force, told by the log. A commit is written behind the one before it and comes into force
//! with the header, after which the log is emptied. One that failed is cut off again, but not where the disk goes on failing;
//! should the header then be damaged, what is left looks like a commit of which header and footer are lost.

use mv2::bytes::Bytes;
use mv2::frame::FrameStatus;
use mv2::header::HEADER_SIZE;
use mv2::recover::{self, Located};
use mv2::wal::{self, EntryOperation, FrameEntry, WalEntry, WalRecord};

use crate::describe::{Care, later_directory, stored_directory};
use crate::directory::{Directory, FrameRecord};
use crate::error::{Error, Result};

/// What the log says of a commit behind the last one that has a footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may have come into force.
    Possible,
    /// It did not: the log goes on without it.
    Undone,
    /// It would say what the commit before it and the log say together.
    Repeated,
}

/// Records that follow a commit without a gap: the log of that one, and of no later one that emptied it.
struct Continued {
    /// The commit.
    directory: Directory,
    /// From old to new; those that this version does not understand are left out.
    entries: Vec<(u64, Box<FrameEntry>)>,
    /// Sequence of the last record.
    last: u64,
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
    if scan.pending().next()?.sequence != applied.checked_add(1)? {
        return None;
    }
    let entry = |record: &WalRecord| match WalEntry::decode(region.get(record.payload.clone())?) {
        Ok(WalEntry::Frame(entry)) => Some((record.sequence, entry)),
        _ => None,
    };
    Some(Continued {
        entries: scan.pending().filter_map(entry).collect(),
        last: scan.last_sequence(applied),
        directory,
    })
}

impl Continued {
    /// Whether a later commit holds what the log was to put into it. A commit that removes documents takes sequences for
    /// that without writing records, which then are those of others.
    fn is_in(&self, later: &Directory) -> bool {
        let applied = later.applied_sequence();
        let entries = self
            .entries
            .iter()
            .filter(|(sequence, _)| *sequence <= applied);
        let mut frames = self.directory.frames();
        for (_, entry) in entries {
            match (entry.op, entry.target_frame_id) {
                (EntryOperation::Insert, _) => frames = frames.saturating_add(1),
                (EntryOperation::Tombstone, Some(target)) => {
                    let record = later.record(target);
                    let is_removed =
                        |record: FrameRecord| record.flags.status() == FrameStatus::Deleted as u32;
                    if !record.is_some_and(is_removed) {
                        return false;
                    }
                }
                (EntryOperation::Tombstone, None) => {}
            }
        }
        frames <= later.frames()
    }

    /// How many frames the commit and its log have.
    fn frames(&self) -> u64 {
        let inserts = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.op == EntryOperation::Insert);
        self.directory
            .frames()
            .saturating_add(inserts.count() as u64)
    }
}

/// What the log says of the commit behind `before`, of which the directory is there; `None` where it is not, or the log does
/// not follow `before`. Commits that found an empty log (large batches) leave its sequence as it was: it says nothing of them.
pub fn judge(map: &Bytes, before: &Located) -> Option<Verdict> {
    let log = continued(map, before)?;
    let end = before.footer_offset + mv2::footer::FOOTER_SIZE as u64;
    let (_, later) = later_directory(map, end, log.directory.generation())?;
    let applied = later.applied_sequence();
    if applied <= log.directory.applied_sequence() {
        return Some(Verdict::Possible);
    }
    // One that came into force has emptied the log; records in front of those that came then are of the time before.
    let is_undone = log.last > applied || !log.is_in(&later);
    Some(if is_undone {
        Verdict::Undone
    } else if log.last == applied && later.frames() == log.frames() {
        Verdict::Repeated
    } else {
        Verdict::Possible
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
                "it does not match its checksum, and the table of contents at byte {} is of a commit that never came into force, as the log tells",
                located.toc_offset
            ),
        )),
        _ => Ok(()),
    }
}
