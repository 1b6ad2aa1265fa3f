//! What stands behind a record that is not intact: it tells a write that was interrupted from damage.

use super::check::Claim;
use super::{RECORD_HEADER_SIZE, WalRecord};

/// Sequences behind the last one that a record can have: more records never waited in a log.
const FARTHEST: u64 = 1 << 24;

/// What a record that is not intact is.
pub enum Judgement {
    /// What a write that was interrupted leaves, with everything behind it.
    Torn,
    /// Acknowledged records are missing.
    Damaged,
    /// Its content is whole. Only its header is not, and what that said is known from its neighbours.
    Mended(WalRecord),
}

/// An intact record somewhere behind.
struct Found {
    position: usize,
    claim: Claim,
}

/// Judges the record at `position`, which is not intact. `last` is the sequence before it.
pub fn judge(region: &[u8], position: usize, last: u64) -> Judgement {
    let found = find(region, position + 1, last);
    let Some((first, newest)) = found.first().zip(found.last()) else {
        return Judgement::Torn;
    };
    let header = region.get(position..).unwrap_or_default();
    let claim = Claim::read(header).ok();
    // A header is written last, from front to end: without a checksum it is not there.
    let plausible = claim.filter(|claim| {
        claim.checksum != [0; 32]
            && claim.sequence == last.saturating_add(1)
            && !claim.is_refuted()
            && position + RECORD_HEADER_SIZE + claim.length as usize == first.position
    });
    let payload = position + RECORD_HEADER_SIZE..first.position;
    let is_whole = claim.is_some_and(|claim| {
        region
            .get(payload.clone())
            .is_some_and(|payload| crate::hash(payload) == claim.checksum)
    });
    // Whatever was put behind it later: taking back a batch that failed may have been interrupted in this header, and what
    // is written afterwards goes behind the records that are found then.
    if plausible.is_none() && is_whole && first.claim.sequence == last.saturating_add(2) {
        return Judgement::Mended(WalRecord {
            position: position as u64,
            sequence: last + 1,
            // Whether it belongs to the batch behind it or was one of its own: both are complete if what follows is.
            batch_remaining: first.claim.batch_remaining.saturating_add(1),
            is_checked: false,
            pending: true,
            payload,
        });
    }
    // Only one batch can be on its way: what was acknowledged before it is complete.
    let end = newest.claim.batch_end();
    if found.iter().any(|found| found.claim.batch_end() != end) {
        return Judgement::Damaged;
    }
    match plausible {
        Some(claim) if claim.batch_end() != end => Judgement::Damaged,
        _ => Judgement::Torn,
    }
}

/// Place and sequence of the first intact record behind `position`.
pub fn next(region: &[u8], position: usize, last: u64) -> Option<(usize, u64)> {
    let found = find(region, position + 1, last);
    found
        .first()
        .map(|found| (found.position, found.claim.sequence))
}

/// The intact records from `start` on whose sequences ascend from `last`.
fn find(region: &[u8], start: usize, last: u64) -> Vec<Found> {
    let mut found = Vec::new();
    let mut last = last;
    let mut position = start;
    // Look-alikes are hashed too: their bytes together are bounded, so that a hostile log costs no more than a few passes.
    let mut budget = region.len().saturating_mul(4);
    while let Some(header) = region.get(position..position + RECORD_HEADER_SIZE) {
        let end = look_at(region, header, position, last, &mut budget);
        match end {
            Some((claim, end)) => {
                last = claim.sequence;
                found.push(Found { position, claim });
                position = end;
            }
            None => position += 1,
        }
    }
    found
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
    if sequence <= last || sequence - last > FARTHEST {
        return None;
    }
    let claim = Claim::read(header).ok()?;
    let start = position + RECORD_HEADER_SIZE;
    let end = start.checked_add(claim.length as usize)?;
    if claim.length == 0 || end > region.len() || claim.is_refuted() {
        return None;
    }
    let payload = region.get(start..end)?;
    *budget = budget.checked_sub(payload.len())?;
    (crate::hash(payload) == claim.checksum).then_some((claim, end))
}
