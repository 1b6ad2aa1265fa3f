//! The order of records. Programs of the reference write sequences that nothing checks, and note nowhere else what they
//! are: a flipped bit in one would store an old document a second time, or lose the ones behind it. But they count on by one,
//! and the header says twice up to where the records are applied: what one of them tells wrongly the others put right, or
//! contradict.

use super::check::Claim;
use super::rest::InFront;
use super::{RECORD_HEADER_SIZE, WalRecord, header_at, read_record};
use crate::header::Header;

/// What says which records the table of contents contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Sequence of the last one.
    pub sequence: u64,
    /// Where it ends in the region, as far as that is noted: who begins the log anew leaves the old place there.
    pub end: Option<u64>,
}

impl Applied {
    /// What the header of another program says, which nothing checks.
    #[must_use]
    pub fn noted(header: &Header) -> Self {
        Self {
            sequence: header.wal_sequence,
            end: Some(header.wal_checkpoint_pos),
        }
    }

    /// Up to `sequence`. The place that the header of another program notes is that of the sequence it says, and of no other.
    #[must_use]
    pub fn up_to(sequence: u64, header: &Header) -> Self {
        if header.wal_sequence == sequence {
            Self::noted(header)
        } else {
            sequence.into()
        }
    }
}

/// A sequence that is known for sure.
impl From<u64> for Applied {
    fn from(sequence: u64) -> Self {
        Self {
            sequence,
            end: None,
        }
    }
}

/// What is known in front of a record.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    applied: Applied,
    /// Where the last applied record ends, should a record end there, and the log not have been begun anew since.
    place: Option<usize>,
    /// Sequence of the last record in front of where the reading began; `None` at the front of the log.
    last: Option<u64>,
    /// Whether the batch of that record is complete.
    is_complete: bool,
}

impl Before {
    /// In front of the first record.
    pub fn front(region: &[u8], applied: Applied) -> Self {
        Self {
            applied,
            place: applied
                .end
                .and_then(|end| place(region, end, applied.sequence))
                .map(|place| place.end),
            last: None,
            is_complete: true,
        }
    }

    /// Behind the record with sequence `last`, which ends a batch.
    pub fn complete(applied: Applied, last: u64) -> Self {
        Self {
            applied,
            place: None,
            last: Some(last),
            is_complete: true,
        }
    }

    /// Behind a gap behind the record with sequence `last`.
    pub fn gap(applied: Applied, last: u64) -> Self {
        Self {
            is_complete: false,
            ..Self::complete(applied, last)
        }
    }

    /// Whether more of the batch of the record in front may follow. `previous` is that record, should it have been read.
    fn is_open(self, previous: Option<&WalRecord>) -> bool {
        previous.map_or(!self.is_complete, |previous| previous.batch_remaining > 0)
    }

    /// What is known in front of a record that is not intact.
    pub fn in_front(self, last: u64, previous: Option<&WalRecord>) -> InFront {
        InFront {
            last,
            is_open: self.is_open(previous),
            is_of_others: previous.is_some_and(|previous| !previous.is_checked),
        }
    }

    /// [`read_record`] with the sequence that it has in truth, which is higher than the one before it.
    pub fn read(
        self,
        region: &[u8],
        header: &[u8],
        position: usize,
        previous: Option<&WalRecord>,
    ) -> Result<Option<WalRecord>, String> {
        // What another program has applied it has applied, whatever check and sequence that had.
        let is_in_place = self.place.is_some_and(|end| position < end);
        let applied = self.applied.sequence;
        let read = read_record(region, header, position, previous, applied, !is_in_place)?;
        let Some(mut record) = read else {
            return Ok(None);
        };
        if let Some(sequence) = self.sequence_in_truth(region, &record, previous) {
            record.sequence = sequence;
            record.pending = sequence > self.applied.sequence;
        }
        if record.pending && record.continues && !self.is_open(previous) {
            return Err(format!(
                "the batch of record {} begins with another one than the one in front",
                record.sequence
            ));
        }
        // Older rounds of the log leave records behind; their sequences are lower. Behind applied ones they end nothing: the
        // reference reads on, and writes behind them.
        let is_applied = |last| record.is_checked && !record.pending && last <= applied;
        match previous.map(|previous| previous.sequence).or(self.last) {
            Some(last) if record.sequence <= last && !is_in_place && !is_applied(last) => {
                Err(format!("sequence {} follows {last}", record.sequence))
            }
            _ => Ok(Some(record)),
        }
    }

    /// The sequence of a record that claims one it cannot have.
    fn sequence_in_truth(
        self,
        region: &[u8],
        record: &WalRecord,
        previous: Option<&WalRecord>,
    ) -> Option<u64> {
        if record.is_checked {
            return None;
        }
        let last = previous.map(|previous| previous.sequence).or(self.last);
        let expected = last.unwrap_or(self.applied.sequence).checked_add(1)?;
        if record.sequence == expected {
            return None;
        }
        // Hashed once more when its turn comes: only where something is wrong.
        let next = record_at(region, record.payload.end);
        match last {
            Some(last) => self.behind_another(record, last, expected, next.as_ref()),
            None => self.at_front(record, expected, next.as_ref()),
        }
    }

    fn behind_another(
        self,
        record: &WalRecord,
        last: u64,
        expected: u64,
        next: Option<&WalRecord>,
    ) -> Option<u64> {
        let applied = self.applied.sequence;
        // Whoever appends to applied records goes on behind the last of them. One higher may do so, should the last not be
        // in the log.
        let is_applied = record.sequence > expected
            && (self.is_in_place(record)
                || last < applied && record.sequence > applied.saturating_add(1));
        (is_applied || goes_on_behind(expected, next)).then_some(expected)
    }

    /// There stands the next record to be applied, or one that is.
    fn at_front(self, record: &WalRecord, expected: u64, next: Option<&WalRecord>) -> Option<u64> {
        let is_ahead = record.sequence > expected;
        // Of two in the wrong order one is wrong.
        let lower = next.filter(|next| next.sequence <= record.sequence);
        let before = |next: &WalRecord| next.sequence.checked_sub(1);
        if self.is_in_place(record) {
            return match next.filter(|next| self.is_in_place(next)) {
                Some(next) => before(next).filter(|_| is_ahead || lower.is_some()),
                None => lower.filter(|_| is_ahead).and_then(before),
            };
        }
        if is_ahead {
            return lower.and_then(before);
        }
        // Sequences begin at 1.
        let is_next = self.applied.sequence == 0 || goes_on_behind(expected, next);
        is_next.then_some(expected)
    }

    /// Whether the record is applied by the place of the last one that is.
    fn is_in_place(self, record: &WalRecord) -> bool {
        self.place.is_some_and(|end| record.payload.end <= end)
    }

    /// Whether the last record of a log is whole, and only its sequence cannot be: too low for its place, and too high for what
    /// an older round of the log left behind, which ends where the zeros behind the newest record did not reach the disk.
    pub fn hides_last(self, region: &[u8], position: usize, previous: Option<&WalRecord>) -> bool {
        let Some(record) = record_at(region, position) else {
            return false;
        };
        let last = previous.map(|previous| previous.sequence).or(self.last);
        let is_last = header_at(region, record.payload.end).is_none_or(|behind| {
            behind.iter().all(|byte| *byte == 0) || super::void_length(behind).is_some()
        });
        let front = Claim::read(region).map_or(0, |front| front.sequence);
        let is_older = (1..front).contains(&record.sequence);
        !record.is_checked && is_last && !is_older && last >= Some(record.sequence)
    }
}

/// Whether a log and a header of another program contradict each other about which records are applied: the header says it
/// by the sequence of the last of them and by the place where it ends. Where damage touched one of the two, or the sequence
/// of that record, they do not tell the same.
#[must_use]
pub fn refutes_applied(region: &[u8], header: &Header) -> bool {
    let scan = super::scan(region, Applied::noted(header));
    // None is where somebody began the log anew, and nothing of that is applied yet.
    let by_place = place(region, header.wal_checkpoint_pos, header.wal_sequence)
        .map_or(0, |place| place.count);
    let count = scan.records.len();
    let by_sequence = count - scan.pending().count();
    // Of a log that is torn only its beginning is known.
    by_sequence < by_place.min(count) || scan.torn.is_none() && count > 0 && by_sequence != by_place
}

/// A border between records.
struct Place {
    end: usize,
    /// Records in front of it.
    count: usize,
}

/// The border at `end`, should there be one behind a record that is the last applied one: of an older round of the log it may
/// still stand there, behind records of ours that came since.
fn place(region: &[u8], end: u64, applied: u64) -> Option<Place> {
    let end = usize::try_from(end).ok()?;
    let (mut position, mut count) = (0, 0);
    let (mut last, mut highest) = (0, 0);
    while position < end {
        let claim = Claim::read(header_at(region, position)?).ok()?;
        if claim.length == 0 {
            return None;
        }
        if claim.is_checked() && !claim.is_refuted() {
            highest = highest.max(claim.sequence);
        }
        last = claim.sequence;
        position = position.checked_add(RECORD_HEADER_SIZE + claim.length as usize)?;
        count += 1;
    }
    let is_older = last == applied && highest > last;
    (position == end && count > 0 && !is_older).then_some(Place { end, count })
}

/// Whether a record has the sequence behind `sequence`.
fn goes_on_behind(sequence: u64, next: Option<&WalRecord>) -> bool {
    next.is_some_and(|next| Some(next.sequence) == sequence.checked_add(1))
}

/// The record at a place, should it be whole, whatever the ones before it say.
fn record_at(region: &[u8], position: usize) -> Option<WalRecord> {
    let header = header_at(region, position)?;
    read_record(region, header, position, None, 0, true).ok()?
}
