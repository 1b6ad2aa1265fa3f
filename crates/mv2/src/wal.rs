//! The embedded log: records behind the header that are not in the table of contents yet.
//!
//! | offset | size | field of a record |
//! |-------:|-----:|-------------------|
//! |  0 |  8 | sequence, ascending |
//! |  8 |  4 | length of the payload, not zero |
//! | 12 |  4 | records that follow in the same batch (lower 19 bits), whether the batch begins in front of it (bit 19), and a check of the fields so far (upper 12 bits, never 0); other writers: 0 |
//! | 16 | 32 | BLAKE3 of the payload |
//! | 48 |  … | payload: a [`WalEntry`] |
//!
//! Behind the newest record stand 48 zero bytes. All bytes of a batch but the header of its first record are written
//! before that header, so that a batch that did not reach the disk as a whole reads as the end of the log, or as an
//! incomplete batch, and is dropped. In place of the 48 zeros may stand a header that makes void what stands behind it.
//!
//! A record that is not intact ends the log only when it can be such a batch. Where acknowledged records stand behind it, or
//! it is known to be one, it is damaged: what it held is missing, and must not be missed silently.

mod check;
mod entry;
mod order;
mod rest;

use std::ops::Range;

use crate::error::{Error, Result};

use check::Claim;
pub use check::{InBatch, void_header};
pub use entry::{EntryOperation, FrameEntry, LexBatch, WalEntry};
use order::Before;
pub use order::{Applied, refutes_applied};
use rest::InFront;

/// Length of a record without its payload, and of the zeros behind the newest record.
pub const RECORD_HEADER_SIZE: usize = 48;
/// Records whose header is put right in one scan.
const MOST_MENDED: usize = 4;

/// One intact record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalRecord {
    /// Position of the record in the region.
    pub position: u64,
    /// Its sequence.
    pub sequence: u64,
    /// What stands in its place: another one where it was damaged, and is known from its neighbours.
    pub stored_sequence: u64,
    /// How many records of the same batch follow.
    pub batch_remaining: u32,
    /// Whether its batch begins with a record in front of it.
    pub continues: bool,
    /// Whether a check covers sequence and batch.
    pub is_checked: bool,
    /// False: the table of contents already contains it.
    pub pending: bool,
    /// Its header as it stands there.
    pub header: [u8; RECORD_HEADER_SIZE],
    /// Position of the payload in the region.
    pub payload: Range<usize>,
}

/// Where and why a scan stopped before the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornRecord {
    /// Position in the region.
    pub position: u64,
    /// What is wrong there.
    pub reason: String,
    /// Intact pending records before it that were dropped because their batch is incomplete.
    pub dropped: usize,
    /// It is no write that was interrupted: records were acknowledged, and are missing. Only dropping what was written last
    /// is what a crash explains.
    pub is_damage: bool,
}

/// What a log region holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalScan {
    /// Intact records of complete batches, oldest first.
    pub records: Vec<WalRecord>,
    /// Position behind the last of them: where the next record goes.
    pub head: u64,
    /// Set when the log does not end with zeros.
    pub torn: Option<TornRecord>,
}

impl WalScan {
    /// The records that the table of contents does not contain.
    pub fn pending(&self) -> impl Iterator<Item = &WalRecord> {
        self.records.iter().filter(|record| record.pending)
    }

    /// Sequence of the last record; `applied` when there is none.
    #[must_use]
    pub fn last_sequence(&self, applied: u64) -> u64 {
        self.records
            .last()
            .map_or(applied, |record| record.sequence.max(applied))
    }
}

/// Reads all records of a log region. `applied` is `wal_sequence` of the header, or a higher sequence known from elsewhere.
///
/// Never fails: damage ends the scan and is reported. What stands before it is intact, because each record has a checksum.
#[must_use]
pub fn scan(region: &[u8], applied: impl Into<Applied>) -> WalScan {
    let applied = applied.into();
    scan_from(region, 0, applied, applied.sequence)
}

/// [`scan`] from `start` on, where the record behind the one with sequence `last_sequence` stands.
#[must_use]
pub fn scan_from(
    region: &[u8],
    start: u64,
    applied: impl Into<Applied>,
    last_sequence: u64,
) -> WalScan {
    let applied = applied.into();
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let before = match start {
        0 => Before::front(region, applied),
        _ => Before::complete(applied, last_sequence),
    };
    let mut records: Vec<WalRecord> = Vec::new();
    let mut position = start;
    let mut problem = None;
    let mut is_damage = false;
    let mut mended = 0;
    while let Some(header) = header_at(region, position) {
        match before.read(region, header, position, records.last()) {
            Ok(None) => break,
            Ok(Some(record)) => {
                position = record.payload.end;
                records.push(record);
            }
            Err(reason) => {
                let last = records.last().map_or(last_sequence, |record| {
                    record.sequence.max(applied.sequence)
                });
                let front = before.in_front(last, records.last());
                match rest::judge(region, position, front) {
                    rest::Judgement::Torn { .. } => {
                        is_damage = before.hides_last(region, position, records.last());
                    }
                    rest::Judgement::Damaged { .. } => is_damage = true,
                    // Each time the rest of the log is looked through: not more often than damage explains.
                    rest::Judgement::Mended(record) if mended < MOST_MENDED => {
                        mended += 1;
                        position = record.payload.end;
                        records.push(record);
                        continue;
                    }
                    rest::Judgement::Mended(_) => is_damage = true,
                }
                problem = Some(reason);
                break;
            }
        }
    }
    // The batch of the newest record may be incomplete. What is applied already cannot be taken back.
    let mut dropped = 0;
    if records
        .last()
        .is_some_and(|record| record.pending && record.batch_remaining > 0)
    {
        let missing = records.last().map_or(0, |record| record.batch_remaining);
        let mut expected = missing;
        while records
            .last()
            .is_some_and(|record| record.pending && record.batch_remaining == expected)
        {
            records.pop();
            dropped += 1;
            match expected.checked_add(1) {
                Some(next) => expected = next,
                None => break,
            }
        }
        problem.get_or_insert_with(|| format!("{missing} records of a batch are missing"));
    }
    let head = records.last().map_or(start, |record| record.payload.end) as u64;
    WalScan {
        torn: problem.map(|reason| TornRecord {
            position: position as u64,
            reason,
            dropped,
            is_damage,
        }),
        records,
        head,
    }
}

/// Whether a log that begins with zeros, and so looks empty, has lost its first records: records of several writes stand
/// behind them that the table of contents does not contain. Looks at its beginning alone.
#[must_use]
pub fn has_lost_front(region: &[u8], applied_sequence: u64) -> bool {
    const LOOKED_AT: usize = 16 << 10;
    let front = region
        .get(..LOOKED_AT.min(region.len()))
        .unwrap_or_default();
    if !front.starts_with(&[0; RECORD_HEADER_SIZE]) {
        return false;
    }
    // The first record may be longer than what is looked at.
    let start = rest::behind(region, 0, applied_sequence);
    matches!(
        rest::judge_from(front, 0, start, InFront::complete(applied_sequence)),
        rest::Judgement::Damaged { .. }
    )
}

/// A place of a log where records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins in the region.
    pub position: u64,
    /// Where the next intact record stands; `None`: none follows.
    pub end: Option<u64>,
    /// Sequences that are missing: at least one.
    pub missing: u64,
    /// Whether they were acknowledged. Else what stands behind may be the rest of a write that was interrupted, into which
    /// another one had begun to write.
    pub is_damage: bool,
}

/// Every intact record of a log, also behind damage, and where others are missing. A batch at the end that was being written
/// was never acknowledged and is left out, as [`scan`] does; of one that was damaged the intact records are given, also where
/// that may as well have come of a loss of power; but not behind a record of another program, which may as well stand where a
/// batch began that was never acknowledged.
#[must_use]
pub fn salvage(region: &[u8], applied: impl Into<Applied>) -> (Vec<WalRecord>, Vec<Gap>) {
    salvage_by(region, applied.into(), &mut rest::Search::default())
}

fn salvage_by(
    region: &[u8],
    applied: Applied,
    search: &mut rest::Search,
) -> (Vec<WalRecord>, Vec<Gap>) {
    /// More separate places are no damage that anybody could make sense of.
    const MOST_PLACES: usize = 64;
    let mut places = 0;
    let mut records: Vec<WalRecord> = Vec::new();
    let mut gaps: Vec<Gap> = Vec::new();
    let mut position = 0;
    // Records up to this one stand in front of a gap.
    let mut settled = 0;
    let mut before = Before::front(region, applied);
    while let Some(header) = header_at(region, position) {
        let previous = records.get(settled..).and_then(<[WalRecord]>::last);
        let read = before.read(region, header, position, previous);
        if let Ok(Some(record)) = read {
            position = record.payload.end;
            records.push(record);
            continue;
        }
        let last = records.last().map_or(applied.sequence, |record| {
            record.sequence.max(applied.sequence)
        });
        places += 1;
        // The first header of a batch is written last, and from front to end: without an end it is not there, and the batch
        // was never acknowledged.
        let is_open = previous.is_some_and(|last| last.pending && last.batch_remaining > 0);
        let skip = |gaps: &mut Vec<Gap>, next: usize, sequence: u64, is_damage: bool| {
            // No more can be missing than there was room for.
            let room = (next.saturating_sub(position) / (RECORD_HEADER_SIZE + 1)) as u64;
            let missing = sequence.saturating_sub(last.saturating_add(1));
            gaps.push(Gap {
                position: position as u64,
                end: Some(next as u64),
                missing: missing.min(room.max(1)),
                is_damage,
            });
        };
        let front = before.in_front(last, previous);
        match search.judge(region, position, front) {
            rest::Judgement::Mended(record) if places <= MOST_PLACES => {
                position = record.payload.end;
                records.push(record);
            }
            rest::Judgement::Damaged { next, sequence } if places <= MOST_PLACES => {
                skip(&mut gaps, next, sequence, true);
                settled = records.len();
                before = Before::gap(applied, last);
                position = next;
            }
            rest::Judgement::Torn {
                next: Some((next, sequence)),
            } if places <= MOST_PLACES
                && (is_open || read.is_err() && header.last().is_some_and(|last| *last != 0)) =>
            {
                skip(&mut gaps, next, sequence, false);
                settled = records.len();
                before = Before::gap(applied, last);
                position = next;
            }
            _ => {
                if read.is_err() {
                    gaps.push(Gap {
                        position: position as u64,
                        end: None,
                        missing: 1,
                        is_damage: false,
                    });
                }
                break;
            }
        }
    }
    end_batch(region, &mut records, &mut gaps);
    (records, gaps)
}

/// Ends a log whose newest batch is not complete. Where nothing stands behind what is left of it, it was being written, and
/// never acknowledged: it is left out, and so said. Else what is left of it is given.
fn end_batch(region: &[u8], records: &mut Vec<WalRecord>, gaps: &mut Vec<Gap>) {
    let Some(last) = (records.last()).filter(|last| last.pending && last.batch_remaining > 0)
    else {
        return;
    };
    let (end, mut missing) = (last.payload.end, u64::from(last.batch_remaining));
    let behind = region.get(end..).unwrap_or_default();
    if behind.iter().all(|byte| *byte == 0) {
        while records
            .last()
            .is_some_and(|record| record.pending && record.batch_remaining > 0)
        {
            missing += 1;
            records.pop();
        }
    }
    // The damage that ends the log may have been seen already.
    gaps.retain(|gap| gap.end.is_some());
    gaps.push(Gap {
        position: end as u64,
        end: None,
        missing,
        is_damage: false,
    });
}

/// Whether behind the end of the log, at `head`, stand records that no interrupted write explains: they were acknowledged, and
/// what led to them is gone.
#[must_use]
pub fn hides_acknowledged(region: &[u8], head: u64, last_sequence: u64) -> bool {
    let head = usize::try_from(head).unwrap_or(usize::MAX);
    !matches!(
        rest::judge(region, head, InFront::complete(last_sequence)),
        rest::Judgement::Torn { .. }
    )
}

/// Whether there is anywhere in it what would look like a record behind `last_sequence`, should what stands around it be gone: a
/// memory can be a document, and brings a log of its own. Where too much looks like one to look at all of it, there is.
#[must_use]
pub fn contains_records(bytes: &[u8], last_sequence: u64) -> bool {
    rest::contains(bytes, last_sequence)
}

/// How many bytes a void header makes void; `None` where there is none.
#[must_use]
pub fn void_length(header: &[u8]) -> Option<u64> {
    Claim::read(header).ok()?.void().map(u64::from)
}

fn header_at(region: &[u8], position: usize) -> Option<&[u8]> {
    region.get(position..position.checked_add(RECORD_HEADER_SIZE)?)
}

/// `None` at the end of the log. Without `believes_check`, one with a check that does not hold counts as one without.
fn read_record(
    region: &[u8],
    header: &[u8],
    position: usize,
    previous: Option<&WalRecord>,
    applied_sequence: u64,
    believes_check: bool,
) -> Result<Option<WalRecord>, String> {
    // Once, because others may write there meanwhile.
    let header = *header.first_chunk().ok_or("its header is cut off")?;
    let claim = Claim::read(&header).map_err(|error| error.to_string())?;
    if claim.is_end() {
        return Ok(None);
    }
    let Claim {
        sequence, length, ..
    } = claim;
    let start = position + RECORD_HEADER_SIZE;
    let batch_remaining = remaining(region, &claim, start.saturating_add(length as usize));
    let payload = usize::try_from(length)
        .ok()
        .filter(|length| *length > 0)
        .and_then(|length| region.get(start..start.checked_add(length)?))
        .ok_or_else(|| format!("a record of {length} bytes does not fit"))?;
    if believes_check && claim.is_refuted() {
        return Err(format!(
            "the header of record {sequence} does not match its check"
        ));
    }
    if let Some(previous) = previous {
        let open = previous.pending && previous.batch_remaining > 0;
        if open && batch_remaining.checked_add(1) != Some(previous.batch_remaining) {
            return Err(format!(
                "a record with {batch_remaining} to follow stands behind one with {}",
                previous.batch_remaining
            ));
        }
    }
    if crate::hash(payload) != claim.checksum {
        return Err(format!("the checksum of record {sequence} does not match"));
    }
    Ok(Some(WalRecord {
        position: position as u64,
        sequence,
        stored_sequence: sequence,
        batch_remaining,
        continues: claim.continues(),
        is_checked: claim.is_sure(),
        pending: sequence > applied_sequence,
        header,
        payload: start..start + payload.len(),
    }))
}

/// How many records of its batch follow the one that ends at `end`. Other writers know no batches: without a check the
/// field counts only where the record behind it goes on as it says.
fn remaining(region: &[u8], claim: &Claim, end: usize) -> u32 {
    let goes_on = || {
        let next = Claim::read(region.get(end..)?).ok()?;
        next.is_sure()
            .then(|| next.in_batch.remaining.checked_add(1))?
    };
    if claim.is_checked() || goes_on() == Some(claim.in_batch.remaining) {
        claim.in_batch.remaining
    } else {
        0
    }
}

/// The log region inside the bytes of a whole file. Fails when the file ends before it.
pub fn region<'a>(file: &'a [u8], header: &crate::header::Header) -> Result<&'a [u8]> {
    usize::try_from(header.wal_offset)
        .ok()
        .zip(usize::try_from(header.wal_end()).ok())
        .and_then(|(start, end)| file.get(start..end))
        .ok_or_else(|| {
            Error::corrupt(
                "wal",
                header.wal_offset,
                format!(
                    "the log of {} bytes reaches beyond the end of the file at {}",
                    header.wal_size,
                    file.len()
                ),
            )
        })
}

/// Appends one record to `out`.
///
/// A payload has at most `u32::MAX` bytes, and a batch at most 2^19 records; a caller never comes near, since a
/// batch must fit into the log.
pub fn encode_record(sequence: u64, place: InBatch, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let field = check::field(sequence, length, place);
    encode_fields(sequence, length, field, payload, out);
}

/// Appends one record to `out` as other writers do: each is a batch of its own, and nothing checks its sequence.
pub fn encode_unchecked_record(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    encode_fields(sequence, length, 0, payload, out);
}

fn encode_fields(sequence: u64, length: u32, field: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(RECORD_HEADER_SIZE + payload.len());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&field.to_le_bytes());
    out.extend_from_slice(&crate::hash(payload));
    out.extend_from_slice(payload);
}

/// Bytes that a batch of payloads with these lengths takes in the log, zeros behind it included.
#[must_use]
pub fn batch_size(payload_lengths: impl IntoIterator<Item = usize>) -> u64 {
    payload_lengths
        .into_iter()
        .fold(RECORD_HEADER_SIZE as u64, |sum, length| {
            sum.saturating_add((RECORD_HEADER_SIZE as u64).saturating_add(length as u64))
        })
}

/// A whole batch with ascending sequences, followed by the zeros that end the log.
///
/// To be durable in one step, write everything from byte 48 on first, then the first 48 bytes, then sync once.
#[must_use]
pub fn encode_batch<P: AsRef<[u8]>>(first_sequence: u64, payloads: &[P]) -> Vec<u8> {
    let size = batch_size(payloads.iter().map(|payload| payload.as_ref().len()));
    let mut out = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut sequence = first_sequence;
    for (number, payload) in payloads.iter().enumerate() {
        let place = InBatch::of(number, payloads.len());
        encode_record(sequence, place, payload.as_ref(), &mut out);
        sequence = sequence.saturating_add(1);
    }
    out.extend_from_slice(&[0; RECORD_HEADER_SIZE]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A log in which every second record has a header that is refuted, and whole content.
    fn alternating(pairs: u64) -> Vec<u8> {
        let mut region = Vec::new();
        for pair in 0..pairs {
            let start = region.len();
            encode_record(2 * pair + 1, InBatch::ALONE, b"refuted", &mut region);
            region[start + 12] ^= 1;
            encode_record(2 * pair + 2, InBatch::ALONE, b"intact", &mut region);
        }
        region.extend_from_slice(&[0; RECORD_HEADER_SIZE]);
        region
    }

    #[test]
    fn a_log_full_of_refuted_headers_is_looked_through_once() {
        let region = alternating(2000);
        let mut search = rest::Search::default();
        let (records, gaps) = salvage_by(&region, 0.into(), &mut search);
        assert_eq!(search.passes, 1);
        assert!(search.hashed <= region.len(), "{} bytes", search.hashed);
        // 64 places and the records between them; what is behind is told.
        assert_eq!((records.len(), gaps.len()), (128, 1));
        let scanned = scan(&region, 0);
        assert_eq!(scanned.records.len(), 8);
        assert!(scanned.torn.unwrap().is_damage);
    }

    #[test]
    fn few_refuted_headers_are_put_right_and_gaps_between_them_are_told() {
        let mut region = alternating(20);
        let (records, gaps) = salvage(&region, 0);
        assert_eq!((records.len(), gaps.len()), (40, 0));
        // The content of the eleventh record is damaged, too.
        let length = 2 * RECORD_HEADER_SIZE + b"refuted".len() + b"intact".len();
        region[5 * length + RECORD_HEADER_SIZE] ^= 1;
        let (records, gaps) = salvage(&region, 0);
        assert_eq!((records.len(), gaps.len()), (39, 1));
        assert_eq!((gaps[0].position, gaps[0].missing), (5 * length as u64, 1));
        let sequences: Vec<u64> = records.iter().map(|record| record.sequence).collect();
        let expected: Vec<u64> = (1..=40).filter(|sequence| *sequence != 11).collect();
        assert_eq!(sequences, expected);
    }
}
