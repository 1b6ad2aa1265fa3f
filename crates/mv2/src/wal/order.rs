//! The order of records. Programs of the reference write sequences that nothing checks, and note nowhere else what they
//! are: a flipped bit in one would store an old document a second time, or lose the ones behind it. But they count on by one,
//! and the header says twice up to where the records are applied: what one of them tells wrongly the others put right, or
//! contradict.

use super::check::Claim;
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
}

impl Before {
    /// In front of the first record.
    pub fn front(region: &[u8], applied: Applied) -> Self {
        Self {
            applied,
            place: applied
                .end
                .and_then(|end| place(region, end))
                .map(|place| place.end),
            last: None,
        }
    }

    /// Behind the record with sequence `last`.
    pub fn rest(applied: Applied, last: u64) -> Self {
        Self {
            applied,
            place: None,
            last: Some(last),
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
        let read = read_record(region, header, position, previous, self.applied.sequence)?;
        let Some(mut record) = read else {
            return Ok(None);
        };
        if let Some(sequence) = self.sequence_in_truth(region, &record, previous) {
            record.sequence = sequence;
            record.pending = sequence > self.applied.sequence;
        }
        // Older rounds of the log leave records behind; their sequences are lower.
        match previous.map(|previous| previous.sequence).or(self.last) {
            Some(last) if record.sequence <= last => {
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
        let next = record_behind(region, record);
        match last {
            Some(last) => self.behind_another(record, last, next.map(|next| next.sequence)),
            None => self.at_front(record, next.as_ref()),
        }
    }

    fn behind_another(self, record: &WalRecord, last: u64, next: Option<u64>) -> Option<u64> {
        let applied = self.applied.sequence;
        let expected = last.checked_add(1)?;
        if record.sequence == expected {
            return None;
        }
        // Whoever appends to applied records goes on behind the last of them. One higher may do so, should the last not be
        // in the log.
        let is_applied = record.sequence > expected
            && (self.is_in_place(record)
                || last < applied && record.sequence > applied.saturating_add(1));
        let next_goes_on = next.is_some() && next == expected.checked_add(1);
        (is_applied || next_goes_on).then_some(expected)
    }

    /// There stands the next record to be applied, or one that is.
    fn at_front(self, record: &WalRecord, next: Option<&WalRecord>) -> Option<u64> {
        let expected = self.applied.sequence.checked_add(1)?;
        if record.sequence == expected {
            return None;
        }
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
        let is_next = self.applied.sequence == 0
            || next.is_some_and(|next| Some(next.sequence) == expected.checked_add(1));
        is_next.then_some(expected)
    }

    /// Whether the record is applied by the place of the last one that is.
    fn is_in_place(self, record: &WalRecord) -> bool {
        self.place.is_some_and(|end| record.payload.end <= end)
    }

    /// Whether the last record of a log is whole, and only its sequence cannot be: too low for its place, and too high for what
    /// an older round of the log left behind, which ends where the zeros behind the newest record did not reach the disk.
    pub fn hides_last(self, region: &[u8], position: usize, previous: Option<&WalRecord>) -> bool {
        let Some(header) = header_at(region, position) else {
            return false;
        };
        let read = read_record(region, header, position, None, self.applied.sequence);
        let Ok(Some(record)) = read else {
            return false;
        };
        let last = previous.map(|previous| previous.sequence).or(self.last);
        let is_last = header_at(region, record.payload.end)
            .is_none_or(|behind| behind.iter().all(|byte| *byte == 0));
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
    let by_place = place(region, header.wal_checkpoint_pos).map_or(0, |place| place.count);
    let is_pending = |record: &WalRecord| record.pending;
    let by_sequence = scan
        .records
        .iter()
        .take_while(|record| !is_pending(record))
        .count();
    scan.records.iter().take(by_place).any(is_pending)
        || scan.torn.is_none() && !scan.records.is_empty() && by_sequence != by_place
}

/// A border between records.
struct Place {
    end: usize,
    /// Records in front of it.
    count: usize,
}

/// The border at `end`, should there be one behind a record.
fn place(region: &[u8], end: u64) -> Option<Place> {
    let end = usize::try_from(end).ok()?;
    let (mut position, mut count) = (0, 0);
    while position < end {
        let claim = Claim::read(header_at(region, position)?).ok()?;
        if claim.length == 0 {
            return None;
        }
        position = position.checked_add(RECORD_HEADER_SIZE + claim.length as usize)?;
        count += 1;
    }
    (position == end && count > 0).then_some(Place { end, count })
}

/// The record behind one, should it be whole.
fn record_behind(region: &[u8], record: &WalRecord) -> Option<WalRecord> {
    let header = header_at(region, record.payload.end)?;
    read_record(region, header, record.payload.end, None, 0).ok()?
}
