//! What stands behind a record that is not intact: it tells a write that was interrupted from damage.

use super::check::Claim;
use super::{RECORD_HEADER_SIZE, WalRecord};

/// Sequences behind the last one that a record can have: more records never waited in a log.
const FARTHEST: u64 = 1 << 24;

/// What a record that is not intact is.
pub enum Judgement {
    /// What a write that was interrupted leaves, with everything behind it.
    Torn {
        /// Place and sequence of the first intact record behind it, which is of the same batch.
        next: Option<(usize, u64)>,
    },
    /// Acknowledged records are missing.
    Damaged {
        /// Where the first intact one behind them stands.
        next: usize,
        /// Its sequence.
        sequence: u64,
    },
    /// Its content is whole. Only its header is not, and what that said is known from its neighbours.
    Mended(WalRecord),
}

/// An intact record somewhere behind.
#[derive(Clone, Copy)]
struct Found {
    position: usize,
    claim: Claim,
}

/// The intact records of a log, found in one pass however many of the others are judged by them.
#[derive(Default)]
pub struct Search {
    found: Option<Vec<Found>>,
    /// Bytes that were hashed.
    #[cfg(test)]
    pub hashed: usize,
    /// How often the log was looked through.
    #[cfg(test)]
    pub passes: usize,
}

impl Search {
    /// [`judge`] for records from front to end.
    pub fn judge(&mut self, region: &[u8], position: usize, front: InFront) -> Judgement {
        let last = front.last;
        let start = behind(region, position, last);
        let from = start.position;
        let all = match &mut self.found {
            Some(found) => found,
            slot => {
                let mut budget = budget(region);
                let found = find(region, start, last, Order::Any, &mut budget);
                #[cfg(test)]
                {
                    self.hashed += self::budget(region) - budget;
                    self.passes += 1;
                }
                slot.insert(found)
            }
        };
        let mut last_found = last;
        let behind = all
            .iter()
            .skip(all.partition_point(|found| found.position < from))
            .filter(|found| {
                let is_next = found.claim.sequence > last_found;
                if is_next {
                    last_found = found.claim.sequence;
                }
                is_next
            });
        judge_by(
            region,
            position,
            front,
            &behind.copied().collect::<Vec<_>>(),
        )
    }
}

/// Look-alikes are hashed too: their bytes together are bounded, so that a hostile log costs no more than a few passes.
fn budget(region: &[u8]) -> usize {
    region.len().saturating_mul(4)
}

/// What stands in front of a record that is not intact.
#[derive(Clone, Copy)]
pub struct InFront {
    /// The sequence of the last record.
    pub last: u64,
    /// Whether more of its batch may follow.
    pub is_open: bool,
    /// Whether another program wrote it, which does not look at what stands behind.
    pub is_of_others: bool,
}

impl InFront {
    /// Behind the last record of a batch.
    pub fn complete(last: u64) -> Self {
        Self {
            last,
            is_open: false,
            is_of_others: false,
        }
    }

    /// Whether the batch of the next record began where another one stands. It was being written, and never acknowledged, when
    /// that one took the place of its front. `is_behind_its_first`: what stands in between can be another one of it.
    fn has_taken_front(self, next: &Claim, is_behind_its_first: bool) -> bool {
        let is_without_room = next.sequence == self.last.saturating_add(1);
        let is_cut = self.is_of_others && !is_behind_its_first;
        !self.is_open && next.continues() && (is_without_room || is_cut)
    }
}

/// Judges the record at `position`, which is not intact.
pub fn judge(region: &[u8], position: usize, front: InFront) -> Judgement {
    judge_from(
        region,
        position,
        behind(region, position, front.last),
        front,
    )
}

/// [`judge`] by the records from `start` on.
pub fn judge_from(region: &[u8], position: usize, start: Start, front: InFront) -> Judgement {
    let mut budget = budget(region);
    let found = find(region, start, front.last, Order::Ascending, &mut budget);
    judge_by(region, position, front, &found)
}

/// Whether there is an intact record with a higher sequence than `last` anywhere in it, or so much that may be one that nobody
/// has looked at all of it.
pub fn contains(bytes: &[u8], last: u64) -> bool {
    let mut budget = budget(bytes);
    let first = last.saturating_add(1);
    bytes
        .windows(RECORD_HEADER_SIZE)
        .enumerate()
        .any(|(position, header)| {
            // Every put is looked at so, and hardly a place of it gets any further.
            let sequence = header
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
            if sequence < first || sequence - first >= FARTHEST {
                return false;
            }
            let before = budget;
            let found = look_at(bytes, header, position, last, &mut budget);
            found.is_some() || (budget == before && is_unread(bytes, header, position, budget))
        })
}

/// Whether what the header says is the payload of its record is longer than what may still be hashed.
fn is_unread(bytes: &[u8], header: &[u8], position: usize, budget: usize) -> bool {
    let length = Claim::read(header).map_or(0, |claim| claim.length as usize);
    let room = bytes.len().saturating_sub(position + RECORD_HEADER_SIZE);
    length <= room && length > budget
}

/// Judges a record by the intact ones behind it, with ascending sequences.
fn judge_by(region: &[u8], position: usize, front: InFront, found: &[Found]) -> Judgement {
    const NOTHING: Judgement = Judgement::Torn { next: None };
    let last = front.last;
    let header = region.get(position..).unwrap_or_default();
    let claim = Claim::read(header).ok();
    let Some((first, newest)) = found.first().zip(found.last()) else {
        return NOTHING;
    };
    if claim.is_some_and(|claim| claim.void().is_some()) {
        return NOTHING;
    }
    // A header is written last, from front to end: without a checksum it is not there.
    let plausible = claim.filter(|claim| {
        claim.checksum != [0; 32]
            && claim.sequence == last.saturating_add(1)
            && !claim.is_refuted()
            && position + RECORD_HEADER_SIZE + claim.length as usize == first.position
    });
    let payload = position + RECORD_HEADER_SIZE..first.position;
    let is_whole = || {
        let payload = region.get(payload.clone());
        claim
            .zip(payload)
            .is_some_and(|(claim, payload)| crate::hash(payload) == claim.checksum)
    };
    // Whatever was put behind it later: taking back a batch that failed may have been interrupted in this header, and what
    // is written afterwards goes behind the records that are found then. Where that got so far that the log ends here, it is
    // taken back.
    let may_be_mended = plausible.is_none() && !claim.is_some_and(|claim| claim.is_end());
    let is_front_of_next = || {
        // Before another batch began this record was acknowledged, and so was a batch of which the first record stands.
        let is_acknowledged = front.is_open || !first.claim.continues();
        let length = payload.len();
        is_acknowledged || claim.is_some_and(|claim| claim.is_nearly_first(length, &first.claim))
    };
    if may_be_mended
        && first.claim.sequence == last.saturating_add(2)
        && is_whole()
        && is_front_of_next()
    {
        return Judgement::Mended(WalRecord {
            position: position as u64,
            sequence: last + 1,
            stored_sequence: claim.map_or(0, |claim| claim.sequence),
            batch_remaining: if first.claim.continues() {
                first.claim.in_batch.remaining.saturating_add(1)
            } else {
                0
            },
            continues: front.is_open,
            is_checked: false,
            pending: true,
            header: *header.first_chunk().unwrap_or(&[0; RECORD_HEADER_SIZE]),
            payload,
        });
    }
    let damaged = Judgement::Damaged {
        next: first.position,
        sequence: first.claim.sequence,
    };
    // Only one batch can be on its way: what was acknowledged before it is complete. Its first header is written last, so that
    // one which stands behind something that is not intact is of an acknowledged batch.
    let end = newest.claim.batch_end();
    let is_on_its_way = |found: &Found| {
        found.claim.batch_end() == end && found.claim.continues() == found.claim.is_checked()
    };
    if !found.iter().all(is_on_its_way) {
        return damaged;
    }
    // The record itself may be whole, and stand where another one's batch does not go on.
    let is_next = |claim: &Claim| claim.is_sure() && claim.sequence > last;
    let next = claim.filter(|claim| is_next(claim) && claim.batch_end() == end);
    let is_within = claim.is_some_and(|claim| is_next(&claim) && claim.continues());
    let is_behind_its_first = plausible.is_some_and(|claim| !claim.continues())
        || !is_within
            && region
                .get(position + RECORD_HEADER_SIZE..)
                .and_then(super::entry::encoded_length)
                .is_some_and(|length| position + RECORD_HEADER_SIZE + length == first.position);
    if front.has_taken_front(&next.unwrap_or(first.claim), is_behind_its_first) {
        return NOTHING;
    }
    // The next record itself stands behind: what is not intact was applied, and is no write that was on its way.
    if first.claim.sequence == last.saturating_add(1) {
        return damaged;
    }
    // One of another program, which knows no batches, has taken the place of the front of this one.
    let is_of_batch = |claim: &Claim| claim.is_checked() || !first.claim.continues();
    match plausible {
        Some(claim) if claim.batch_end() != end && is_of_batch(&claim) => damaged,
        _ => Judgement::Torn {
            next: Some((first.position, first.claim.sequence)),
        },
    }
}

/// Where the records behind another one can begin.
#[derive(Clone, Copy)]
pub struct Start {
    position: usize,
    /// The sequence of a record that stands right there, if that is where the other one ends.
    sequence: Option<u64>,
}

/// Where the records behind the one at `position` can begin, which comes behind `last`: behind its payload, as far as anything
/// tells where that ends, because what it contains may look like records.
pub fn behind(region: &[u8], position: usize, last: u64) -> Start {
    let sequence = last.saturating_add(1);
    match end_of(region, position, sequence) {
        Some(end) => Start {
            position: end,
            sequence: sequence.checked_add(1),
        },
        None => Start {
            position: least_end_of(region, position, sequence),
            sequence: None,
        },
    }
}

/// Where the record with this sequence ends, of which something is not intact: its header tells it, or what it was put for. A
/// flipped bit in what nothing checks may tell anything, and would hide the records behind it.
fn end_of(region: &[u8], position: usize, sequence: u64) -> Option<usize> {
    let start = position.checked_add(RECORD_HEADER_SIZE)?;
    let claim = Claim::read(region.get(position..start)?).ok()?;
    if claim.is_sure() && claim.sequence == sequence && claim.length > 0 {
        return start
            .checked_add(claim.length as usize)
            .filter(|end| *end <= region.len());
    }
    let content = region.get(start..)?;
    let content = content.get(..super::entry::encoded_length(content)?)?;
    // A header is written from front to end, and so it is wiped: without a checksum it was never there, or is gone.
    let is_told = if claim.checksum == [0; 32] {
        // Zeros are an entry, too.
        content.iter().any(|byte| *byte != 0)
    } else {
        claim.is_of(&crate::hash(content))
    };
    is_told.then_some(start + content.len())
}

/// The first place where another record can stand behind the one with this sequence, of which nothing tells the end for sure.
///
/// One of another program may contain a memory with a log of its own, and not have arrived whole. Its header says how much
/// of it is its own, and what it contains is in front of what its entry ends with.
fn least_end_of(region: &[u8], position: usize, sequence: u64) -> usize {
    let start = position + RECORD_HEADER_SIZE;
    let claim = region
        .get(position..start)
        .and_then(|header| Claim::read(header).ok());
    claim
        .filter(|claim| claim.sequence == sequence && !claim.is_checked())
        .zip(region.get(start..).and_then(super::entry::encoded_length))
        .filter(|(claim, length)| *length <= claim.length as usize)
        .map_or(position + 1, |(_, length)| start + length)
}

/// Which sequences intact records can have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Each a higher one than the one before it.
    Ascending,
    /// Each a higher one than the last one in front of all of them.
    Any,
}

/// The intact records from `start` on.
fn find(region: &[u8], start: Start, last: u64, order: Order, budget: &mut usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut last = last;
    let Start {
        mut position,
        mut sequence,
    } = start;
    // Whether a record or the end of the log stands right there. Elsewhere both may be content.
    let mut is_place_known = sequence.is_some();
    while let Some(header) = region.get(position..position + RECORD_HEADER_SIZE) {
        let is_void = || Claim::read(header).is_ok_and(|claim| claim.void().is_some());
        if is_place_known && is_void() {
            break;
        }
        let end = look_at(region, header, position, last, budget);
        match end {
            Some((claim, end)) => {
                // What stands inside an intact record is content, whatever its sequence.
                if claim.sequence > last {
                    if order == Order::Ascending {
                        last = claim.sequence;
                    }
                    found.push(Found { position, claim });
                }
                position = end;
                sequence = claim.sequence.checked_add(1);
            }
            // So is what stands inside one that did not arrive whole, as long as each tells where the next one stands.
            None => match sequence.and_then(|own| Some((end_of(region, position, own)?, own))) {
                Some((end, own)) => {
                    position = end;
                    sequence = own.checked_add(1);
                }
                None => {
                    position = sequence.map_or_else(
                        || position + 1 + zeros_behind(region, position),
                        |own| least_end_of(region, position, own),
                    );
                    (sequence, is_place_known) = (None, false);
                }
            },
        }
    }
    found
}

/// How many of the places behind one are in zeros, where no record begins. Most of a log is.
fn zeros_behind(region: &[u8], position: usize) -> usize {
    const LOOKED_AT: usize = 4096;
    let is_zero = region.get(position) == Some(&0)
        && region
            .get(position..position + LOOKED_AT)
            .is_some_and(|bytes| *bytes == [0; LOOKED_AT]);
    // The last of them may be the beginning of a sequence.
    if is_zero {
        LOOKED_AT - size_of::<u64>()
    } else {
        0
    }
}

/// The record at `position`, if there is an intact one, and where it ends.
fn look_at(
    region: &[u8],
    header: &[u8],
    position: usize,
    last: u64,
    budget: &mut usize,
) -> Option<(Claim, usize)> {
    let sequence = u64::from_le_bytes(*header.first_chunk()?);
    if sequence == 0 || sequence.saturating_sub(last) > FARTHEST {
        return None;
    }
    let claim = Claim::read(header).ok()?;
    let start = position + RECORD_HEADER_SIZE;
    let end = start.checked_add(claim.length as usize)?;
    // Among lower sequences, which nearly every place could have, only ours are told for sure.
    let is_possible = sequence > last || claim.is_checked();
    if claim.length == 0 || end > region.len() || claim.is_refuted() || !is_possible {
        return None;
    }
    let payload = region.get(start..end)?;
    *budget = budget.checked_sub(payload.len())?;
    (crate::hash(payload) == claim.checksum).then_some((claim, end))
}
