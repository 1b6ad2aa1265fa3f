//! What the header of a record says, and the check of it.

use super::RECORD_HEADER_SIZE;
use crate::codec::Reader;
use crate::error::Result;

/// Bits of the fourth field that count the records that follow in the batch. The one behind them tells whether the batch
/// begins in front of the record, and the others are the check.
pub const REMAINING_BITS: u32 = 19;
/// The bits that the check covers.
const CHECKED_BITS: u32 = REMAINING_BITS + 1;

/// In place of the checksum in a header that ends the log, so that nothing behind it counts, whatever it looks like: it is being
/// wiped, or belongs to a write that failed. Other programs see an end of the log there, and no more.
const VOID: [u8; 32] = *b"what stands behind this is void.";

/// The largest prime number of 12 bits: a remainder by it changes with every change of a single byte, because no power of 256
/// and no difference of two bytes is a multiple of it.
const PRIME: u128 = 4093;

/// The header of a record as it stands there.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub sequence: u64,
    pub length: u32,
    pub in_batch: InBatch,
    pub checksum: [u8; 32],
    /// The fourth field as it stands there.
    field: u32,
}

impl Claim {
    /// Reads it from the first bytes.
    pub fn read(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::named(header, "wal");
        let (sequence, length, field) = (reader.u64()?, reader.u32()?, reader.u32()?);
        Ok(Self {
            sequence,
            length,
            in_batch: InBatch {
                continues: field & 1 << REMAINING_BITS != 0,
                remaining: field & ((1 << REMAINING_BITS) - 1),
            },
            checksum: reader.array()?,
            field,
        })
    }

    /// Whether the log ends in front of it.
    pub fn is_end(&self) -> bool {
        self.sequence == 0 && self.length == 0
    }

    fn check(&self) -> u32 {
        self.field >> CHECKED_BITS
    }

    /// Whether the writer gave a check.
    pub fn is_checked(&self) -> bool {
        self.check() != 0
    }

    /// Whether the check is of other fields.
    pub fn is_refuted(&self) -> bool {
        self.is_checked() && self.check() != check(self.sequence, self.length, self.in_batch.bits())
    }

    /// Whether there is a check, and it holds.
    pub fn is_sure(&self) -> bool {
        self.is_checked() && !self.is_refuted()
    }

    /// Whether its batch begins with a record in front of it. Other writers know no batches.
    pub fn continues(&self) -> bool {
        self.in_batch.continues && self.is_sure()
    }

    /// How much is void behind it; `None` where it does not say so. One may have been written over another header, or over
    /// zeros, of which a part stayed.
    pub fn void(&self) -> Option<u32> {
        let is_part = |(byte, void): (&u8, u8)| *byte == void || *byte == 0;
        let is_whole = self.checksum == VOID;
        let is_void = is_whole
            || self.is_end()
                && self.checksum != [0; 32]
                && self.checksum.iter().zip(VOID).all(is_part);
        is_void.then_some(if self.is_end() { self.field } else { 0 })
    }

    /// Whether it is the checksum of this hash, as far as the header was not written over by one that ends the log.
    pub fn is_of(&self, hash: &[u8; 32]) -> bool {
        if !self.is_end() {
            return self.checksum == *hash;
        }
        let bytes = self.checksum.iter().zip(VOID).zip(hash);
        bytes.clone().any(|((byte, _), own)| byte == own)
            && bytes
                .clone()
                .all(|((byte, void), own)| byte == own || *byte == void || *byte == 0)
    }

    /// Whether it is the header of the first record of a batch, of this length, in front of `next`, but for one field at most.
    pub fn is_nearly_first(&self, length: usize, next: &Self) -> bool {
        let sequence = next.sequence.saturating_sub(1);
        let place = InBatch {
            continues: false,
            remaining: next.in_batch.remaining.saturating_add(1),
        };
        let is_field = |length| self.field == field(sequence, length, place);
        let length = u32::try_from(length).ok();
        let fields = [
            self.sequence == sequence,
            Some(self.length) == length,
            length.is_some_and(is_field),
        ];
        fields.iter().filter(|is_right| **is_right).count() >= 2
    }

    /// Sequence of the last record of the batch.
    pub fn batch_end(&self) -> u64 {
        self.sequence
            .saturating_add(u64::from(self.in_batch.remaining))
    }
}

/// The place of a record in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InBatch {
    /// Whether records of it stand in front.
    pub continues: bool,
    /// How many follow.
    pub remaining: u32,
}

impl InBatch {
    /// The place of the only record.
    pub const ALONE: Self = Self {
        continues: false,
        remaining: 0,
    };

    /// The place of record `number`, from 0, of `count`.
    #[must_use]
    pub fn of(number: usize, count: usize) -> Self {
        let behind = count.saturating_sub(number.saturating_add(1));
        Self {
            continues: number > 0,
            remaining: u32::try_from(behind).unwrap_or(u32::MAX),
        }
    }

    /// What the header of a record says, whether or not its check holds.
    pub fn read(header: &[u8]) -> Result<Self> {
        Claim::read(header).map(|claim| claim.in_batch)
    }

    fn bits(self) -> u32 {
        let remaining = self.remaining.min((1 << REMAINING_BITS) - 1);
        u32::from(self.continues) << REMAINING_BITS | remaining
    }
}

/// The fourth field of a record.
pub fn field(sequence: u64, length: u32, place: InBatch) -> u32 {
    let bits = place.bits();
    check(sequence, length, bits) << CHECKED_BITS | bits
}

/// The header that stands where the log ends, and makes void what stands behind it: so many bytes may be more than zeros.
#[must_use]
pub fn void_header(length: u64) -> [u8; RECORD_HEADER_SIZE] {
    let mut header = [0; RECORD_HEADER_SIZE];
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    header[12..16].copy_from_slice(&length.to_le_bytes());
    header[RECORD_HEADER_SIZE - VOID.len()..].copy_from_slice(&VOID);
    header
}

/// 1 to 4093.
fn check(sequence: u64, length: u32, in_batch: u32) -> u32 {
    let fields = u128::from(sequence) << 64 | u128::from(length) << 32 | u128::from(in_batch);
    u32::try_from(fields % PRIME).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(sequence: u64, length: u32, place: InBatch) -> [u8; 48] {
        let mut header = [7; 48];
        header[..8].copy_from_slice(&sequence.to_le_bytes());
        header[8..12].copy_from_slice(&length.to_le_bytes());
        header[12..16].copy_from_slice(&field(sequence, length, place).to_le_bytes());
        header
    }

    #[test]
    fn every_change_of_one_byte_is_refuted_or_changes_nothing() {
        for (sequence, length, number, count) in [
            (1, 200, 0, 1),
            (70_000, 5, 0, 4),
            (70_001, 5, 1, 4),
            (9, 1 << 20, 5, 90_000),
        ] {
            let place = InBatch::of(number, count);
            let intact = header(sequence, length, place);
            let claim = Claim::read(&intact).unwrap();
            assert!(claim.is_sure());
            assert_eq!(claim.continues(), number > 0);
            assert_eq!(InBatch::read(&intact).unwrap(), place);
            assert_eq!(claim.batch_end(), sequence + (count - number - 1) as u64);
            for at in 0..16 {
                for change in 1..=255 {
                    let mut damaged = intact;
                    damaged[at] ^= change;
                    let read = Claim::read(&damaged).unwrap();
                    let same = (read.sequence, read.length, InBatch::read(&damaged).unwrap())
                        == (sequence, length, place);
                    assert!(read.is_refuted() || same, "byte {at}, {change}");
                }
            }
        }
    }
}
