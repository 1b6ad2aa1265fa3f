//! What the system shows is not what the disk has: a process was killed before its last sync, or a commit could not be undone.
//! A loss of power may then take back what everybody sees, in either direction.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use mv2::footer::{FOOTER_SIZE, Footer};
use mv2::header::{FIELDS, HEADER_SIZE, Header};
use mv2::wal::{self, RECORD_HEADER_SIZE};

use crate::commit::write_header;
use crate::committed::Committed;
use crate::error::{Error, Result};
use crate::output;
use crate::pending::{NewestWrite, Pending};
use crate::snapshot::Snapshot;

/// How many bytes behind the newest record tell whether somebody has begun to write there: the header of a record, and as much
/// of its payload as cannot be zeros alone.
const TOUCHED_FIRST: u64 = 2 * RECORD_HEADER_SIZE as u64;
/// The log is looked through in pieces of so many bytes.
const PIECE: u64 = 1 << 16;

/// What this process knows of the log behind its newest record. Nothing, by default.
#[derive(Debug, Default)]
pub struct LogBehind {
    /// Up to where there is more than zeros, or may be: zeros whose sync failed may never arrive, whatever syncs follow.
    to_wipe: u64,
    /// The disk has nothing but zeros behind that, should nobody else have written since.
    is_zero: bool,
    /// A put that failed was taken back there, and the disk may not know.
    may_come_back: bool,
}

impl Committed {
    /// Makes the commit and the name of the file that the system shows those of the disk, unless this process has put them in
    /// force itself. To be called under the writer lock, before anything is written: the log that is begun anew may still be
    /// needed, what is written over behind the end may be the commit in force, and the whole file may not be the one of its
    /// name. Whether it synced the file.
    pub fn settle(&self) -> Result<bool> {
        let storage = &self.storage;
        storage
            .sync_name()
            .map_err(|error| Error::io("sync the folder of", storage.path(), &error))?;
        let length = output::length(storage)?;
        if length <= self.end && self.is_settled.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.write_again()?;
        output::sync(storage)?;
        // No header can lead behind the end any more, and whoever searches for the last footer must not find one there.
        if length > self.end {
            let behind = length.saturating_sub(FOOTER_SIZE as u64).max(self.end);
            let zeros = vec![0; usize::try_from(length - behind).unwrap_or_default()];
            let _ = output::write_at(storage, behind, &zeros);
            output::cut_back(storage, self.end);
        }
        self.is_settled.store(true, Ordering::Relaxed);
        Ok(true)
    }

    fn known_of_log(&self) -> MutexGuard<'_, LogBehind> {
        self.log_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes footer and header again: what was written before a sync that failed may never arrive, whatever syncs follow. Of
    /// what another program wrote only the header, which may be back because a commit of ours failed.
    fn write_again(&self) -> Result<()> {
        if self.directory_is_stored {
            self.write_footer_again()?;
        }
        let page = self.payload(0, HEADER_SIZE as u64)?;
        // What could not be read is zeros in a map.
        self.check()?;
        let expected = self.header_in_force().encode();
        if !self.directory_is_stored || page.get(..FIELDS) == expected.get(..FIELDS) {
            return output::write_at(&self.storage, 0, page);
        }
        self.write_header_again()
    }

    fn write_footer_again(&self) -> Result<()> {
        let end = self.toc_offset + self.toc_length;
        let footer = self
            .payload(end, FOOTER_SIZE as u64)
            .ok()
            .and_then(|bytes| Footer::decode(bytes).ok())
            .filter(|footer| footer.toc_len == self.toc_length);
        // One that is missing stays so until the next commit: nobody has hashed a large table for it.
        let Some(footer) = footer else {
            return Ok(());
        };
        let footer = Footer {
            generation: self.generation,
            ..footer
        };
        output::write_at(&self.storage, end, &footer.encode())
    }

    /// Makes the header of this commit anew.
    pub fn write_header_again(&self) -> Result<()> {
        write_header(&self.storage, &self.header_in_force(), self.toc_length)
    }

    /// The header of this commit. Of ours the directory tells what is applied.
    fn header_in_force(&self) -> Header {
        let mut header = self.header.clone();
        if self.directory_is_stored {
            header.wal_sequence = self.applied_sequence;
        }
        header
    }
}

/// [`Committed::settle`] for whoever appends to the log of `snapshot`: its newest record is one of the disk then, and behind that
/// the disk has zeros.
///
/// What else may stand there looks, in front of the record that is being written or half under its header, like a record of
/// this round: the rest of a batch whose process was killed, whose sequences are about to be given out, or a record of the
/// reference, whose sequence nothing checks. So a log is wiped before it is begun anew, and looked through by everybody who
/// appends to it for the first time. Later it is enough to look where a killed process would have begun to write.
///
/// Fails with MV012 where acknowledged records stand there.
pub fn settle_log(snapshot: &Snapshot) -> Result<()> {
    let committed = &snapshot.committed;
    let is_synced = committed.settle()?;
    let is_written_again = write_newest_again(snapshot)?;
    let mut behind = committed.known_of_log();
    let from = committed.header.wal_offset + snapshot.pending.head;
    let newest = snapshot.pending.newest.as_ref();
    let is_of_reference = newest.is_some_and(|newest| newest.is_unchecked);
    let is_known = behind.is_zero && behind.to_wipe <= from && !is_of_reference;
    if !is_known || !is_untouched(committed, from)? {
        return wipe_behind(snapshot, &mut behind, is_written_again || !is_synced);
    }
    if is_written_again {
        output::sync(&committed.storage)?;
    }
    Ok(())
}

/// Makes what `snapshot` shows as durable as it looks, for whoever tells of it and writes nothing. To be called under the
/// writer lock.
pub fn settle_shown(snapshot: &Snapshot) -> Result<()> {
    snapshot.committed.settle()?;
    if write_newest_again(snapshot)? {
        output::sync(&snapshot.committed.storage)?;
    }
    Ok(())
}

/// To be called before a commit of `snapshot` comes into force: a put that failed behind its newest record, and that a loss of
/// power may bring back, does not come back on top of the commit. Fails as [`settle_log`] does.
pub fn settle_end(snapshot: &Snapshot) -> Result<()> {
    let committed = &snapshot.committed;
    let mut behind = committed.known_of_log();
    let from = committed.header.wal_offset + snapshot.pending.head;
    if behind.may_come_back || !is_untouched(committed, from)? {
        wipe_behind(snapshot, &mut behind, true)?;
    }
    Ok(())
}

/// Wipes what stands behind the newest record, durably. Where there is nothing, it syncs what else `needs_sync`.
fn wipe_behind(snapshot: &Snapshot, behind: &mut LogBehind, needs_sync: bool) -> Result<()> {
    let (committed, pending) = (&snapshot.committed, &snapshot.pending);
    let from = committed.header.wal_offset + pending.head;
    let last = last_written(committed, from)?;
    if last > from {
        refuse_acknowledged(committed, pending)?;
    }
    // What another program's header says of applied records is compared with the log, where none may stand in front of zeros.
    let has_applied = pending.has_unchecked && pending.head == 0;
    let has_look_alikes =
        has_applied || has_look_alikes(committed, from, last, pending.last_sequence)?;
    let to = last
        .max(behind.to_wipe)
        .max(void_end(committed, from)?)
        .min(committed.header.wal_end());
    (behind.to_wipe, behind.is_zero) = (to, false);
    if to > from {
        wipe_durably(committed, from, to, has_look_alikes)?;
    } else if needs_sync {
        output::sync(&committed.storage)?;
    }
    *behind = LogBehind {
        is_zero: true,
        ..LogBehind::default()
    };
    Ok(())
}

/// Notes that something was written behind the newest record, up to `to`, and that a loss of power may bring it back, unless it
/// `is_undone` on the disk.
pub fn distrust_log(committed: &Committed, to: u64, is_undone: bool) {
    let mut behind = committed.known_of_log();
    behind.to_wipe = behind.to_wipe.max(to);
    behind.may_come_back |= !is_undone;
}

/// Empties the log after a commit that contains `pending`, which was the log of `base`. Gives what is known of it then.
///
/// Its first header goes, and should that fail or not reach the disk, the next header says that its records are applied. The
/// others stay until somebody writes there: where the commit is damaged, they are all that is left of it. What the reference
/// wrote goes at once, because the reference may write there next.
pub fn empty_log(base: &Committed, pending: &Pending) -> LogBehind {
    let header = &base.header;
    let from = header.wal_offset;
    let end = (from + pending.head + RECORD_HEADER_SIZE as u64).min(header.wal_end());
    if pending.has_unchecked {
        let _ = wipe_durably(base, from, end, true);
    } else {
        let _ = wipe(base, from, from + RECORD_HEADER_SIZE as u64);
    }
    LogBehind {
        to_wipe: base.known_of_log().to_wipe.max(end),
        is_zero: false,
        may_come_back: false,
    }
}

/// Whether nobody has begun to write at `from`, where a killed process would have.
fn is_untouched(committed: &Committed, from: u64) -> Result<bool> {
    let length = TOUCHED_FIRST.min(committed.header.wal_end().saturating_sub(from));
    let first = committed.payload(from, length)?;
    let is_zero = first.iter().all(|byte| *byte == 0);
    // What could not be read is zeros in a map.
    committed.check()?;
    Ok(is_zero)
}

/// Up to where somebody noted at `from` that there may be more than zeros; `from` where nobody did.
fn void_end(committed: &Committed, from: u64) -> Result<u64> {
    let length = (RECORD_HEADER_SIZE as u64).min(committed.header.wal_end().saturating_sub(from));
    let header = committed.payload(from, length)?;
    let end = |length| from + RECORD_HEADER_SIZE as u64 + length;
    let noted = wal::void_length(header).map_or(from, end);
    // What could not be read is zeros in a map.
    committed.check()?;
    Ok(noted)
}

/// Writes the newest write of another process again: if its sync failed, and could not be undone, it may never arrive,
/// whatever syncs follow, and would take along what stands behind it. All writes before it were synced, because whoever wrote
/// behind them did this. Whether there was anything to be written.
fn write_newest_again(snapshot: &Snapshot) -> Result<bool> {
    let newest = snapshot.pending.newest.as_ref();
    let Some(position) = newest
        .filter(|newest| !newest.is_synced)
        .and_then(NewestWrite::position)
    else {
        return Ok(false);
    };
    let committed = &snapshot.committed;
    let length = snapshot.pending.head.saturating_sub(position);
    let at = committed.header.wal_offset + position;
    let records = committed.payload(at, length)?;
    // What could not be read is zeros in a map.
    committed.check()?;
    output::write_at(&committed.storage, at, records)?;
    Ok(true)
}

/// Behind the last byte of the log that is not zero; `from` where all of them are. Read, because a map would make a process as
/// large as the log.
fn last_written(committed: &Committed, from: u64) -> Result<u64> {
    let mut buffer = vec![0; PIECE as usize];
    let mut end = committed.header.wal_end();
    while end > from {
        let start = end.saturating_sub(PIECE).max(from);
        let piece = buffer.get_mut(..(end - start) as usize).unwrap_or_default();
        output::read_at(&committed.storage, start, piece)?;
        if let Some(last) = piece.iter().rposition(|&byte| byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(from)
}

/// Whether what stands from `from` to `to` contains what looks like acknowledged records as soon as a part of it is wiped.
fn has_look_alikes(committed: &Committed, from: u64, to: u64, last_sequence: u64) -> Result<bool> {
    let bytes = committed.payload(from, to - from)?;
    let has_look_alikes = wal::contains_records(bytes, last_sequence);
    // What could not be read is zeros in a map.
    committed.check()?;
    Ok(has_look_alikes)
}

/// MV012 where records stand behind the newest one that no killed process left: they were acknowledged, and would be wiped.
fn refuse_acknowledged(committed: &Committed, pending: &Pending) -> Result<()> {
    let header = &committed.header;
    let region = committed.payload(header.wal_offset, header.wal_size)?;
    // Where applied records stand at the front, others went on behind them.
    let end = if pending.head == 0 && are_applied(region, pending) {
        pending.applied_end
    } else {
        pending.head
    };
    let hides = wal::hides_acknowledged(region, end, pending.last_sequence);
    // What could not be read is zeros in a map.
    committed.check()?;
    if !hides {
        return Ok(());
    }
    Err(Error::corrupt(
        "log",
        header.wal_offset + pending.head,
        "a record is gone here, and acknowledged records stand behind it",
    ))
}

/// Whether the records at the front are still those that are applied, and nothing else.
fn are_applied(region: &[u8], pending: &Pending) -> bool {
    if pending.applied_end == 0 {
        return false;
    }
    let found = wal::scan(region, pending.last_sequence);
    found.head == pending.applied_end && found.pending().next().is_none()
}

/// Wipes what others may have to see as long as it is not durable: so long a header in front notes how far it goes. The system
/// may show zeros that never arrive. Where there may be look-alikes of records, that header arrives in front of the zeros.
fn wipe_durably(committed: &Committed, from: u64, to: u64, has_look_alikes: bool) -> Result<()> {
    let storage = &committed.storage;
    let wal_end = committed.header.wal_end();
    let (header_end, to) = (from + RECORD_HEADER_SIZE as u64, to.min(wal_end));
    if header_end > wal_end {
        // Nobody looks for a record there.
        wipe(committed, from, to)?;
        return output::sync(storage);
    }
    // First, because the reference opens no file in which a record has another payload than it says, and because what is wiped
    // halfway may look like anything.
    let noted = wal::void_header(to.saturating_sub(header_end));
    output::write_at(storage, from, &noted)?;
    if has_look_alikes {
        output::sync(storage)?;
    }
    wipe(committed, header_end, to)?;
    output::sync(storage)?;
    // Whether this arrives does not matter.
    let _ = wipe(committed, from, header_end);
    Ok(())
}

fn wipe(committed: &Committed, from: u64, to: u64) -> Result<()> {
    let zeros = vec![0; to.saturating_sub(from).min(PIECE) as usize];
    let mut at = from;
    while at < to {
        let piece = zeros
            .get(..(to - at).min(PIECE) as usize)
            .unwrap_or_default();
        output::write_at(&committed.storage, at, piece)?;
        at += PIECE;
    }
    Ok(())
}
